//! `data`: list, fetch, verify and show data sets, print and simulate recordings.

mod events;
mod show;
mod simulate;

use std::path::Path;
use std::process::ExitCode;

use egru_data::events::simulate::Simulation;
use egru_data::fetch::{self, FetchOptions, FileState, Report};
use egru_data::{DatasetInfo, catalogue};
use serde_json::json;

use super::{Context, Outcome};
use crate::args::{DataCommand, SimulatedLayout};
use crate::progress::FetchProgress;
use crate::table::list;

/// Runs one of the `data` commands.
pub(crate) fn run(context: &Context<'_>, command: &DataCommand) -> Outcome {
    match command {
        DataCommand::List => list_all(context),
        DataCommand::Fetch { name, data, offline, force } => {
            fetch_one(context, name, data.folder(), *offline, *force)
        }
        DataCommand::Verify { name, data } => verify(context, name.as_deref(), data.folder()),
        DataCommand::Show { name, sample, seed, data } => {
            show::run(context, name, *sample, *seed, data.folder())
        }
        DataCommand::Events { file, stats, sensor } => {
            events::run(&context.out, file, *stats, *sensor)
        }
        DataCommand::Simulate {
            layout: SimulatedLayout::Dvs128,
            users,
            lights,
            seconds,
            seed,
            out,
        } => {
            let simulation = Simulation {
                users: *users,
                test_users: (users / 4).max(1),
                lights: *lights,
                seconds: *seconds,
                seed: *seed,
                ..Simulation::default()
            };
            simulate::run(&context.out, &simulation, out)
        }
    }
}

fn list_all(context: &Context<'_>) -> Outcome {
    for info in catalogue() {
        let files = match info.files.as_slice() {
            [] => "generated, no file needed".to_owned(),
            files => {
                let place = info.folder(Path::new("DATA"));
                let size = match files.iter().map(|file| file.bytes).sum() {
                    0 => "placed by hand".to_owned(),
                    bytes => format!("{bytes} bytes"),
                };
                format!("{} files, {size}, in {}", files.len(), place.display())
            }
        };
        context.out.say(format!("{}: {}", info.name, info.title));
        context.out.say(list([
            ("what", info.description.clone()),
            ("recipes' data.name", info.used_by.join(", ")),
            ("files", files),
            ("licence", info.licence.clone()),
            ("cite", info.citation.clone()),
        ]));
        context.out.say("");
    }
    context.out.say("Files are looked for under the folder given by --data or EGRU_DATA.");
    context.out.finish(&json!({ "datasets": catalogue() }));
    Ok(ExitCode::SUCCESS)
}

fn fetch_one(
    context: &Context<'_>,
    name: &str,
    root: Option<&Path>,
    offline: bool,
    force: bool,
) -> Outcome {
    let info = catalogue::find(name)?;
    let files = if info.is_generated() {
        context.out.say(info.placement(root));
        Vec::new()
    } else {
        let progress = FetchProgress::new(context.out.clone());
        let options = FetchOptions { offline, progress: &progress };
        let fetch = if force { fetch::fetch_replacing } else { fetch::fetch };
        fetch(info, info.require_root(root)?, options)?
    };
    for file in &files {
        let what = if file.fetched { "fetched" } else { "already there" };
        context.out.say(format!("{} {what}, checksum correct", file.path.display()));
    }
    context.out.finish(&json!({ "dataset": info.name, "files": files }));
    Ok(ExitCode::SUCCESS)
}

/// Exit status 1 when a file is missing or corrupt, so that scripts notice.
fn verify(context: &Context<'_>, name: Option<&str>, root: Option<&Path>) -> Outcome {
    let infos: Vec<&DatasetInfo> = match name {
        Some(name) => vec![catalogue::find(name)?],
        None => catalogue().iter().filter(|info| !info.is_generated()).collect(),
    };
    let mut reports = Vec::new();
    for info in &infos {
        if info.is_generated() {
            context.out.say(format!("{} is generated: there is nothing to verify", info.name));
            reports.push(Report { dataset: info.name.clone(), files: Vec::new() });
        } else {
            reports.push(fetch::verify(info, info.require_root(root)?)?);
        }
    }
    for (info, report) in infos.iter().zip(&reports) {
        let state = |state: &FileState| match state {
            FileState::Ok => "ok".to_owned(),
            FileState::Unchecked => "there, of no known checksum".to_owned(),
            FileState::Missing => "MISSING".to_owned(),
            FileState::Corrupt { is: Some(is), .. } => format!("CORRUPT: it is {is}"),
            FileState::Corrupt { expected, got, .. } => {
                format!("CORRUPT: sha256 {got}, published {expected}")
            }
        };
        let lines = report.files.iter().map(|file| (file.name.as_str(), state(&file.state)));
        context.out.say(list(lines));
        if !report.all_ok() {
            context.out.say(info.placement(root));
        }
    }
    let ok = reports.iter().all(Report::all_ok);
    context.out.finish(&json!({ "ok": ok, "datasets": reports }));
    Ok(if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
