//! `environment.json`: where a run's numbers come from, one entry per session.

use std::path::Path;

use egru_data::FileRecord;
use serde::Serialize;
use serde_json::Value;

use crate::run_dir::RunDir;
use crate::{TrainError, files};

/// What the caller knows about itself, and this crate cannot: libraries choose no backend and read no
/// command line.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Caller {
    /// Program and version, such as `egru-cpu 0.1.0`.
    pub program: String,
    /// The backend's name.
    pub backend: String,
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
    /// The commit of the working directory, where it is a git checkout.
    commit: Option<String>,
    machine: Machine,
    /// Version of this crate.
    version: &'static str,
    /// Files that the data set was read from, with their checksums.
    data: &'a [FileRecord],
}

#[derive(Debug, Serialize)]
struct Machine {
    cpu: Option<String>,
    cores: usize,
    os: &'static str,
    architecture: &'static str,
}

impl<'a> Environment<'a> {
    /// Describes this process and machine.
    fn of(caller: &'a Caller, data: &'a [FileRecord]) -> Self {
        Self {
            caller,
            commit: std::env::current_dir().ok().and_then(|dir| commit(&dir)),
            machine: Machine {
                cpu: cpu(),
                cores: std::thread::available_parallelism().map_or(1, usize::from),
                os: std::env::consts::OS,
                architecture: std::env::consts::ARCH,
            },
            version: env!("CARGO_PKG_VERSION"),
            data,
        }
    }
}

/// Adds this session to the run's `environment.json`.
pub(crate) fn append_session(
    run: &RunDir,
    caller: &Caller,
    data: &[FileRecord],
) -> Result<(), TrainError> {
    let path = run.environment();
    let json = |error| TrainError::json(path.clone(), error);
    let mut sessions: Vec<Value> = if path.exists() {
        serde_json::from_str(&files::read_text(&path)?).map_err(json)?
    } else {
        Vec::new()
    };
    sessions.push(serde_json::to_value(Environment::of(caller, data)).map_err(json)?);
    let text = serde_json::to_string_pretty(&sessions).map_err(json)?;
    Ok(files::write_atomic(&path, text.as_bytes())?)
}

/// The processor's model, where the system tells it in a file.
fn cpu() -> Option<String> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// The commit checked out in `dir` or a folder above it, read from git's files: no program is run.
fn commit(dir: &Path) -> Option<String> {
    let git = dir.ancestors().map(|dir| dir.join(".git")).find(|git| git.is_dir())?;
    let head = std::fs::read_to_string(git.join("HEAD")).ok()?;
    let Some(reference) = head.trim().strip_prefix("ref: ") else {
        return Some(head.trim().to_owned());
    };
    if let Ok(hash) = std::fs::read_to_string(git.join(reference)) {
        return Some(hash.trim().to_owned());
    }
    let packed = std::fs::read_to_string(git.join("packed-refs")).ok()?;
    packed.lines().find_map(|line| Some(line.strip_suffix(reference)?.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commits_are_found_loose_packed_and_detached() {
        let root = tempfile::tempdir().unwrap();
        let git = root.path().join(".git");
        let below = root.path().join("a/b");
        std::fs::create_dir_all(&below).unwrap();
        assert_eq!(commit(&below), None);
        std::fs::create_dir_all(git.join("refs/heads")).unwrap();
        std::fs::write(git.join("HEAD"), "0123abc\n").unwrap();
        assert_eq!(commit(&below).as_deref(), Some("0123abc"));
        std::fs::write(git.join("HEAD"), "ref: refs/heads/main\n").unwrap();
        assert_eq!(commit(&below), None);
        std::fs::write(git.join("packed-refs"), "# pack-refs\n456def refs/heads/main\n").unwrap();
        assert_eq!(commit(&below).as_deref(), Some("456def"));
        std::fs::write(git.join("refs/heads/main"), "789aaa\n").unwrap();
        assert_eq!(commit(&below).as_deref(), Some("789aaa"));
    }
}
