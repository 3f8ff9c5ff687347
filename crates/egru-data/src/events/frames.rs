//! Frames: counts of events per window of time, polarity and pixel, as networks read them.
//!
//! First events are counted per pixel and polarity. Then pixels are pooled in squares, each polarity for itself, by
//! the sum or the maximum. Then the two polarities become one picture, or stay two. The values are counts (halves of
//! them for the mean): nothing is normalised, so that training and test cannot differ in it.
//!
//! ```
//! use egru_data::events::{Event, Polarity, Sensor, frames::{self, FrameConfig, PolarityMode}};
//! let events = [
//!     Event::new(0, 5, 0, Polarity::On),
//!     Event::new(10, 5, 0, Polarity::On),
//!     Event::new(30_000, 0, 0, Polarity::Off),
//! ];
//! let config = FrameConfig { window: 25_000, polarity: PolarityMode::Diff, shrink: 4, ..Default::default() };
//! let frames = frames::frames(&events, 0..50_000, Sensor { width: 8, height: 4 }, &config)?;
//! assert_eq!((frames.steps, frames.polarities, frames.rows, frames.columns), (2, 1, 1, 2));
//! assert_eq!(frames.values, [0.0, 2.0, -1.0, 0.0]);
//! # Ok::<(), egru_data::events::EventError>(())
//! ```

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::{
    error::EventError,
    event::{Event, Sensor},
    slice,
};

/// The most values that one recording's frames may have: 1 GiB of them.
pub const MAX_VALUES: u64 = 1 << 28;

/// The most pixels of a sensor that is counted on: sixteen times those of the largest camera.
const MAX_PIXELS: usize = 1 << 24;

/// What becomes of the two polarities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PolarityMode {
    /// One picture: (on + off) / 2.
    #[default]
    Mean,
    /// One picture: on - off.
    Diff,
    /// One picture: 1 where anything happened.
    Bool,
    /// Two pictures: off, then on.
    Both,
}

impl PolarityMode {
    /// Pictures per frame.
    pub fn polarities(self) -> usize {
        if self == Self::Both { 2 } else { 1 }
    }

    /// From `[off, on]` pictures to what the mode says.
    pub(super) fn combine(self, both: &[f32], out: &mut [f32]) {
        let (off, on) = both.split_at(both.len() / 2);
        let mut each = |make: fn(f32, f32) -> f32| {
            for ((out, &off), &on) in out.iter_mut().zip(off).zip(on) {
                *out = make(off, on);
            }
        };
        match self {
            Self::Mean => each(|off, on| (off + on) / 2.0),
            Self::Diff => each(|off, on| on - off),
            Self::Bool => each(|off, on| if off + on > 0.0 { 1.0 } else { 0.0 }),
            Self::Both => out.copy_from_slice(both),
        }
    }
}

/// How a square of pixels becomes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pooling {
    /// All their events.
    #[default]
    Sum,
    /// The events of the busiest of them.
    Max,
}

/// Settings of frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FrameConfig {
    /// Microseconds of a frame.
    pub window: i64,
    /// What becomes of the two polarities.
    pub polarity: PolarityMode,
    /// Side of the squares of pixels that become one; 1 keeps the sensor's size. At the right and lower edge of a
    /// sensor that it does not divide the squares are cut.
    pub shrink: u16,
    /// How they become one.
    pub pooling: Pooling,
}

impl Default for FrameConfig {
    /// 25 ms, the mean of the polarities, every pixel: those of the EGRU paper.
    fn default() -> Self {
        Self { window: 25_000, polarity: PolarityMode::Mean, shrink: 1, pooling: Pooling::Sum }
    }
}

/// Frames of one recording or slice.
#[derive(Debug, Clone, PartialEq)]
pub struct Frames {
    /// Number of frames.
    pub steps: usize,
    /// Pictures per frame: 1 or 2.
    pub polarities: usize,
    /// Height.
    pub rows: usize,
    /// Width.
    pub columns: usize,
    /// Row-major `[steps, polarities, rows, columns]`.
    pub values: Vec<f32>,
}

/// The frames of `span`, each of `config.window` microseconds; the last may be shorter. Events outside of the span
/// are not counted.
///
/// # Errors
/// [`EventError::Setting`], [`EventError::Unordered`], [`EventError::OutsideSensor`], and [`EventError::TooLarge`]
/// for more than [`MAX_VALUES`].
pub fn frames(
    events: &[Event],
    span: Range<i64>,
    sensor: Sensor,
    config: &FrameConfig,
) -> Result<Frames, EventError> {
    let mut counter = FrameCounter::new(sensor, config)?;
    let slices = slice::by_time(events, span.clone(), config.window)?;
    let length = i128::from(span.end) - i128::from(span.start);
    let steps = u128::try_from(length).unwrap_or(0).div_ceil(config.window as u128);
    let size = counter.len();
    let mut values = vec![0.0; at_most(steps, size)?];
    for (slice, frame) in slices.zip(values.chunks_exact_mut(size)) {
        for event in slice.events {
            counter.add(event)?;
        }
        counter.finish(frame);
    }
    let Grid { rows, columns, .. } = counter.grid;
    Ok(Frames {
        steps: steps as usize,
        polarities: config.polarity.polarities(),
        rows,
        columns,
        values,
    })
}

