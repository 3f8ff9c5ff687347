//! `.bs2` and the `.bin` of N-MNIST: 5 bytes an event and no header.
//!
//! An event is a big-endian word of 40 bits: x 39..32, y 31..24, polarity 23, time in microseconds 22..0. The clock
//! begins anew every 2^23 us (8.4 s): a time that falls by more than half of that is taken to have done so. In
//! recordings of at most 240 rows the row 240 is no event but N-MNIST's mark for 2^13 us to be added to all that
//! follows, as its authors' reader does.
//!
//! ```
//! use egru_data::events::{EventReader, Sensor, bs2};
//! let mut reader = bs2::bytes(&[7, 15, 0x80, 2, 142], Sensor::NMNIST)?;
//! let event = reader.read_all()?[0];
//! assert_eq!((event.x, event.y, event.polarity.bit(), event.t), (7, 15, 1, 654));
//! # Ok::<(), egru_data::events::EventError>(())
//! ```

use std::{
    fs::File,
    io::{Read, Write},
    path::Path,
};

use super::{
    error::EventError,
    event::{Event, Polarity, Sensor},
    formats::{self, LOOK},
    map::Mapped,
    reader::{Decode, Notes, RUN, Reader},
    source::{Source, Stream},
};

/// Bytes of an event.
pub const EVENT: usize = 5;

const CLOCK: i64 = 1 << 23;
const MARK_ROW: u8 = 240;
const MARK: i64 = 1 << 13;
/// As many bytes as tell a file of another format.
const SIGNATURE: usize = 12;

/// Reads a stream: a file, a pipe, an entry of an archive.
///
/// # Errors
/// [`EventError::Format`] for data that is recognised as another format, [`EventError::Read`].
pub fn stream<R: Read>(read: R, sensor: Sensor) -> Result<Reader<Bs2<Stream<R>>>, EventError> {
    Bs2::new(Stream::new(read), sensor).map(|decoder| Reader::new(decoder, sensor))
}

/// Reads the file at `path` as a stream.
///
/// # Errors
/// As [`stream`], with the path; [`EventError::Io`].
pub fn open(path: &Path, sensor: Sensor) -> Result<Reader<Bs2<Stream<File>>>, EventError> {
    let file = File::open(path).map_err(EventError::io("open", path))?;
    stream(file, sensor).map_err(EventError::within(path.display()))
}

/// Reads the file at `path` through a memory map: see [`Mapped`] for what that asks of the caller.
///
/// # Errors
/// As [`open`].
pub fn map(path: &Path, sensor: Sensor) -> Result<Reader<Bs2<Mapped>>, EventError> {
    let decoder = Bs2::new(Mapped::open(path)?, sensor);
    Ok(Reader::new(decoder.map_err(EventError::within(path.display()))?, sensor))
}

/// Reads what is in memory.
///
/// # Errors
/// As [`stream`].
pub fn bytes(file: &[u8], sensor: Sensor) -> Result<Reader<Bs2<&[u8]>>, EventError> {
    Bs2::new(file, sensor).map(|decoder| Reader::new(decoder, sensor))
}

/// Decodes `.bs2`.
#[derive(Debug)]
pub struct Bs2<S> {
    source: S,
    /// Whether row 240 is a mark.
    marks: bool,
    /// Bytes taken.
    offset: u64,
    /// Added to the times for wraps and marks.
    high: i64,
    /// The time of the last event, as it stands in the file.
    last: i64,
}

impl<S: Source> Bs2<S> {
    fn new(mut source: S, sensor: Sensor) -> Result<Self, EventError> {
        if formats::recognise(source.ahead(SIGNATURE)?).is_some() {
            formats::refuse_others(source.ahead(LOOK)?, ".bs2 (5 bytes an event)")?;
        }
        let marks = sensor.height <= u16::from(MARK_ROW);
        Ok(Self { source, marks, offset: 0, high: 0, last: 0 })
    }
}

impl<S: Source> Decode for Bs2<S> {
    fn decode(&mut self, events: &mut Vec<Event>, notes: &mut Notes) -> Result<(), EventError> {
        let start = events.len();
        // A run of nothing but marks is not the end.
        while events.len() == start {
            let bytes = self.source.ahead(EVENT)?;
            if bytes.is_empty() {
                return Ok(());
            }
            let words = bytes.as_chunks::<EVENT>().0;
            let words = &words[..words.len().min(RUN)];
            if words.is_empty() {
                let (offset, found) = (self.offset, bytes.len() as u64);
                return Err(EventError::Truncated { part: "an event", offset, needed: 5, found });
            }
            events.reserve(words.len());
            for &[x, y, a, b, c] in words {
                if y == MARK_ROW && self.marks {
                    self.high += MARK;
                    notes.overflow_marks += 1;
                    continue;
                }
                let t = i64::from(u32::from_be_bytes([0, a & 0x7f, b, c]));
                if self.last - t > CLOCK / 2 {
                    self.high += CLOCK;
                    notes.wraps += 1;
                }
                self.last = t;
                events.push(Event::new(
                    self.high + t,
                    x.into(),
                    y.into(),
                    Polarity::from_bit(a >> 7 == 1),
                ));
            }
            let taken = words.len() * EVENT;
            self.source.take(taken);
            self.offset += taken as u64;
        }
        Ok(())
    }
}

/// Writes `events` in this format; times keep their low 23 bits.
///
/// # Errors
/// [`EventError::Unwritable`] for a column above 255, a row above 239 (240 is the mark) or a negative time;
/// [`EventError::Write`].
pub fn write(events: &[Event], mut out: impl Write) -> Result<(), EventError> {
    for (number, event) in events.iter().enumerate() {
        let unfit = |field, value, problem| {
            Err(EventError::Unwritable { event: number as u64, field, value, problem })
        };
        let Ok(x) = u8::try_from(event.x) else {
            return unfit("x", event.x.into(), "a column has 8 bits");
        };
        let Some(y) = u8::try_from(event.y).ok().filter(|&y| y < MARK_ROW) else {
            return unfit("y", event.y.into(), "rows are 0 to 239, since 240 marks an overflow");
        };
        if event.t < 0 {
            return unfit("t", event.t, "times start at 0");
        }
        let [.., a, b, c] = (event.t % CLOCK).to_be_bytes();
        out.write_all(&[x, y, event.polarity.bit() << 7 | a, b, c]).map_err(EventError::Write)?;
    }
    Ok(())
}
