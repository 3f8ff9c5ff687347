//! What can stop a run.

use std::path::PathBuf;

use burn::tensor::TensorReadError;
use egru::{CellError, Readout};
use egru_data::{DataError, Output, Spec};
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
    Data(Box<DataError>),
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
    /// A new run has nothing that could be looked at.
    #[error("this run has not been trained yet: train it first")]
    NotTrained,
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
    /// The run was written by a newer program.
    #[error("{} was written by a newer version of this program (format {found}; this one knows {known}): use that version", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// The newest format that this program knows.
        known: u32,
    },
    /// Another process works on the run.
    #[error("{} is in use by {holder}; wait for it, or stop it", path.display())]
    Locked {
        /// The run's folder.
        path: PathBuf,
        /// Who holds it, as far as that is known.
        holder: String,
    },
    /// The data are not those that the run has been trained on.
    #[error("{}: its SHA-256 is {now}, and the run was trained on a file with {was}; give the same data, or start a new run", path.display())]
    OtherData {
        /// The file.
        path: PathBuf,
        /// The checksum that the run knows.
        was: String,
        /// That of the file.
        now: String,
    },
    /// A key of the recipe was changed that a run cannot change.
    #[error("`{key}` was {was} and is now {now}: {reason}")]
    ChangedRecipe {
        /// The key.
        key: String,
        /// Its value at the checkpoint.
        was: String,
        /// Its value now.
        now: String,
        /// Why that cannot be, and the remedy.
        reason: &'static str,
    },
    /// The loss or the gradient is no longer a number.
    #[error(
        "{what} became {value} in epoch {epoch}, step {step}; {kept}. Lower optimiser.learning_rate or set training.clip_norm, and start again"
    )]
    NotFinite {
        /// `the loss`, `the validation loss` or `the gradient norm`.
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
        /// The data.
        task: String,
        /// What the task needs, as a remedy.
        needs: &'static str,
    },
    /// The task and something else do not belong together.
    #[error("the task `{task}` cannot be used here: {problem}; {remedy}")]
    Unsuited {
        /// The task.
        task: String,
        /// Why.
        problem: String,
        /// What would fit.
        remedy: String,
    },
    /// The machine has far less memory than a training step needs.
    #[error(
        "a training step is estimated to need {needs} of memory ({most}), and there are {has}: lower {lowered_by}"
    )]
    Memory {
        /// What it needs.
        needs: String,
        /// What the machine has.
        has: String,
        /// What needs the most, and how much.
        most: String,
        /// What would lower that.
        lowered_by: &'static str,
    },
    /// Windows whose state carries over cannot be shared out.
    #[error(
        "sampling.type = \"{sampling}\" carries the state from window to window, which {devices} devices cannot do side by side; train on one device"
    )]
    CarriedState {
        /// The kind of sampling.
        sampling: String,
        /// How many devices were asked for.
        devices: usize,
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
}

impl TrainError {
    pub(crate) fn json(path: PathBuf, source: serde_json::Error) -> Self {
        Self::Json { path, source }
    }

    /// A read-out that does not give what the targets of `spec` need.
    pub(crate) fn readout(readout: Readout, spec: &Spec) -> Self {
        let needs = match spec.output {
            Output::PerStep { .. } => "has a target per step: use `per-step`",
            Output::Class { .. } | Output::Value => {
                "has one target per sequence: use `last-trace`, `last-output` or `mean-logits`"
            }
        };
        // The read-out's name as recipes write it.
        let readout = serde_json::to_value(readout).map_or_else(
            |_| format!("{readout:?}"),
            |name| name.as_str().unwrap_or_default().to_owned(),
        );
        Self::ReadoutMismatch { readout, task: spec.name.clone(), needs }
    }
}

impl From<DataError> for TrainError {
    fn from(error: DataError) -> Self {
        Self::Data(Box::new(error))
    }
}

impl From<TensorReadError> for TrainError {
    fn from(error: TensorReadError) -> Self {
        Self::Device(error)
    }
}
