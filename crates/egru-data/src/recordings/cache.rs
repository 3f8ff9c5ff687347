//! Slices of recordings, prepared once and kept on disk.
//!
//! A file is named by what it was made of: every setting that decides about its content and the checksums of its sources. It is
//! written under another name, synced and renamed, so that two processes may write it at once; one that is broken in
//! any byte is written anew. While it is used, only the slices asked for are in memory.
//!
//! Layout, little-endian: mark, key (32 bytes), the events of each slice, the index ([`SliceInfo`]s), notes (UTF-8), and at the end where
//! the index starts, its length, the length of the notes, the checksum of both, a second mark.

use std::{
    fs::{self, File},
    io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write},
    ops::Range,
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use flate2::Crc;
use sha2::{Digest, Sha256};

use super::codec;
use crate::{
    error::DataError,
    events::{Event, Sensor},
};

const MARK: [u8; 8] = *b"EGRUSL01";
const END: [u8; 4] = *b"END.";
const KEY: usize = 32;
const INFO: usize = 52;
const FOOTER: usize = 32;

/// A part of a recording that is one sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SliceInfo {
    /// Which recording: slices of one are voted on together.
    pub group: u32,
    pub class: u32,
    pub user: u32,
    /// Which list it comes from: 0 to train on, 1 to test on.
    pub part: u32,
    /// Microseconds.
    pub duration: i64,
    events: u64,
    offset: u64,
    bytes: u64,
    crc: u32,
}

/// What is known of a slice before it is written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SliceOf {
    pub group: u32,
    pub class: u32,
    pub user: u32,
    pub part: u32,
}

/// A file of slices, open.
#[derive(Debug)]
pub(crate) struct SliceCache {
    path: PathBuf,
    file: Mutex<File>,
    sensor: Sensor,
    infos: Vec<SliceInfo>,
    notes: Vec<String>,
}

/// Writes a file of slices.
pub(crate) struct SliceWriter {
    path: PathBuf,
    out: BufWriter<File>,
    sensor: Sensor,
    infos: Vec<SliceInfo>,
    notes: Vec<String>,
    position: u64,
    buffer: Vec<u8>,
}

/// The folder of cached slices: `EGRU_CACHE`, or `egru` in the user's folder of caches.
pub(crate) fn folder() -> PathBuf {
    let named = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let of_user = || {
        let caches = named("XDG_CACHE_HOME").map(PathBuf::from);
        caches.or_else(|| Some(PathBuf::from(named("HOME")?).join(".cache")))
    };
    match named("EGRU_CACHE") {
        Some(folder) => folder.into(),
        None => of_user().unwrap_or_else(std::env::temp_dir).join("egru"),
    }
}

