//! A recording that is being visited, or is in memory.

use super::trials::Trial;
use crate::events::{
    error::EventError,
    event::Event,
    labels::Labels,
    reader::{EventReader, Notes},
    slice,
};

/// A recording that is being visited.
pub struct Recording<'a> {
    /// Which one.
    pub trial: &'a Trial,
    /// Its labels, not yet compared with its time: [`Labels::check`].
    pub labels: &'a Labels,
    /// Its events.
    pub events: &'a mut dyn EventReader,
}

/// A recording in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// In the order of time.
    pub events: Vec<Event>,
    /// Compared with the recording.
    pub labels: Labels,
    /// What was odd about the events.
    pub notes: Notes,
}

impl Recording<'_> {
    /// Reads the whole recording, puts its events in order and compares its labels with its time.
    ///
    /// # Errors
    /// [`EventError`] for a damaged or empty recording, and for labels that do not belong to it.
    pub fn load(self) -> Result<Loaded, EventError> {
        let name = self.trial.file();
        self.read().map_err(EventError::within(name))
    }

    fn read(self) -> Result<Loaded, EventError> {
        let mut events = self.events.read_all()?;
        slice::in_order(&mut events);
        let mut labels = self.labels.clone();
        labels.check(events[0].t, events[events.len() - 1].t)?;
        Ok(Loaded { events, labels, notes: *self.events.notes() })
    }
}
