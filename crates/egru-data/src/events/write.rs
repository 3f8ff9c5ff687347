//! Writing recordings as DVS128 Gesture has them: AEDAT 3.1 files, label files, lists of trials.
//!
//! ```
//! use egru_data::events::{Event, Polarity, labels::Label, write};
//! let mut writer = write::AedatWriter::new(Vec::new(), "a simulated camera")?;
//! writer.write(&[Event::new(5, 1, 2, Polarity::On)])?;
//! assert!(writer.finish()?.starts_with(b"#!AER-DAT3.1\r\n"));
//!
//! let mut labels = Vec::new();
//! write::labels(&mut labels, &[Label { class: 3, start: 0, end: 10 }])?;
//! assert_eq!(labels, b"class,startTime_usec,endTime_usec\n3,0,10\n");
//!
//! let mut list = Vec::new();
//! write::list(&mut list, ["user01_led"])?;
//! assert_eq!(list, b"user01_led.aedat\n");
//! # Ok::<(), egru_data::events::EventError>(())
//! ```

use std::io::Write;

use super::{
    aedat::{EVENT, OVERFLOW_SHIFT, PACKET_HEADER, POLARITY},
    error::EventError,
    event::{Event, Sensor},
    labels::{HEADER, Label},
};

/// Events of a packet, at most.
const PACKET: usize = 4096;

/// Writes events to an AEDAT 3.1 file. The same events give the same bytes: the start time in the header is fixed.
#[derive(Debug)]
pub struct AedatWriter<W> {
    out: W,
    /// A packet: its header, which is filled in at last, and its events.
    packet: Vec<u8>,
    /// The part of the time that stands in the packet's header.
    overflow: i32,
    valid: i32,
    written: u64,
}

impl<W: Write> AedatWriter<W> {
    /// Starts a file of one source, `device`.
    ///
    /// # Errors
    /// [`EventError::Write`]; [`EventError::Setting`] for a name of more than one line.
    pub fn new(mut out: W, device: &str) -> Result<Self, EventError> {
        if device.contains(['\r', '\n']) {
            return Err(EventError::setting("device", device.escape_debug(), "a name is one line"));
        }
        let header = format!(
            "#!AER-DAT3.1\r\n#Format: RAW\r\n#Source 1: {device}\r\n#Start-Time: 2000-01-01 00:00:00 (TZ+0000)\r\n#!END-HEADER\r\n"
        );
        out.write_all(header.as_bytes()).map_err(EventError::Write)?;
        let packet = vec![0; PACKET_HEADER];
        Ok(Self { out, packet, overflow: 0, valid: 0, written: 0 })
    }

    /// Writes events, with their valid marks, in the order given. Some wait for [`finish`](Self::finish).
    ///
    /// # Errors
    /// [`EventError::Unwritable`] for a negative time, one of 2^62 us and more, or a pixel above 32,767;
    /// [`EventError::Write`].
    pub fn write(&mut self, events: &[Event]) -> Result<(), EventError> {
        for event in events {
            let &Event { t, x, y, polarity, valid } = event;
            let unfit = |field, value, problem| {
                Err(EventError::Unwritable { event: self.written, field, value, problem })
            };
            let (Ok(overflow), false) = (i32::try_from(t >> OVERFLOW_SHIFT), t < 0) else {
                return unfit("t", t, "times are 0 to 2^62 - 1 us");
            };
            for (field, value) in [("x", x), ("y", y)] {
                if value >= Sensor::AEDAT_LIMIT.width {
                    return unfit(field, value.into(), "pixels are 0 to 32767");
                }
            }
            if self.overflow != overflow {
                self.end_packet()?;
                self.overflow = overflow;
            }
            let data = u32::from(x) << 17
                | u32::from(y) << 2
                | u32::from(polarity.bit()) << 1
                | u32::from(valid);
            self.packet.extend(data.to_le_bytes());
            self.packet.extend((t as u32 & i32::MAX as u32).to_le_bytes());
            self.valid += i32::from(valid);
            self.written += 1;
            if self.packet.len() == PACKET_HEADER + PACKET * EVENT {
                self.end_packet()?;
            }
        }
        Ok(())
    }

    /// Writes what is left, and gives back what was written to.
    ///
    /// # Errors
    /// [`EventError::Write`].
    pub fn finish(mut self) -> Result<W, EventError> {
        self.end_packet()?;
        self.out.flush().map_err(EventError::Write)?;
        Ok(self.out)
    }

    fn end_packet(&mut self) -> Result<(), EventError> {
        let number = ((self.packet.len() - PACKET_HEADER) / EVENT) as i32;
        if number == 0 {
            return Ok(());
        }
        let mut header = Vec::with_capacity(PACKET_HEADER);
        // The type, and the source that the text header names.
        header.extend([POLARITY, 1].iter().flat_map(|word| word.to_le_bytes()));
        let words = [EVENT as i32, 4, self.overflow, number, number, self.valid];
        header.extend(words.iter().flat_map(|word| word.to_le_bytes()));
        self.packet[..PACKET_HEADER].copy_from_slice(&header);
        self.out.write_all(&self.packet).map_err(EventError::Write)?;
        self.packet.truncate(PACKET_HEADER);
        self.valid = 0;
        Ok(())
    }
}

/// Writes a label file (`userNN_LIGHT_labels.csv`).
///
/// # Errors
/// [`EventError::Write`].
pub fn labels(mut out: impl Write, labels: &[Label]) -> Result<(), EventError> {
    let mut text = format!("{HEADER}\n");
    for Label { class, start, end } in labels {
        text += &format!("{class},{start},{end}\n");
    }
    out.write_all(text.as_bytes()).map_err(EventError::Write)
}

/// Writes a list of recordings (`trials_to_train.txt`, `trials_to_test.txt`) from names such as `user01_led`.
///
/// # Errors
/// [`EventError::Write`].
pub fn list<'a>(
    mut out: impl Write,
    names: impl IntoIterator<Item = &'a str>,
) -> Result<(), EventError> {
    let text: String = names.into_iter().map(|name| format!("{name}.aedat\n")).collect();
    out.write_all(text.as_bytes()).map_err(EventError::Write)
}
