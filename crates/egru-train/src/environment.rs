//! `environment.json`: where a run's numbers come from, one entry per session.

use egru_bench::{Machine, commit_here};
use egru_data::FileRecord;
use serde::Serialize;
use serde_json::Value;

use crate::run_dir::RunDir;
use crate::{Strategy, TrainError, TrainOptions, files};

/// What the caller knows about itself, and this crate cannot: libraries choose no backend and read no
/// command line.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Caller {
    /// Program and version, such as `egru-cpu 0.1.0`.
    pub program: String,
    /// The name of the backend, or of the first device's.
    pub backend: String,
    /// The names of the devices that train.
    pub devices: Vec<String>,
    /// Features compiled in.
    pub features: Vec<String>,
    /// Threads of the kernels: a resumed run gives the same bits with the same number.
    pub threads: usize,
    /// The command line, as typed.
    pub command_line: Vec<String>,
}

/// One session of a run: a resumed run has several.
#[derive(Debug, Serialize)]
struct Environment<'a> {
    #[serde(flatten)]
    caller: &'a Caller,
    strategy: Strategy,
    /// The commit of the working directory, where it is a git checkout.
    commit: Option<String>,
    machine: Machine,
    /// Version of this crate.
    version: &'static str,
    /// Files that the data set was read from, with their checksums.
    data: &'a [FileRecord],
}

impl<'a> Environment<'a> {
    /// Describes this process and machine.
    fn of(options: &'a TrainOptions, data: &'a [FileRecord]) -> Self {
        Self {
            caller: &options.caller,
            strategy: options.strategy,
            commit: commit_here(),
            machine: Machine::here(),
            version: env!("CARGO_PKG_VERSION"),
            data,
        }
    }
}

/// Adds this session to the run's `environment.json`.
pub(crate) fn append_session(
    run: &RunDir,
    options: &TrainOptions,
    data: &[FileRecord],
) -> Result<(), TrainError> {
    let path = run.environment();
    let json = |error| TrainError::json(path.clone(), error);
    let mut sessions: Vec<Value> = if path.exists() {
        serde_json::from_str(&files::read_text(&path)?).map_err(json)?
    } else {
        Vec::new()
    };
    sessions.push(serde_json::to_value(Environment::of(options, data)).map_err(json)?);
    let text = serde_json::to_string_pretty(&sessions).map_err(json)?;
    Ok(files::write_atomic(&path, text.as_bytes())?)
}
