//! `eval`: the figures of a trained network.

use std::process::ExitCode;

use egru_train::RunDir;
use serde_json::json;

use super::{Context, Outcome};
use crate::args::RunArgs;
use crate::place;
use crate::summary::summary_table;

/// Evaluates the best checkpoint of a run.
pub(crate) fn run(context: &Context<'_>, args: &RunArgs) -> Outcome {
    let (_, recipe) = RunDir::open(&args.run)?;
    let options = place::options(context, &args.place, &args.run, false)?;
    place::fetch_missing(context, &args.place, &recipe)?;
    let summary = context.registry.open(&args.run, &[], &options)?.evaluate()?;
    context.out.say(summary_table(&summary));
    context.out.finish(&json!(summary));
    Ok(ExitCode::SUCCESS)
}
