//! `train`: from a recipe, or a stopped run, to a trained network and its report.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use egru_train::report_data::{Comparison, Summary};
use egru_train::{InspectRequest, Recipe, RunDir, Session, write_atomic};
use serde_json::json;

use super::{Context, Outcome};
use crate::args::TrainArgs;
use crate::backend::{card, is_software};
use crate::comparison::{self, compare};
use crate::interrupt::{INTERRUPTED, on_interrupt};
use crate::place;
use crate::report::write_page;
use crate::summary::{comparison_table, summary_table};

/// Trains, then compares the time per step and writes the report.
pub(crate) fn run(context: &Context<'_>, args: &TrainArgs) -> Outcome {
    let out = &context.out;
    let recipe = match (&args.recipe, &args.recipe_file, &args.resume) {
        (_, _, Some(run)) => RunDir::open(run)?.1,
        (_, Some(file), _) => Recipe::from_file(file)?,
        (Some(name), _, _) => Recipe::named(name)?,
        (None, None, None) => anyhow::bail!("give a recipe, --recipe FILE or --resume RUN"),
    };
    let recipe = context.registry.resolve(&recipe.with_overrides(&args.all_overrides())?)?;
    let dashboard = args.tui && out.is_terminal();
    let options = place::training(context, args, dashboard)?;
    place::fetch_missing(context, &args.place, &recipe)?;
    let interrupter = options.interrupter.clone();
    on_interrupt(move || interrupter.stop(Some("interrupted")))?;
    let stop = || options.interrupter.should_stop();

    let card = card(context.backends, &options.caller.backend, &options.device);
    out.tell(format!(
        "{} (seed {}): {} on {}{}",
        recipe.name,
        recipe.seed,
        recipe.model.cell.name,
        options.caller.devices.join(", "),
        card.as_ref().map_or_else(String::new, |card| format!(" ({card})"))
    ));
    if card.is_some_and(|card| is_software(&card)) {
        out.tell(
            "  this device is the processor, behind a driver for tests: right, and far slower than egru-cpu. For a short look:\n  \
             --set data.train=640 --set data.valid=64 --set data.test=64 --set training.epochs=1",
        );
    }
    let mut session = match &args.resume {
        Some(run) => context.registry.open(run, &args.all_overrides(), &options)?,
        None => context.registry.start(&recipe, &options)?,
    };
    let summary = session.train()?;
    let stopped = |where_it_stands: &str| {
        let program = context.command_line.first().map_or("egru", String::as_str);
        let command = args.resume_command(program, &summary.run_dir);
        out.say(format!("\n{where_it_stands}; go on with:\n  {command}"));
        out.finish(&json!(summary));
        Ok(ExitCode::from(INTERRUPTED))
    };
    if summary.interrupted {
        return stopped("stopped at a checkpoint");
    }

    out.say(format!("\n{}", summary_table(&summary)));
    let comparison = compare(session.as_mut(), &summary, &stop)
        .context("the network is trained and saved, but its step could not be timed")?;
    let Some(comparison) = comparison else {
        return stopped("stopped: the network is trained and saved, without times and report");
    };
    out.say(format!("\n{}", comparison_table(&comparison)));
    let page = report(session.as_mut(), &summary, &comparison)
        .context("the network is trained and saved, but its report could not be written")?;
    out.say(format!("\nreport: {}", page.display()));

    let mut result = json!(summary);
    result["report"] = json!(page.display().to_string());
    result["comparison"] = json!(comparison);
    out.finish(&result);
    Ok(ExitCode::SUCCESS)
}

fn report(
    session: &mut dyn Session,
    summary: &Summary,
    comparison: &Comparison,
) -> anyhow::Result<std::path::PathBuf> {
    let run: &Path = &summary.run_dir;
    write_atomic(&comparison::file(run), json!(comparison).to_string().as_bytes())?;
    let inspection = session.inspect(InspectRequest::default())?;
    write_page(run, &inspection, Some(comparison))
}
