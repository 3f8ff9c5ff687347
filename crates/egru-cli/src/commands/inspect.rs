//! `inspect`: drawings of what a network does.

use std::process::ExitCode;

use anyhow::Context as _;
use egru_train::report_data::Comparison;
use egru_train::{InspectRequest, RunDir};
use serde_json::json;

use super::{Context, Outcome};
use crate::args::InspectArgs;
use crate::report::{write_drawings, write_page};
use crate::{comparison, place};

/// Draws some test samples of a run, as SVG files and in `report.html`.
pub(crate) fn run(context: &Context<'_>, args: &InspectArgs) -> Outcome {
    let (_, recipe) = RunDir::open(&args.run)?;
    let options = place::options(context, &args.place, &args.run, false)?;
    place::fetch_missing(context, &args.place, &recipe)?;
    let request = InspectRequest { samples: args.samples, ..InspectRequest::default() };
    let inspection = context.registry.open(&args.run, &[], &options)?.inspect(request)?;

    let folder = args.out.as_ref().unwrap_or(&args.run);
    let drawings = write_drawings(folder, &inspection)?;
    let page = write_page(folder, &inspection, measured(args)?.as_ref())?;
    for drawing in &drawings {
        context.out.say(drawing.display());
    }
    context.out.say(format!("report: {}", page.display()));
    let samples: Vec<_> = inspection
        .samples
        .iter()
        .map(|sample| {
            let events = sample.layers.iter().map(|layer| layer.events.len());
            json!({
                "index": sample.index,
                "target": sample.verdict.target,
                "prediction": sample.verdict.prediction,
                "right": sample.verdict.right,
                "events_per_layer": events.collect::<Vec<_>>(),
            })
        })
        .collect();
    context.out.finish(&json!({
        "run_dir": args.run.display().to_string(),
        "report": page.display().to_string(),
        "drawings": drawings.iter().map(|d| d.display().to_string()).collect::<Vec<_>>(),
        "samples": samples,
    }));
    Ok(ExitCode::SUCCESS)
}

/// The times that `train` measured, if it came that far.
fn measured(args: &InspectArgs) -> anyhow::Result<Option<Comparison>> {
    let path = comparison::file(&args.run);
    if !path.exists() {
        return Ok(None);
    }
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read {}", path.display()))?;
    let comparison = serde_json::from_str(&text)
        .with_context(|| format!("{} is damaged; remove it", path.display()))?;
    Ok(Some(comparison))
}
