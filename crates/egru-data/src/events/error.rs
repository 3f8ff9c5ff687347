//! What can be wrong with recordings, their labels and their lists. Every message names the place and the remedy.

use std::{io, path::PathBuf};

use super::event::Sensor;

/// Why events could not be read, cut, made into frames or written.
///
/// ```
/// use egru_data::events::{EventError, Sensor, aedat};
/// let error = aedat::bytes(b"#!AER-DAT2.0\r\n", Sensor::DVS128).err().unwrap();
/// assert!(matches!(error, EventError::Format { found: "AEDAT 2.0", .. }));
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EventError {
    /// The data comes from a file or a member of an archive of this name.
    #[error("{name}: {source}")]
    In {
        /// Path or name.
        name: String,
        /// What is wrong with it.
        source: Box<EventError>,
    },
    /// The operating system refused something.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was attempted, as a verb.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// Reading from the stream failed: for compressed data this may mean that it is damaged.
    #[error("cannot read: {0}")]
    Read(io::Error),
    /// Writing to the stream failed.
    #[error("cannot write: {0}")]
    Write(io::Error),
    /// The data is in a format that is not read here.
    #[error("this is {found}, where {expected} is needed: {remedy}")]
    Format {
        /// The format recognised.
        found: &'static str,
        /// The format asked for.
        expected: &'static str,
        /// How to get the data into it.
        remedy: &'static str,
    },
    /// The text header of AEDAT 3.1 lacks something.
    #[error("the AEDAT 3.1 text header {problem}")]
    Header {
        /// What is wrong, and what should stand there.
        problem: String,
    },
    /// The data ends too early.
    #[error(
        "cut short: {part} at byte {offset} needs {needed} bytes and {found} are there; copy or record the file again"
    )]
    Truncated {
        /// What is incomplete.
        part: &'static str,
        /// Where it starts.
        offset: u64,
        /// Bytes that it needs.
        needed: u64,
        /// Bytes of it that are there.
        found: u64,
    },
    /// A packet header contradicts the format.
    #[error(
        "packet {packet} at byte {offset}: {field} = {value}, {problem}; the file is damaged here or is something else"
    )]
    Packet {
        /// Number of the packet, from 0.
        packet: u64,
        /// Where its header starts.
        offset: u64,
        /// The field of the header.
        field: &'static str,
        /// Its value.
        value: i64,
        /// What it has to be.
        problem: &'static str,
    },
    /// An event lies beside the picture.
    #[error(
        "event {event}: pixel ({x}, {y}) is outside of the {sensor} sensor; give the right sensor size, or the file is damaged"
    )]
    OutsideSensor {
        /// Number of the event, from 0.
        event: u64,
        /// Its column.
        x: u16,
        /// Its row.
        y: u16,
        /// The picture.
        sensor: Sensor,
    },
    /// A time below zero: 32 bits are stored, of which the format uses 31.
    #[error("event {event}: its timestamp is negative; the file is damaged here")]
    NegativeTime {
        /// Number of the event, from 0.
        event: u64,
    },
    /// A time that the format cannot hold, or that is below zero.
    #[error("event {event}: {field} = {value} cannot be written: {problem}")]
    Unwritable {
        /// Number of the event, from 0.
        event: u64,
        /// What does not fit.
        field: &'static str,
        /// Its value.
        value: i64,
        /// What fits.
        problem: &'static str,
    },
    /// Events are needed in the order of time.
    #[error(
        "event {index} is earlier than the one before it: put them in order first (events::in_order)"
    )]
    Unordered {
        /// Position of the event.
        index: usize,
    },
    /// A recording without events.
    #[error(
        "the recording holds no events: nothing can be learnt from it; leave it out or record it again"
    )]
    Empty,
    /// A line of a label file or list is not understood.
    #[error("line {line}: {problem}")]
    Line {
        /// Number of the line, from 1.
        line: usize,
        /// What is wrong, and what should stand there.
        problem: String,
    },
    /// Labels and recording do not share a moment.
    #[error(
        "all {labels} labels lie outside of the recording's time ({first} to {last} us): labels and recording do not belong together"
    )]
    ForeignLabels {
        /// Number of labels.
        labels: usize,
        /// Time of the first event.
        first: i64,
        /// Time of the last event.
        last: i64,
    },
    /// A folder or archive is not laid out as DVS128 Gesture is.
    #[error("{place}: {problem}")]
    Layout {
        /// The folder or archive.
        place: String,
        /// What is missing or contradictory, and what to do.
        problem: String,
    },
    /// More than is allocated at once.
    #[error("{what} would need {needed} values, more than the limit of {limit}: {remedy}")]
    TooLarge {
        /// What was asked for.
        what: &'static str,
        /// Values that it needs.
        needed: u64,
        /// Values allowed.
        limit: u64,
        /// What to change.
        remedy: &'static str,
    },
    /// A setting is outside its range.
    #[error("{field} = {value} is not usable: {problem}")]
    Setting {
        /// Name of the setting.
        field: &'static str,
        /// The value given.
        value: String,
        /// Which values work.
        problem: &'static str,
    },
}

impl EventError {
    /// For `map_err`: an I/O failure with the path and the attempted action, a verb.
    pub(crate) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }

    /// For `map_err`: says which file the error is about.
    pub fn within(name: impl ToString) -> impl FnOnce(Self) -> Self {
        let name = name.to_string();
        move |source| Self::In { name, source: Box::new(source) }
    }

    /// A value that a setting must not have.
    pub(crate) fn setting(
        field: &'static str,
        value: impl ToString,
        problem: &'static str,
    ) -> Self {
        Self::Setting { field, value: value.to_string(), problem }
    }
}
