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
mod tests {
    use std::fs;

    use flate2::{Compression, write::GzEncoder};

    use super::*;
    use crate::{
        Batch, Draw, Target,
        events::{Event, Polarity},
    };

    /// `count` recordings to train on and one to test on.
    fn write(folder: &Path, count: u32) {
        let folder = folder.join(FOLDER);
        fs::create_dir_all(&folder).unwrap();
        let out = File::create(folder.join(ARCHIVE)).unwrap();
        let mut tar = tar::Builder::new(GzEncoder::new(out, Compression::fast()));
        let lines = |numbers: &[u32]| {
            let lines = numbers.iter().map(|n| format!("{n}\t{}\r\n", n % 10));
            format!("#sample #class\r\n{}", lines.collect::<String>())
        };
        let numbers: Vec<u32> = (1..=count).collect();
        for &number in numbers.iter().chain(&[60_001]) {
            let events: Vec<Event> = (0..30 + i64::from(number % 3))
                .map(|t| Event::new(t * 1_000, (number % 34) as u16, 3, Polarity::On))
                .collect();
            let mut bytes = Vec::new();
            bs2::write(&events, &mut bytes).unwrap();
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            tar.append_data(&mut header, format!("{number}.bs2"), &bytes[..]).unwrap();
        }
        tar.into_inner().unwrap().finish().unwrap();
        fs::write(folder.join(LISTS[0]), lines(&numbers)).unwrap();
        fs::write(folder.join(LISTS[1]), lines(&[60_001])).unwrap();
    }

    #[test]
    fn recordings_are_frames_with_their_own_lengths() {
        let folder = tempfile::tempdir().unwrap();
        let (root, cache) = (folder.path().join("data"), folder.path().join("cache"));
        write(&root, 20);
        let config = NmnistConfig::default();
        let load = |config: &NmnistConfig, seed| config.load_to(&cache, Some(&root), seed);
        let splits = load(&config, 1).unwrap();
        let sizes = [&splits.train, &splits.valid, &splits.test].map(|set| set.len());
        assert_eq!(sizes, [16, 4, 1]);
        assert_eq!(splits.provenance.len(), 3);
        let spec = splits.train.spec();
        assert_eq!(spec.to_string(), "nmnist: 4 frames of 2 x 34 x 34 -> one of 10 classes");
        let batch = Batch::collate(splits.train.as_ref(), &[0, 1, 2, 3, 4, 5, 6, 7]).unwrap();
        assert!(batch.lengths.is_some_and(|lengths| lengths.contains(&3) && lengths.contains(&4)));
        // 10 events of one pixel in the first frame of the polarity that comes second.
        let sample = splits.test.sample(0, None).unwrap();
        assert_eq!(sample.target, Target::Class(1));
        let pixel = 34 * 34 + 3 * 34 + 60_001 % 34;
        assert_eq!(sample.inputs.values().unwrap()[pixel], 10_f32.ln_1p());

        let counts = NmnistConfig { normalise: Normalise::Counts, ..config.clone() };
        let sample = load(&counts, 1).unwrap().test.sample(0, None).unwrap();
        assert_eq!(sample.inputs.values().unwrap().iter().sum::<f32>(), 31.0);
        // Another seed holds out others; nothing is cut again for it or for other frames.
        let groups = |set: &Arc<dyn SequenceDataset>| -> Vec<usize> {
            (0..set.len()).map(|index| set.group(index)).collect()
        };
        assert_ne!(groups(&load(&config, 2).unwrap().valid), groups(&splits.valid));
        assert_eq!(fs::read_dir(&cache).unwrap().count(), 1);
    }

    #[test]
    fn augmentation_is_drawn_anew_for_an_epoch_and_only_in_training() {
        let folder = tempfile::tempdir().unwrap();
        let (root, cache) = (folder.path().join("data"), folder.path().join("cache"));
        write(&root, 5);
        let augment = EventAugment { drop_events: 0.9, ..EventAugment::default() };
        let config = NmnistConfig { augment, ..NmnistConfig::default() };
        let set = config.load_to(&cache, Some(&root), 1).unwrap().train;
        let drawn = |epoch| set.sample(0, Some(Draw { seed: 1, epoch })).unwrap();
        assert_eq!(drawn(1), drawn(1));
        assert_ne!(drawn(1).inputs, drawn(2).inputs);
        assert_ne!(set.sample(0, None).unwrap().inputs, drawn(1).inputs);
        assert_eq!(drawn(1).steps, set.steps(0));

        let flipped = EventAugment { flip_horizontal: 0.5, ..EventAugment::default() };
        let refused = NmnistConfig { augment: flipped, ..NmnistConfig::default() };
        let error = refused.load_to(&cache, Some(&root), 1).unwrap_err();
        assert!(error.to_string().contains("mirror"), "{error}");
        let frames = FrameConfig { window: 0, ..config.frames };
        let refused = NmnistConfig { frames, ..config.clone() }.load_to(&cache, Some(&root), 1);
        assert!(refused.unwrap_err().to_string().contains("data.frames = { window = 0 }"));
    }

    #[test]
    fn what_does_not_go_together_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let cache = folder.path().join("cache");
        let load = |root: Option<&Path>| NmnistConfig::default().load_to(&cache, root, 1);
        let error = load(None).unwrap_err().to_string();
        assert!(error.contains("no data folder") && error.contains("NMNISTsmall"), "{error}");
        let root = folder.path().join("data");
        let error = load(Some(&root)).unwrap_err().to_string();
        assert!(error.contains("Looked for") && error.contains(ARCHIVE), "{error}");
        write(&root, 5);
        let list = root.join(FOLDER).join(LISTS[0]);
        for (text, part) in [
            ("1 1\n2 2\n77 3\n", "77.bs2"),
            ("1 1\n1 1\n", "line 2: recording 1 is listed twice"),
            ("1 11\n", "class 11"),
            ("one\n", "`one`"),
        ] {
            fs::write(&list, text).unwrap();
            let error = load(Some(&root)).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }
}
