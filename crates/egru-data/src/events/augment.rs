//! Random changes to events that keep their meaning, for training only.
//!
//! Every random choice comes from the generator that is passed in, in an order that depends on the events and the
//! settings alone: the same generator gives the same change. Events stay in the order of time.
//!
//! ```
//! use egru_data::events::{Event, Polarity, Sensor, augment::EventAugment};
//! use rand::SeedableRng;
//! let augment = EventAugment { flip_horizontal: 1.0, drop_events: 0.5, ..Default::default() };
//! let mut events: Vec<Event> = (0..1000).map(|t| Event::new(t, 0, 0, Polarity::On)).collect();
//! let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
//! let done = augment.apply(&mut events, Sensor::DVS128, &mut rng)?;
//! assert!(done.mirrored && events.len() < 1000 && events.iter().all(|event| event.x == 127));
//! # Ok::<(), egru_data::events::EventError>(())
//! ```

use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

use super::{
    error::EventError,
    event::{Event, Sensor},
    slice,
};

/// Which changes are made, in the order of the fields. The default makes none.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EventAugment {
    /// Standard deviation of what is added to every time, in microseconds: see [`jitter_time`].
    pub time_jitter: f64,
    /// Standard deviation of what is added to every coordinate, in pixels: see [`jitter_space`].
    pub space_jitter: f64,
    /// The longest share of the duration that is cut out, drawn between 0 and it: see [`drop_time`].
    pub drop_time: f64,
    /// The largest share of the picture that is cut out, drawn between 0 and it: see [`drop_area`].
    pub drop_area: f64,
    /// The largest share of events that is left out, drawn between 0 and it: see [`drop_events`].
    pub drop_events: f64,
    /// Probability that all polarities are changed: see [`flip_polarity`].
    pub flip_polarity: f64,
    /// Probability that left and right change places: see [`flip_horizontal`].
    pub flip_horizontal: f64,
}

/// What was done that a label has to follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Augmented {
    /// Left and right changed places: see [`mirrored`](super::dvs128::mirrored) for the class.
    pub mirrored: bool,
}

impl EventAugment {
    /// Refuses settings outside of their range.
    ///
    /// # Errors
    /// [`EventError::Setting`].
    pub fn check(&self) -> Result<(), EventError> {
        for (field, value) in
            [("time_jitter", self.time_jitter), ("space_jitter", self.space_jitter)]
        {
            if !(value >= 0.0 && value.is_finite()) {
                return Err(EventError::setting(field, value, "a standard deviation is 0 or more"));
            }
        }
        for (field, value) in [
            ("drop_time", self.drop_time),
            ("drop_area", self.drop_area),
            ("drop_events", self.drop_events),
            ("flip_polarity", self.flip_polarity),
            ("flip_horizontal", self.flip_horizontal),
        ] {
            if !(0.0..=1.0).contains(&value) {
                return Err(EventError::setting(field, value, "it is a share between 0 and 1"));
            }
        }
        Ok(())
    }

    /// Makes the changes.
    ///
    /// # Errors
    /// [`EventError::Setting`].
    pub fn apply(
        &self,
        events: &mut Vec<Event>,
        sensor: Sensor,
        rng: &mut impl Rng,
    ) -> Result<Augmented, EventError> {
        self.check()?;
        if self.time_jitter > 0.0 {
            jitter_time(events, self.time_jitter, rng);
        }
        if self.space_jitter > 0.0 {
            jitter_space(events, self.space_jitter, sensor, rng);
        }
        for (share, drop) in [
            (self.drop_time, Drop::Time),
            (self.drop_area, Drop::Area),
            (self.drop_events, Drop::Events),
        ] {
            if share > 0.0 {
                let share = share * rng.random::<f64>();
                match drop {
                    Drop::Time => drop_time(events, share, rng),
                    Drop::Area => drop_area(events, share, sensor, rng),
                    Drop::Events => drop_events(events, share, rng),
                }
            }
        }
        if self.flip_polarity > 0.0 && rng.random::<f64>() < self.flip_polarity {
            flip_polarity(events);
        }
        let mirrored = self.flip_horizontal > 0.0 && rng.random::<f64>() < self.flip_horizontal;
        if mirrored {
            flip_horizontal(events, sensor);
        }
        Ok(Augmented { mirrored })
    }
}

