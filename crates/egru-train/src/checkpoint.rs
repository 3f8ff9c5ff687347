//! Checkpoints: one folder each, complete or absent.
//!
//! ```text
//! checkpoints/epoch-0002-batch-000150/     2 whole epochs and 150 windows of the third
//!   model.bpk  optimiser.bpk
//!   state.safetensors the recurrent state that the next window goes on from, where windows do
//!   recipe.toml       the recipe as it was
//!   progress.json     position, partial sums of the epoch, best epoch: see [`Position`]
//!   manifest.json     format, SHA-256 of each file, and the shape of every parameter
//! ```
//!
//! A checkpoint is written into a folder with a temporary name, synced, and renamed, so that a crash
//! or a full disk leaves the earlier ones alone. Loading checks every byte; when the newest checkpoint
//! is damaged, resuming falls back to the one before. The two newest are kept, and the best of each.
//!
//! No state of a random generator and no learning rate is stored: both follow from the recipe and the position.

mod format1;
mod manifest;
mod optimiser;
mod position;

use std::fs;
use std::path::{Path, PathBuf};

use burn::module::{Module, ModuleDisplay};
use burn::store::ModuleRecord;
use burn::tensor::Bytes;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::files::{self, FileError};
use crate::format::FORMAT;

pub use manifest::Architecture;
use manifest::{BEFORE_FORMATS, Manifest};
pub(crate) use optimiser::in_order;
pub use position::Position;

/// How many of the newest checkpoints are kept, beside the best.
const KEEP: usize = 2;

const MODEL: &str = "model.bpk";
const OPTIMISER: &str = "optimiser.bpk";
const STATE: &str = "state.safetensors";
const RECIPE: &str = "recipe.toml";
const POSITION: &str = "progress.json";
const MANIFEST: &str = "manifest.json";
const TEMPORARY: &str = ".tmp-";
/// A checkpoint that one of the same position is about to replace.
const REPLACED: &str = ".old-";

/// The name of a position's folder.
fn folder(epochs: usize, windows: usize) -> String {
    format!("epoch-{epochs:04}-batch-{windows:06}")
}

/// The position that a folder's name tells, as `(epochs, windows)`; `None` for what is none of our folders.
fn position_of(path: &Path) -> Option<(usize, usize)> {
    let name = path.file_name()?.to_str()?;
    let (epochs, windows) = name.strip_prefix("epoch-")?.split_once("-batch-")?;
    let position = (epochs.parse().ok()?, windows.parse().ok()?);
    (folder(position.0, position.1) == name).then_some(position)
}

