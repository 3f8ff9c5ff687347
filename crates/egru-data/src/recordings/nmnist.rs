//! N-MNIST (Orchard et al. 2015): MNIST's digits on a screen, seen by a moving event camera. The part of it that SLAYER's tests use:
//! 1,000 recordings to train on and 100 to test on, as `.bs2` in one archive, with two lists of numbers and classes.

use std::{
    collections::BTreeMap,
    fs::File,
    path::{Path, PathBuf},
    sync::Arc,
};

use flate2::read::MultiGzDecoder;
use serde::{Deserialize, Serialize};

use super::{
    cache::{self, SliceCache, SliceOf, SliceWriter},
    split::{Normalise, SliceSet, View},
};
use crate::{
    config::DatasetConfig,
    dataset::SequenceDataset,
    error::DataError,
    events::{
        EventError, EventReader, Sensor,
        augment::EventAugment,
        bs2,
        frames::{FrameConfig, PolarityMode},
        in_order,
        labels::small_text,
    },
    scan::digit_names,
    splits::{FileRecord, Splits, hold_out},
};

const ARCHIVE: &str = "nmnist-small-bs2.tar.gz";
const LISTS: [&str; 2] = ["train1K.txt", "test100.txt"];
const FOLDER: &str = "n-mnist";
const HOW: &str = "Put nmnist-small-bs2.tar.gz (recordings NUMBER.bs2), train1K.txt and test100.txt (lines of number and class) into \
                   the folder n-mnist/ of the data folder: the recordings and lists are test_files/NMNISTsmall of SLAYER \
                   (github.com/bamsumit/slayerPytorch).";

/// Settings of N-MNIST, read from `n-mnist/` in the data folder. Each sample is a whole recording of about 0.3 s.
///
/// ```no_run
/// use egru_data::{DatasetConfig, recordings::NmnistConfig};
/// let splits = NmnistConfig::default().load(Some("data".as_ref()), 1)?;
/// assert_eq!(splits.train.spec().to_string(), "nmnist: 34 frames of 2 x 34 x 34 -> one of 10 classes");
/// # Ok::<(), egru_data::DataError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NmnistConfig {
    /// Share of the training recordings that is held out for validation, between 0 and 1.
    pub valid_fraction: f64,
    /// What becomes of a frame's values.
    pub normalise: Normalise,
    /// How frames are made. The default: 10 ms, both polarities, every pixel.
    pub frames: FrameConfig,
    /// What is changed in training. Digits have no mirror image: `flip_horizontal` is refused.
    pub augment: EventAugment,
}

impl Default for NmnistConfig {
    fn default() -> Self {
        let frames =
            FrameConfig { window: 10_000, polarity: PolarityMode::Both, ..FrameConfig::default() };
        let (normalise, augment) = (Normalise::default(), EventAugment::default());
        Self { valid_fraction: 0.2, normalise, frames, augment }
    }
}

impl DatasetConfig for NmnistConfig {
    const NAME: &'static str = "nmnist";

    /// Reads `n-mnist/` under `root`. `seed` draws what is held out.
    ///
    /// # Errors
    /// [`DataError::Unplaced`] without the files, [`DataError::Events`] for lists and recordings that do not go together or
    /// are damaged, [`DataError::Cache`], [`DataError::Config`].
    fn load(&self, root: Option<&Path>, seed: u64) -> Result<Splits, DataError> {
        self.load_to(&cache::folder(), root, seed)
    }
}

impl NmnistConfig {
    fn load_to(&self, cache: &Path, root: Option<&Path>, seed: u64) -> Result<Splits, DataError> {
        let view = View {
            name: Self::NAME.to_owned(),
            frames: self.frames,
            normalise: self.normalise,
            augment: self.augment,
            classes: digit_names(),
            mirror: |class| class,
        };
        view.check(Sensor::NMNIST)?;
        if self.augment.flip_horizontal > 0.0 {
            return Err(DataError::Config {
                field: "data.augment.flip_horizontal",
                value: self.augment.flip_horizontal.to_string(),
                problem: "a digit in a mirror is no digit: leave it at 0".to_owned(),
            });
        }
        let files = [ARCHIVE, LISTS[0], LISTS[1]].map(|name| find(root, name));
        let [archive, train, test] = files;
        let (archive, lists) = (archive?, [train?, test?]);
        let mut provenance = Vec::new();
        for path in [&archive, &lists[0], &lists[1]] {
            provenance.push(FileRecord::of(path.clone())?);
        }
        let sums: Vec<&str> = provenance.iter().map(|file| file.sha256.as_str()).collect();
        let key = format!("{}\n{}", Self::NAME, sums.join("\n"));
        let build = |writer: &mut SliceWriter| read(&archive, &lists, writer);
        let slices = cache::open_or_build(cache, Self::NAME, &key, Sensor::NMNIST, build)?;
        let slices = Arc::new(slices);
        let of = |part| items(&slices, part);
        let (train, test) = (of(0), of(1));
        let (fitted, held_out) = hold_out(train.len(), self.valid_fraction, seed)?;
        let view = Arc::new(view);
        let set = |items: Vec<usize>| -> Arc<dyn SequenceDataset> {
            SliceSet::new(&slices, items, &view)
        };
        let pick = |which: Vec<usize>| which.into_iter().map(|index| train[index]).collect();
        Ok(Splits {
            train: set(pick(fitted)),
            valid: set(pick(held_out)),
            test: set(test),
            provenance,
            warnings: slices.notes().to_vec(),
        })
    }
}

