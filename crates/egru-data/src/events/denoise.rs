//! The background-activity filter (Delbruck 2008): light that moves excites neighbouring pixels, noise does not.
//!
//! ```
//! use egru_data::events::{Event, Polarity, Sensor, denoise::BackgroundFilter};
//! let mut filter = BackgroundFilter::new(Sensor::DVS128, 5_000)?;
//! let events = [
//!     Event::new(0, 10, 10, Polarity::On),     // nothing before it
//!     Event::new(900, 11, 10, Polarity::On),   // beside the first
//!     Event::new(1_000, 60, 60, Polarity::On), // alone
//! ];
//! let kept: Vec<i64> = events.iter().filter(|event| filter.keep(event)).map(|event| event.t).collect();
//! assert_eq!(kept, [900]);
//! # Ok::<(), egru_data::events::EventError>(())
//! ```

use super::{
    error::EventError,
    event::{Event, Sensor},
    frames::usable,
};

/// Keeps events that follow one at a neighbouring pixel, of either polarity, within a window of time.
#[derive(Debug, Clone)]
pub struct BackgroundFilter {
    sensor: Sensor,
    window: i64,
    /// When last one of a pixel's eight neighbours had an event. Padded by one pixel all around.
    excited: Vec<i64>,
    removed: u64,
}

/// Before every event.
const NEVER: i64 = i64::MIN;

impl BackgroundFilter {
    /// For events of `sensor`; `window` in microseconds. One to ten milliseconds are usual.
    ///
    /// # Errors
    /// [`EventError::Setting`] for a window that is not above 0, or a sensor of no size or more than 2^24 pixels.
    pub fn new(sensor: Sensor, window: i64) -> Result<Self, EventError> {
        if window <= 0 {
            return Err(EventError::setting(
                "window",
                window,
                "it is a number of microseconds above 0",
            ));
        }
        usable(sensor)?;
        let padded = (usize::from(sensor.width) + 2) * (usize::from(sensor.height) + 2);
        Ok(Self { sensor, window, excited: vec![NEVER; padded], removed: 0 })
    }

    /// Whether the next event is one to keep. Events outside of the sensor are not, and excite nothing.
    pub fn keep(&mut self, event: &Event) -> bool {
        let keep = self.sensor.holds(event.x, event.y) && self.excites(event);
        self.removed += u64::from(!keep);
        keep
    }

    /// Events not kept so far.
    pub fn removed(&self) -> u64 {
        self.removed
    }

    fn excites(&mut self, event: &Event) -> bool {
        let width = usize::from(self.sensor.width) + 2;
        let centre = (usize::from(event.y) + 1) * width + usize::from(event.x) + 1;
        let since = event.t.saturating_sub(self.excited[centre]);
        for row in [centre - width, centre, centre + width] {
            for neighbour in [row - 1, row, row + 1] {
                if neighbour != centre {
                    self.excited[neighbour] = event.t;
                }
            }
        }
        since <= self.window
    }
}
