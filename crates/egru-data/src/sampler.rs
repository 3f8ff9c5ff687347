//! The order of an epoch: which items come side by side, which of their steps, and whether the
//! state goes on from the window before.

use std::{f64::consts::TAU, ops::Range};

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::{
    dataset::SequenceDataset,
    error::DataError,
    random::{permutation, stream},
    sample::Output,
};

/// Standard deviation of a jittered window's length.
const DEVIATION: f64 = 5.0;
/// A jittered window has no fewer steps, but for the last of an item.
const SHORTEST: f64 = 5.0;
/// How often a jittered window is drawn about half the length.
const HALVED: f64 = 0.05;

/// One batch to be: items side by side, whole or some of their steps.
#[derive(Debug, Clone, PartialEq)]
pub struct Window {
    /// Indices in the data set.
    pub items: Vec<usize>,
    /// The steps of each item; `None`: all that it has.
    pub steps: Option<Range<usize>>,
    /// Whether the network's state goes on from the window before, which has the same items.
    pub carries: bool,
    /// Factor on the learning rate: 1 unless lengths are random.
    pub rate: f64,
}

impl Window {
    /// Whole items, from a fresh state.
    pub fn whole(items: Vec<usize>) -> Self {
        Self { items, steps: None, carries: false, rate: 1.0 }
    }
}

/// Plans an epoch. The number of windows may differ from epoch to epoch.
pub trait Sampler: Send + Sync {
    /// The windows of an epoch, in order: a function of the arguments alone.
    ///
    /// # Errors
    /// [`DataError::Config`] for settings that are not usable or that this data does not allow.
    fn epoch(
        &self,
        data: &dyn SequenceDataset,
        batch_size: usize,
        seed: u64,
        epoch: usize,
    ) -> Result<Vec<Window>, DataError>;

    /// Whether any window carries state. A data set that is one stream is then
    /// [folded](SequenceDataset::folded).
    fn carries(&self) -> bool {
        false
    }
}

/// The samplers of this crate, as a recipe's `[sampling]` table picks them.
///
/// ```
/// use egru_data::SamplerConfig;
/// let sampling: SamplerConfig = toml::from_str("type = 'contiguous'\nwindow = 70\njitter = true").unwrap();
/// assert_eq!(sampling, SamplerConfig::Contiguous { window: 70, jitter: true });
/// assert_eq!(sampling.for_evaluation(), SamplerConfig::Contiguous { window: 70, jitter: false });
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case", deny_unknown_fields)]
pub enum SamplerConfig {
    /// Whole items, in an order drawn anew for each epoch.
    #[default]
    Shuffled,
    /// Whole items, in the data set's own order.
    InOrder,
    /// The items in order, each read from its start to its end in windows that carry the state on
    /// (truncated back-propagation through time). Needs a target per step, and items of one length
    /// in a batch.
    Contiguous {
        /// Steps of a window, at least 1.
        window: usize,
        /// Whether lengths are random (Merity, Keskar & Socher 2018, "Regularizing and Optimizing
        /// LSTM Language Models"): normal about `window`, or about its half with probability 0.05,
        /// with a standard deviation of 5, at least 5. A window's [`rate`](Window::rate) is its
        /// length by the length that it was drawn about.
        #[serde(default)]
        jitter: bool,
    },
}

impl SamplerConfig {
    /// The same without randomness: every item once, in the data set's own order.
    pub fn for_evaluation(&self) -> Self {
        match *self {
            Self::Shuffled | Self::InOrder => Self::InOrder,
            Self::Contiguous { window, .. } => Self::Contiguous { window, jitter: false },
        }
    }
}

impl Sampler for SamplerConfig {
    fn epoch(
        &self,
        data: &dyn SequenceDataset,
        batch_size: usize,
        seed: u64,
        epoch: usize,
    ) -> Result<Vec<Window>, DataError> {
        if batch_size == 0 {
            let problem = "use at least 1".to_owned();
            return Err(DataError::Config { field: "batch_size", value: "0".into(), problem });
        }
        let whole = |order: &[usize]| {
            order.chunks(batch_size).map(|items| Window::whole(items.to_vec())).collect()
        };
        let in_order: Vec<usize> = (0..data.len()).collect();
        match *self {
            Self::InOrder => Ok(whole(&in_order)),
            Self::Shuffled => {
                let mut rng = stream(b"shuffle.", seed, epoch as u64, 0);
                Ok(whole(&permutation(data.len(), &mut rng)))
            }
            Self::Contiguous { window, jitter } => {
                let mut lengths = Lengths {
                    window,
                    rng: jitter.then(|| stream(b"windows.", seed, epoch as u64, 0)),
                };
                contiguous(data, &in_order, batch_size, &mut lengths)
            }
        }
    }