/// `steps * size`, refused above [`MAX_VALUES`].
pub(super) fn at_most(steps: u128, size: usize) -> Result<usize, EventError> {
    let needed = u64::try_from(steps.saturating_mul(size as u128)).unwrap_or(u64::MAX);
    if needed <= MAX_VALUES {
        return Ok(needed as usize);
    }
    let remedy = "take a shorter span, longer windows or fewer bins, or shrink the picture";
    let limit = MAX_VALUES;
    Err(EventError::TooLarge { what: "the frames", needed, limit, remedy })
}

/// Refuses sensors that no memory should be taken for.
pub(super) fn usable(sensor: Sensor) -> Result<(), EventError> {
    if (1..=MAX_PIXELS).contains(&sensor.pixels()) {
        return Ok(());
    }
    Err(EventError::setting("sensor", sensor, "it has from 1 to 2^24 pixels"))
}

/// The smaller picture that squares of pixels make.
#[derive(Debug, Clone, Copy)]
pub(super) struct Grid {
    pub rows: usize,
    pub columns: usize,
    shrink: u16,
}

impl Grid {
    pub fn new(sensor: Sensor, shrink: u16) -> Result<Self, EventError> {
        if shrink == 0 {
            return Err(EventError::setting("shrink", shrink, "1 keeps the size, 2 halves it"));
        }
        usable(sensor)?;
        let rows = sensor.height.div_ceil(shrink).into();
        Ok(Self { rows, columns: sensor.width.div_ceil(shrink).into(), shrink })
    }

    pub fn len(&self) -> usize {
        self.rows * self.columns
    }

    /// The cell of a pixel.
    #[inline]
    pub fn cell(&self, x: u16, y: u16) -> usize {
        usize::from(y / self.shrink) * self.columns + usize::from(x / self.shrink)
    }
}

/// Makes one frame after the other: for input that arrives while it runs.
#[derive(Debug)]
pub struct FrameCounter {
    sensor: Sensor,
    config: FrameConfig,
    grid: Grid,
    /// `[off, on]` counts of every pixel.
    counts: Vec<u32>,
    /// The pixels that have any, as polarity, x, y.
    touched: Vec<(usize, u16, u16)>,
    /// `[off, on]` pictures, pooled.
    pooled: Vec<f32>,
    events: u64,
}

impl FrameCounter {
    /// For events of `sensor`. The window's length is the caller's affair.
    ///
    /// # Errors
    /// [`EventError::Setting`].
    pub fn new(sensor: Sensor, config: &FrameConfig) -> Result<Self, EventError> {
        let grid = Grid::new(sensor, config.shrink)?;
        let counts = vec![0; 2 * sensor.pixels()];
        let pooled = vec![0.0; 2 * grid.len()];
        Ok(Self { sensor, config: *config, grid, counts, touched: Vec::new(), pooled, events: 0 })
    }

    /// Values of a frame: polarities x rows x columns.
    #[allow(clippy::len_without_is_empty)] // A frame is never empty.
    pub fn len(&self) -> usize {
        self.config.polarity.polarities() * self.grid.len()
    }

    /// Counts one event.
    ///
    /// # Errors
    /// [`EventError::OutsideSensor`].
    #[inline]
    pub fn add(&mut self, event: &Event) -> Result<(), EventError> {
        let &Event { x, y, .. } = event;
        if !self.sensor.holds(x, y) {
            return Err(EventError::OutsideSensor {
                event: self.events,
                x,
                y,
                sensor: self.sensor,
            });
        }
        let polarity = usize::from(event.polarity.bit());
        let count = &mut self.counts[polarity * self.sensor.pixels() + self.sensor.index(event)];
        if *count == 0 {
            self.touched.push((polarity, x, y));
        }
        *count = count.saturating_add(1);
        self.events += 1;
        Ok(())
    }

    /// Writes the frame of the events since the last one to `frame`.
    ///
    /// # Panics
    /// If `frame` has not [`len`](Self::len) values.
    pub fn finish(&mut self, frame: &mut [f32]) {
        assert_eq!(frame.len(), self.len(), "a frame is written to as many values as it has");
        self.pooled.fill(0.0);
        for (polarity, x, y) in self.touched.drain(..) {
            let pixel = usize::from(y) * usize::from(self.sensor.width) + usize::from(x);
            let count =
                std::mem::take(&mut self.counts[polarity * self.sensor.pixels() + pixel]) as f32;
            let cell = &mut self.pooled[polarity * self.grid.len() + self.grid.cell(x, y)];
            match self.config.pooling {
                Pooling::Sum => *cell += count,
                Pooling::Max => *cell = cell.max(count),
            }
        }
        self.config.polarity.combine(&self.pooled, frame);
    }
}
