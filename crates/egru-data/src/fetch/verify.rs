//! Checking files that are there.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::{error::FetchError, hash::sha256_of};
use crate::catalogue::{DatasetInfo, FileInfo};

/// The state of a data set's files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Name of the set.
    pub dataset: String,
    /// One for each file of the manifest, in its order.
    pub files: Vec<FileReport>,
}

impl Report {
    /// Whether every file is present and correct (so also of a generated set).
    pub fn all_ok(&self) -> bool {
        self.files.iter().all(|file| file.state == FileState::Ok)
    }
}

/// The state of one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileReport {
    /// Its name in the manifest.
    pub name: String,
    /// Where it was found.
    #[serde(serialize_with = "crate::splits::shown_if_any")]
    pub path: Option<PathBuf>,
    /// What was found.
    #[serde(flatten)]
    pub state: FileState,
}

/// What was found of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum FileState {
    /// Present, with the published checksum.
    Ok,
    /// In none of the places where it is looked for.
    Missing,
    /// Present, with another checksum.
    Corrupt {
        /// The published SHA-256.
        expected: String,
        /// That of the file.
        got: String,
    },
}

/// Compares every file of `info` under `root` with its published checksum.
///
/// # Errors
/// [`FetchError::Io`] for a file that is there and cannot be read.
pub fn verify(info: &DatasetInfo, root: &Path) -> Result<Report, FetchError> {
    let files = info.files.iter().map(|file| check(info, file, root)).collect::<Result<_, _>>()?;
    Ok(Report { dataset: info.name.clone(), files })
}

/// The state of one file of `info`.
pub(super) fn check(
    info: &DatasetInfo,
    file: &FileInfo,
    root: &Path,
) -> Result<FileReport, FetchError> {
    let path = info.locate(file, root);
    let state = match &path {
        None => FileState::Missing,
        Some(path) => {
            let plain = file.plain.as_ref().filter(|plain| path.ends_with(&plain.name));
            let expected = plain.map_or(&file.sha256, |plain| &plain.sha256);
            let (got, _) = sha256_of(path)?;
            if got == *expected {
                FileState::Ok
            } else {
                FileState::Corrupt { expected: expected.clone(), got }
            }
        }
    };
    Ok(FileReport { name: file.name.clone(), path, state })
}
