//! The three parts of an experiment, and where they came from.

use std::{fmt, path::PathBuf, sync::Arc};

use serde::Serialize;

use crate::{
    dataset::SequenceDataset,
    error::DataError,
    fetch::sha256_of,
    random::{permutation, stream},
    sample::Split,
};

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

impl FileRecord {
    /// The record of the file at `path`, all of which is read.
    pub(crate) fn of(path: PathBuf) -> Result<Self, DataError> {
        let (sha256, bytes) = sha256_of(&path)?;
        Ok(Self { path, sha256, bytes })
    }
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
    /// What a person should know of this data, a sentence each: files other than those published.
    pub warnings: Vec<String>,
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

    /// Checks that one network can read all three: their steps are alike and their targets of one
    /// kind. The number of steps may differ.
    ///
    /// # Errors
    /// [`DataError::SplitMismatch`] names the first that differs from the training split.
    pub fn check(&self) -> Result<(), DataError> {
        let train = self.train.spec();
        for split in [Split::Valid, Split::Test] {
            let spec = self.get(split).spec();
            if (spec.layout, spec.output) != (train.layout, train.output) {
                let [train, other] = [train, spec].map(ToString::to_string);
                return Err(DataError::SplitMismatch { split, train, other });
            }
        }
        Ok(())
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
            .field("warnings", &self.warnings)
            .finish()
    }
}

/// Splits `0..count` at random: (the rest, `fraction` of it).
pub(crate) fn hold_out(
    count: usize,
    fraction: f64,
    seed: u64,
) -> Result<(Vec<usize>, Vec<usize>), DataError> {
    let held_out = (count as f64 * fraction).round() as usize;
    if !(fraction > 0.0 && fraction < 1.0) || held_out == 0 || held_out >= count {
        return Err(DataError::Config {
            field: "data.valid_fraction",
            value: fraction.to_string(),
            problem: format!(
                "of {count} training samples at least one must be held out and at least one must stay; the paper's value is 0.2"
            ),
        });
    }
    let mut train = permutation(count, &mut stream(b"held-out", seed, 0, 0));
    let valid = train.split_off(count - held_out);
    Ok((train, valid))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_held_out_part_is_drawn_by_the_seed_and_disjoint() {
        let (train, valid) = hold_out(60_000, 0.2, 1).unwrap();
        assert_eq!((train.len(), valid.len()), (48_000, 12_000));
        let mut all = [train, valid.clone()].concat();
        all.sort_unstable();
        assert_eq!(all, (0..60_000).collect::<Vec<_>>());
        assert_eq!(hold_out(60_000, 0.2, 1).unwrap().1, valid);
        assert_ne!(hold_out(60_000, 0.2, 2).unwrap().1, valid);
    }

    #[test]
    fn fractions_that_leave_a_part_empty_are_refused() {
        for fraction in [0.0, 1.0, -0.5, 0.01, f64::NAN] {
            let error = hold_out(10, fraction, 1).unwrap_err();
            assert!(error.to_string().starts_with("data.valid_fraction"), "{error}");
        }
    }
}
