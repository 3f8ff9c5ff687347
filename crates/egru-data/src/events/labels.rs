//! The label files of DVS128 Gesture: which gesture is made from when to when.
//!
//! A file `userNN_LIGHT_labels.csv` has the line `class,startTime_usec,endTime_usec` and then one line of integers
//! a gesture, classes from 1, in the time of the recording. A gesture lasts from its start up to and without its
//! end. Real files have gestures that overlap and classes that come twice: they are kept as they are, and counted.
//!
//! ```
//! use egru_data::events::labels::{self, Label};
//! let file = "class,startTime_usec,endTime_usec\n1,24,50\n8,40,90\n";
//! let labels = labels::read(file.as_bytes(), 11)?;
//! assert_eq!(labels.labels[0], Label { class: 1, start: 24, end: 50 });
//! assert_eq!(labels.notes.overlapping, 1);
//! # Ok::<(), egru_data::events::EventError>(())
//! ```

use std::{collections::HashSet, io::Read, ops::Range, path::Path};

use super::error::EventError;

/// The first line.
pub const HEADER: &str = "class,startTime_usec,endTime_usec";

/// The largest label file that is read: the published ones have less than 1 KiB.
const MAX_BYTES: u64 = 1 << 20;

/// One gesture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Label {
    /// From 1, as in the file.
    pub class: u8,
    /// Microseconds of the recording.
    pub start: i64,
    /// The first moment after it.
    pub end: i64,
}

impl Label {
    /// From its start up to and without its end.
    pub fn span(&self) -> Range<i64> {
        self.start..self.end
    }
}

/// The gestures of a recording, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Labels {
    /// Gestures that last for some time.
    pub labels: Vec<Label>,
    /// What was odd about them.
    pub notes: LabelNotes,
}

/// What was odd about labels that were read all the same, counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct LabelNotes {
    /// Gestures that end at or before their start: left out.
    pub empty: u64,
    /// Gestures that end after the next one starts: kept, the shared events belong to both.
    pub overlapping: u64,
    /// Gestures of a class that came before in the file: kept.
    pub repeated: u64,
    /// Gestures that begin or end outside of the recording, as far as checked: kept, with the events there are.
    pub cut: u64,
    /// Gestures wholly outside of the recording, as far as checked: left out.
    pub outside: u64,
}

impl LabelNotes {
    /// How often each thing happened, and a sentence for it that follows the count.
    pub fn counts(&self) -> [(u64, &'static str); 5] {
        [
            (self.empty, "gestures end at or before their start; they are left out"),
            (
                self.overlapping,
                "gestures end after the next one starts; both keep the events they share",
            ),
            (
                self.repeated,
                "gestures are of a class that came before in the same recording; all are kept",
            ),
            (self.cut, "gestures reach beyond the recording; they have the events that there are"),
            (self.outside, "gestures lie wholly outside of the recording; they are left out"),
        ]
    }

    /// A sentence for each thing that happened.
    pub fn warnings(&self) -> Vec<String> {
        let happened = self.counts().into_iter().filter(|(count, _)| *count > 0);
        happened.map(|(count, text)| format!("{count} {text}")).collect()
    }
}

/// Reads a label file with classes 1 to `classes`.
///
/// # Errors
/// [`EventError::Line`] names the line that is not as it should be; [`EventError::TooLarge`], [`EventError::Read`].
pub fn read(file: impl Read, classes: u8) -> Result<Labels, EventError> {
    let text = small_text(file)?;
    let mut lines = text.lines().map(str::trim).zip(1..).filter(|(line, _)| !line.is_empty());
    let wrong = |line, problem: String| EventError::Line { line, problem };
    match lines.next() {
        Some((HEADER, _)) => {}
        Some((other, line)) => {
            return Err(wrong(line, format!("`{other}` stands where `{HEADER}` has to be")));
        }
        None => {
            return Err(wrong(1, format!("the file is empty: it has to start with `{HEADER}`")));
        }
    }

    let mut labels = Labels::default();
    let mut seen = HashSet::new();
    for (text, line) in lines {
        let label = parse(text, classes).map_err(|problem| wrong(line, problem))?;
        if label.end <= label.start {
            labels.notes.empty += 1;
            continue;
        }
        labels.notes.repeated += u64::from(!seen.insert(label.class));
        labels.labels.push(label);
    }
    if labels.labels.is_empty() {
        return Err(wrong(2, "no gesture that lasts for some time follows the first line".into()));
    }
    let next = labels.labels.iter().skip(1);
    labels.notes.overlapping =
        labels.labels.iter().zip(next).filter(|(this, next)| this.end > next.start).count() as u64;
    Ok(labels)
}

/// Reads the label file at `path`.
///
/// # Errors
/// As [`read`], with the path; [`EventError::Io`].
pub fn open(path: &Path, classes: u8) -> Result<Labels, EventError> {
    let file = std::fs::File::open(path).map_err(EventError::io("open", path))?;
    read(file, classes).map_err(EventError::within(path.display()))
}

fn parse(text: &str, classes: u8) -> Result<Label, String> {
    let mut fields = text.split(',').map(|field| field.trim().parse::<i64>());
    let (Some(Ok(class)), Some(Ok(start)), Some(Ok(end)), None) =
        (fields.next(), fields.next(), fields.next(), fields.next())
    else {
        return Err(format!("`{text}` is not three integers `{HEADER}`"));
    };
    if start < 0 {
        return Err(format!("the gesture starts at {start}: times are 0 and above"));
    }
    match u8::try_from(class) {
        Ok(class) if (1..=classes).contains(&class) => Ok(Label { class, start, end }),
        _ => Err(format!("class {class}, where classes are 1 to {classes}")),
    }
}

impl Labels {
    /// Compares the labels with the time of the recording, from its `first` event to its `last`. Those wholly
    /// outside are left out, which [`notes`](Self::notes) says.
    ///
    /// # Errors
    /// [`EventError::ForeignLabels`] if all are.
    pub fn check(&mut self, first: i64, last: i64) -> Result<(), EventError> {
        let outside = |label: &Label| label.end <= first || label.start > last;
        let labels = self.labels.len();
        if self.labels.iter().all(outside) {
            return Err(EventError::ForeignLabels { labels, first, last });
        }
        self.labels.retain(|label| !outside(label));
        self.notes.outside += (labels - self.labels.len()) as u64;
        // An end is the first moment after the gesture: one moment after the last event is inside.
        let cut = |label: &&Label| label.start < first || label.end > last.saturating_add(1);
        self.notes.cut = self.labels.iter().filter(cut).count() as u64;
        Ok(())
    }
}

/// The text of a small file.
pub(crate) fn small_text(file: impl Read) -> Result<String, EventError> {
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(EventError::Read)?;
    if bytes.len() as u64 > MAX_BYTES {
        let (needed, limit) = (bytes.len() as u64, MAX_BYTES);
        let remedy = "this is no file of labels or names";
        return Err(EventError::TooLarge { what: "the text file", needed, limit, remedy });
    }
    Ok(String::from_utf8_lossy(&bytes).trim_start_matches('\u{feff}').to_owned())
}
