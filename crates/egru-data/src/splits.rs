//! The three parts of an experiment, and where they came from.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::{Serialize, Serializer};

use crate::{dataset::SequenceDataset, error::DataError, sample::Split};

/// A file that was read, for a run's record of where its numbers come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileRecord {
    /// Path as it was opened.
    #[serde(serialize_with = "shown")]
    pub path: PathBuf,
    /// SHA-256 of the file as it lies on disk, in lower-case hexadecimal.
    pub sha256: String,
    /// Size on disk.
    pub bytes: u64,
}

/// A path as far as it is text: JSON holds nothing else.
pub(crate) fn shown<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&path.display())
}

/// As [`shown`], of a path that may be missing.
pub(crate) fn shown_if_any<S: Serializer>(
    path: &Option<PathBuf>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    path.as_ref().map(|path| path.display().to_string()).serialize(serializer)
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
