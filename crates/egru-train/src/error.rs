//! What can stop a run.

use std::path::PathBuf;

use burn::data::dataset::DatasetError;
use burn::tensor::TensorReadError;
use egru::CellError;
use egru_data::DataError;
use thiserror::Error;

use crate::checkpoint::CheckpointError;
use crate::files::FileError;
use crate::recipe::RecipeError;

/// A run that could not start, or had to stop. Nothing that was saved before is lost.
#[derive(Debug, Error)]
pub enum TrainError {
    /// The recipe.
    #[error(transparent)]
    Recipe(#[from] RecipeError),
    /// The data.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A batch.
    #[error(transparent)]
    Batch(#[from] DatasetError),
    /// The model.
    #[error(transparent)]
    Model(#[from] CellError),
    /// A checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A file or folder.
    #[error(transparent)]
    File(#[from] FileError),
    /// A folder that holds no run.
    #[error("{} is not a run: it has no config.toml; give the folder that training printed", path.display())]
    NotARun {
        /// The folder.
        path: PathBuf,
    },
    /// A JSON file of the run cannot be understood or written.
    #[error("{}: {source}; restore the file, or start a new run", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// The learning curves are shorter than the checkpoint says.
    #[error("{} has {found} lines where the checkpoint knows of {wanted}; restore the file, or start a new run", path.display())]
    MetricsLost {
        /// The file.
        path: PathBuf,
        /// Lines that the checkpoint knows of.
        wanted: usize,
        /// Lines found.
        found: usize,
    },
    /// The loss or the gradient is no longer a number.
    #[error(
        "{what} became {value} in epoch {epoch}, step {step}; {kept}. Lower optimiser.learning_rate or set training.clip_norm, and start again"
    )]
    NotFinite {
        /// `the loss` or `the gradient norm`.
        what: &'static str,
        /// `NaN`, `inf` or `-inf`.
        value: f64,
        /// The epoch, counted from 1.
        epoch: usize,
        /// The optimiser step of the run, counted from 1.
        step: usize,
        /// Which checkpoint is the last good one.
        kept: String,
    },
    /// The read-out and the task do not belong together.
    #[error("model.readout is `{readout}`, but the task `{task}` {needs}")]
    ReadoutMismatch {
        /// The read-out.
        readout: String,
        /// The task.
        task: String,
        /// What the task needs, as a remedy.
        needs: &'static str,
    },
    /// A number cannot be read from the device.
    #[error("cannot read from the device: {0:?}; if its memory is full, lower training.batch_size")]
    Device(TensorReadError),
    /// The devices have no all-reduce.
    #[error(
        "these devices cannot add gradients among themselves ({problem}); use the strategy multi-device"
    )]
    NoAllReduce {
        /// What Burn says.
        problem: String,
    },
    /// One device cannot be two partners of an all-reduce.
    #[error(
        "distributed data parallel needs different devices, and {device} is named twice; name it once, or use the strategy multi-device"
    )]
    RepeatedDevice {
        /// The device.
        device: String,
    },
    /// A device failed in the middle of a step.
    #[error(
        "device {number} of {devices} failed: {problem}; resume the run, without this device if it fails again"
    )]
    Worker {
        /// Its position among the devices, counted from 1.
        number: usize,
        /// How many there are.
        devices: usize,
        /// What it says.
        problem: String,
    },
    /// burn-train stopped for a reason of its own.
    #[error("training stopped: {0}")]
    Stopped(String),
}

impl TrainError {
    pub(crate) fn json(path: PathBuf, source: serde_json::Error) -> Self {
        Self::Json { path, source }
    }
}

impl From<TensorReadError> for TrainError {
    fn from(error: TensorReadError) -> Self {
        Self::Device(error)
    }
}
