//! Plain data that a run leaves for people and programs to read.
//!
//! Nothing here holds a tensor or a file: training, evaluation and inspection fill these structs, the
//! report draws them, and the command line prints them as JSON.
//!
//! ```
//! use egru_train::report_data::{EpochRecord, RunHistory, Split};
//!
//! let record = EpochRecord { epoch: 1, loss: 0.5, ..EpochRecord::empty(Split::Train) };
//! let history = RunHistory { epochs: vec![record] };
//! assert_eq!(history.of(Split::Train).count(), 1);
//! assert_eq!(history.of(Split::Valid).count(), 0);
//! ```

use std::path::PathBuf;

pub use egru_data::Split;
use serde::{Deserialize, Serialize};

/// One line of `metrics.jsonl`: the averages of one split over one epoch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EpochRecord {
    /// Which samples the line is about.
    pub split: Split,
    /// The epoch, counted from 1.
    pub epoch: usize,
    /// Optimiser steps taken since the beginning of the run.
    pub step: usize,
    /// Mean task loss per scored target (cross-entropy in nats, or squared error), without the
    /// regularisers.
    pub loss: f64,
    /// Share of scored targets predicted right, in `[0, 1]`; `None` for regression.
    pub accuracy: Option<f64>,
    /// Mean squared error; `None` for classification.
    pub mse: Option<f64>,
    /// Share of zeros in the layers' outputs, in `[0, 1]`.
    pub activity_sparsity: Option<f64>,
    /// Share of (unit, step, sample) whose gradient path is exactly skipped, in `[0, 1]`.
    pub backward_sparsity: Option<f64>,
    /// The learning rate of the last step; `None` outside training.
    pub learning_rate: Option<f64>,
    /// The mean global gradient norm before clipping; `None` outside training.
    pub gradient_norm: Option<f64>,
    /// Wall time of the split, in seconds.
    pub seconds: f64,
}

impl EpochRecord {
    /// A record of `split` with every figure zero or absent, to be filled by name.
    pub fn empty(split: Split) -> Self {
        Self {
            split,
            epoch: 0,
            step: 0,
            loss: 0.0,
            accuracy: None,
            mse: None,
            activity_sparsity: None,
            backward_sparsity: None,
            learning_rate: None,
            gradient_norm: None,
            seconds: 0.0,
        }
    }
}

/// The learning curves of a run: the lines of its `metrics.jsonl`, in order.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RunHistory {
    /// One record per epoch and split.
    pub epochs: Vec<EpochRecord>,
}

impl RunHistory {
    /// The records of one split, in the order of the epochs.
    pub fn of(&self, split: Split) -> impl Iterator<Item = &EpochRecord> {
        self.epochs.iter().filter(move |record| record.split == split)
    }
}

/// What one layer did over a whole split.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LayerActivity {
    /// The layer's name, such as `layer 1`.
    pub name: String,
    /// Units in the layer.
    pub hidden: usize,
    /// Share of zeros in the layer's output, in `[0, 1]`.
    pub activity_sparsity: Option<f64>,
    /// Share of (unit, step, sample) with an exactly skipped gradient path, in `[0, 1]`.
    pub backward_sparsity: Option<f64>,
    /// Multiply-accumulates per sample whose both operands are non-zero.
    pub effective_macs: f64,
    /// Multiply-accumulates per sample of the same layer without any skipping.
    pub dense_macs: f64,
    /// Bytes of the layer's parameters and buffers.
    pub footprint_bytes: usize,
}

