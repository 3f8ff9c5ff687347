//! AEDAT 3.1, the format of the DVS128 Gesture recordings.
//!
//! A text header ends with `#!END-HEADER`; packets follow, each a header of 28 bytes and its events. A polarity
//! event is 8 bytes: pixel, polarity and valid mark, and 31 bits of time, to which the packet header adds more.
//! Packets of other types are skipped by their length. All integers are little-endian.
//!
//! ```
//! use egru_data::events::{Event, EventReader, Polarity, Sensor, aedat, write::AedatWriter};
//! let mut writer = AedatWriter::new(Vec::new(), "an example")?;
//! writer.write(&[Event::new(5, 1, 2, Polarity::On), Event::new(1 << 40, 3, 4, Polarity::Off)])?;
//! let file = writer.finish()?;
//!
//! let mut reader = aedat::bytes(&file, Sensor::DVS128)?;
//! for event in &mut reader {
//!     println!("{:?}", event?);
//! }
//! assert_eq!(reader.notes().events, 2);
//! # Ok::<(), egru_data::events::EventError>(())
//! ```

mod packet;

use std::{fs::File, io::Read, path::Path};

pub use packet::{EVENT, OVERFLOW_SHIFT, PACKET_HEADER, POLARITY};
use packet::{Packet, event};

use super::{
    error::EventError,
    event::{Event, Sensor},
    formats::{self, AEDAT31, LOOK},
    map::Mapped,
    reader::{Decode, Notes, RUN, Reader},
    source::{Source, Stream},
};

/// The longest text header that is read.
const MAX_HEADER: usize = 64 << 10;

/// Reads a stream: a file, a pipe, an entry of an archive.
///
/// # Errors
/// [`EventError::Format`] for another format, [`EventError::Header`], [`EventError::Truncated`],
/// [`EventError::Read`].
pub fn stream<R: Read>(read: R, sensor: Sensor) -> Result<Reader<Aedat<Stream<R>>>, EventError> {
    Aedat::new(Stream::new(read)).map(|decoder| Reader::new(decoder, sensor))
}

/// Reads the file at `path` as a stream.
///
/// # Errors
/// As [`stream`], with the path; [`EventError::Io`].
pub fn open(path: &Path, sensor: Sensor) -> Result<Reader<Aedat<Stream<File>>>, EventError> {
    let file = File::open(path).map_err(EventError::io("open", path))?;
    stream(file, sensor).map_err(EventError::within(path.display()))
}

/// Reads the file at `path` through a memory map: see [`Mapped`] for what that asks of the caller.
///
/// # Errors
/// As [`open`].
pub fn map(path: &Path, sensor: Sensor) -> Result<Reader<Aedat<Mapped>>, EventError> {
    let decoder = Aedat::new(Mapped::open(path)?).map_err(EventError::within(path.display()))?;
    Ok(Reader::new(decoder, sensor))
}

/// Reads what is in memory.
///
/// # Errors
/// As [`stream`].
pub fn bytes(file: &[u8], sensor: Sensor) -> Result<Reader<Aedat<&[u8]>>, EventError> {
    Aedat::new(file).map(|decoder| Reader::new(decoder, sensor))
}

/// What the text header says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Header {
    /// The devices, such as `1: DVS128`, without those of earlier recordings (`#-Source`).
    pub sources: Vec<String>,
    /// When the recording began, as it is written.
    pub start_time: Option<String>,
}

/// Decodes AEDAT 3.1. All event sources of a file are read as one.
#[derive(Debug)]
pub struct Aedat<S> {
    source: S,
    header: Header,
    /// Bytes taken.
    offset: u64,
    /// Packet headers taken.
    packets: u64,
    /// Events of the packet that are still to come.
    left: usize,
    /// Bytes of each.
    stride: usize,
    /// Where an event's time stands.
    stamp: usize,
    /// The packet's part of the time.
    high: i64,
}

impl<S: Source> Aedat<S> {
    fn new(source: S) -> Result<Self, EventError> {
        let mut aedat = Self {
            source,
            header: Header::default(),
            offset: 0,
            packets: 0,
            left: 0,
            stride: EVENT,
            stamp: 4,
            high: 0,
        };
        aedat.read_header()?;
        Ok(aedat)
    }

    /// The text header.
    pub fn header(&self) -> &Header {
        &self.header
    }

    fn take(&mut self, count: usize) {
        self.source.take(count);
        self.offset += count as u64;
    }

    fn read_header(&mut self) -> Result<(), EventError> {
        let start = self.source.ahead(AEDAT31.len())?;
        if start.len() < AEDAT31.len() && AEDAT31.starts_with(start) {
            let (needed, found) = (AEDAT31.len() as u64, start.len() as u64);
            return Err(EventError::Truncated {
                part: "the text header",
                offset: 0,
                needed,
                found,
            });
        }
        if !start.starts_with(AEDAT31) {
            formats::refuse_others(self.source.ahead(LOOK)?, "AEDAT 3.1")?;
            let problem = "is missing: the file has to start with `#!AER-DAT3.1`".into();
            return Err(EventError::Header { problem });
        }
        loop {
            let line = self.line()?;
            let says = |name: &str| line.strip_prefix(name).map(|rest| rest.trim().to_owned());
            if line == "#!END-HEADER" {
                return Ok(());
            } else if !line.starts_with('#') {
                let problem =
                    "has a line that does not begin with `#`, before `#!END-HEADER`".into();
                return Err(EventError::Header { problem });
            } else if let Some(format) = says("#Format:").filter(|format| format != "RAW") {
                let problem = format!(
                    "announces the encoding `{format}`, where RAW is needed: save the recording again without compression"
                );
                return Err(EventError::Header { problem });
            } else if let Some(source) = says("#Source") {
                self.header.sources.push(source);
            } else if let Some(time) = says("#Start-Time:") {
                self.header.start_time = Some(time);
            }
        }
    }

