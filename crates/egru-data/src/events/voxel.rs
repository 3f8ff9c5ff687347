//! Voxel grids: events spread over bins of time with bilinear weights (Zhu et al. 2019).
//!
//! An event at the relative time `s = (bins - 1) (t - start) / (end - 1 - start)` gives `1 - |b - s|` to the one or
//! two bins nearest to it, so that a span's first moment is bin 0 and its last the last bin.
//!
//! ```
//! use egru_data::events::{Event, Polarity, Sensor, frames::PolarityMode, voxel::{self, VoxelConfig}};
//! let events = [Event::new(25, 0, 0, Polarity::On), Event::new(100, 0, 0, Polarity::Off)];
//! let config = VoxelConfig { bins: 3, polarity: PolarityMode::Diff, shrink: 1 };
//! let grid = voxel::voxels(&events, 0..101, Sensor { width: 1, height: 1 }, &config)?;
//! assert_eq!(grid.values, [0.5, 0.5, -1.0]);
//! # Ok::<(), egru_data::events::EventError>(())
//! ```

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::{
    error::EventError,
    event::{Event, Sensor},
    frames::{Frames, Grid, PolarityMode, at_most},
};

/// Settings of a voxel grid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct VoxelConfig {
    /// Bins of time.
    pub bins: usize,
    /// What becomes of the two polarities.
    pub polarity: PolarityMode,
    /// Side of the squares of pixels whose weights are added; 1 keeps the sensor's size.
    pub shrink: u16,
}

impl Default for VoxelConfig {
    /// 10 bins of on - off, every pixel.
    fn default() -> Self {
        Self { bins: 10, polarity: PolarityMode::Diff, shrink: 1 }
    }
}

/// The voxel grid of `span`, one step a bin. Events outside of the span do not count; their order does not matter.
///
/// # Errors
/// [`EventError::Setting`] for no bins or an empty span, [`EventError::OutsideSensor`], [`EventError::TooLarge`].
pub fn voxels(
    events: &[Event],
    span: Range<i64>,
    sensor: Sensor,
    config: &VoxelConfig,
) -> Result<Frames, EventError> {
    let VoxelConfig { bins, polarity, shrink } = *config;
    if bins == 0 {
        return Err(EventError::setting("bins", bins, "there is at least one"));
    }
    if span.is_empty() {
        return Err(EventError::setting(
            "span",
            format!("{span:?}"),
            "it has a start and a later end",
        ));
    }
    let grid = Grid::new(sensor, shrink)?;
    let size = grid.len();
    let mut both = vec![0.0_f32; at_most(bins as u128, 2 * size)?];
    // A span of one moment has no length to divide by: all its events are in bin 0.
    let length = (i128::from(span.end) - 1 - i128::from(span.start)).max(1) as f64;
    let scale = (bins - 1) as f64 / length;
    for (number, event) in events.iter().enumerate() {
        let &Event { t, x, y, polarity, .. } = event;
        if !sensor.holds(x, y) {
            return Err(EventError::OutsideSensor { event: number as u64, x, y, sensor });
        }
        if !span.contains(&t) {
            continue;
        }
        let place = (i128::from(t) - i128::from(span.start)) as f64 * scale;
        let bin = (place as usize).min(bins - 1);
        let share = (place - bin as f64) as f32;
        let cell = usize::from(polarity.bit()) * size + grid.cell(x, y);
        both[bin * 2 * size + cell] += 1.0 - share;
        if share > 0.0 && bin + 1 < bins {
            both[(bin + 1) * 2 * size + cell] += share;
        }
    }
    let polarities = polarity.polarities();
    let mut values = vec![0.0; bins * polarities * size];
    for (both, out) in both.chunks_exact(2 * size).zip(values.chunks_exact_mut(polarities * size)) {
        polarity.combine(both, out);
    }
    Ok(Frames { steps: bins, polarities, rows: grid.rows, columns: grid.columns, values })
}