/// The recordings of a list, by their numbers.
fn items(slices: &SliceCache, part: u32) -> Vec<usize> {
    let infos = slices.infos();
    let mut items: Vec<usize> = (0..infos.len()).filter(|&item| infos[item].part == part).collect();
    items.sort_by_key(|&item| infos[item].group);
    items
}

fn find(root: Option<&Path>, name: &str) -> Result<PathBuf, DataError> {
    let looked_for: Vec<PathBuf> =
        root.map(|root| vec![root.join(FOLDER).join(name), root.join(name)]).unwrap_or_default();
    let found = looked_for.iter().find(|path| path.is_file()).cloned();
    found.ok_or_else(|| DataError::Unplaced { dataset: FOLDER.into(), looked_for, how: HOW })
}

/// Number of a recording to its class and list.
type Listed = BTreeMap<u32, (u32, u32)>;

/// Reads all recordings that are listed into `writer`.
fn read(archive: &Path, lists: &[PathBuf; 2], writer: &mut SliceWriter) -> Result<(), DataError> {
    let mut listed = Listed::new();
    for (path, part) in lists.iter().zip(0..) {
        let file = File::open(path).map_err(EventError::io("open", path))?;
        list(&small_text(file)?, part, &mut listed).map_err(EventError::within(path.display()))?;
    }
    let file = File::open(archive).map_err(EventError::io("open", archive))?;
    let mut tar = tar::Archive::new(MultiGzDecoder::new(file));
    let broken = |source| EventError::io("read the archive", archive)(source);
    for entry in tar.entries().map_err(broken)? {
        let entry = entry.map_err(broken)?;
        let path = entry.path().map_err(broken)?.into_owned();
        let is_recording = path.extension().is_some_and(|ending| ending == "bs2");
        let number = path.file_stem().and_then(|stem| stem.to_str()?.parse().ok());
        let Some((number, (class, part))) = number
            .filter(|_| is_recording)
            .and_then(|number| Some((number, listed.remove(&number)?)))
        else {
            continue;
        };
        let mut events = bs2::stream(entry, Sensor::NMNIST)
            .and_then(|mut reader| reader.read_all())
            .map_err(EventError::within(format!("{}: {}", archive.display(), path.display())))?;
        in_order(&mut events);
        let end = events.last().map_or(0, |event| event.t) + 1;
        writer.add(SliceOf { group: number, class, user: 0, part }, 0..end, &events)?;
    }
    match listed.len() {
        0 => Ok(()),
        missing => {
            let first = listed.into_keys().next().unwrap_or_default();
            let problem = format!(
                "{missing} recordings that are listed are missing, {first}.bs2 the first of them: get archive and lists from one source"
            );
            Err(EventError::Layout { place: archive.display().to_string(), problem }.into())
        }
    }
}

/// Adds a list: a number and a class a line, after a line that starts with `#`.
fn list(text: &str, part: u32, listed: &mut Listed) -> Result<(), EventError> {
    for (text, line) in text.lines().map(str::trim).zip(1..) {
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        let mut numbers = text.split_whitespace().map(str::parse::<u32>);
        let (Some(Ok(number)), Some(Ok(class)), None) =
            (numbers.next(), numbers.next(), numbers.next())
        else {
            let problem = format!("`{text}` is not a number and a class");
            return Err(EventError::Line { line, problem });
        };
        if class > 9 {
            let problem = format!("class {class}, where classes are digits");
            return Err(EventError::Line { line, problem });
        }
        if listed.insert(number, (class, part)).is_some() {
            let problem = format!("recording {number} is listed twice");
            return Err(EventError::Line { line, problem });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
