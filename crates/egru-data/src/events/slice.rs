//! Parts of a recording: by time, by number of events, by label.
//!
//! Slices borrow from a recording whose events are in the order of time, so that a slice is a range. Cameras and
//! files do not promise that order: [`in_order`] makes it.
//!
//! ```
//! use egru_data::events::{Event, Polarity, slice};
//! let mut events: Vec<Event> = [30, 10, 20].map(|t| Event::new(t, 0, 0, Polarity::On)).to_vec();
//! assert_eq!(slice::in_order(&mut events), 1);
//! let counts: Vec<usize> = slice::by_time(&events, 0..40, 15)?.map(|part| part.events.len()).collect();
//! assert_eq!(counts, [1, 1, 1]); // 0..15, 15..30, 30..40
//! # Ok::<(), egru_data::events::EventError>(())
//! ```

use std::ops::Range;

use super::{error::EventError, event::Event, labels::Label};

/// The events of a span of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slice<'a> {
    /// Microseconds, without the end.
    pub span: Range<i64>,
    /// What happened in it, in order.
    pub events: &'a [Event],
}

/// Puts events in the order of time; events of the same time stay as they are. Returns how many were earlier than
/// the one before them.
pub fn in_order(events: &mut [Event]) -> u64 {
    let early = events.windows(2).filter(|pair| pair[1].t < pair[0].t).count() as u64;
    if early > 0 {
        events.sort_by_key(|event| event.t);
    }
    early
}

/// Windows of `window` microseconds that fill `span`, one after the other, empty ones too; the last may be shorter.
///
/// # Errors
/// [`EventError::Setting`] for a window that is not above 0, [`EventError::Unordered`].
pub fn by_time(
    events: &[Event],
    span: Range<i64>,
    window: i64,
) -> Result<impl Iterator<Item = Slice<'_>>, EventError> {
    if window <= 0 {
        return Err(EventError::setting(
            "window",
            window,
            "it is a number of microseconds above 0",
        ));
    }
    ordered(events)?;
    let mut start = span.start;
    Ok(std::iter::from_fn(move || {
        let end = start.saturating_add(window).min(span.end);
        (start < end).then(|| {
            let slice = within(events, start..end);
            start = end;
            slice
        })
    }))
}

/// Runs of `count` events; the last may have fewer. A run spans from its first event to just after its last.
///
/// # Errors
/// [`EventError::Setting`] for a count of 0, [`EventError::Unordered`].
pub fn by_count(
    events: &[Event],
    count: usize,
) -> Result<impl Iterator<Item = Slice<'_>>, EventError> {
    if count == 0 {
        return Err(EventError::setting("count", count, "a slice has at least one event"));
    }
    ordered(events)?;
    Ok(events.chunks(count).map(|events| {
        let last = events[events.len() - 1].t;
        Slice { span: events[0].t..last.saturating_add(1), events }
    }))
}

/// The events of each label, in the order of the labels. Labels may overlap: what they share is in both.
///
/// # Errors
/// [`EventError::Unordered`].
pub fn by_label<'a>(
    events: &'a [Event],
    labels: &'a [Label],
) -> Result<impl Iterator<Item = (Label, Slice<'a>)>, EventError> {
    ordered(events)?;
    Ok(labels.iter().map(|label| (*label, within(events, label.span()))))
}

/// The events of `span`. They must be in order.
fn within(events: &[Event], span: Range<i64>) -> Slice<'_> {
    let start = events.partition_point(|event| event.t < span.start);
    let rest = &events[start..];
    let events = &rest[..rest.partition_point(|event| event.t < span.end)];
    Slice { span, events }
}

fn ordered(events: &[Event]) -> Result<(), EventError> {
    match events.windows(2).position(|pair| pair[1].t < pair[0].t) {
        Some(position) => Err(EventError::Unordered { index: position + 1 }),
        None => Ok(()),
    }
}