/// Everything that a run needs to go on.
#[derive(Debug)]
pub struct Snapshot {
    /// The model's parameters, as a burnpack record.
    pub model: Bytes,
    /// The optimiser's moments, as a burnpack record.
    pub optimiser: Bytes,
    /// The recurrent state that the next window goes on from.
    pub state: Option<Vec<u8>>,
    /// The recipe as TOML; older checkpoints lack it.
    pub recipe: Option<String>,
    /// Where the run stands.
    pub position: Position,
    /// The format that it was read in.
    pub format: u32,
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
    /// The checkpoint that the run's result belongs to is damaged or gone.
    #[error("{} holds the run's best epoch and cannot be used ({}: {problem}); put it back, or start a new run", path.display(), file.display())]
    LostBest {
        /// The checkpoint's folder.
        path: PathBuf,
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A newer program wrote it.
    #[error("{} was written by a newer version of this program (format {found}; this one knows {known}): use that version", path.display())]
    Newer {
        /// The checkpoint's folder.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// The newest format that this program knows.
        known: u32,
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

    /// Writes a checkpoint, then removes those that are neither among the newest nor the best of these.
    /// Returns its folder.
    ///
    /// # Errors
    /// It cannot be written; the earlier checkpoints are intact then.
    pub fn save(&self, snapshot: &Snapshot) -> Result<PathBuf, CheckpointError> {
        let Position { epochs, windows, .. } = snapshot.position;
        let name = folder(epochs, windows);
        let target = self.folder.join(&name);
        let temporary = self.folder.join(format!("{TEMPORARY}{name}"));
        let replaced = self.folder.join(format!("{REPLACED}{name}"));
        self.write(snapshot, &temporary)
            .and_then(|()| {
                // One of the same position stays whole until the new one is in its place; `recover` puts it back if the
                // program ends in between.
                if target.exists() {
                    remove(&replaced)?;
                    fs::rename(&target, &replaced).map_err(FileError::new("move", &target))?;
                }
                fs::rename(&temporary, &target).map_err(FileError::new("write", &target))?;
                files::sync_dir(&self.folder)?;
                remove(&replaced)
            })
            .inspect_err(|_| {
                // Best effort: the error that matters is the one that is being returned.
                let _ = fs::remove_dir_all(&temporary);
            })?;
        self.prune()?;
        Ok(target)
    }

    fn write(&self, snapshot: &Snapshot, into: &Path) -> Result<(), CheckpointError> {
        remove(into)?;
        files::create_dir(into)?;
        let position = json(&into.join(POSITION), &snapshot.position)?;
        let mut contents: Vec<(&str, &[u8])> =
            vec![(MODEL, &snapshot.model), (OPTIMISER, &snapshot.optimiser), (POSITION, &position)];
        contents.extend(snapshot.state.as_ref().map(|state| (STATE, state.as_slice())));
        contents.extend(snapshot.recipe.as_ref().map(|recipe| (RECIPE, recipe.as_bytes())));
        for (name, bytes) in &contents {
            files::write_synced(&into.join(name), bytes)?;
        }
        let manifest = Manifest::of(&contents, &self.architecture);
        let path = into.join(MANIFEST);
        files::write_synced(&path, &json(&path, &manifest)?)?;
        Ok(files::sync_dir(into)?)
    }

    /// Removes what is neither newest nor the best of what is kept, and what an earlier crash left half-written.
    fn prune(&self) -> Result<(), CheckpointError> {
        let all = self.list()?;
        let (old, kept) = all.split_at(all.len().saturating_sub(KEEP));
        // The best of every checkpoint kept: falling back from a damaged one must find its best.
        let best = |path: &PathBuf| {
            let position: Position = parse(path, &files::read(&path.join(POSITION)).ok()?).ok()?;
            Some(self.folder.join(folder(position.best_epoch?, 0)))
        };
        let best: Vec<PathBuf> = kept.iter().filter_map(best).collect();
        for old in old.iter().filter(|old| !best.contains(old)) {
            remove(old)?;
        }
        for entry in self.entries()? {
            if name_of(&entry).starts_with(TEMPORARY) {
                remove(&entry)?;
            }
        }
        Ok(())
    }

    /// Puts a checkpoint back that another of its position was about to replace when the program ended. For whoever holds the
    /// run's lock alone.
    ///
    /// # Errors
    /// The folder cannot be listed or changed.
    pub fn recover(&self) -> Result<(), CheckpointError> {
        for entry in self.entries()? {
            if let Some(name) = name_of(&entry).strip_prefix(REPLACED) {
                let target = self.folder.join(name);
                match target.exists() {
                    false => fs::rename(&entry, &target).map_err(FileError::new("move", &entry))?,
                    true => remove(&entry)?,
                }
            }
        }
        Ok(())
    }

    /// The folders of the checkpoints, oldest first. Other folders beside them are left alone.
    ///
    /// # Errors
    /// The folder cannot be listed.
    pub fn list(&self) -> Result<Vec<PathBuf>, CheckpointError> {
        let all = self.entries()?.into_iter();
        let mut all: Vec<_> = all.filter_map(|path| Some((position_of(&path)?, path))).collect();
        all.sort();
        Ok(all.into_iter().map(|(_, path)| path).collect())
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
    /// architecture or a newer program.
    pub fn newest(&self, notice: &dyn Fn(String)) -> Result<Snapshot, CheckpointError> {
        let mut first = None;
        for path in self.list()?.iter().rev() {
            match self.load(path) {
                Ok(snapshot) => return Ok(snapshot),
                Err(
                    error @ (CheckpointError::OtherArchitecture { .. }
                    | CheckpointError::Newer { .. }),
                ) => return Err(error),
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
    /// [`CheckpointError::LostBest`]: the best checkpoint is damaged or gone, which is no reason to take another one.
    pub fn best(&self, newest: Snapshot) -> Result<Snapshot, CheckpointError> {
        Ok(self.load_best(&newest.position)?.unwrap_or(newest))
    }

    /// Whether the best checkpoint of a run that stands there can be used.
    ///
    /// # Errors
    /// As [`best`](Self::best).
    pub fn check_best(&self, position: &Position) -> Result<(), CheckpointError> {
        self.load_best(position).map(drop)
    }

    /// `None` where the position is itself that of the best checkpoint, or there is none yet.
    fn load_best(&self, position: &Position) -> Result<Option<Snapshot>, CheckpointError> {
        let best = position.best_epoch.map(|epoch| (epoch, 0));
        let Some((epoch, _)) = best.filter(|best| *best != (position.epochs, position.windows))
        else {
            return Ok(None);
        };
        let path = self.folder.join(folder(epoch, 0));
        self.load(&path).map(Some).map_err(|error| match error {
            CheckpointError::Corrupt { path: file, problem } => {
                CheckpointError::LostBest { path, file, problem }
            }
            other => other,
        })
    }

    /// Reads and checks one checkpoint.
    ///
    /// # Errors
    /// A file is missing or differs from the manifest, or the architecture is another one.
    pub fn load(&self, path: &Path) -> Result<Snapshot, CheckpointError> {
        let manifest_path = path.join(MANIFEST);
        let mut manifest: Manifest = parse(&manifest_path, &whole(&manifest_path)?)?;
        let format = manifest.format;
        if format > FORMAT {
            return Err(CheckpointError::Newer {
                path: path.to_owned(),
                found: format,
                known: FORMAT,
            });
        }
        if format == BEFORE_FORMATS {
            manifest.architecture = format1::architecture(manifest.architecture);
        }
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
        let optional = |name: &str| manifest.lists(name).then(|| read(name)).transpose();
        let file = path.join(POSITION);
        let position = match format {
            BEFORE_FORMATS => format1::position(parse(&file, &read(POSITION)?)?)
                .map_err(|e| CheckpointError::Corrupt { path: file, problem: e.to_string() })?,
            _ => parse(&file, &read(POSITION)?)?,
        };
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Ok(Snapshot {
            model: Bytes::from_bytes_vec(read(MODEL)?),
            optimiser: Bytes::from_bytes_vec(read(OPTIMISER)?),
            state: optional(STATE)?,
            recipe: optional(RECIPE)?.map(text),
            position,
            format,
        })
    }

    /// `module` with the parameters of a checkpoint.
    ///
    /// # Errors
    /// The record cannot be unpacked, or does not fit.
    pub fn restore<M: Module + ModuleDisplay>(
        &self,
        module: M,
        snapshot: &Snapshot,
    ) -> Result<M, CheckpointError> {
        let restored = ModuleRecord::from_bytes(snapshot.model.clone()).and_then(|record| {
            match snapshot.format {
                BEFORE_FORMATS => format1::restore(module, record),
                _ => module.try_load_record(record),
            }
        });
        restored.map_err(|error| self.unreadable(&error))
    }

    /// The error of a record that cannot be packed or unpacked.
    pub(crate) fn unreadable(&self, error: &dyn std::fmt::Display) -> CheckpointError {
        CheckpointError::Record { path: self.folder.clone(), problem: error.to_string() }
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
