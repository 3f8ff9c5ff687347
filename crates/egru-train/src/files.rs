//! Writing files so that a crash, a full disk or a kill never leaves half of one.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use thiserror::Error;

/// A file or folder that cannot be read or written; the message says what to do.
#[derive(Debug, Error)]
#[error("cannot {action} {}: {source}; {}", path.display(), remedy(source))]
pub struct FileError {
    /// What was tried: `write`, `read`, `create`, ...
    pub action: &'static str,
    /// The file or folder.
    pub path: PathBuf,
    /// Why it failed.
    pub source: io::Error,
}

impl FileError {
    /// Names the failed action on `path`.
    pub fn new(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self { action, path, source }
    }
}

fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied => "allow writing there, or choose another folder",
        io::ErrorKind::ReadOnlyFilesystem => "choose a folder on a writable file system",
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "free some space; what was written before is intact, and the run can be resumed from it"
        }
        io::ErrorKind::NotFound => "check that the path exists",
        io::ErrorKind::InvalidData => "save it as UTF-8",
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
            "a file stands where a folder is needed: move it away, or choose another folder"
        }
        _ => "check the path and the disk",
    }
}

/// Creates a folder and its parents, and waits until the disk has every new one.
pub(crate) fn create_dir(path: &Path) -> Result<(), FileError> {
    let new: Vec<&Path> = path.ancestors().take_while(|folder| !folder.exists()).collect();
    fs::create_dir_all(path).map_err(FileError::new("create", path))?;
    new.into_iter().filter(|folder| !folder.as_os_str().is_empty()).try_for_each(sync_parent)
}

/// Reads a whole file.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, FileError> {
    fs::read(path).map_err(FileError::new("read", path))
}

/// Reads a whole UTF-8 file.
pub(crate) fn read_text(path: &Path) -> Result<String, FileError> {
    text(path).map_err(FileError::new("read", path))
}

/// The text of a file in UTF-8, without the mark that some editors put before it.
pub(crate) fn text(path: &Path) -> io::Result<String> {
    let bytes = fs::read(path)?;
    let problem = match bytes.as_slice() {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => "it is text in UTF-16",
        _ => "it is not text in UTF-8",
    };
    let text = String::from_utf8(bytes)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, problem))?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

/// Writes a file and waits until the disk has it.
pub(crate) fn write_synced(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    let write = || {
        let mut file = File::create(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().map_err(FileError::new("write", path))
}

/// Replaces a file in one go: a reader sees the old content or the new, never a part. A temporary
/// file beside it is written, synced and renamed.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".tmp");
    let temporary = PathBuf::from(temporary);
    write_synced(&temporary, bytes)
        .and_then(|()| fs::rename(&temporary, path).map_err(FileError::new("write", path)))
        .inspect_err(|_| {
            // Best effort: the error that matters is the one that is being returned.
            let _ = fs::remove_file(&temporary);
        })?;
    sync_parent(path)
}

/// Appends one line and waits until the disk has it.
pub(crate) fn append_line(path: &Path, line: &str) -> Result<(), FileError> {
    let append = || {
        let mut file = OpenOptions::new().create(true).append(true).open(path)?;
        file.write_all(format!("{line}\n").as_bytes())?;
        file.sync_all()
    };
    append().map_err(FileError::new("append to", path))
}

/// Makes a rename inside the parent of `path` durable.
pub(crate) fn sync_parent(path: &Path) -> Result<(), FileError> {
    match path.parent() {
        Some(parent) => sync_dir(parent),
        None => Ok(()),
    }
}

/// Waits until the disk has a folder's entries. Only Unix lets a folder be opened for that.
pub(crate) fn sync_dir(path: &Path) -> Result<(), FileError> {
    if cfg!(unix) {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        File::open(path).and_then(|dir| dir.sync_all()).map_err(FileError::new("sync", path))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn atomic_write_replaces_and_leaves_no_temporary() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.json");
        write_atomic(&path, b"old").unwrap();
        write_atomic(&path, b"new").unwrap();
        assert_eq!(read_text(&path).unwrap(), "new");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_failed_write_keeps_the_old_content_and_names_the_path() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.json");
        write_atomic(&path, b"old").unwrap();
        // A folder in place of the temporary file makes the write fail, even for root.
        fs::create_dir(dir.path().join("a.json.tmp")).unwrap();
        let error = write_atomic(&path, b"new").unwrap_err();
        assert!(error.to_string().contains("a.json.tmp"), "{error}");
        assert_eq!(read_text(&path).unwrap(), "old");
    }

    #[test]
    fn a_full_disk_says_what_to_do() {
        let error = FileError {
            action: "write",
            path: "x/model.bpk".into(),
            source: io::Error::from(io::ErrorKind::StorageFull),
        };
        let text = error.to_string();
        assert!(text.contains("x/model.bpk") && text.contains("free some space"), "{text}");
    }
}
