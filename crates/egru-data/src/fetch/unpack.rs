//! Unpacking a `.tar.gz` that is not trusted.

use std::{
    collections::HashSet,
    fs::{self, File},
    io::{self, BufReader, Read, Write},
    path::{Component, Path, PathBuf},
};

use flate2::bufread::MultiGzDecoder;
use tar::{Archive, EntryType};

use super::FetchError;

/// How much an archive may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of all files together.
    pub bytes: u64,
    /// Files and folders.
    pub entries: usize,
}

impl Default for Limits {
    /// 8 GiB in 100,000 entries.
    fn default() -> Self {
        Self { bytes: 8 << 30, entries: 100_000 }
    }
}

/// Unpacks `archive` to become the folder `into`, all of it or none. An existing `into` is replaced.
/// Only plain files and folders are taken: an absolute path, a `..`, a link or anything special
/// refuses the whole archive, and so does holding more than `limits`.
///
/// # Errors
/// [`FetchError::Archive`] says what was refused; [`FetchError::Io`] for the file system.
pub fn unpack_tar_gz(archive: &Path, into: &Path, limits: Limits) -> Result<(), FetchError> {
    // The new folder grows beside its final place, so that renaming it is one step.
    let mut name = into.file_name().unwrap_or_default().to_os_string();
    name.push(".unpacking");
    let partial = into.with_file_name(name);
    remove(&partial)?;
    fs::create_dir_all(&partial).map_err(FetchError::io("create", &partial))?;
    if let Err(error) = unpack_into(archive, &partial, limits) {
        remove(&partial)?;
        return Err(error);
    }
    remove(into)?;
    fs::rename(&partial, into).map_err(FetchError::io("rename to", into))
}

fn remove(folder: &Path) -> Result<(), FetchError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(FetchError::io("remove", folder)(error))
        }
        _ => Ok(()),
    }
}

fn unpack_into(archive: &Path, folder: &Path, limits: Limits) -> Result<(), FetchError> {
    let refuse = |problem: String| FetchError::Archive { archive: archive.to_path_buf(), problem };
    let damaged = |error: io::Error| refuse(format!("damaged archive: {error}"));

    let file = File::open(archive).map_err(FetchError::io("open", archive))?;
    // Headers and padding are decompressed too: the limit on the stream is what stops a bomb of
    // them, or a single header that claims a long name.
    let stream_limit = limits.bytes.saturating_add(2048 * limits.entries as u64);
    let stream = MultiGzDecoder::new(BufReader::new(file)).take(stream_limit);
    let (mut entries, mut bytes) = (0, 0_u64);
    let mut seen = HashSet::new();
    let mut buffer = vec![0; 1 << 16];
    let mut tar = Archive::new(stream);
    for entry in tar.entries().map_err(damaged)? {
        let mut entry = entry.map_err(damaged)?;
        let name = entry.path().map_err(damaged)?.into_owned();
        entries += 1;
        bytes = bytes.saturating_add(entry.size());
        if entries > limits.entries || bytes > limits.bytes {
            return Err(refuse(format!(
                "holds more than {} entries or {} bytes",
                limits.entries, limits.bytes
            )));
        }
        let kind = entry.header().entry_type();
        // Tools write metadata in these; it concerns no file.
        if matches!(kind, EntryType::XGlobalHeader) {
            continue;
        }
        let Some(relative) = inside(&name) else {
            return Err(refuse(format!("`{}` would lie outside the folder", name.display())));
        };
        let path = folder.join(relative);
        match kind {
            EntryType::Directory => {
                fs::create_dir_all(&path).map_err(FetchError::io("create", &path))?;
            }
            EntryType::Regular | EntryType::Continuous => {
                if !seen.insert(path.clone()) {
                    return Err(refuse(format!("holds `{}` twice", name.display())));
                }
                if let Some(parent) = path.parent() {
                    fs::create_dir_all(parent).map_err(FetchError::io("create", parent))?;
                }
                let mut out = File::create_new(&path).map_err(FetchError::io("create", &path))?;
                let mut missing = entry.size();
                while missing > 0 {
                    // Reading fails for a bad archive, writing for a full disk: different remedies.
                    match entry.read(&mut buffer).map_err(damaged)? {
                        0 => return Err(refuse(format!("`{}` is cut short", name.display()))),
                        count => {
                            out.write_all(&buffer[..count])
                                .map_err(FetchError::io("write", &path))?;
                            missing = missing.saturating_sub(count as u64);
                        }
                    }
                }
            }
            _ => {
                return Err(refuse(format!(
                    "`{}` is neither a file nor a folder (links are refused)",
                    name.display()
                )));
            }
        }
    }
    // The tar format ends before its file does: only the end of the file proves it whole.
    let mut rest = tar.into_inner();
    loop {
        match rest.read(&mut buffer) {
            Ok(0) if rest.limit() > 0 => return Ok(()),
            Ok(0) => return Err(refuse(format!("decompresses to more than {stream_limit} bytes"))),
            Ok(_) => {}
            Err(error) => return Err(damaged(error)),
        }
    }
}

/// The path without `.` parts, if it stays inside the folder that it is relative to.
fn inside(name: &Path) -> Option<PathBuf> {
    let mut relative = PathBuf::new();
    for part in name.components() {
        match part {
            Component::Normal(part) => relative.push(part),
            Component::CurDir => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(relative)
}
