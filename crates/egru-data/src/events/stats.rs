//! A recording in a few numbers.
//!
//! ```
//! use egru_data::events::{Event, Polarity, stats::Stats};
//! let events = [Event::new(0, 0, 0, Polarity::On), Event::new(500_000, 1, 0, Polarity::Off)];
//! let stats: Stats = events.iter().collect();
//! assert_eq!((stats.count, stats.duration(), stats.rate()), (2, 500_000, Some(4.0)));
//! ```

use std::fmt;

use serde::Serialize;

use super::event::{Event, Polarity};

/// Counts and times of events.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Stats {
    /// Events.
    pub count: u64,
    /// Of them brighter.
    pub on: u64,
    /// Of them darker.
    pub off: u64,
    /// Of them without the valid mark.
    pub unmarked: u64,
    /// Of them earlier than the one before.
    pub out_of_order: u64,
    /// The earliest time, in microseconds.
    pub first: Option<i64>,
    /// The latest.
    pub last: Option<i64>,
    #[serde(skip)]
    previous: Option<i64>,
}

impl Stats {
    /// Counts one event more.
    pub fn add(&mut self, event: &Event) {
        self.count += 1;
        match event.polarity {
            Polarity::On => self.on += 1,
            Polarity::Off => self.off += 1,
        }
        self.unmarked += u64::from(!event.valid);
        self.out_of_order += u64::from(self.previous.is_some_and(|before| event.t < before));
        self.previous = Some(event.t);
        self.first = Some(self.first.map_or(event.t, |first| first.min(event.t)));
        self.last = Some(self.last.map_or(event.t, |last| last.max(event.t)));
    }

    /// Microseconds from the earliest to the latest event, 0 without events.
    pub fn duration(&self) -> i64 {
        self.last.unwrap_or(0).saturating_sub(self.first.unwrap_or(0))
    }

    /// Events a second; none if no time passes.
    pub fn rate(&self) -> Option<f64> {
        let seconds = self.duration() as f64 / 1e6;
        (seconds > 0.0).then(|| self.count as f64 / seconds)
    }
}

impl<'a> FromIterator<&'a Event> for Stats {
    fn from_iter<I: IntoIterator<Item = &'a Event>>(events: I) -> Self {
        let mut stats = Self::default();
        events.into_iter().for_each(|event| stats.add(event));
        stats
    }
}

impl fmt::Display for Stats {
    /// A line for each number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let share = |part: u64| 100.0 * part as f64 / self.count.max(1) as f64;
        writeln!(f, "events        {}", self.count)?;
        writeln!(f, "duration      {:.6} s", self.duration() as f64 / 1e6)?;
        match self.rate() {
            Some(rate) => writeln!(f, "rate          {rate:.0} events/s")?,
            None => writeln!(f, "rate          unknown: no time passes")?,
        }
        writeln!(f, "on            {} ({:.2} %)", self.on, share(self.on))?;
        writeln!(f, "off           {} ({:.2} %)", self.off, share(self.off))?;
        writeln!(f, "unmarked      {}", self.unmarked)?;
        write!(f, "out of order  {}", self.out_of_order)
    }
}
