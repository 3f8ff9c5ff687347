//! `environment.json`: where a run's numbers come from, one entry per session.

use std::path::PathBuf;

use egru_bench::Machine;
use egru_data::FileRecord;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::options::{Caller, Strategy};
use crate::run_dir::RunDir;
use crate::{TrainError, TrainOptions, files};

/// A key of the recipe that a resumed session changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Change {
    pub(crate) key: String,
    pub(crate) was: String,
    pub(crate) now: String,
}

/// One session of a run: a resumed run has several.
#[derive(Debug, Serialize)]
struct Environment<'a> {
    #[serde(flatten)]
    caller: &'a Caller,
    strategy: Strategy,
    machine: Machine,
    /// Version of this crate.
    version: &'static str,
    /// Files that the data set was read from, with their checksums.
    data: &'a [FileRecord],
    /// What is to be known of these files.
    warnings: &'a [String],
    /// What this session changed in the recipe.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    changes: &'a [Change],
}

/// Adds this session to the run's `environment.json`.
pub(crate) fn append_session(
    run: &RunDir,
    options: &TrainOptions,
    splits: &egru_data::Splits,
    changes: &[Change],
) -> Result<(), TrainError> {
    let environment = Environment {
        caller: &options.caller,
        strategy: options.strategy,
        machine: Machine::here(),
        version: env!("CARGO_PKG_VERSION"),
        data: &splits.provenance,
        warnings: &splits.warnings,
        changes,
    };
    let path = run.environment();
    let mut sessions = sessions(run)?;
    let json = |error| TrainError::json(path.clone(), error);
    sessions.push(serde_json::to_value(environment).map_err(json)?);
    let text = serde_json::to_string_pretty(&sessions).map_err(json)?;
    Ok(files::write_atomic(&path, text.as_bytes())?)
}

fn sessions(run: &RunDir) -> Result<Vec<Value>, TrainError> {
    let path = run.environment();
    if !path.exists() {
        return Ok(Vec::new());
    }
    serde_json::from_str(&files::read_text(&path)?).map_err(|error| TrainError::json(path, error))
}

/// What decides the bits of a session, as the one before wrote it down.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Before {
    backend: String,
    devices: Vec<String>,
    threads: usize,
    data: Vec<StoredFile>,
}

#[derive(Debug, Deserialize)]
struct StoredFile {
    path: PathBuf,
    sha256: String,
}

/// The run's last session; `None` before there was one.
fn last(run: &RunDir) -> Result<Option<Before>, TrainError> {
    let last = sessions(run)?.pop().map(serde_json::from_value);
    last.transpose().map_err(|error| TrainError::json(run.environment(), error))
}

/// Refuses other data than the run was trained on: a vocabulary is numbered by them, and figures are about them.
///
/// # Errors
/// [`TrainError::OtherData`] for a file of the same name with other content.
pub(crate) fn check_data(
    run: &RunDir,
    options: &TrainOptions,
    data: &[FileRecord],
) -> Result<(), TrainError> {
    let Some(before) = last(run)? else { return Ok(()) };
    for file in data {
        let same_name = |known: &&StoredFile| known.path.file_name() == file.path.file_name();
        match before.data.iter().find(same_name) {
            Some(known) if known.sha256 != file.sha256 => {
                return Err(TrainError::OtherData {
                    path: file.path.clone(),
                    was: known.sha256.clone(),
                    now: file.sha256.clone(),
                });
            }
            None if !before.data.is_empty() => options.notice(format!(
                "{} was not among the files that the run was trained on: whether they hold the same cannot be told",
                file.path.display()
            )),
            _ => {}
        }
    }
    Ok(())
}

/// Says what differs from the run's last session and changes the last bits of what follows.
pub(crate) fn compare_machine(run: &RunDir, options: &TrainOptions) -> Result<(), TrainError> {
    let Some(before) = last(run)? else { return Ok(()) };
    let caller = &options.caller;
    let differs = |what: &str, was: &dyn std::fmt::Display, now: &dyn std::fmt::Display| {
        options.notice(format!(
            "the run had {what} {was} so far and has {now} now: its last bits will not be those of a run that had one throughout"
        ));
    };
    if before.threads != 0 && before.threads != caller.threads {
        differs("a number of threads of", &before.threads, &caller.threads);
    }
    if !before.backend.is_empty() && before.backend != caller.backend {
        differs("the backend", &before.backend, &caller.backend);
    } else if before.devices.len() == caller.devices.len() && before.devices != caller.devices {
        differs("the devices", &before.devices.join(","), &caller.devices.join(","));
    }
    Ok(())
}