/// The result of a run, printed as the last JSON line of `train` and `eval`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Name of the recipe.
    pub recipe: String,
    /// Name of the backend, as the caller gave it.
    pub backend: String,
    /// Names of the devices that shared a training step, as the caller gave them.
    #[serde(default)]
    pub devices: Vec<String>,
    /// Name of the cell.
    pub cell: String,
    /// The run's seed.
    pub seed: u64,
    /// Epochs finished.
    pub epochs: usize,
    /// The epoch whose parameters the test figures belong to (best on validation).
    pub best_epoch: Option<usize>,
    /// Wall time spent training and validating, over all the sessions of the run, in seconds.
    pub seconds: f64,
    /// Mean task loss over the last finished training epoch.
    pub train_loss: Option<f64>,
    /// Mean task loss over the validation split at the best epoch.
    pub valid_loss: Option<f64>,
    /// Accuracy on the validation split at the best epoch; `None` for regression.
    pub valid_accuracy: Option<f64>,
    /// Mean task loss over the test split; for regression the mean squared error.
    pub test_loss: Option<f64>,
    /// Accuracy on the test split; `None` for regression.
    pub test_accuracy: Option<f64>,
    /// Share of zeros in the layers' outputs on the test split (mean over layers weighted by size).
    pub activity_sparsity: Option<f64>,
    /// Share of exactly skipped gradient paths on the test split (same weighting).
    pub backward_sparsity: Option<f64>,
    /// Effective multiply-accumulates per test sample, all layers and the read-out.
    pub effective_macs: Option<f64>,
    /// Dense multiply-accumulates per test sample, all layers and the read-out.
    pub dense_macs: Option<f64>,
    /// Trainable numbers in the model.
    pub parameters: usize,
    /// Per-layer figures on the test split.
    pub layers: Vec<LayerActivity>,
    /// Which implementation of the recurrent operation ran, and why.
    pub path: String,
    /// The run directory.
    pub run_dir: PathBuf,
    /// Whether the run was stopped before its end; it can be resumed then.
    pub interrupted: bool,
}

/// What the model answered, or should have.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// One class for the sequence.
    Class {
        /// Its index.
        index: usize,
        /// Its name where the data set has names.
        name: Option<String>,
    },
    /// One number for the sequence.
    Value(f64),
    /// A class for every step; `None` where the step is not scored.
    PerStep(Vec<Option<usize>>),
}

/// The states of one unit over time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UnitTrace {
    /// The unit's index in its layer.
    pub unit: usize,
    /// The firing threshold; `None` for a dense cell.
    pub threshold: Option<f32>,
    /// The state after each step: `c_t` (after the reset, for an event cell).
    pub states: Vec<f32>,
}

/// What one layer did during one sample.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LayerTrace {
    /// The layer's name, such as `layer 1`.
    pub name: String,
    /// Units in the layer.
    pub hidden: usize,
    /// Steps of the sample.
    pub steps: usize,
    /// `(step, unit)` of every event, by step and then by unit; empty for a dense cell.
    pub events: Vec<(u32, u32)>,
    /// State traces of a few units.
    pub states: Vec<UnitTrace>,
    /// Share of units that emitted an event, for each step, in `[0, 1]`.
    pub activity_per_step: Vec<f32>,
}

/// One sample as the model saw it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SampleTrace {
    /// Index of the sample in the test split.
    pub index: usize,
    /// Steps of the input.
    pub steps: usize,
    /// Channels of the input.
    pub channels: usize,
    /// The input, `[steps, channels]`, row-major.
    pub input: Vec<f32>,
    /// `(rows, columns)` when the sequence is a picture scanned in order: `input` read in order is
    /// then that picture.
    pub image: Option<(usize, usize)>,
    /// What should have been predicted.
    pub target: Answer,
    /// What was predicted.
    pub prediction: Answer,
    /// The layers, bottom first.
    pub layers: Vec<LayerTrace>,
}

/// What `inspect` hands to the report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Inspection {
    /// The result of the run.
    pub summary: Summary,
    /// Its learning curves.
    pub history: RunHistory,
    /// Some test samples.
    pub samples: Vec<SampleTrace>,
    /// The text of `config.toml`.
    pub config: String,
    /// The text of `environment.json`.
    pub environment: String,
}

/// Time of one way to take a training step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ComparisonRow {
    /// What was timed, such as `fused, events`.
    pub path: String,
    /// Median over the repetitions, in milliseconds.
    pub median_ms: f64,
    /// Fastest repetition, in milliseconds.
    pub min_ms: f64,
    /// Slowest repetition, in milliseconds.
    pub max_ms: f64,
}

/// Times of the same training step along several paths, with the check that they agree.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// What was timed: model, batch, steps, activity, threads, backend.
    pub workload: String,
    /// Whether outputs and gradients of all the paths agreed; no speed-up may be shown otherwise.
    pub check_passed: bool,
    /// The largest relative difference that the check saw.
    pub max_relative_difference: f64,
    /// The times; the first row is what the run used.
    pub rows: Vec<ComparisonRow>,
}
