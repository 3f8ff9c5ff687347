//! `devices`: the backends and what they run on.

use std::process::ExitCode;

use serde_json::json;

use super::{Context, Outcome};
use crate::table::list;

/// Lists the backends, which are compiled in, and the devices of those.
pub(crate) fn run(context: &Context<'_>) -> Outcome {
    let mut lines = Vec::new();
    let mut objects = Vec::new();
    let default = context.backends.iter().position(|entry| entry.compiled);
    for (index, entry) in context.backends.iter().enumerate() {
        // Listing first: a driver that finds nothing need not be asked for a device.
        let devices = if entry.compiled { (entry.devices)() } else { Vec::new() };
        let problem = match (entry.compiled, devices.is_empty()) {
            (false, _) => Some(format!("not compiled in: build with --features {}", entry.feature)),
            (true, true) => (entry.device)("").err().map(|why| format!("no device: {why}")),
            (true, false) => None,
        };
        let mark = if default == Some(index) { " (default)" } else { "" };
        let state = problem.clone().map_or_else(String::new, |problem| format!("; {problem}"));
        lines.push((entry.name.to_owned(), format!("{}{mark}{state}", entry.description)));
        for (index, what) in &devices {
            lines.push((format!("  {}:{index}", entry.name), what.clone()));
        }
        let devices = devices.iter().map(|(index, what)| json!({ "index": index, "name": what }));
        objects.push(json!({
            "name": entry.name,
            "feature": entry.feature,
            "description": entry.description,
            "compiled": entry.compiled,
            "usable": entry.compiled && problem.is_none(),
            "problem": problem,
            "devices": devices.collect::<Vec<_>>(),
            "default": default == Some(index),
        }));
    }
    context.out.say("Backends (choose one with `--backend NAME`, a device with `NAME:INDEX`):");
    context.out.say(list(lines.iter().map(|(name, text)| (name.as_str(), text.clone()))));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    context.out.say(format!("\nThreads of this machine: {threads}"));
    context.out.finish(&json!({ "backends": objects, "threads": threads }));
    Ok(ExitCode::SUCCESS)
}
