//! The published archive, read as a stream.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufRead, BufReader, Read},
    path::Path,
};

use flate2::bufread::MultiGzDecoder;
use tar::{Archive, Entry};

use super::{
    recording::Recording,
    trials::{Found, Trial},
};
use crate::events::{aedat, error::EventError, event::Sensor, labels::Labels};

const GZIP: [u8; 2] = [0x1f, 0x8b];

type Stream = Box<dyn Read>;

/// Lists and labels.
pub(super) fn list(path: &Path) -> Result<Found, EventError> {
    let mut found = Found::default();
    entries(path, |name, entry| {
        found
            .take(name, || Ok(Box::new(entry)))
            .map_err(EventError::within(format!("{}: {name}", path.display())))
    })?;
    Ok(found)
}

/// Visits the recordings of `trials`, each once.
pub(super) fn for_each<E: From<EventError>>(
    path: &Path,
    trials: &[(Trial, Labels)],
    mut visit: impl FnMut(Recording<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let mut left: BTreeMap<String, &(Trial, Labels)> =
        trials.iter().map(|trial| (trial.0.file(), trial)).collect();
    entries(path, |name, entry| {
        let Some((trial, labels)) = left.remove(name) else {
            return Ok(());
        };
        let mut events = aedat::stream(entry, Sensor::DVS128)
            .map_err(EventError::within(format!("{}: {name}", path.display())))?;
        visit(Recording { trial, labels, events: &mut events })
    })?;
    match left.into_keys().next() {
        None => Ok(()),
        Some(name) => Err(E::from(EventError::Layout {
            place: path.display().to_string(),
            problem: format!(
                "{name} was there and is not any more: the archive was changed meanwhile"
            ),
        })),
    }
}

/// Calls `visit` with the name and content of every plain file, whatever folder of the archive it is in.
fn entries<E: From<EventError>>(
    path: &Path,
    mut visit: impl FnMut(&str, &mut Entry<'_, Stream>) -> Result<(), E>,
) -> Result<(), E> {
    let damaged = |source| EventError::io("read the archive", path)(source);
    let mut archive = Archive::new(open(path)?);
    for entry in archive.entries().map_err(damaged)? {
        let mut entry = entry.map_err(damaged)?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let name = entry.path().map_err(damaged)?.into_owned();
        if let Some(name) = name.file_name().and_then(|name| name.to_str()) {
            visit(name, &mut entry)?;
        }
    }
    Ok(())
}

/// The tar stream, decompressed if it is gzip.
fn open(path: &Path) -> Result<Stream, EventError> {
    let file = File::open(path).map_err(EventError::io("open", path))?;
    let mut file = BufReader::with_capacity(1 << 18, file);
    let start = file.fill_buf().map_err(EventError::io("read", path))?;
    Ok(if start.starts_with(&GZIP) { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) })
}
