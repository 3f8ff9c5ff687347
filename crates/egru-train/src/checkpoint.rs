//! Checkpoints: one folder each, complete or absent.
//!
//! ```text
//! checkpoints/epoch-0002-batch-000150/     2 whole epochs and 150 batches of the third
//!   model.bpk  optimiser.bpk  scheduler.bpk
//!   progress.json     position, partial sums of the epoch, best score: see [`Progress`]
//!   manifest.json     SHA-256 of each file, and the shape of every parameter
//! ```
//!
//! A checkpoint is written into a folder with a temporary name, synced, and renamed, so that a crash
//! or a full disk leaves the earlier ones alone. Loading checks every byte; when the newest checkpoint
//! is damaged, resuming falls back to the one before. The two newest and the best are kept.
//!
//! No state of a random generator is stored: every draw follows from the run's seed and the position.

mod manifest;

use std::fs;
use std::path::{Path, PathBuf};

use burn::tensor::Bytes;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::files::{self, FileError};
use crate::tally::Tally;

pub use manifest::Architecture;
use manifest::Manifest;

/// How many of the newest checkpoints are kept, beside the best.
const KEEP: usize = 2;

const MODEL: &str = "model.bpk";
const OPTIMISER: &str = "optimiser.bpk";
const SCHEDULER: &str = "scheduler.bpk";
const PROGRESS: &str = "progress.json";
const MANIFEST: &str = "manifest.json";
const TEMPORARY: &str = ".tmp-";

/// Where a run stands.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Progress {
    /// Epochs finished, with their validation.
    pub epochs: usize,
    /// Batches done of the epoch under way.
    pub batches: usize,
    /// Optimiser steps of the whole run.
    pub steps: usize,
    /// Devices that shared a step.
    #[serde(default = "one")]
    pub devices: usize,
    /// Sums over the batches done of the epoch under way.
    pub tally: Tally,
    /// The learning rate of the last optimiser step.
    pub learning_rate: Option<f64>,
    /// Lines of `metrics.jsonl` that belong to this checkpoint.
    pub records: usize,
    /// The best finished epoch on the validation split.
    pub best_epoch: Option<usize>,
    /// Wall time spent so far, in seconds.
    pub seconds: f64,
    /// Wall time spent so far on the epoch under way, in seconds.
    pub epoch_seconds: f64,
}

/// Checkpoints from before there could be several devices do not tell their number.
fn one() -> usize {
    1
}

impl Progress {
    /// The name of this position's folder; names sort in the order of time.
    fn folder(&self) -> String {
        folder(self.epochs, self.batches)
    }
}

fn folder(epochs: usize, batches: usize) -> String {
    format!("epoch-{epochs:04}-batch-{batches:06}")
}

/// Everything that a run needs to go on: three burnpack records and the position.
#[derive(Debug)]
pub struct Snapshot {
    /// The model's parameters.
    pub model: Bytes,
    /// The optimiser's moments.
    pub optimiser: Bytes,
    /// The scheduler's position.
    pub scheduler: Bytes,
    /// Where the run stands.
    pub progress: Progress,
}

/// A checkpoint that cannot be used.
#[derive(Debug, Error)]
pub enum CheckpointError {
    /// A file or folder.
    #[error(transparent)]
    File(#[from] FileError),
    /// A file is missing, cut off or changed.
    #[error("{}: {problem}; the checkpoint cannot be used: remove its folder to go on from an earlier one", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// The parameters are those of another model.
    #[error("{} belongs to another architecture: {difference}; use the config.toml that it was trained with", path.display())]
    OtherArchitecture {
        /// The checkpoint's folder.
        path: PathBuf,
        /// The first difference.
        difference: String,
    },
    /// There is no checkpoint at all.
    #[error("{} holds no checkpoint; the run stopped before its first one: start it again", path.display())]
    None {
        /// The `checkpoints` folder.
        path: PathBuf,
    },
    /// A record cannot be packed or unpacked.
    #[error("{}: {problem}", path.display())]
    Record {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        problem: String,
    },
}

/// The `checkpoints` folder of a run, for models of one architecture.
#[derive(Clone, Debug)]
pub struct Checkpoints {
    folder: PathBuf,
    architecture: Architecture,
}

impl Checkpoints {
    /// The checkpoints in `folder` of models of the given architecture.
    pub fn new(folder: PathBuf, architecture: Architecture) -> Self {
        Self { folder, architecture }
    }

    /// Writes a checkpoint, then removes those that are neither among the newest nor the best.
    /// Returns its folder.
    ///
    /// # Errors
    /// It cannot be written; the earlier checkpoints are intact then.
    pub fn save(&self, snapshot: &Snapshot) -> Result<PathBuf, CheckpointError> {
        let target = self.folder.join(snapshot.progress.folder());
        let temporary = self.folder.join(format!("{TEMPORARY}{}", snapshot.progress.folder()));
        self.write(snapshot, &temporary)
            .and_then(|()| {
                remove(&target)?;
                fs::rename(&temporary, &target).map_err(FileError::new("write", &target))?;
                Ok(files::sync_dir(&self.folder)?)
            })
            .inspect_err(|_| {
                // Best effort: the error that matters is the one that is being returned.
                let _ = fs::remove_dir_all(&temporary);
            })?;
        self.prune(snapshot.progress.best_epoch)?;
        Ok(target)
    }