    /// The next line of the header, without its end.
    fn line(&mut self) -> Result<String, EventError> {
        let mut length = 0;
        loop {
            let bytes = self.source.ahead(length + 1)?;
            if bytes.len() <= length {
                let (needed, found) = (length as u64 + 1, length as u64);
                let (part, offset) = ("a line of the text header", self.offset);
                return Err(EventError::Truncated { part, offset, needed, found });
            }
            if let Some(end) = bytes[length..].iter().position(|&byte| byte == b'\n') {
                length += end;
                break;
            }
            length = bytes.len();
            self.bounded(length)?;
        }
        self.bounded(length)?;
        let line = String::from_utf8_lossy(&self.source.ahead(length)?[..length]);
        let line = line.trim_end().to_owned();
        self.take(length + 1);
        Ok(line)
    }

    /// Refuses a header that does not end.
    fn bounded(&self, length: usize) -> Result<(), EventError> {
        if self.offset as usize + length <= MAX_HEADER {
            return Ok(());
        }
        let problem = format!("goes on for more than {MAX_HEADER} bytes without `#!END-HEADER`");
        Err(EventError::Header { problem })
    }

    /// Takes packet headers, and the packets of other types, up to polarity events. False at the end.
    fn next_packet(&mut self, notes: &mut Notes) -> Result<bool, EventError> {
        while self.left == 0 {
            let (offset, bytes) = (self.offset, self.source.ahead(PACKET_HEADER)?);
            if bytes.is_empty() {
                return Ok(false);
            }
            let Some(bytes) = bytes.first_chunk::<PACKET_HEADER>() else {
                let (needed, found) = (PACKET_HEADER as u64, bytes.len() as u64);
                return Err(EventError::Truncated {
                    part: "a packet header",
                    offset,
                    needed,
                    found,
                });
            };
            let packet = Packet::parse(bytes);
            packet.check(self.packets, offset)?;
            self.take(PACKET_HEADER);
            self.packets += 1;
            if packet.kind != POLARITY {
                notes.skipped_packets += 1;
                self.skip(packet.size as u64 * packet.number as u64)?;
                continue;
            }
            notes.uneven_packets += u64::from(packet.capacity != packet.number);
            notes.contradictory_packets += u64::from(packet.valid > packet.number);
            self.left = packet.number as usize;
            self.stride = packet.size as usize;
            self.stamp = packet.stamp as usize;
            self.high = i64::from(packet.overflow) << OVERFLOW_SHIFT;
        }
        Ok(true)
    }

    fn skip(&mut self, length: u64) -> Result<(), EventError> {
        let (offset, mut left) = (self.offset, length);
        while left > 0 {
            let ahead = self.source.ahead(1)?.len();
            if ahead == 0 {
                let (part, found) = ("a packet of another type", length - left);
                return Err(EventError::Truncated { part, offset, needed: length, found });
            }
            let count = usize::try_from(left).unwrap_or(usize::MAX).min(ahead);
            self.take(count);
            left -= count as u64;
        }
        Ok(())
    }
}

impl<S: Source> Decode for Aedat<S> {
    fn decode(&mut self, events: &mut Vec<Event>, notes: &mut Notes) -> Result<(), EventError> {
        if !self.next_packet(notes)? {
            return Ok(());
        }
        let (stride, stamp, high) = (self.stride, self.stamp, self.high);
        let bytes = self.source.ahead(stride)?;
        let count = (bytes.len() / stride).min(self.left).min(RUN);
        if count == 0 {
            let (offset, found) = (self.offset, bytes.len() as u64);
            return Err(EventError::Truncated {
                part: "an event",
                offset,
                needed: stride as u64,
                found,
            });
        }
        let bytes = &bytes[..count * stride];
        if (stride, stamp) == (EVENT, 4) {
            // The one that all files have, with its size known to the compiler.
            events.extend(bytes.as_chunks::<EVENT>().0.iter().map(|&[a, b, c, d, e, f, g, h]| {
                event(u32::from_le_bytes([a, b, c, d]), i32::from_le_bytes([e, f, g, h]), high)
            }));
        } else {
            events.extend(bytes.chunks_exact(stride).map(|bytes| {
                let word = |at: usize| std::array::from_fn(|byte| bytes[at + byte]);
                event(u32::from_le_bytes(word(0)), i32::from_le_bytes(word(stamp)), high)
            }));
        }
        self.take(count * stride);
        self.left -= count;
        Ok(())
    }
}
