//! Getting the files of a data set: from mirrors, resumed, checked, put in place in one step.
//!
//! A file is fetched to `NAME.part`, continued from where an earlier attempt stopped, never past
//! its published size, checked against its published SHA-256, and only then renamed. Where the
//! network is not wanted or not there, [`DatasetInfo::placement`] says what to put where by hand. An
//! archive is unpacked beside itself; its folder counts only with the mark that is written last.
//!
//! ```no_run
//! use egru_data::{catalogue, fetch::{self, FetchOptions, Silent}};
//! let mnist = catalogue::find("mnist")?;
//! let outcomes = fetch::fetch(mnist, "data".as_ref(), FetchOptions { offline: false, progress: &Silent })?;
//! assert!(fetch::verify(mnist, "data".as_ref())?.all_ok());
//! # Ok::<(), egru_data::DataError>(())
//! ```

mod download;
mod durable;
pub(crate) mod error;
mod hash;
mod monitor;
mod unpack;
pub(crate) mod verify;

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::catalogue::{DatasetInfo, FileInfo};

pub use error::FetchError;
pub(crate) use hash::Hashed;
pub use hash::sha256_of;
pub use monitor::{FetchMonitor, Silent};
pub use unpack::{Limits, unpack_tar_gz, unpacked_from};
pub use verify::{FileReport, FileState, Report, verify};

/// How to fetch.
#[derive(Clone, Copy)]
pub struct FetchOptions<'a> {
    /// Never use the network: what is missing is an error that explains manual placement.
    pub offline: bool,
    /// Told of what happens.
    pub progress: &'a dyn FetchMonitor,
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
    #[serde(serialize_with = "crate::splits::shown")]
    pub path: PathBuf,
    /// Whether it was fetched now, rather than found.
    pub fetched: bool,
}

/// Makes every file of `info` present and correct under `root`. Files that are there are left alone,
/// and have to be the published ones. Generated sets have nothing to fetch.
///
/// # Errors
/// [`FetchError::Differs`] for a file that is not the published one: before anything is fetched,
/// since the others would not go with it. Else the first file that fails; those before it stay.
pub fn fetch(
    info: &DatasetInfo,
    root: &Path,
    options: FetchOptions<'_>,
) -> Result<Vec<Outcome>, FetchError> {
    for report in verify::verify(info, root)?.files {
        if let (FileState::Corrupt { expected, got, is }, Some(path)) = (report.state, report.path)
        {
            return Err(FetchError::Differs { path, expected, got, is });
        }
    }
    fetch_missing(info, root, options)
}

/// As [`fetch`], but a file that is not the published one is replaced, once a good copy is there.
///
/// # Errors
/// The first file that fails; those before it stay.
pub fn fetch_replacing(
    info: &DatasetInfo,
    root: &Path,
    options: FetchOptions<'_>,
) -> Result<Vec<Outcome>, FetchError> {
    let each = |file: &FileInfo| match verify::check(info, file, root)? {
        FileReport { state: FileState::Ok | FileState::Unchecked, path: Some(path), .. } => {
            complete(file, path, false)
        }
        FileReport {
            state: FileState::Corrupt { expected, got, .. }, path: Some(path), ..
        } => {
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
    let remedy = info.placement(Some(root));
    let missing = state == "missing";
    let looked_for = if missing { info.candidates(file, root) } else { Vec::new() };
    if file.urls.is_empty() {
        return Err(FetchError::NoAddress { file: file.name.clone(), state, looked_for, remedy });
    }
    if options.offline {
        let (dataset, file) = (info.name.clone(), file.name.clone());
        return Err(FetchError::Offline { dataset, file, state, looked_for, remedy });
    }
    let path = download::download(file, &info.folder(root), options.progress, remedy)?;
    complete(file, path, true)
}

/// Unpacks the file if it is an archive that is not unpacked yet, or not to its end.
fn complete(file: &FileInfo, path: PathBuf, fetched: bool) -> Result<Outcome, FetchError> {
    if let Some(how) = &file.unpack {
        let into = path.with_file_name(&how.folder);
        if fetched || !is_unpacked(file, &path, &into)? {
            unpack_tar_gz(&path, &into, Limits { bytes: how.max_bytes, ..Limits::default() })?;
        }
    }
    Ok(Outcome { name: file.name.clone(), path, fetched })
}

/// Whether `into` is what `archive` holds. The published archive is known by its checksum; another
/// one, which a person has put there, is read to tell.
fn is_unpacked(file: &FileInfo, archive: &Path, into: &Path) -> Result<bool, FetchError> {
    match unpacked_from(into) {
        None => Ok(false),
        Some(mark) if mark == file.sha256 => Ok(true),
        Some(mark) => Ok(mark == sha256_of(archive)?.0),
    }
}
