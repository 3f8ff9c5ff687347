//! Events as text: CSV or one JSON object a line, with the fields `timestamp_us,x,y,polarity`.
//!
//! ```
//! use egru_data::events::{Event, Polarity, text::{Format, TextWriter}};
//! let mut csv = TextWriter::new(Vec::new(), Format::Csv)?;
//! csv.write(&[Event::new(10, 3, 4, Polarity::On)])?;
//! assert_eq!(csv.finish()?, b"timestamp_us,x,y,polarity\n10,3,4,1\n");
//!
//! let mut json = TextWriter::new(Vec::new(), Format::Json)?;
//! json.write(&[Event::new(10, 3, 4, Polarity::Off)])?;
//! assert_eq!(json.finish()?, b"{\"timestamp_us\":10,\"x\":3,\"y\":4,\"polarity\":0}\n");
//! # Ok::<(), egru_data::events::EventError>(())
//! ```

use std::io::Write;

use serde::{Deserialize, Serialize};

use super::{error::EventError, event::Event};

/// The kind of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// A line of names, then a line of numbers an event.
    #[default]
    Csv,
    /// An object a line.
    Json,
}

/// Writes events as text, in large pieces.
#[derive(Debug)]
pub struct TextWriter<W> {
    out: W,
    format: Format,
    text: Vec<u8>,
}

/// Text gathered before it is passed on.
const PIECE: usize = 64 << 10;

impl<W: Write> TextWriter<W> {
    /// Starts with the line of names, for CSV.
    ///
    /// # Errors
    /// [`EventError::Write`].
    pub fn new(mut out: W, format: Format) -> Result<Self, EventError> {
        if format == Format::Csv {
            out.write_all(b"timestamp_us,x,y,polarity\n").map_err(EventError::Write)?;
        }
        Ok(Self { out, format, text: Vec::new() })
    }

    /// Writes events. Some may wait for [`flush`](Self::flush) or [`finish`](Self::finish).
    ///
    /// # Errors
    /// [`EventError::Write`].
    pub fn write(&mut self, events: &[Event]) -> Result<(), EventError> {
        for event in events {
            let (t, x, y, polarity) = (event.t, event.x, event.y, event.polarity.bit());
            let text = &mut self.text;
            match self.format {
                Format::Csv => writeln!(text, "{t},{x},{y},{polarity}"),
                Format::Json => writeln!(
                    text,
                    "{{\"timestamp_us\":{t},\"x\":{x},\"y\":{y},\"polarity\":{polarity}}}"
                ),
            }
            .map_err(EventError::Write)?;
            if self.text.len() >= PIECE {
                self.pass_on()?;
            }
        }
        Ok(())
    }

    /// Passes on all that was written, down to the system.
    ///
    /// # Errors
    /// [`EventError::Write`].
    pub fn flush(&mut self) -> Result<(), EventError> {
        self.pass_on()?;
        self.out.flush().map_err(EventError::Write)
    }

    /// Flushes, and gives back what was written to.
    ///
    /// # Errors
    /// [`EventError::Write`].
    pub fn finish(mut self) -> Result<W, EventError> {
        self.flush()?;
        Ok(self.out)
    }

    fn pass_on(&mut self) -> Result<(), EventError> {
        self.out.write_all(&self.text).map_err(EventError::Write)?;
        self.text.clear();
        Ok(())
    }
}
