//! Gestures that nobody made, ready to train on.

use std::{path::Path, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{
    cache::{self, SliceWriter},
    gestures::{Cut, Cutter, splits},
    published::view,
    split::Normalise,
};
use crate::{
    config::DatasetConfig,
    error::DataError,
    events::{
        Notes, Sensor,
        augment::EventAugment,
        dvs128::{CLASSES, Loaded},
        frames::FrameConfig,
        labels::Labels,
        simulate::{CameraConfig, Simulation},
    },
    splits::Splits,
};

/// Settings of simulated gestures: what [`simulate`](crate::events::simulate) makes, cut and divided as DVS128 Gesture is.
/// No file is needed.
///
/// ```no_run
/// use egru_data::{DatasetConfig, recordings::GestureSimConfig};
/// let splits = GestureSimConfig { users: 6, test_users: 2, ..Default::default() }.load(None, 1)?;
/// assert_eq!(splits.train.class_names().unwrap().len(), 11);
/// # Ok::<(), egru_data::DataError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GestureSimConfig {
    /// Users, of whom the last are to test on.
    pub users: u32,
    /// Users to test on.
    pub test_users: u32,
    /// Lights in which each is recorded, 1 to 5.
    pub lights: u32,
    /// Seconds of a gesture.
    pub seconds: f64,
    /// What becomes of a frame's values.
    pub normalise: Normalise,
    /// The camera.
    pub camera: CameraConfig,
    /// How gestures are cut into slices, and what is scored on what.
    pub cut: Cut,
    /// How frames are made.
    pub frames: FrameConfig,
    /// What is changed in training. A mirrored gesture has the class of what it then is.
    pub augment: EventAugment,
}

impl Default for GestureSimConfig {
    fn default() -> Self {
        let Simulation { users, test_users, lights, seconds, camera, .. } = Simulation::default();
        Self {
            users,
            test_users,
            lights,
            seconds,
            normalise: Normalise::default(),
            camera,
            cut: Cut { length: 1_000_000, valid_users: 2, ..Cut::default() },
            frames: FrameConfig { shrink: 4, ..FrameConfig::default() },
            augment: EventAugment::default(),
        }
    }
}

impl DatasetConfig for GestureSimConfig {
    const NAME: &'static str = "gesture-sim";

    /// Simulates with `seed`, which also draws the users who are held out.
    ///
    /// # Errors
    /// [`DataError::Cache`], [`DataError::Config`].
    fn load(&self, _: Option<&Path>, seed: u64) -> Result<Splits, DataError> {
        self.load_to(&cache::folder(), seed)
    }

    fn task(&self) -> &'static str {
        "voting"
    }
}

impl GestureSimConfig {
    fn load_to(&self, cache: &Path, seed: u64) -> Result<Splits, DataError> {
        let sensor = Sensor::DVS128;
        let view = view(Self::NAME, self.frames, self.normalise, self.augment);
        view.check(sensor)?;
        let window = self.frames.window;
        self.cut.check(window)?;
        let &Self { users, test_users, lights, seconds, camera, .. } = self;
        let simulation = Simulation { users, test_users, lights, seconds, seed, camera };
        simulation.check().map_err(DataError::setting_in("data"))?;
        let key = format!("{} 1\n{simulation:?}\n{}", Self::NAME, self.cut.key(window));
        let build = |writer: &mut SliceWriter| {
            let mut cutter = Cutter::new(&self.cut, window, sensor, writer);
            for (trial, number) in simulation.trials().iter().zip(0..) {
                let mut recording = simulation.record(trial)?;
                let mut events = Vec::new();
                while recording.step(&mut events) {}
                let labels = Labels { labels: recording.labels().to_vec(), ..Labels::default() };
                let loaded = Loaded { events, labels, notes: Notes::default() };
                cutter.add(trial, number * u32::from(CLASSES), loaded)?;
            }
            cutter.finish();
            Ok(())
        };
        let slices = Arc::new(cache::open_or_build(cache, Self::NAME, &key, sensor, build)?);
        splits(&slices, &self.cut, &Arc::new(view), seed, Vec::new(), Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_needed_and_the_seed_decides() {
        let folder = tempfile::tempdir().unwrap();
        let config = GestureSimConfig {
            users: 3,
            test_users: 1,
            lights: 1,
            seconds: 0.2,
            cut: Cut { length: 100_000, valid_users: 1, ..Cut::default() },
            ..GestureSimConfig::default()
        };
        let splits = config.load_to(folder.path(), 1).unwrap();
        assert_eq!([&splits.train, &splits.valid, &splits.test].map(|set| set.len()), [22; 3]);
        let sample = splits.train.sample(0, None).unwrap();
        assert_eq!((sample.steps, splits.train.spec().channels()), (4, 32 * 32));
        assert_eq!(
            config.load_to(folder.path(), 1).unwrap().train.sample(0, None).unwrap(),
            sample
        );
        assert_ne!(
            config.load_to(folder.path(), 2).unwrap().train.sample(0, None).unwrap(),
            sample
        );
        let wrong = GestureSimConfig { lights: 9, ..config };
        let error = wrong.load_to(folder.path(), 1).unwrap_err();
        assert!(error.to_string().contains("lights = 9"), "{error}");
    }
}
