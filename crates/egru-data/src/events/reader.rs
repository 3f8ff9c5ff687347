//! What all readers share: events in bounded runs, checked, with what was odd about them counted.

use super::{
    error::EventError,
    event::{Event, Sensor},
};

/// Events decoded at a time, at most: 64 KiB of them, whatever a packet claims to hold.
pub const RUN: usize = 4096;

/// What was odd about a recording and yet read, counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Notes {
    /// Events read.
    pub events: u64,
    /// Events earlier than the one before them.
    pub out_of_order: u64,
    /// Events without the valid mark. Some programs never set it.
    pub unmarked: u64,
    /// Polarity packets whose capacity is not their number of events: the number was read.
    pub uneven_packets: u64,
    /// Polarity packets that claim more valid events than events.
    pub contradictory_packets: u64,
    /// Packets of other types (frames, motion, special), skipped.
    pub skipped_packets: u64,
    /// Times that a 23-bit clock began anew.
    pub wraps: u64,
    /// Overflow marks (row 240 of N-MNIST's format): 2^13 us were added to all that follows.
    pub overflow_marks: u64,
}

impl Notes {
    /// Counts what was odd about another recording too.
    pub fn add(&mut self, other: &Self) {
        let Self {
            events,
            out_of_order,
            unmarked,
            uneven_packets,
            contradictory_packets,
            skipped_packets,
            wraps,
            overflow_marks,
        } = other;
        self.events += events;
        self.out_of_order += out_of_order;
        self.unmarked += unmarked;
        self.uneven_packets += uneven_packets;
        self.contradictory_packets += contradictory_packets;
        self.skipped_packets += skipped_packets;
        self.wraps += wraps;
        self.overflow_marks += overflow_marks;
    }

    /// A sentence for each thing that happened; none for a clean recording.
    pub fn warnings(&self) -> Vec<String> {
        let of = format!("of {} events", self.events);
        [
            (self.out_of_order, format!("{of} are earlier than the one before them")),
            (self.unmarked, format!("{of} carry no valid mark; they were read all the same")),
            (
                self.uneven_packets,
                "packets have a capacity that is not their number of events; the number was read"
                    .into(),
            ),
            (self.contradictory_packets, "packets claim more valid events than events".into()),
            (self.skipped_packets, "packets of other types than polarity were skipped".into()),
            (
                self.wraps,
                "times the 23-bit clock began anew; 2^23 us were added from there on".into(),
            ),
            (
                self.overflow_marks,
                "overflow marks (row 240); 2^13 us were added from each on".into(),
            ),
        ]
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, text)| format!("{count} {text}"))
        .collect()
    }
}

/// A recording, read one event or one run at a time.
///
/// After an error nothing more comes: the events before it are good.
pub trait EventReader: Iterator<Item = Result<Event, EventError>> {
    /// Adds the next run of events, at most [`RUN`], to `events`. Returns their number, 0 at the end.
    ///
    /// # Errors
    /// [`EventError`] for damaged data, after the good events before it.
    fn read_into(&mut self, events: &mut Vec<Event>) -> Result<usize, EventError>;

    /// What was odd so far.
    fn notes(&self) -> &Notes;

    /// The picture that all events lie in.
    fn sensor(&self) -> Sensor;

    /// Reads all that is left. For recordings that fit in memory, at 16 bytes an event.
    ///
    /// # Errors
    /// As [`read_into`](Self::read_into); [`EventError::Empty`] where the whole recording holds no event.
    fn read_all(&mut self) -> Result<Vec<Event>, EventError> {
        let mut events = Vec::new();
        while self.read_into(&mut events)? > 0 {}
        if self.notes().events == 0 { Err(EventError::Empty) } else { Ok(events) }
    }
}

/// A format: turns bytes into events.
pub trait Decode {
    /// Adds up to [`RUN`] events; none at the end of the data. An error means that none were added.
    ///
    /// # Errors
    /// [`EventError`] for damaged data.
    fn decode(&mut self, events: &mut Vec<Event>, notes: &mut Notes) -> Result<(), EventError>;
}

/// A recording in the format `D`, every event of it checked.
#[derive(Debug)]
pub struct Reader<D> {
    decoder: D,
    sensor: Sensor,
    notes: Notes,
    /// Time of the last event.
    last: i64,
    /// A run decoded for the iterator, and how much of it was given.
    ahead: Vec<Event>,
    given: usize,
    error: Option<EventError>,
    ended: bool,
}

impl<D: Decode> Reader<D> {
    pub(crate) fn new(decoder: D, sensor: Sensor) -> Self {
        Self {
            decoder,
            sensor,
            notes: Notes::default(),
            last: i64::MIN,
            ahead: Vec::new(),
            given: 0,
            error: None,
            ended: false,
        }
    }

    /// The format's own knowledge, such as the text header.
    pub fn decoder(&self) -> &D {
        &self.decoder
    }

    /// Decodes a run onto the end of `events`, and cuts it before the first event that cannot be.
    fn run(&mut self, events: &mut Vec<Event>) -> Result<usize, EventError> {
        if let Some(error) = self.error.take() {
            self.ended = true;
            return Err(error);
        }
        if self.ended {
            return Ok(0);
        }
        let start = events.len();
        if let Err(error) = self.decoder.decode(events, &mut self.notes) {
            self.ended = true;
            return Err(error);
        }
        let mut run = &events[start..];
        self.ended = run.is_empty();
        if !self.all_possible(run) {
            let good = run.iter().take_while(|event| self.possible(event)).count();
            self.error = Some(self.impossible(&run[good], good));
            events.truncate(start + good);
            run = &events[start..];
            if good == 0 {
                return self.run(events);
            }
        }
        for event in run {
            self.notes.out_of_order += u64::from(event.t < self.last);
            self.notes.unmarked += u64::from(!event.valid);
            self.last = event.t;
        }
        self.notes.events += run.len() as u64;
        Ok(run.len())
    }

    fn possible(&self, event: &Event) -> bool {
        event.t >= 0 && self.sensor.holds(event.x, event.y)
    }

    /// Without a branch per event.
    fn all_possible(&self, run: &[Event]) -> bool {
        run.iter()
            .fold(true, |all, event| all & (event.t >= 0) & self.sensor.holds(event.x, event.y))
    }

    fn impossible(&self, event: &Event, position: usize) -> EventError {
        let number = self.notes.events + position as u64;
        if event.t < 0 {
            EventError::NegativeTime { event: number }
        } else {
            let &Event { x, y, .. } = event;
            EventError::OutsideSensor { event: number, x, y, sensor: self.sensor }
        }
    }
}

impl<D: Decode> EventReader for Reader<D> {
    fn read_into(&mut self, events: &mut Vec<Event>) -> Result<usize, EventError> {
        let rest = &self.ahead[self.given..];
        if rest.is_empty() {
            return self.run(events);
        }
        events.extend_from_slice(rest);
        let count = rest.len();
        self.given = self.ahead.len();
        Ok(count)
    }

    fn notes(&self) -> &Notes {
        &self.notes
    }

    fn sensor(&self) -> Sensor {
        self.sensor
    }
}

impl<D: Decode> Iterator for Reader<D> {
    type Item = Result<Event, EventError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.given == self.ahead.len() {
            let mut run = std::mem::take(&mut self.ahead);
            run.clear();
            let read = self.run(&mut run);
            self.ahead = run;
            self.given = 0;
            if let Err(error) = read {
                return Some(Err(error));
            }
        }
        let event = self.ahead.get(self.given)?;
        self.given += 1;
        Some(Ok(*event))
    }
}
