//! Unpacking a `.tar.gz` that is not trusted.

use std::{
    collections::{BTreeSet, HashSet},
    fs::{self, File},
    io::{self, BufReader, Read, Write},
    path::{Component, Path, PathBuf},
};

use flate2::bufread::MultiGzDecoder;
use tar::{Archive, EntryType};

use super::{
    durable::{create_folders, sync_folder},
    error::FetchError,
    hash::sha256_of,
};

/// The file that is written last into an unpacked folder: the SHA-256 of the archive.
const MARK: &str = ".unpacked";

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

/// Unpacks `archive` to become the folder `into`, all of it or none, also over a power cut: the
/// folder is only what the archive holds if [`unpacked_from`] says so. An existing `into` is
/// replaced. Only plain files and folders are taken: an absolute path, a `..`, a link or anything
/// special refuses the whole archive, and so does holding more than `limits`.
///
/// # Errors
/// [`FetchError::Archive`] says what was refused; [`FetchError::Io`] for the file system.
pub fn unpack_tar_gz(archive: &Path, into: &Path, limits: Limits) -> Result<(), FetchError> {
    // The new folder grows beside its final place, so that renaming it is one step.
    let mut name = into.file_name().unwrap_or_default().to_os_string();
    name.push(".unpacking");
    let partial = into.with_file_name(name);
    remove(&partial)?;
    create_folders(&partial)?;
    let grown = unpack_into(archive, &partial, limits).and_then(|()| mark(archive, &partial));
    if let Err(error) = grown {
        remove(&partial)?;
        return Err(error);
    }
    remove(into)?;
    fs::rename(&partial, into).map_err(FetchError::io("rename to", into))?;
    sync_folder(into.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new(".")))
}

/// The SHA-256 of the archive that `folder` was unpacked from, if it was unpacked to the end.
/// A folder without this mark may be half of anything.
pub fn unpacked_from(folder: &Path) -> Option<String> {
    let mark = fs::read_to_string(folder.join(MARK)).ok()?;
    let sha256 = mark.trim_end();
    let whole = sha256.len() == 64 && sha256.bytes().all(|byte| byte.is_ascii_hexdigit());
    whole.then(|| sha256.to_owned())
}

/// Writes the mark. All else in `folder` is on disk.
fn mark(archive: &Path, folder: &Path) -> Result<(), FetchError> {
    let (sha256, _) = sha256_of(archive)?;
    let path = folder.join(MARK);
    let write = || -> io::Result<()> {
        let mut file = File::create_new(&path)?;
        writeln!(file, "{sha256}")?;
        file.sync_all()
    };
    write().map_err(FetchError::io("write", &path))?;
    sync_folder(folder)
}

fn remove(folder: &Path) -> Result<(), FetchError> {
    let gone = |result: io::Result<()>| match result {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(FetchError::io("remove", folder)(error))
        }
        _ => Ok(()),
    };
    // The mark goes first: what is left by a power cut now must not pass for the whole.
    if unpacked_from(folder).is_some() {
        gone(fs::remove_file(folder.join(MARK)))?;
        sync_folder(folder)?;
    }
    gone(fs::remove_dir_all(folder))
}

/// Every file and folder is on disk when this returns.
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
    let mut folders = BTreeSet::from([folder.to_path_buf()]);
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
        if relative == Path::new(MARK) {
            return Err(refuse(format!("holds `{MARK}`, which marks a folder as complete")));
        }
        let path = folder.join(relative);
        match kind {
            EntryType::Directory => {
                fs::create_dir_all(&path).map_err(FetchError::io("create", &path))?;
                folders.extend(up_to(folder, &path));
            }
            EntryType::Regular | EntryType::Continuous => {
                if !seen.insert(path.clone()) {
                    return Err(refuse(format!("holds `{}` twice", name.display())));
                }
                if let Some(parent) = path.parent() {
                    fs::create_dir_all(parent).map_err(FetchError::io("create", parent))?;
                    folders.extend(up_to(folder, parent));
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
                out.sync_all().map_err(FetchError::io("write", &path))?;
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
            Ok(0) if rest.limit() > 0 => break,
            Ok(0) => return Err(refuse(format!("decompresses to more than {stream_limit} bytes"))),
            Ok(_) => {}
            Err(error) => return Err(damaged(error)),
        }
    }
    folders.iter().try_for_each(|folder| sync_folder(folder))
}

/// `path` and the folders above it that are inside `folder`.
fn up_to(folder: &Path, path: &Path) -> impl Iterator<Item = PathBuf> {
    path.ancestors().take_while(move |above| *above != folder).map(Path::to_path_buf)
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
