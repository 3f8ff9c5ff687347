//! Plain data that a run leaves for people and programs to read.
//!
//! Nothing here holds a tensor or a file: training, evaluation and inspection fill these structs, the
//! report draws them, and the command line prints them as JSON.
//!
//! ```
//! use egru_train::report_data::{EpochRecord, RunHistory, Split};
//!
//! let figures = [("loss".to_owned(), 0.5)].into();
//! let record = EpochRecord { epoch: 1, figures, ..EpochRecord::empty(Split::Train) };
//! let history = RunHistory { epochs: vec![record] };
//! assert_eq!(history.of(Split::Train).count(), 1);
//! assert_eq!(history.epochs[0].figure("loss"), Some(0.5));
//! ```

use std::path::{Path, PathBuf};

pub use egru_data::Split;
use serde::{Deserialize, Serialize, Serializer};

use crate::metric::{Figures, Metric, numbers};
use crate::task::{Panel, Verdict};
pub use egru_bench::Row;

/// One line of `metrics.jsonl`: the averages of one split over one epoch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochRecord {
    /// Which samples the line is about.
    pub split: Split,
    /// The epoch, counted from 1.
    pub epoch: usize,
    /// Optimiser steps taken since the beginning of the run.
    pub step: usize,
    /// Wall time of the split, in seconds.
    pub seconds: f64,
    /// The task's metrics, without the regularisers; `activity_sparsity` and `backward_sparsity`; of training also the
    /// `learning_rate` of the last step and the mean `gradient_norm` before clipping. What could not be measured is absent.
    #[serde(flatten, deserialize_with = "numbers")]
    pub figures: Figures,
}

impl EpochRecord {
    /// A record of `split` with every number zero and no figures, to be filled by name.
    pub fn empty(split: Split) -> Self {
        Self { split, epoch: 0, step: 0, seconds: 0.0, figures: Figures::new() }
    }

    /// One of the figures.
    pub fn figure(&self, name: &str) -> Option<f64> {
        self.figures.get(name).copied()
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

    /// The epoch whose validation has the best value of `metric`; of equal ones the first.
    pub fn best(&self, metric: &Metric) -> Option<&EpochRecord> {
        let value = |record: &EpochRecord| record.figure(&metric.name);
        self.of(Split::Valid).filter(|record| value(record).is_some()).reduce(|best, record| {
            match value(record).zip(value(best)) {
                Some((new, old)) if metric.improves(new, old) => record,
                _ => best,
            }
        })
    }
}

/// What one layer did over a whole split.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LayerSummary {
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
    /// Name of the task; empty in older runs.
    #[serde(default)]
    pub task: String,
    /// What the task measures, the metric that selects first; empty in older runs.
    #[serde(default)]
    pub metrics: Vec<Metric>,
    /// The run's seed.
    pub seed: u64,
    /// Epochs finished.
    pub epochs: usize,
    /// The epoch whose parameters the test figures belong to (best on validation).
    pub best_epoch: Option<usize>,
    /// Wall time spent training and validating, over all the sessions of the run, in seconds.
    pub seconds: f64,
    /// Trainable numbers in the model.
    pub parameters: usize,
    /// Per-layer figures on the test split.
    pub layers: Vec<LayerSummary>,
    /// What else the evaluation of the test split gave.
    #[serde(default)]
    pub panels: Vec<Panel>,
    /// Which implementation of the recurrent operation ran, and why.
    pub path: String,
    /// The run directory.
    #[serde(serialize_with = "shown")]
    pub run_dir: PathBuf,
    /// Whether the run was stopped before its end; it can be resumed then.
    pub interrupted: bool,
    /// Figures by name. `train_`, `valid_` and `test_` before the name of a metric: of the last finished training epoch, of
    /// the validation split at the best epoch, of the test split. `activity_sparsity`, `backward_sparsity` (means over layers
    /// weighted by size), `effective_macs` and `dense_macs` (per sample, all layers and the read-out): on the test split.
    #[serde(flatten, deserialize_with = "numbers")]
    pub figures: Figures,
}

/// A path as far as it is text: JSON holds nothing else.
fn shown<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&path.display())
}

impl Summary {
    /// The figure of this name.
    pub fn figure(&self, name: &str) -> Option<f64> {
        self.figures.get(name).copied()
    }

    /// The value of a metric on a split.
    pub fn value(&self, split: Split, metric: &str) -> Option<f64> {
        self.figure(&format!("{split}_{metric}"))
    }
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
    /// The input, `[steps, channels]`, row-major; of tokens their numbers.
    pub input: Vec<f32>,
    /// `(rows, columns)` when the sequence is a picture scanned in order: `input` read in order is
    /// then that picture.
    pub image: Option<(usize, usize)>,
    /// What was answered, and what should have been.
    pub verdict: Verdict,
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
    pub rows: Vec<Row>,
}
