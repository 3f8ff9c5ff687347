//! DVS128 Gesture from the published files.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{
    cache::{self, SliceWriter},
    gestures::{Cut, Cutter, classes, splits},
    split::{Normalise, View},
};
use crate::{
    config::DatasetConfig,
    error::DataError,
    events::{
        EventError, Sensor,
        augment::EventAugment,
        dvs128::{Dvs128, TRAIN_LIST},
        frames::FrameConfig,
    },
    splits::{FileRecord, Splits},
};

const HOW: &str = "Get DvsGesture.tar.gz of DVS128 Gesture (Amir et al. 2017, CC BY 4.0; 3 GB, MD5 8a5c71fb11e24e5ca5b11866ca6c00a1) from \
                   IBM Research and put it, unpacked or not, into the folder dvs128/ of the data folder.";

/// Settings of DVS128 Gesture (Amir et al. 2017): 11 gestures of arms, seen by a camera of 128x128 pixels. A sample is a
/// slice of a gesture; slices of one gesture are a group.
///
/// ```no_run
/// use egru_data::{DatasetConfig, recordings::Dvs128Config};
/// let splits = Dvs128Config::default().load(Some("data".as_ref()), 1)?;
/// assert_eq!(splits.train.spec().steps, 68);
/// # Ok::<(), egru_data::DataError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Dvs128Config {
    /// What becomes of a frame's values.
    pub normalise: Normalise,
    /// How gestures are cut into slices, and what is scored on what.
    pub cut: Cut,
    /// How frames are made.
    pub frames: FrameConfig,
    /// What is changed in training. A mirrored gesture has the class of what it then is.
    pub augment: EventAugment,
}

impl DatasetConfig for Dvs128Config {
    const NAME: &'static str = "dvs128";

    /// Reads the folder or archive under `root`. `seed` draws the users who are held out.
    ///
    /// # Errors
    /// [`DataError::Unplaced`] without the files, [`DataError::Events`] for what is damaged in them,
    /// [`DataError::Cache`], [`DataError::Config`].
    fn load(&self, root: Option<&Path>, seed: u64) -> Result<Splits, DataError> {
        self.load_to(&cache::folder(), root, seed)
    }

    fn task(&self) -> &'static str {
        "voting"
    }
}

impl Dvs128Config {
    fn load_to(&self, cache: &Path, root: Option<&Path>, seed: u64) -> Result<Splits, DataError> {
        let sensor = Sensor::DVS128;
        let view = view(Self::NAME, self.frames, self.normalise, self.augment);
        view.check(sensor)?;
        self.cut.check(self.frames.window)?;
        let data = open(root)?;
        let files = data.files().into_iter().map(FileRecord::of).collect::<Result<Vec<_>, _>>()?;
        let sums: Vec<&str> = files.iter().map(|file| file.sha256.as_str()).collect();
        let window = self.frames.window;
        let key = format!("{}\n{}\n{}", Self::NAME, self.cut.key(window), sums.join("\n"));
        let build = |writer: &mut SliceWriter| {
            let firsts: BTreeMap<_, _> =
                data.first_gestures().map(|(trial, first)| (trial.name.as_str(), first)).collect();
            let mut cutter = Cutter::new(&self.cut, window, sensor, writer);
            data.for_each(|recording| {
                let trial = recording.trial;
                cutter.add(trial, firsts[trial.name.as_str()], recording.load()?)
            })?;
            cutter.finish();
            Ok(())
        };
        let slices = Arc::new(cache::open_or_build(cache, Self::NAME, &key, sensor, build)?);
        splits(&slices, &self.cut, &Arc::new(view), seed, files, data.warnings())
    }
}

