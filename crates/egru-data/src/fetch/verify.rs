//! Checking files that are there.

use std::{
    fs::File,
    path::{Path, PathBuf},
};

use serde::Serialize;

use super::{
    error::FetchError,
    hash::{sha256_of, sha256_of_contents},
};
use crate::{
    catalogue::{DatasetInfo, FileInfo},
    container::{foreign, start_of},
};

/// The state of a data set's files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Name of the set.
    pub dataset: String,
    /// One for each file of the manifest, in its order.
    pub files: Vec<FileReport>,
}

impl Report {
    /// Whether every file is present, and correct as far as is known (so also of a generated set).
    pub fn all_ok(&self) -> bool {
        self.files.iter().all(|file| matches!(file.state, FileState::Ok | FileState::Unchecked))
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
    /// Present, with the published content, whatever way it is compressed.
    Ok,
    /// Present, in a form of which no checksum is known.
    Unchecked,
    /// In none of the places where it is looked for.
    Missing,
    /// Present, with another content.
    Corrupt {
        /// The published SHA-256.
        expected: String,
        /// That of the file.
        got: String,
        /// What the file is, if it is something that is often found in place of data.
        is: Option<&'static str>,
    },
}

/// Compares every file of `info` under `root` with what was published.
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
        Some(path) => state(file, path, &sha256_of(path)?.0)?,
    };
    Ok(FileReport { name: file.name.clone(), path, state })
}

/// The state of the file that lies at `path` with the SHA-256 `got`.
pub(crate) fn state(file: &FileInfo, path: &Path, got: &str) -> Result<FileState, FetchError> {
    let plain = file.plain.as_ref().filter(|plain| !plain.sha256.is_empty());
    let published = Some(&file.sha256).filter(|sha256| !sha256.is_empty());
    if published.is_some_and(|sha256| sha256 == got) {
        return Ok(FileState::Ok);
    }
    // Compressed anew, or plain under the name of the compressed file, it holds the same.
    if let Some(plain) = plain
        && (plain.sha256 == got
            || sha256_of_contents(path, plain.bytes)?.as_ref() == Some(&plain.sha256))
    {
        return Ok(FileState::Ok);
    }
    let mut reader = File::open(path).map_err(FetchError::io("open", path))?;
    let is = foreign(&start_of(&mut reader).map_err(FetchError::io("read", path))?);
    let compressed = path.extension().is_some_and(|extension| extension == "gz");
    let expected = match plain {
        Some(plain) if !compressed => Some(&plain.sha256),
        // Of the decompressed form nothing is known.
        None if file.plain.is_some() && !compressed => None,
        _ => published,
    };
    Ok(match expected {
        None if is.is_none() => FileState::Unchecked,
        expected => {
            let expected = expected.cloned().unwrap_or_default();
            FileState::Corrupt { expected, got: got.to_owned(), is }
        }
    })
}
