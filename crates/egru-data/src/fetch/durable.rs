//! Making what was written outlast a power cut.

use std::{fs, io, path::Path};

use super::error::FetchError;

/// Puts a folder's entries (files created, renamed and removed in it) on disk. Where the system has
/// no such thing, nothing is done.
pub(super) fn sync_folder(folder: &Path) -> Result<(), FetchError> {
    if cfg!(not(unix)) {
        return Ok(());
    }
    match fs::File::open(folder).and_then(|folder| folder.sync_all()) {
        // Some network file systems cannot sync a folder.
        Err(error)
            if !matches!(
                error.kind(),
                io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported
            ) =>
        {
            Err(FetchError::io("write", folder)(error))
        }
        _ => Ok(()),
    }
}

/// Creates a folder and those above it, each entered in the one above it on disk.
pub(super) fn create_folders(folder: &Path) -> Result<(), FetchError> {
    let missing: Vec<&Path> = folder.ancestors().take_while(|above| !above.exists()).collect();
    fs::create_dir_all(folder).map_err(FetchError::io("create", folder))?;
    for created in missing {
        match created.parent() {
            Some(parent) if parent != Path::new("") => sync_folder(parent)?,
            Some(_) => sync_folder(Path::new("."))?,
            None => {}
        }
    }
    Ok(())
}
