//! Getting the files of a data set: from mirrors, resumed, checked, put in place in one step.
//!
//! A file is fetched to `NAME.part`, continued from where an earlier attempt stopped, never past
//! its published size, checked against its published SHA-256, and only then renamed. Where the
//! network is not wanted or not there, [`placement`] says what to put where by hand.
//!
//! ```no_run
//! use egru_data::{catalogue, fetch::{self, FetchOptions, Silent}};
//! let mnist = catalogue::find("mnist")?;
//! let outcomes = fetch::fetch(mnist, "data".as_ref(), FetchOptions { offline: false, progress: &Silent })?;
//! assert!(fetch::verify(mnist, "data".as_ref())?.all_ok());
//! # Ok::<(), egru_data::DataError>(())
//! ```

mod download;
mod unpack;
mod verify;

use std::{
    fmt::Write,
    io,
    path::{Path, PathBuf},
};

use serde::Serialize;

use crate::{DatasetInfo, FileInfo};

pub use unpack::{Limits, unpack_tar_gz};
pub use verify::{FileReport, FileState, Report, sha256_of, verify};

/// What a caller hears while files are fetched. Every method does nothing unless overridden.
pub trait Progress: Sync {
    /// A transfer starts, with `done` of `total` bytes there already.
    fn start(&self, file: &str, url: &str, done: u64, total: u64) {
        let _ = (file, url, done, total);
    }

    /// `done` bytes of the file are there now.
    fn advance(&self, file: &str, done: u64) {
        let _ = (file, done);
    }

    /// The file is complete, correct and in place.
    fn finish(&self, file: &str) {
        let _ = file;
    }

    /// Something a person may want to know: a mirror that failed, a bad file being replaced.
    fn note(&self, file: &str, message: &str) {
        let _ = (file, message);
    }
}

/// Listens to nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {}

/// How to fetch.
#[derive(Clone, Copy)]
pub struct FetchOptions<'a> {
    /// Never use the network: what is missing is an error that explains manual placement.
    pub offline: bool,
    /// Told of what happens.
    pub progress: &'a dyn Progress,
}

/// Whether loading may fetch.
#[derive(Clone, Copy)]
pub enum FetchPolicy<'a> {
    /// Missing files are an error.
    Never,
    /// Missing files are fetched first.
    IfMissing(FetchOptions<'a>),
}

/// What was done for one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// Its name in the manifest.
    pub name: String,
    /// Where it lies.
    pub path: PathBuf,
    /// Whether it was fetched now, rather than found.
    pub fetched: bool,
}

/// Why files could not be fetched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// The network is needed and not allowed.
    #[error("{file} is {state} and fetching is switched off (--offline).\n{remedy}")]
    Offline {
        /// Name of the file.
        file: String,
        /// `missing` or `corrupt`.
        state: &'static str,
        /// How to place it by hand.
        remedy: String,
    },
    /// No mirror delivered the file.
    #[error("{file} could not be fetched:\n{}{remedy}", attempt_lines(attempts))]
    AllMirrors {
        /// Name of the file.
        file: String,
        /// Each address tried, and what went wrong there.
        attempts: Vec<(String, String)>,
        /// How to place it by hand.
        remedy: String,
    },
    /// Another process is at it.
    #[error(
        "{} is being written by another process: wait for it to finish, then try again", part.display()
    )]
    Busy {
        /// The partial file.
        part: PathBuf,
    },
    /// An archive holds something that is not unpacked, or is damaged.
    #[error("{}: {problem}; nothing was unpacked. Delete it and fetch it again", archive.display())]
    Archive {
        /// The archive.
        archive: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The operating system refused something.
    #[error("cannot {action} {}: {source}. Check the free space and the permissions of the folder, or choose another with --data", path.display())]
    Io {
        /// What was attempted, as a verb.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
}

impl FetchError {
    /// For `map_err`: an I/O failure with the path and the attempted action, a verb.
    fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }
}

fn attempt_lines(attempts: &[(String, String)]) -> String {
    attempts.iter().map(|(url, problem)| format!("  {url}: {problem}\n")).collect()
}

/// Makes every file of `info` present and correct under `root`. Correct files are left alone,
/// corrupt ones replaced once a good copy is there. Generated sets have nothing to fetch.
///
/// # Errors
/// The first file that fails; those before it stay.
pub fn fetch(
    info: &DatasetInfo,
    root: &Path,
    options: FetchOptions<'_>,
) -> Result<Vec<Outcome>, FetchError> {
    let each = |file: &FileInfo| match verify::check(info, file, root)? {
        FileReport { state: FileState::Ok, path: Some(path), .. } => complete(file, path, false),
        FileReport { state: FileState::Corrupt { expected, got }, path: Some(path), .. } => {
            let message =
                format!("{} is corrupt (sha256 {got}, not {expected}): replacing", path.display());
            options.progress.note(&file.name, &message);
            obtain(info, file, root, "corrupt", options)
        }
        _ => obtain(info, file, root, "missing", options),
    };
    info.files.iter().map(each).collect()
}

/// Fetches the files of `info` that are nowhere under `root`, and leaves the others alone,
/// whatever they hold.
///
/// # Errors
/// As [`fetch`].
pub fn fetch_missing(
    info: &DatasetInfo,
    root: &Path,
    options: FetchOptions<'_>,
) -> Result<Vec<Outcome>, FetchError> {
    let each = |file: &FileInfo| match info.locate(file, root) {
        Some(path) => complete(file, path, false),
        None => obtain(info, file, root, "missing", options),
    };
    info.files.iter().map(each).collect()
}

fn obtain(
    info: &DatasetInfo,
    file: &FileInfo,
    root: &Path,
    state: &'static str,
    options: FetchOptions<'_>,
) -> Result<Outcome, FetchError> {
    let remedy = placement(info, Some(root));
    if options.offline {
        return Err(FetchError::Offline { file: file.name.clone(), state, remedy });
    }
    let path = download::download(file, &info.folder(root), options.progress, remedy)?;
    complete(file, path, true)
}

/// Unpacks the file if it is an archive that is not unpacked yet.
fn complete(file: &FileInfo, path: PathBuf, fetched: bool) -> Result<Outcome, FetchError> {
    if let Some(how) = &file.unpack {
        let into = path.with_file_name(&how.folder);
        // A folder left by an older archive must not stand for the new one.
        if fetched || !into.is_dir() {
            unpack_tar_gz(&path, &into, Limits { bytes: how.max_bytes, ..Limits::default() })?;
        }
    }
    Ok(Outcome { name: file.name.clone(), path, fetched })
}

/// How to get the files of `info`, by command and by hand, for people. `root` is the data folder,
/// if one is known.
pub fn placement(info: &DatasetInfo, root: Option<&Path>) -> String {
    if info.is_generated() {
        return format!("`{}` is generated: there is nothing to fetch.", info.name);
    }
    let root = root.unwrap_or(Path::new("DIR"));
    let mut text = format!(
        "Fetch with: egru-cpu data fetch {} --data {}\nOr place by hand:",
        info.name,
        root.display()
    );
    for file in &info.files {
        let path = info.folder(root).join(&file.name);
        let url = file.urls.first().map_or("(no public address)", String::as_str);
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "\n  {url}\n    as {} ({} bytes, sha256 {})",
            path.display(),
            file.bytes,
            file.sha256
        );
    }
    text
}
