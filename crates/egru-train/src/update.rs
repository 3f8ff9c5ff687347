//! What a run tells its caller while it works. Nothing in this crate prints.

use std::path::PathBuf;
use std::sync::Arc;

use crate::metric::{Figures, Metric};
use crate::report_data::{EpochRecord, Split};

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Update {
    /// The run directory is there and the model is built.
    Started {
        /// The run directory.
        run_dir: PathBuf,
        /// The data and its task, in words.
        task: String,
        /// What is measured, the metric that selects first.
        metrics: Vec<Metric>,
        /// Trainable numbers.
        parameters: usize,
        /// Epochs done already, by an earlier session.
        epochs_done: usize,
        /// Epochs in all.
        epochs: usize,
    },
    /// A batch is done.
    Progress {
        /// The split.
        split: Split,
        /// The epoch, counted from 1.
        epoch: usize,
        /// Epochs in all.
        epochs: usize,
        /// Sequences, or windows of them, done in this split.
        done: usize,
        /// How many there are.
        total: usize,
        /// The figures of this step.
        figures: Figures,
    },
    /// A split of an epoch is done.
    Epoch(EpochRecord),
    /// A checkpoint is safe on the disk.
    Checkpoint(PathBuf),
    /// Something that a person should know, such as a damaged checkpoint that was passed over.
    Notice(String),
}

/// Where updates go; called from several threads.
pub type UpdateSink = Arc<dyn Fn(Update) + Send + Sync>;