    fn write(&self, snapshot: &Snapshot, into: &Path) -> Result<(), CheckpointError> {
        remove(into)?;
        files::create_dir(into)?;
        let progress = json(&into.join(PROGRESS), &snapshot.progress)?;
        let contents: [(&str, &[u8]); 4] = [
            (MODEL, &snapshot.model),
            (OPTIMISER, &snapshot.optimiser),
            (SCHEDULER, &snapshot.scheduler),
            (PROGRESS, &progress),
        ];
        for (name, bytes) in contents {
            files::write_synced(&into.join(name), bytes)?;
        }
        let manifest = Manifest::of(&contents, &self.architecture);
        let path = into.join(MANIFEST);
        files::write_synced(&path, &json(&path, &manifest)?)?;
        Ok(files::sync_dir(into)?)
    }

    /// Removes what is neither newest nor best, and what an earlier crash left half-written.
    fn prune(&self, best_epoch: Option<usize>) -> Result<(), CheckpointError> {
        let all = self.list()?;
        let best = best_epoch.map(|epoch| self.folder.join(folder(epoch, 0)));
        for old in &all[..all.len().saturating_sub(KEEP)] {
            if Some(old) != best.as_ref() {
                remove(old)?;
            }
        }
        for entry in self.entries()? {
            if name_of(&entry).starts_with(TEMPORARY) {
                remove(&entry)?;
            }
        }
        Ok(())
    }

    /// The folders of the checkpoints, oldest first.
    ///
    /// # Errors
    /// The folder cannot be listed.
    pub fn list(&self) -> Result<Vec<PathBuf>, CheckpointError> {
        let mut all = self.entries()?;
        all.retain(|path| name_of(path).starts_with("epoch-"));
        all.sort();
        Ok(all)
    }

    fn entries(&self) -> Result<Vec<PathBuf>, CheckpointError> {
        let listed = fs::read_dir(&self.folder)
            .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect());
        Ok(listed.map_err(FileError::new("list", &self.folder))?)
    }

    /// The newest checkpoint that is whole. Each one passed over is told to `notice`.
    ///
    /// # Errors
    /// There is none, all are damaged (the newest one's error), or the newest is of another
    /// architecture.
    pub fn newest(&self, notice: &dyn Fn(String)) -> Result<Snapshot, CheckpointError> {
        let mut first = None;
        for path in self.list()?.iter().rev() {
            match self.load(path) {
                Ok(snapshot) => return Ok(snapshot),
                Err(error @ CheckpointError::OtherArchitecture { .. }) => return Err(error),
                Err(error) => {
                    notice(format!("{error} (going on from an earlier checkpoint)"));
                    first.get_or_insert(error);
                }
            }
        }
        Err(first.unwrap_or_else(|| CheckpointError::None { path: self.folder.clone() }))
    }

    /// The checkpoint of the best epoch as `newest` knows it, or `newest` itself before any epoch has
    /// ended.
    ///
    /// # Errors
    /// The best checkpoint is damaged, which is no reason to take another one.
    pub fn best(&self, newest: Snapshot) -> Result<Snapshot, CheckpointError> {
        match newest.progress.best_epoch {
            Some(epoch) if (newest.progress.epochs, newest.progress.batches) != (epoch, 0) => {
                self.load(&self.folder.join(folder(epoch, 0)))
            }
            _ => Ok(newest),
        }
    }

    /// Reads and checks one checkpoint.
    ///
    /// # Errors
    /// A file is missing or differs from the manifest, or the architecture is another one.
    pub fn load(&self, path: &Path) -> Result<Snapshot, CheckpointError> {
        let manifest_path = path.join(MANIFEST);
        let manifest: Manifest = parse(&manifest_path, &whole(&manifest_path)?)?;
        if let Some(difference) = manifest.architecture.difference(&self.architecture) {
            return Err(CheckpointError::OtherArchitecture { path: path.to_owned(), difference });
        }
        let read = |name: &str| {
            let file = path.join(name);
            let bytes = whole(&file)?;
            match manifest.problem(name, &bytes) {
                None => Ok(bytes),
                Some(problem) => Err(CheckpointError::Corrupt { path: file, problem }),
            }
        };
        Ok(Snapshot {
            model: Bytes::from_bytes_vec(read(MODEL)?),
            optimiser: Bytes::from_bytes_vec(read(OPTIMISER)?),
            scheduler: Bytes::from_bytes_vec(read(SCHEDULER)?),
            progress: parse(&path.join(PROGRESS), &read(PROGRESS)?)?,
        })
    }
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn remove(path: &Path) -> Result<(), CheckpointError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(FileError::new("remove", path)(error).into())
        }
        _ => Ok(()),
    }
}

/// A file of a checkpoint, whose absence means damage.
fn whole(path: &Path) -> Result<Vec<u8>, CheckpointError> {
    files::read(path).map_err(|error| match error.source.kind() {
        std::io::ErrorKind::NotFound => {
            CheckpointError::Corrupt { path: path.to_owned(), problem: "it is missing".to_owned() }
        }
        _ => error.into(),
    })
}

fn json(path: &Path, value: &impl Serialize) -> Result<Vec<u8>, CheckpointError> {
    serde_json::to_vec_pretty(value)
        .map_err(|e| CheckpointError::Record { path: path.to_owned(), problem: e.to_string() })
}

fn parse<T: for<'de> Deserialize<'de>>(path: &Path, bytes: &[u8]) -> Result<T, CheckpointError> {
    serde_json::from_slice(bytes)
        .map_err(|e| CheckpointError::Corrupt { path: path.to_owned(), problem: e.to_string() })
}

#[cfg(test)]
mod tests;