    fn carries(&self) -> bool {
        matches!(self, Self::Contiguous { .. })
    }
}

fn contiguous(
    data: &dyn SequenceDataset,
    order: &[usize],
    batch_size: usize,
    lengths: &mut Lengths,
) -> Result<Vec<Window>, DataError> {
    let spec = data.spec();
    if lengths.window == 0 {
        let problem = "use at least 1".to_owned();
        return Err(DataError::Config { field: "sampling.window", value: "0".into(), problem });
    }
    let refuse = |problem: String| DataError::Config {
        field: "sampling.type",
        value: "\"contiguous\"".into(),
        problem: format!("{problem}; use \"shuffled\" or \"in-order\", which read whole items"),
    };
    if !matches!(spec.output, Output::PerStep { .. }) {
        return Err(refuse(format!(
            "data set `{}` has one target for a whole sequence, so that its sequences cannot be read in windows",
            spec.name
        )));
    }
    let mut windows = Vec::new();
    for items in order.chunks(batch_size) {
        let steps = data.steps(items[0]);
        if let Some(&other) = items.iter().find(|&&item| data.steps(item) != steps) {
            return Err(refuse(format!(
                "windows need items of one length in a batch, and in data set `{}` item {} has {steps} steps and item {other} has {}",
                spec.name,
                items[0],
                data.steps(other)
            )));
        }
        let mut start = 0;
        while start < steps {
            let (end, rate) = lengths.next(start, steps);
            let carries = start > 0;
            windows.push(Window { items: items.to_vec(), steps: Some(start..end), carries, rate });
            start = end;
        }
    }
    Ok(windows)
}

/// The lengths of contiguous windows; random if there is a source of randomness.
struct Lengths {
    window: usize,
    rng: Option<ChaCha8Rng>,
}

impl Lengths {
    /// Where the window ends that begins at `start` of `steps`, and its factor on the learning rate.
    fn next(&mut self, start: usize, steps: usize) -> (usize, f64) {
        let left = steps - start;
        let Some(rng) = &mut self.rng else {
            return (start + self.window.min(left), 1.0);
        };
        let halved = rng.random::<f64>() < HALVED;
        let base = self.window as f64 * if halved { 0.5 } else { 1.0 };
        let length = (base + DEVIATION * normal(rng)).max(SHORTEST) as usize;
        let length = length.min(left);
        (start + length, length as f64 / base)
    }
}

/// A normal number of mean 0 and variance 1 (Box and Muller 1958). Written out here, so that a
/// resumed run finds the windows it left when a library changes its own.
fn normal(rng: &mut ChaCha8Rng) -> f64 {
    // In (0, 1], whose logarithm is finite.
    let radius = 1.0 - rng.random::<f64>();
    let angle = TAU * rng.random::<f64>();
    (-2.0 * radius.ln()).sqrt() * angle.cos()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jittered_lengths_are_those_of_awd_lstm() {
        let rng = Some(stream(b"testing.", 1, 0, 0));
        let mut lengths = Lengths { window: 70, rng };
        let drawn: Vec<(usize, f64)> = (0..20_000).map(|_| lengths.next(0, 1000)).collect();
        // By the length that each was drawn about.
        let about = |base: f64| {
            move |(length, rate): &&(usize, f64)| (*length as f64 / rate - base).abs() < 1e-9
        };
        let [long, short] =
            [70.0, 35.0].map(|base| drawn.iter().filter(about(base)).collect::<Vec<_>>());
        assert_eq!(long.len() + short.len(), drawn.len());
        let share = short.len() as f64 / drawn.len() as f64;
        assert!((share - HALVED).abs() < 0.006, "{share}");
        for (part, base) in [(long, 70.0), (short, 35.0)] {
            let count = part.len() as f64;
            let mean = part.iter().map(|(length, _)| *length as f64).sum::<f64>() / count;
            let square = |length: usize| (length as f64 - mean).powi(2);
            let variance = part.iter().map(|(length, _)| square(*length)).sum::<f64>() / count;
            // Cutting to whole steps takes half a step off the mean.
            assert!((mean - (base - 0.5)).abs() < 0.5, "{mean}");
            assert!((variance.sqrt() - DEVIATION).abs() < 0.4, "{variance}");
        }
    }

    #[test]
    fn a_jittered_window_has_at_least_five_steps_but_for_the_last() {
        let mut lengths = Lengths { window: 6, rng: Some(stream(b"testing.", 1, 0, 0)) };
        assert!((0..1000).all(|_| lengths.next(0, 1000).0 >= 5));
        assert_eq!(lengths.next(997, 1000).0, 1000);
    }
}
