//! Event cameras: recordings read, written, cut into parts, made into frames, and changed for training.
//!
//! A camera reports changes of light as [`Event`]s: pixel, polarity and time. [`open`] reads a file of any format
//! that is known here; the modules [`aedat`] and [`bs2`] read streams, memory and memory maps. Readers keep a bounded
//! number of events at a time, whatever a file claims; what is odd and yet readable they count in [`Notes`].
//!
//! ```
//! use egru_data::events::{Event, Polarity, Sensor, aedat, frames, slice, write::AedatWriter, EventReader};
//! let moving = |t: u16| Event::new(i64::from(t) * 1_000, t, 64, Polarity::On);
//! let mut writer = AedatWriter::new(Vec::new(), "a moving dot")?;
//! writer.write(&(0..100).map(moving).collect::<Vec<_>>())?;
//! let file = writer.finish()?;
//!
//! let mut reader = aedat::bytes(&file, Sensor::DVS128)?;
//! let mut events = reader.read_all()?;
//! assert!(reader.notes().warnings().is_empty());
//! slice::in_order(&mut events);
//! let frames = frames::frames(&events, 0..100_000, Sensor::DVS128, &Default::default())?;
//! assert_eq!((frames.steps, frames.values.iter().sum::<f32>()), (4, 50.0)); // the mean of two polarities
//! # Ok::<(), egru_data::events::EventError>(())
//! ```

pub mod aedat;
pub mod augment;
pub mod bs2;
pub mod denoise;
pub mod dvs128;
mod error;
mod event;
mod formats;
pub mod frames;
pub mod labels;
pub mod map;
pub mod reader;
pub mod simulate;
pub mod slice;
pub mod source;
pub mod stats;
pub mod text;
pub mod voxel;
pub mod write;

use std::{fs::File, io::Read, path::Path};

pub use error::EventError;
pub use event::{Event, Polarity, Sensor};
pub use reader::{EventReader, Notes};
pub use slice::in_order;

/// Opens a recording: AEDAT 3.1, or `.bs2` or `.bin` (5 bytes an event). Without a `sensor` an AEDAT file is read as
/// one of DVS128 Gesture, `.bs2` too, and `.bin` as N-MNIST.
///
/// # Errors
/// [`EventError::Format`] for a format that is not read here, said by name where it is recognised;
/// [`EventError::Header`], [`EventError::Truncated`], [`EventError::Io`].
pub fn open(
    path: &Path,
    sensor: Option<Sensor>,
) -> Result<Box<dyn EventReader + Send>, EventError> {
    let ending = path.extension().and_then(|ending| ending.to_str()).map(str::to_ascii_lowercase);
    let ending = ending.as_deref();
    let default = if ending == Some("bin") { Sensor::NMNIST } else { Sensor::DVS128 };
    let sensor = sensor.unwrap_or(default);
    let mut start = Vec::new();
    let file = File::open(path).map_err(EventError::io("open", path))?;
    file.take(formats::LOOK as u64)
        .read_to_end(&mut start)
        .map_err(EventError::io("read", path))?;
    match formats::recognise(&start) {
        None if matches!(ending, Some("bs2" | "bin")) => Ok(Box::new(bs2::open(path, sensor)?)),
        // What is not AEDAT 3.1 is refused there, by its name where it has one.
        _ => Ok(Box::new(aedat::open(path, sensor)?)),
    }
}
