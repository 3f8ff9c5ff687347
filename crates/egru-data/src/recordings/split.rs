//! Slices of recordings as samples of a data set.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::cache::SliceCache;
use crate::{
    dataset::{SequenceDataset, check_index},
    error::DataError,
    events::{
        Sensor,
        augment::EventAugment,
        frames::{FrameConfig, frames},
    },
    random::Draw,
    sample::{Inputs, Layout, Output, Sample, Spec, Target},
};

/// What becomes of a frame's values, each for itself: nothing of it is taken from data, so that training and test cannot
/// differ in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Normalise {
    /// The counts as they are.
    Counts,
    /// ln(1 + count), with the count's sign: busy pixels weigh less.
    #[default]
    Log,
}

impl Normalise {
    fn apply(self, values: &mut [f32]) {
        if self == Self::Log {
            for value in values.iter_mut().filter(|value| **value != 0.0) {
                *value = value.abs().ln_1p().copysign(*value);
            }
        }
    }
}

/// How slices become samples.
#[derive(Debug, Clone)]
pub(super) struct View {
    pub name: String,
    pub frames: FrameConfig,
    pub normalise: Normalise,
    pub augment: EventAugment,
    pub classes: Vec<String>,
    /// The class of what is seen in a mirror.
    pub mirror: fn(usize) -> usize,
}

impl View {
    /// Refuses settings that are outside of their range.
    pub fn check(&self, sensor: Sensor) -> Result<(), DataError> {
        // No event, no time: what is left is to check the settings.
        frames(&[], 0..0, sensor, &self.frames).map_err(DataError::setting_in("data.frames"))?;
        self.augment.check().map_err(DataError::setting_in("data.augment"))
    }
}

/// Some of the slices.
pub(super) struct SliceSet {
    cache: Arc<SliceCache>,
    items: Vec<usize>,
    view: Arc<View>,
    spec: Spec,
}

impl SliceSet {
    pub fn new(cache: &Arc<SliceCache>, items: Vec<usize>, view: &Arc<View>) -> Arc<Self> {
        let sensor = cache.sensor();
        let FrameConfig { polarity, shrink, .. } = view.frames;
        let side = |pixels: u16| usize::from(pixels.div_ceil(shrink));
        let mut set = Self {
            cache: cache.clone(),
            items,
            view: view.clone(),
            spec: Spec {
                name: view.name.clone(),
                steps: 1,
                layout: Layout::Frames {
                    polarities: polarity.polarities(),
                    rows: side(sensor.height),
                    columns: side(sensor.width),
                },
                output: Output::Class { classes: view.classes.len() },
            },
        };
        set.spec.steps = (0..set.items.len()).map(|index| set.steps(index)).max().unwrap_or(1);
        Arc::new(set)
    }
}

impl SequenceDataset for SliceSet {
    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn len(&self) -> usize {
        self.items.len()
    }

    fn steps(&self, index: usize) -> usize {
        let duration = self.cache.infos()[self.items[index]].duration;
        // Both are above 0.
        (duration.max(1) as u64).div_ceil(self.view.frames.window as u64) as usize
    }

    fn sample(&self, index: usize, draw: Option<Draw>) -> Result<Sample, DataError> {
        check_index(self, index)?;
        let item = self.items[index];
        let info = &self.cache.infos()[item];
        let mut events = self.cache.read(item)?;
        let mut class = info.class as usize;
        if let Some(draw) = draw {
            let mut rng = draw.rng(b"events..", index);
            if self.view.augment.apply(&mut events, self.cache.sensor(), &mut rng)?.mirrored {
                class = (self.view.mirror)(class);
            }
        }
        let span = 0..info.duration.max(1);
        let mut frames = frames(&events, span, self.cache.sensor(), &self.view.frames)?;
        self.view.normalise.apply(&mut frames.values);
        Ok(Sample {
            inputs: Inputs::Values(frames.values),
            steps: frames.steps,
            target: Target::Class(class),
        })
    }

    fn group(&self, index: usize) -> usize {
        self.cache.infos()[self.items[index]].group as usize
    }

    fn class_names(&self) -> Option<Vec<String>> {
        Some(self.view.classes.clone())
    }
}
