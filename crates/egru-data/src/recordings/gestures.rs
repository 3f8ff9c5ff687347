//! Gestures cut into slices, and slices divided into what is trained, validated and tested on, by user.

use std::{collections::BTreeSet, ops::Range, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{
    cache::{SliceCache, SliceOf, SliceWriter},
    split::{SliceSet, View},
};
use crate::{
    dataset::SequenceDataset,
    error::DataError,
    events::{
        Event, EventError, Notes, Sensor,
        denoise::BackgroundFilter,
        dvs128::{CLASS_NAMES, Loaded, Part, Trial, mirrored},
        labels::{LabelNotes, Labels},
    },
    random::{permutation, stream},
    splits::{FileRecord, Splits},
};

/// What is cut, and what is scored on what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// Some of the training users are held out for validation. Every moment of a gesture is scored: what whole slices leave at its end
    /// is in a slice that ends with it, and a gesture that is shorter than a slice is one of its own length.
    #[default]
    Strict,
    /// As in the EGRU paper's code: choices are made on the test recordings, and what whole slices leave of a gesture
    /// is left out. Figures are better than they should be; they are for comparison with the paper.
    Paper,
}

/// How gestures are cut into slices.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Cut {
    /// What is cut, and what is scored on what.
    pub protocol: Protocol,
    /// Microseconds of a slice.
    pub length: i64,
    /// Events are left out that follow none at a neighbouring pixel within so many microseconds; 0 keeps all.
    pub denoise: i64,
    /// Training users that the strict protocol holds out for validation, drawn by the seed.
    pub valid_users: usize,
}

impl Default for Cut {
    /// Those of the paper, with four users held out.
    fn default() -> Self {
        Self { protocol: Protocol::Strict, length: 1_700_000, denoise: 0, valid_users: 4 }
    }
}

impl Cut {
    /// Refuses settings outside of their range, for frames of `window` microseconds.
    pub(super) fn check(&self, window: i64) -> Result<(), DataError> {
        let refuse = |field, value: i64, problem: &str| {
            Err(DataError::Config { field, value: value.to_string(), problem: problem.to_owned() })
        };
        if self.length < window {
            return refuse("data.cut.length", self.length, "a slice has at least one frame");
        }
        if self.denoise < 0 {
            return refuse("data.cut.denoise", self.denoise, "it is 0 (off) or microseconds");
        }
        Ok(())
    }

    /// What of it decides about slices, for frames of `window` microseconds.
    pub(super) fn key(&self, window: i64) -> String {
        let Self { protocol, length, denoise, valid_users: _ } = self;
        format!("{protocol:?} length {length} denoise {denoise} window {window}")
    }

    /// The slices of a gesture, in order.
    fn spans(&self, gesture: Range<i64>, window: i64) -> Vec<Range<i64>> {
        if gesture.end <= gesture.start {
            return Vec::new();
        }
        let whole = (gesture.end - gesture.start) / self.length;
        let slice = |number| {
            let start = gesture.start + number * self.length;
            start..start + self.length
        };
        let mut spans: Vec<Range<i64>> = (0..whole).map(slice).collect();
        let rest = (gesture.end - gesture.start) % self.length;
        if self.protocol == Protocol::Strict {
            match whole {
                0 => spans.push(gesture),
                // What is shorter than a frame is no sample.
                _ if rest >= window => spans.push(gesture.end - self.length..gesture.end),
                _ => {}
            }
        }
        spans
    }
}

/// Cuts one recording after the other.
pub(super) struct Cutter<'a> {
    cut: &'a Cut,
    window: i64,
    sensor: Sensor,
    writer: &'a mut SliceWriter,
    notes: Notes,
    labels: LabelNotes,
}

impl<'a> Cutter<'a> {
    pub fn new(cut: &'a Cut, window: i64, sensor: Sensor, writer: &'a mut SliceWriter) -> Self {
        let (notes, labels) = (Notes::default(), LabelNotes::default());
        Self { cut, window, sensor, writer, notes, labels }
    }

    /// Cuts a recording, whose gestures are counted from `first` on.
    pub fn add(&mut self, trial: &Trial, first: u32, loaded: Loaded) -> Result<(), DataError> {
        let Loaded { mut events, labels: Labels { labels, notes: odd }, notes } = loaded;
        self.notes.add(&notes);
        self.labels.cut += odd.cut;
        self.labels.outside += odd.outside;
        let Some((from, to)) = events.first().zip(events.last()).map(|(a, b)| (a.t, b.t + 1))
        else {
            return Err(EventError::within(trial.file())(EventError::Empty).into());
        };
        if self.cut.denoise > 0 {
            let mut filter = BackgroundFilter::new(self.sensor, self.cut.denoise)?;
            events.retain(|event| filter.keep(event));
        }
        for (label, group) in labels.iter().zip(first..) {
            let gesture = label.start.max(from)..label.end.min(to);
            let of = SliceOf {
                group,
                class: u32::from(label.class) - 1,
                user: trial.user,
                part: u32::from(trial.part == Part::Test),
            };
            for span in self.cut.spans(gesture, self.window) {
                let events = within(&events, &span);
                self.writer.add(of, span, events)?;
            }
        }
        Ok(())
    }

