//! DVS128 Gesture (Amir et al. 2017) as it is published: a folder, or the archive `DvsGesture.tar.gz` unopened.
//!
//! It holds `trials_to_train.txt` and `trials_to_test.txt`, which name the recordings `userNN_LIGHT.aedat`, and a
//! `userNN_LIGHT_labels.csv` beside each recording. An archive is decompressed twice: once for the lists and labels,
//! once for the recordings, which are read as they come and never stored.
//!
//! ```
//! use egru_data::events::{Event, EventError, Polarity, dvs128::Dvs128, labels::Label, slice, write};
//! # let folder = std::env::temp_dir().join(format!("egru-dvs128-example-{}", std::process::id()));
//! # std::fs::create_dir_all(&folder).unwrap();
//! # let file = |name: &str| std::fs::File::create(folder.join(name)).unwrap();
//! # for name in ["user01_led", "user24_led"] {
//! #     let mut writer = write::AedatWriter::new(file(&format!("{name}.aedat")), "example")?;
//! #     writer.write(&[Event::new(5, 1, 2, Polarity::On)])?;
//! #     writer.finish()?;
//! #     let labels = [Label { class: 2, start: 0, end: 9 }];
//! #     write::labels(file(&format!("{name}_labels.csv")), &labels)?;
//! # }
//! # write::list(file("trials_to_train.txt"), ["user01_led"])?;
//! # write::list(file("trials_to_test.txt"), ["user24_led"])?;
//! let data = Dvs128::open(&folder)?; // or the archive
//! let mut gestures = 0;
//! data.for_each(|recording| {
//!     let trial = recording.trial.clone();
//!     let loaded = recording.load()?;
//!     for (label, part) in slice::by_label(&loaded.events, &loaded.labels.labels)? {
//!         println!("user {} in {}: class {} has {} events", trial.user, trial.light, label.class, part.events.len());
//!         gestures += 1;
//!     }
//!     Ok::<(), EventError>(())
//! })?;
//! assert_eq!(gestures, 2);
//! # std::fs::remove_dir_all(&folder).unwrap();
//! # Ok::<(), EventError>(())
//! ```

mod archive;
mod classes;
mod recording;
mod trials;

use std::{
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
};

use super::{
    aedat,
    error::EventError,
    event::Sensor,
    labels::{LabelNotes, Labels},
};
pub use classes::{CLASS_NAMES, CLASSES, mirrored};
pub use recording::{Loaded, Recording};
use trials::{Found, plan};
pub use trials::{Part, TEST_LIST, TRAIN_LIST, Trial};

/// Names under which the data lies in a folder of data sets.
const PLACES: [&str; 6] = [
    "",
    "DvsGesture",
    "dvs128",
    "dvs128/DvsGesture",
    "DvsGesture.tar.gz",
    "dvs128/DvsGesture.tar.gz",
];

/// The recordings of a folder or archive.
#[derive(Debug, Clone)]
pub struct Dvs128 {
    place: PathBuf,
    archive: bool,
    trials: Vec<(Trial, Labels)>,
    unlisted: Vec<String>,
}

impl Dvs128 {
    /// Reads the lists and labels at `path`: the folder itself, one that has it as `DvsGesture` or `dvs128`, or the
    /// archive, `.tar.gz` or `.tar`.
    ///
    /// # Errors
    /// [`EventError::Layout`] for a recording that is listed and missing or has no labels, or one or a user in both
    /// lists; [`EventError::Line`] in a list or label file; [`EventError::Io`].
    pub fn open(path: &Path) -> Result<Self, EventError> {
        let is_folder = fs::metadata(path).map_err(EventError::io("find", path))?.is_dir();
        let place = if is_folder { Self::find(path)? } else { path.to_path_buf() };
        let archive = !place.is_dir();
        let found = if archive { archive::list(&place)? } else { list_folder(&place)? };
        let (trials, unlisted) = plan(found).map_err(|problem| EventError::Layout {
            place: place.display().to_string(),
            problem,
        })?;
        Ok(Self { place, archive, trials, unlisted })
    }

