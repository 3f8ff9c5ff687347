//! Which recordings there are, and which part of the data each belongs to.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Read,
};

use super::classes::CLASSES;
use crate::events::{
    error::EventError,
    labels::{self, Labels, small_text},
};

/// The list of recordings to train on.
pub const TRAIN_LIST: &str = "trials_to_train.txt";
/// The list of recordings to test on.
pub const TEST_LIST: &str = "trials_to_test.txt";

/// More files than this are no copy of the data set, which has 246.
const MAX_FILES: usize = 100_000;

/// The part of the data that a recording belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Part {
    /// To train on, or to hold out for validation.
    Train,
    /// To test on.
    Test,
}

/// A recording's name, taken apart.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Trial {
    /// Such as `user01_fluorescent_led`.
    pub name: String,
    /// Who: 1 to 29 in the published data.
    pub user: u32,
    /// In which light, such as `fluorescent_led`.
    pub light: String,
    /// The list that names it.
    pub part: Part,
}

impl Trial {
    fn parse(name: &str, part: Part) -> Option<Self> {
        let (user, light) = name.strip_prefix("user")?.split_once('_')?;
        let plain =
            |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
        if !user.bytes().all(|c| c.is_ascii_digit()) || light.is_empty() || !plain(light) {
            return None;
        }
        Some(Self { name: name.into(), user: user.parse().ok()?, light: light.into(), part })
    }

    /// Name of the recording's file.
    pub fn file(&self) -> String {
        format!("{}.aedat", self.name)
    }
}

/// What a folder or archive holds, besides the recordings themselves.
#[derive(Debug, Default)]
pub(super) struct Found {
    train: Option<Vec<Trial>>,
    test: Option<Vec<Trial>>,
    labels: BTreeMap<String, Labels>,
    recordings: BTreeSet<String>,
}

impl Found {
    /// Takes note of a file; `open` is called for those that are read.
    pub fn take<'a>(
        &mut self,
        name: &str,
        open: impl FnOnce() -> Result<Box<dyn Read + 'a>, EventError>,
    ) -> Result<(), EventError> {
        if self.labels.len().max(self.recordings.len()) >= MAX_FILES {
            let (needed, limit) = (MAX_FILES as u64 + 1, MAX_FILES as u64);
            let remedy = "this is no copy of DVS128 Gesture";
            return Err(EventError::TooLarge { what: "the list of files", needed, limit, remedy });
        }
        let new = if name == TRAIN_LIST {
            self.train.replace(read_list(open()?, Part::Train)?).is_none()
        } else if name == TEST_LIST {
            self.test.replace(read_list(open()?, Part::Test)?).is_none()
        } else if let Some(trial) = name.strip_suffix("_labels.csv").filter(|name| is_trial(name)) {
            self.labels.insert(trial.into(), labels::read(open()?, CLASSES)?).is_none()
        } else if let Some(trial) = name.strip_suffix(".aedat").filter(|name| is_trial(name)) {
            self.recordings.insert(trial.into())
        } else {
            true
        };
        if new {
            return Ok(());
        }
        let problem = "is there twice, in different folders: which one counts is unclear".into();
        Err(EventError::Layout { place: name.into(), problem })
    }
}

fn is_trial(name: &str) -> bool {
    Trial::parse(name, Part::Train).is_some()
}

/// A list of recordings, a file name a line.
fn read_list(file: impl Read, part: Part) -> Result<Vec<Trial>, EventError> {
    let text = small_text(file)?;
    let mut seen = BTreeSet::new();
    let mut trials = Vec::new();
    for (name, line) in text.lines().map(str::trim).zip(1..).filter(|(name, _)| !name.is_empty()) {
        let wrong = |problem: String| Err(EventError::Line { line, problem });
        let trial = name.strip_suffix(".aedat").and_then(|name| Trial::parse(name, part));
        let Some(trial) = trial else {
            return wrong(format!("`{name}` is not a name such as user01_led.aedat"));
        };
        if !seen.insert(name) {
            return wrong(format!("{name} stands in the list twice"));
        }
        trials.push(trial);
    }
    Ok(trials)
}

/// Listed recordings with their labels, and recordings in no list.
type Plan = (Vec<(Trial, Labels)>, Vec<String>);

/// Puts lists, labels and recordings together, or says what does not fit.
pub(super) fn plan(mut found: Found) -> Result<Plan, String> {
    let train = found.train.ok_or_else(|| format!("{TRAIN_LIST} is missing"))?;
    let test = found.test.ok_or_else(|| format!("{TEST_LIST} is missing"))?;
    let users: BTreeSet<u32> = train.iter().map(|trial| trial.user).collect();
    if let Some(both) = test.iter().find(|trial| users.contains(&trial.user)) {
        return Err(format!(
            "user {} is in {TRAIN_LIST} and in {TEST_LIST} ({}): a test on users that were trained on says nothing; take them out of one",
            both.user, both.name
        ));
    }
    let trials: Vec<Trial> = train.into_iter().chain(test).collect();
    if trials.is_empty() {
        return Err(format!("{TRAIN_LIST} and {TEST_LIST} name no recording"));
    }
    missing(&trials, ".aedat", |name| found.recordings.contains(name))?;
    missing(&trials, "_labels.csv", |name| found.labels.contains_key(name))?;
    let mut planned = Vec::with_capacity(trials.len());
    for trial in trials {
        found.recordings.remove(&trial.name);
        let labels = found.labels.remove(&trial.name).unwrap_or_default();
        planned.push((trial, labels));
    }
    Ok((planned, found.recordings.into_iter().collect()))
}

/// Names the files that are listed and not there.
fn missing(trials: &[Trial], ending: &str, there: impl Fn(&str) -> bool) -> Result<(), String> {
    let missing: Vec<&str> =
        trials.iter().map(|trial| trial.name.as_str()).filter(|name| !there(name)).collect();
    let Some(first) = missing.first() else {
        return Ok(());
    };
    let others = match missing.len() - 1 {
        0 => String::new(),
        others => format!(" and {others} others"),
    };
    Err(format!(
        "{first}{ending}{others} of {} listed recordings are missing: get the whole archive again, or take them out of the lists",
        trials.len()
    ))
}