/// Opens the slices in `folder` that were made of what `key` says, or has `build` make them.
pub(crate) fn open_or_build(
    folder: &Path,
    name: &str,
    key: &str,
    sensor: Sensor,
    build: impl FnOnce(&mut SliceWriter) -> Result<(), DataError>,
) -> Result<SliceCache, DataError> {
    let key: [u8; KEY] = Sha256::digest(format!("{sensor}\n{key}")).into();
    let short: String = key[..10].iter().map(|byte| format!("{byte:02x}")).collect();
    let path = folder.join(format!("{name}-{short}.slices"));
    match SliceCache::open(&path, &key, sensor) {
        Ok(cache) => return Ok(cache),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => log::info!("{} is made anew: {error}", path.display()),
    }
    fs::create_dir_all(folder).map_err(failed(folder))?;
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let part = folder.join(format!("{name}-{short}.{}-{number}.part", std::process::id()));
    let built = SliceWriter::create(&part, &key, sensor).and_then(|mut writer| {
        build(&mut writer)?;
        writer.finish()
    });
    let placed = built.and_then(|()| fs::rename(&part, &path).map_err(failed(&path)));
    if let Err(error) = placed {
        // What went wrong is worth telling, not what follows from it.
        let _ = fs::remove_file(&part);
        return Err(error);
    }
    SliceCache::open(&path, &key, sensor).map_err(failed(&path))
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> DataError {
    let path = path.to_path_buf();
    move |source| DataError::Cache { path, source }
}

fn damaged(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

impl SliceWriter {
    fn create(path: &Path, key: &[u8; KEY], sensor: Sensor) -> Result<Self, DataError> {
        let start = || {
            let mut out = BufWriter::new(File::create(path)?);
            out.write_all(&MARK)?;
            out.write_all(key)?;
            Ok(out)
        };
        Ok(Self {
            out: start().map_err(failed(path))?,
            path: path.to_path_buf(),
            sensor,
            infos: Vec::new(),
            notes: Vec::new(),
            position: (MARK.len() + KEY) as u64,
            buffer: Vec::new(),
        })
    }

    /// Adds a slice: `events`, which are in order, within `span`.
    pub fn add(
        &mut self,
        of: SliceOf,
        span: Range<i64>,
        events: &[Event],
    ) -> Result<(), DataError> {
        self.buffer.clear();
        codec::encode(events, span.start, self.sensor, &mut self.buffer);
        let SliceOf { group, class, user, part } = of;
        let bytes = self.buffer.len() as u64;
        self.infos.push(SliceInfo {
            group,
            class,
            user,
            part,
            duration: span.end - span.start,
            events: events.len() as u64,
            offset: self.position,
            bytes,
            crc: crc(&self.buffer),
        });
        self.position += bytes;
        self.out.write_all(&self.buffer).map_err(failed(&self.path))
    }

    /// Keeps a sentence that a person should know.
    pub fn note(&mut self, text: String) {
        self.notes.push(text);
    }

    fn finish(mut self) -> Result<(), DataError> {
        let mut end: Vec<u8> = self.infos.iter().flat_map(|info| info.to_bytes()).collect();
        let (start, notes) = (self.position, self.notes.join("\n"));
        end.extend(notes.as_bytes());
        let crc = crc(&end);
        for number in [start, self.infos.len() as u64, notes.len() as u64] {
            end.extend(number.to_le_bytes());
        }
        end.extend(crc.to_le_bytes());
        end.extend(END);
        let mut write = || {
            self.out.write_all(&end)?;
            self.out.flush()?;
            self.out.get_ref().sync_all()
        };
        write().map_err(failed(&self.path))
    }
}

impl SliceInfo {
    fn to_bytes(self) -> Vec<u8> {
        let Self { group, class, user, part, duration, events, offset, bytes, crc } = self;
        let small = [group, class, user, part].map(u32::to_le_bytes).concat();
        let large = [duration as u64, events, offset, bytes].map(u64::to_le_bytes).concat();
        [small, large, crc.to_le_bytes().to_vec()].concat()
    }

    fn from_bytes(bytes: &[u8; INFO]) -> Self {
        let small = |at| u32::from_le_bytes(std::array::from_fn(|i| bytes[at + i]));
        let large = |at| u64::from_le_bytes(std::array::from_fn(|i| bytes[at + i]));
        Self {
            group: small(0),
            class: small(4),
            user: small(8),
            part: small(12),
            duration: large(16) as i64,
            events: large(24),
            offset: large(32),
            bytes: large(40),
            crc: small(48),
        }
    }
}

impl SliceCache {
    /// Opens a file of slices that was made of `key`, and compares all of it with its checksums.
    fn open(path: &Path, key: &[u8; KEY], sensor: Sensor) -> io::Result<Self> {
        let mut file = BufReader::with_capacity(1 << 18, File::open(path)?);
        let length = file.get_ref().metadata()?.len();
        let mut head = [0; MARK.len() + KEY];
        file.read_exact(&mut head)?;
        if head[..MARK.len()] != MARK || head[MARK.len()..] != key[..] {
            return Err(damaged("it is something else"));
        }
        let footer_at = length.checked_sub(FOOTER as u64).ok_or_else(|| damaged("it is cut"))?;
        let mut footer = [0; FOOTER];
        file.seek(SeekFrom::Start(footer_at))?;
        file.read_exact(&mut footer)?;
        let number = |at: usize| u64::from_le_bytes(std::array::from_fn(|i| footer[at + i]));
        let [start, count, notes] = [number(0), number(8), number(16)];
        let index = count.checked_mul(INFO as u64).filter(|index| {
            start.checked_add(*index).and_then(|end| end.checked_add(notes)) == Some(footer_at)
        });
        let (true, Some(index)) = (footer[28..] == END, index) else {
            return Err(damaged("its end is missing"));
        };
        let mut end = vec![0; (index + notes) as usize];
        file.seek(SeekFrom::Start(start))?;
        file.read_exact(&mut end)?;
        if crc(&end).to_le_bytes() != footer[24..28] {
            return Err(damaged("its index is not as it was written"));
        }
        let (index, notes) = end.split_at(index as usize);
        let infos = index.as_chunks::<INFO>().0.iter().map(SliceInfo::from_bytes).collect();
        let notes = String::from_utf8_lossy(notes).lines().map(str::to_owned).collect();
        let cache =
            Self { path: path.into(), file: Mutex::new(file.into_inner()), sensor, infos, notes };
        let mut position = head.len() as u64;
        for (number, info) in cache.infos.iter().enumerate() {
            if info.offset != position || info.bytes > start - position || info.duration < 0 {
                return Err(damaged("its index contradicts itself"));
            }
            position += info.bytes;
            cache.events(number)?;
        }
        Ok(cache)
    }

    /// What there is, in the order in which it was added.
    pub fn infos(&self) -> &[SliceInfo] {
        &self.infos
    }

    /// What was said while it was made.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    pub fn sensor(&self) -> Sensor {
        self.sensor
    }

    /// The events of a slice, in times from 0.
    pub fn read(&self, number: usize) -> Result<Vec<Event>, DataError> {
        self.events(number).map_err(failed(&self.path))
    }

    fn events(&self, number: usize) -> io::Result<Vec<Event>> {
        let info = &self.infos[number];
        let mut bytes = vec![0; info.bytes as usize];
        {
            let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
            file.seek(SeekFrom::Start(info.offset))?;
            file.read_exact(&mut bytes)?;
        }
        let whole = (crc(&bytes) == info.crc).then_some(&bytes);
        whole.and_then(|bytes| codec::decode(bytes, info.events, self.sensor)).ok_or_else(|| {
            damaged("a slice is not as it was written; start again, and it is made anew")
        })
    }
}

fn crc(bytes: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum()
}

#[cfg(test)]
mod tests;