    /// Says what was odd.
    pub fn finish(self) {
        for odd in [self.notes.warnings(), self.labels.warnings()].concat() {
            self.writer.note(format!("all recordings together: {odd}"));
        }
    }
}

/// The events of a span; they are in order.
fn within<'a>(events: &'a [Event], span: &Range<i64>) -> &'a [Event] {
    let start = events.partition_point(|event| event.t < span.start);
    let end = events.partition_point(|event| event.t < span.end);
    &events[start..end]
}

/// How samples of gestures are shown; classes count from 0 in it.
pub(super) fn classes() -> (Vec<String>, fn(usize) -> usize) {
    let mirror = |class: usize| usize::from(mirrored(class as u8 + 1)) - 1;
    (CLASS_NAMES.map(str::to_owned).to_vec(), mirror)
}

/// Divides the slices by user.
pub(super) fn splits(
    slices: &Arc<SliceCache>,
    cut: &Cut,
    view: &Arc<View>,
    seed: u64,
    provenance: Vec<FileRecord>,
    mut warnings: Vec<String>,
) -> Result<Splits, DataError> {
    let infos = slices.infos();
    let mut order: Vec<usize> = (0..infos.len()).collect();
    // Archives have an order of their own, which decides nothing. Slices of one gesture stay in order.
    order.sort_by_key(|&item| infos[item].group);
    let users: BTreeSet<u32> =
        infos.iter().filter(|info| info.part == 0).map(|info| info.user).collect();
    let users: Vec<u32> = users.into_iter().collect();
    let held_out: BTreeSet<u32> = match cut.protocol {
        Protocol::Paper => BTreeSet::new(),
        Protocol::Strict => {
            let count = cut.valid_users;
            if count == 0 || count >= users.len() {
                return Err(DataError::Config {
                    field: "data.cut.valid_users",
                    value: count.to_string(),
                    problem: format!(
                        "of {} training users at least one must be held out and at least one must stay",
                        users.len()
                    ),
                });
            }
            let order = permutation(users.len(), &mut stream(b"users...", seed, 0, 0));
            order[..count].iter().map(|&user| users[user]).collect()
        }
    };
    let pick = |wanted: &dyn Fn(usize) -> bool| -> Vec<usize> {
        order.iter().copied().filter(|&item| wanted(item)).collect()
    };
    let test = pick(&|item| infos[item].part == 1);
    let train = pick(&|item| infos[item].part == 0 && !held_out.contains(&infos[item].user));
    let valid = match cut.protocol {
        Protocol::Paper => test.clone(),
        Protocol::Strict => {
            pick(&|item| infos[item].part == 0 && held_out.contains(&infos[item].user))
        }
    };
    warnings.extend(slices.notes().iter().cloned());
    let sizes =
        [("train", &train), ("validation", &valid), ("test", &test)].map(|(name, items)| {
            let groups: BTreeSet<u32> = items.iter().map(|&item| infos[item].group).collect();
            let users: BTreeSet<u32> = items.iter().map(|&item| infos[item].user).collect();
            format!(
                "{name} {} slices of {} gestures of {} users",
                items.len(),
                groups.len(),
                users.len()
            )
        });
    let chosen = match cut.protocol {
        Protocol::Strict => "strict protocol",
        Protocol::Paper => "protocol of the paper, which makes its choices on the test recordings",
    };
    warnings.push(format!(
        "{chosen}: {}; each label is a gesture, so that a class that a recording has once per arm counts twice",
        sizes.join(", ")
    ));
    let set = |items| -> Arc<dyn SequenceDataset> { SliceSet::new(slices, items, view) };
    Ok(Splits { train: set(train), valid: set(valid), test: set(test), provenance, warnings })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strict_protocol_leaves_no_moment_out_and_the_papers_leaves_the_rest() {
        let strict = Cut { length: 100, ..Cut::default() };
        let paper = Cut { protocol: Protocol::Paper, ..strict.clone() };
        for (gesture, all, whole) in [
            (50..350, vec![50..150, 150..250, 250..350], 3),
            (0..230, vec![0..100, 100..200, 130..230], 2),
            (0..205, vec![0..100, 100..200], 2),
            (7..60, vec![7..60], 0),
        ] {
            assert_eq!(strict.spans(gesture.clone(), 10), all);
            assert_eq!(paper.spans(gesture, 10), all[..whole]);
        }
        // A gesture that lies in no time of its recording.
        let (start, end) = (90, 20);
        assert!(strict.spans(start..end, 10).is_empty());
    }

    #[test]
    fn settings_out_of_range_are_named() {
        let short = Cut { length: 10, ..Cut::default() };
        assert!(short.check(25).unwrap_err().to_string().contains("data.cut.length"));
        let negative = Cut { denoise: -1, ..Cut::default() };
        assert!(negative.check(25).unwrap_err().to_string().contains("data.cut.denoise"));
        Cut::default().check(25_000).unwrap();
    }

    #[test]
    fn classes_change_places_in_the_mirror() {
        let (names, mirror) = classes();
        for class in 0..names.len() {
            assert_eq!(mirror(mirror(class)), class);
            let other = &names[mirror(class)];
            let swapped =
                names[class].replace("right", "?").replace("left", "right").replace('?', "left");
            assert!(swapped == *other || swapped.contains("clockwise"), "{swapped} {other}");
        }
    }
}
