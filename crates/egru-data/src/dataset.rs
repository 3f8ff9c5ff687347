//! What a data set is: samples, their targets, and the three splits of an experiment.

use std::{fmt, path::PathBuf, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::DataError;

/// One example: `steps x channels` values, time-first, and what to predict.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Row-major `[steps, channels]`.
    pub inputs: Vec<f32>,
    /// Number of time steps, at least 1.
    pub steps: usize,
    /// What to predict.
    pub target: Target,
}

/// What is to be predicted from one sequence.
#[derive(Debug, Clone, PartialEq)]
pub enum Target {
    /// One label for the whole sequence.
    Class(usize),
    /// A number read out at the end of the sequence.
    Value(f32),
    /// A label for each step, `None` where the step is not scored.
    Classes(Vec<Option<usize>>),
}

/// The kind and size of what a data set's targets hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Output {
    /// [`Target::Class`], below `classes`.
    Class {
        /// Number of classes.
        classes: usize,
    },
    /// [`Target::Value`].
    Value,
    /// [`Target::Classes`], each below `classes`.
    PerStep {
        /// Number of classes.
        classes: usize,
    },
}

/// What a model must know of a data set before it is built.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Spec {
    /// Name for people, with the variant (`smnist by row`).
    pub name: String,
    /// Steps of the longest sequence.
    pub steps: usize,
    /// Values per step.
    pub channels: usize,
    /// Kind of target.
    pub output: Output,
}

impl fmt::Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, steps, channels, output } = self;
        write!(f, "{name}: {steps} steps x {channels} channels -> ")?;
        match output {
            Output::Class { classes } => write!(f, "one of {classes} classes"),
            Output::Value => write!(f, "one value"),
            Output::PerStep { classes } => write!(f, "one of {classes} classes per scored step"),
        }
    }
}

/// A set of sequences with random access. Implement it to train on data of your own.
///
/// `sample` is called from several threads at once and must give the same sample for the same
/// index each time: resumed runs rely on it.
pub trait SequenceDataset: Send + Sync {
    /// Shapes and kind of target.
    fn spec(&self) -> &Spec;

    /// Number of samples.
    fn len(&self) -> usize;

    /// The sample at `index`, which is below [`len`](Self::len).
    ///
    /// # Errors
    /// [`DataError::Index`] beyond the end; whatever reading the sample meets.
    fn sample(&self, index: usize) -> Result<Sample, DataError>;

    /// Names of the classes in label order, where the set has them.
    fn class_names(&self) -> Option<Vec<String>> {
        None
    }

    /// Whether there is no sample.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// [`DataError::Index`] unless `index` is one of the set's samples.
pub(crate) fn check_index(dataset: &dyn SequenceDataset, index: usize) -> Result<(), DataError> {
    let len = dataset.len();
    if index < len {
        return Ok(());
    }
    Err(DataError::Index { dataset: dataset.spec().name.clone(), index, len })
}

/// The part of an experiment that a sample belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// What the weights are fitted to.
    Train,
    /// What choices (best epoch, early stopping) are made on.
    Valid,
    /// What the result is reported on, once.
    Test,
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Split::Train => "train",
            Split::Valid => "valid",
            Split::Test => "test",
        })
    }
}

/// A file that was read, for a run's record of where its numbers come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileRecord {
    /// Path as it was opened.
    pub path: PathBuf,
    /// SHA-256 of the file as it lies on disk, in lower-case hexadecimal.
    pub sha256: String,
    /// Size on disk.
    pub bytes: u64,
}

/// The three parts of an experiment and the files they were read from.
#[derive(Clone)]
pub struct Splits {
    /// What the weights are fitted to.
    pub train: Arc<dyn SequenceDataset>,
    /// What choices are made on.
    pub valid: Arc<dyn SequenceDataset>,
    /// What the result is reported on.
    pub test: Arc<dyn SequenceDataset>,
    /// Files read; empty for generated data.
    pub provenance: Vec<FileRecord>,
}

impl Splits {
    /// The set of one split.
    pub fn get(&self, split: Split) -> &Arc<dyn SequenceDataset> {
        match split {
            Split::Train => &self.train,
            Split::Valid => &self.valid,
            Split::Test => &self.test,
        }
    }
}

impl fmt::Debug for Splits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Splits")
            .field("spec", self.train.spec())
            .field("train", &self.train.len())
            .field("valid", &self.valid.len())
            .field("test", &self.test.len())
            .field("provenance", &self.provenance)
            .finish()
    }
}