fn open(root: Option<&Path>) -> Result<Dvs128, DataError> {
    let unplaced =
        |looked_for| DataError::Unplaced { dataset: "dvs128".into(), looked_for, how: HOW };
    let root = root.ok_or_else(|| unplaced(Vec::new()))?;
    Dvs128::open(root).map_err(|error| match error {
        // Nothing of it is there; what is there and contradicts itself says so.
        EventError::Layout { place, .. }
            if Path::new(&place) == root && !root.join(TRAIN_LIST).exists() =>
        {
            unplaced(vec![
                root.join("dvs128"),
                root.join("DvsGesture"),
                root.join("DvsGesture.tar.gz"),
            ])
        }
        other => other.into(),
    })
}

/// Samples of gestures.
pub(super) fn view(
    name: &str,
    frames: FrameConfig,
    normalise: Normalise,
    augment: EventAugment,
) -> View {
    let (classes, mirror) = classes();
    View { name: name.to_owned(), frames, normalise, augment, classes, mirror }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs, path::PathBuf};

    use super::*;
    use crate::{
        Draw, SequenceDataset, Target,
        events::simulate::{Simulation, write_dvs128},
        recordings::Protocol,
    };

    /// Three users to train on and one to test on, gestures of 0.25 s.
    fn simulate(folder: &Path) -> PathBuf {
        let simulation = Simulation {
            users: 4,
            test_users: 1,
            lights: 1,
            seconds: 0.25,
            ..Simulation::default()
        };
        let data = folder.join("dvs128");
        write_dvs128(&data, &simulation, &mut |_, events| assert!(events > 1_000)).unwrap();
        data
    }

    fn config() -> Dvs128Config {
        let cut = Cut { length: 100_000, valid_users: 1, ..Cut::default() };
        let frames = FrameConfig { shrink: 8, ..FrameConfig::default() };
        Dvs128Config { cut, frames, ..Dvs128Config::default() }
    }

    fn groups(set: &Arc<dyn SequenceDataset>) -> BTreeSet<usize> {
        (0..set.len()).map(|index| set.group(index)).collect()
    }

    #[test]
    fn slices_of_a_gesture_are_a_group_and_no_user_is_in_two_splits() {
        let folder = tempfile::tempdir().unwrap();
        let (root, cache) = (folder.path(), folder.path().join("cache"));
        simulate(root);
        let load = |config: &Dvs128Config, seed| config.load_to(&cache, Some(root), seed).unwrap();
        let splits = load(&config(), 1);
        // Two whole slices of 0.1 s, and one that ends with the gesture.
        let sizes = [&splits.train, &splits.valid, &splits.test].map(|set| set.len());
        assert_eq!(sizes, [2 * 33, 33, 33]);
        let parts = [&splits.train, &splits.valid, &splits.test].map(groups);
        assert_eq!(parts.iter().map(BTreeSet::len).sum::<usize>(), 44);
        assert!(parts[0].is_disjoint(&parts[1]) && parts[1].is_disjoint(&parts[2]));
        assert_eq!(splits.test.group(0), splits.test.group(2));
        assert_ne!(splits.test.group(2), splits.test.group(3));
        assert_eq!(
            splits.train.spec().to_string(),
            "dvs128: 4 frames of 1 x 16 x 16 -> one of 11 classes"
        );
        assert_eq!(splits.provenance.len(), 2 + 2 * 4);
        let told = splits.warnings.join("\n");
        assert!(told.contains("test 33 slices of 11 gestures of 1 users"), "{told}");

        let paper = Cut { protocol: Protocol::Paper, ..config().cut };
        let paper = load(&Dvs128Config { cut: paper, ..config() }, 1);
        let sizes = [&paper.train, &paper.valid, &paper.test].map(|set| set.len());
        assert_eq!(sizes, [3 * 22, 22, 22]);
        assert!(paper.warnings.iter().any(|told| told.contains("choices on the test")));
    }

    #[test]
    fn a_mirrored_sample_has_the_class_of_what_it_then_is() {
        let folder = tempfile::tempdir().unwrap();
        simulate(folder.path());
        let augment = EventAugment { flip_horizontal: 1.0, ..EventAugment::default() };
        let config = Dvs128Config { augment, ..config() };
        let set =
            config.load_to(&folder.path().join("cache"), Some(folder.path()), 1).unwrap().train;
        let (_, mirror) = classes();
        for index in 0..set.len() {
            let (plain, flipped) = (
                set.sample(index, None).unwrap(),
                set.sample(index, Some(Draw { seed: 1, epoch: 1 })).unwrap(),
            );
            let (Target::Class(one), Target::Class(other)) = (plain.target, flipped.target) else {
                panic!("classes");
            };
            assert_eq!(mirror(one), other);
            let sum = |inputs: crate::Inputs| inputs.values().unwrap().iter().sum::<f32>();
            assert!((sum(plain.inputs) - sum(flipped.inputs)).abs() < 1e-2);
        }
    }

    #[test]
    fn the_archive_gives_the_same_samples_and_what_changes_is_read_anew() {
        let folder = tempfile::tempdir().unwrap();
        let cache = folder.path().join("cache");
        let data = simulate(folder.path());
        let from = |root: &Path| config().load_to(&cache, Some(root), 1).unwrap();
        let plain = from(folder.path());
        let packed = tempfile::tempdir().unwrap();
        let out = fs::File::create(packed.path().join("DvsGesture.tar.gz")).unwrap();
        let gzip = flate2::write::GzEncoder::new(out, flate2::Compression::fast());
        let mut tar = tar::Builder::new(gzip);
        // In another order than the lists have.
        let mut names: Vec<_> =
            fs::read_dir(&data).unwrap().map(|e| e.unwrap().file_name()).collect();
        names.sort();
        for name in names.iter().rev() {
            tar.append_path_with_name(data.join(name), Path::new("DvsGesture").join(name)).unwrap();
        }
        tar.into_inner().unwrap().finish().unwrap();
        let archive = from(packed.path());
        assert_eq!(archive.provenance.len(), 1);
        for (one, other) in [(&plain.train, &archive.train), (&plain.test, &archive.test)] {
            assert_eq!(one.len(), other.len());
            for index in 0..one.len() {
                assert_eq!(one.sample(index, None).unwrap(), other.sample(index, None).unwrap());
                assert_eq!(one.group(index), other.group(index));
            }
        }
        assert_eq!(fs::read_dir(&cache).unwrap().count(), 2);
        let denoised = Cut { denoise: 3_000, ..config().cut };
        let denoised = Dvs128Config { cut: denoised, ..config() };
        let denoised = denoised.load_to(&cache, Some(folder.path()), 1).unwrap();
        assert_ne!(denoised.test.sample(0, None).unwrap(), plain.test.sample(0, None).unwrap());
        assert_eq!(fs::read_dir(&cache).unwrap().count(), 3);
        let labels = data.join("user01_fluorescent_labels.csv");
        let text = fs::read_to_string(&labels).unwrap();
        fs::write(&labels, text.trim_end()).unwrap();
        from(folder.path());
        assert_eq!(fs::read_dir(&cache).unwrap().count(), 4);
    }

    #[test]
    fn what_is_missing_is_told_with_how_to_get_it() {
        let folder = tempfile::tempdir().unwrap();
        for root in [None, Some(folder.path())] {
            let error = config().load_to(folder.path(), root, 1).unwrap_err().to_string();
            assert!(error.contains("DvsGesture.tar.gz of DVS128 Gesture"), "{error}");
        }
        let data = simulate(folder.path());
        fs::remove_file(data.join("user02_fluorescent.aedat")).unwrap();
        let error = config().load_to(folder.path(), Some(folder.path()), 1).unwrap_err();
        assert!(error.to_string().contains("user02_fluorescent.aedat"), "{error}");
        let all = Cut { valid_users: 3, ..config().cut };
        fs::remove_dir_all(&data).unwrap();
        simulate(folder.path());
        let error =
            Dvs128Config { cut: all, ..config() }.load_to(folder.path(), Some(folder.path()), 1);
        let error = error.unwrap_err().to_string();
        assert!(
            error.contains("data.cut.valid_users = 3") && error.contains("of 3 training"),
            "{error}"
        );
    }
}