enum Drop {
    Time,
    Area,
    Events,
}

/// Adds normal noise of `deviation` microseconds to every time. Times stay between those of the first and the last
/// event, so that nothing leaves its recording; events are put in order again.
pub fn jitter_time(events: &mut [Event], deviation: f64, rng: &mut impl Rng) {
    let Some((first, last)) = span(events) else {
        return;
    };
    for event in &mut *events {
        let noise = (deviation * normal(rng)).round() as i64;
        event.t = event.t.saturating_add(noise).clamp(first, last);
    }
    slice::in_order(events);
}

/// Adds normal noise of `deviation` pixels to every coordinate, rounded. Events that leave the sensor are dropped.
pub fn jitter_space(events: &mut Vec<Event>, deviation: f64, sensor: Sensor, rng: &mut impl Rng) {
    let moved = |place: u16, limit: u16, rng: &mut _| {
        let place = f64::from(place) + (deviation * normal(rng)).round();
        (place >= 0.0 && place < f64::from(limit)).then_some(place as u16)
    };
    events.retain_mut(|event| {
        // Both are drawn in any case: what an event draws does not depend on where it lies.
        let x = moved(event.x, sensor.width, rng);
        let y = moved(event.y, sensor.height, rng);
        let (Some(x), Some(y)) = (x, y) else {
            return false;
        };
        (event.x, event.y) = (x, y);
        true
    });
}

/// Drops all events of a span of `share` of the duration that lies anywhere in it.
pub fn drop_time(events: &mut Vec<Event>, share: f64, rng: &mut impl Rng) {
    let Some((first, last)) = span(events) else {
        return;
    };
    let duration = last as f64 - first as f64 + 1.0;
    let length = duration * share.clamp(0.0, 1.0);
    let start = first as f64 + rng.random::<f64>() * (duration - length);
    let hole = start..start + length;
    events.retain(|event| !hole.contains(&(event.t as f64)));
}

/// Drops all events of a rectangle of the sensor's proportions, of `share` of its area, anywhere in it.
pub fn drop_area(events: &mut Vec<Event>, share: f64, sensor: Sensor, rng: &mut impl Rng) {
    let side = share.clamp(0.0, 1.0).sqrt();
    let mut hole = |limit: u16| {
        let length = f64::from(limit) * side;
        let start = rng.random::<f64>() * (f64::from(limit) - length);
        start..start + length
    };
    let (columns, rows) = (hole(sensor.width), hole(sensor.height));
    // A pixel goes if its middle is in the hole.
    let inside = |place: u16, hole: &std::ops::Range<f64>| hole.contains(&(f64::from(place) + 0.5));
    events.retain(|event| !(inside(event.x, &columns) && inside(event.y, &rows)));
}

/// Drops every event with the probability `share`.
pub fn drop_events(events: &mut Vec<Event>, share: f64, rng: &mut impl Rng) {
    events.retain(|_| rng.random::<f64>() >= share);
}

/// Makes brighter darker and darker brighter.
pub fn flip_polarity(events: &mut [Event]) {
    for event in events {
        event.polarity = event.polarity.flipped();
    }
}

/// Changes left and right. Events have to lie inside of the sensor, as readers see to.
pub fn flip_horizontal(events: &mut [Event], sensor: Sensor) {
    for event in events {
        event.x = (sensor.width - 1).saturating_sub(event.x);
    }
}

/// First and last time, whatever the order.
fn span(events: &[Event]) -> Option<(i64, i64)> {
    let times = || events.iter().map(|event| event.t);
    Some((times().min()?, times().max()?))
}

/// A draw of the standard normal distribution (Box and Muller).
fn normal(rng: &mut impl Rng) -> f64 {
    // 1 - u is above 0, where the logarithm lives.
    let radius = (-2.0 * (1.0 - rng.random::<f64>()).ln()).sqrt();
    radius * (std::f64::consts::TAU * rng.random::<f64>()).cos()
}