    fn find(folder: &Path) -> Result<PathBuf, EventError> {
        let here = |path: &PathBuf| path.is_file() || path.join(TRAIN_LIST).is_file();
        PLACES.iter().map(|name| folder.join(name)).find(here).ok_or_else(|| EventError::Layout {
            place: folder.display().to_string(),
            problem: format!(
                "there is no {TRAIN_LIST} here or in DvsGesture/ or dvs128/, and no DvsGesture.tar.gz; put the archive of DVS128 Gesture here"
            ),
        })
    }

    /// Every listed recording: those to train on, then those to test on, in the order of the lists.
    pub fn trials(&self) -> impl Iterator<Item = &Trial> {
        self.trials.iter().map(|(trial, _)| trial)
    }

    /// The files that are read: the archive, or lists, recordings and labels.
    pub fn files(&self) -> Vec<PathBuf> {
        if self.archive {
            return vec![self.place.clone()];
        }
        let of_trials = self
            .trials
            .iter()
            .flat_map(|(trial, _)| [trial.file(), format!("{}_labels.csv", trial.name)]);
        let names = [TRAIN_LIST.to_owned(), TEST_LIST.to_owned()].into_iter().chain(of_trials);
        names.map(|name| self.place.join(name)).collect()
    }

    /// For each listed recording the number of gestures of those before it, in the order of [`trials`](Self::trials), so
    /// that gestures can be numbered in any order of reading.
    pub fn first_gestures(&self) -> impl Iterator<Item = (&Trial, u32)> {
        self.trials.iter().scan(0_u32, |next, (trial, labels)| {
            let first = *next;
            *next += labels.labels.len() as u32;
            Some((trial, first))
        })
    }

    /// What is odd about lists and labels, a sentence each.
    pub fn warnings(&self) -> Vec<String> {
        let unlisted = self.unlisted.iter().map(|name| {
            format!("{name}.aedat is in neither {TRAIN_LIST} nor {TEST_LIST}; it is left out")
        });
        // One sentence for all files: in the published data every recording has class 8 twice, once per arm.
        let kinds = LabelNotes::default().counts().into_iter().enumerate();
        let labels = kinds.filter_map(|(kind, (_, text))| {
            let count = |labels: &Labels| labels.notes.counts()[kind].0;
            let odd: Vec<&(Trial, Labels)> =
                self.trials.iter().filter(|(_, labels)| count(labels) > 0).collect();
            let (first, _) = odd.first()?;
            let total: u64 = odd.iter().map(|(_, labels)| count(labels)).sum();
            let others = match odd.len() - 1 {
                0 => String::new(),
                others => format!(" and {others} others"),
            };
            Some(format!("{}_labels.csv{others}: {total} {text}", first.name))
        });
        unlisted.chain(labels).collect()
    }

    /// Visits every listed recording once: in the order of [`trials`](Self::trials) in a folder, in its own order in
    /// an archive.
    ///
    /// # Errors
    /// The visitor's own; [`EventError`] if a recording is not AEDAT 3.1 or an archive damaged or changed.
    pub fn for_each<E: From<EventError>>(
        &self,
        mut visit: impl FnMut(Recording<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        if self.archive {
            return archive::for_each(&self.place, &self.trials, visit);
        }
        for (trial, labels) in &self.trials {
            let mut events = aedat::open(&self.place.join(trial.file()), Sensor::DVS128)?;
            visit(Recording { trial, labels, events: &mut events })?;
        }
        Ok(())
    }
}

fn list_folder(folder: &Path) -> Result<Found, EventError> {
    let mut found = Found::default();
    for entry in fs::read_dir(folder).map_err(EventError::io("list", folder))? {
        let entry = entry.map_err(EventError::io("list", folder))?;
        // A name that is no text is none of ours.
        if let Ok(name) = entry.file_name().into_string() {
            let path = entry.path();
            found
                .take(&name, || {
                    let file = File::open(&path).map_err(EventError::io("open", &path))?;
                    Ok(Box::new(file) as Box<dyn Read>)
                })
                .map_err(EventError::within(path.display()))?;
        }
    }
    Ok(found)
}
