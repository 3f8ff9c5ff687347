//! `devices`: the backends and what they run on.

use std::process::ExitCode;

use serde_json::json;

use super::{Context, Outcome};
use crate::table::list;

/// Lists the backends, which are compiled in, and the first device of those.
pub(crate) fn run(context: &Context<'_>) -> Outcome {
    let mut lines = Vec::new();
    let mut objects = Vec::new();
    let default = context.backends.iter().position(|entry| entry.compiled);
    for (index, entry) in context.backends.iter().enumerate() {
        let device = entry.compiled.then(|| (entry.device)(""));
        let state = match &device {
            None => format!("not compiled in: build with --features {}", entry.feature),
            Some(Err(problem)) => format!("no device: {problem}"),
            Some(Ok(device)) if default == Some(index) => format!("{device:?} (default)"),
            Some(Ok(device)) => format!("{device:?}"),
        };
        lines.push((entry.name, format!("{}; {state}", entry.description)));
        objects.push(json!({
            "name": entry.name,
            "feature": entry.feature,
            "description": entry.description,
            "compiled": entry.compiled,
            "usable": matches!(device, Some(Ok(_))),
            "default": default == Some(index),
        }));
    }
    context.out.say("Backends (choose one with `--backend NAME`):")?;
    context.out.say(list(lines))?;
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    context.out.say(format!("\nThreads of this machine: {threads}"))?;
    context.out.finish(&json!({ "backends": objects, "threads": threads }))?;
    Ok(ExitCode::SUCCESS)
}
