//! `data simulate`: recordings that nobody made.

use std::path::Path;
use std::process::ExitCode;

use egru_data::DataError;
use egru_data::events::simulate::{Simulation, write_dvs128};
use serde_json::json;

use crate::commands::Outcome;
use crate::output::Output;

/// Writes the recordings to `folder`, and says each when it is there.
pub(super) fn run(out: &Output, simulation: &Simulation, folder: &Path) -> Outcome {
    let mut recordings = Vec::new();
    write_dvs128(folder, simulation, &mut |name, events| {
        out.say(format!("{}.aedat: {events} events", folder.join(name).display()));
        recordings.push(json!({ "name": name, "events": events }));
    })
    .map_err(DataError::from)?;
    out.finish(&json!({ "folder": folder.display().to_string(), "recordings": recordings }));
    Ok(ExitCode::SUCCESS)
}
