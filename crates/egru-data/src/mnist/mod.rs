//! Sequential MNIST: digits read pixel by pixel, permuted, or row by row. Fashion-MNIST, KMNIST,
//! EMNIST and a person's own images in IDX form are read the same way.
//!
//! The four files are searched in the set's folder (`ROOT/mnist/`) and where other programs put them
//! ([`DatasetInfo::candidates`]), gzip or plain. A fifth of the training images is held out for
//! validation, drawn by the seed (Subramoney et al. 2023); the test set is left whole. Images stay
//! bytes in memory, shared by the splits; numbers are made per batch.
//!
//! ```no_run
//! use egru_data::{DatasetConfig, mnist::SmnistConfig};
//! let splits = SmnistConfig::default().load(Some("data".as_ref()), 1)?;
//! assert_eq!(splits.train.len(), 48_000);
//! # Ok::<(), egru_data::DataError>(())
//! ```

mod files;
mod variant;

use std::{path::Path, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{
    catalogue::{self, DatasetInfo},
    config::DatasetConfig,
    dataset::{SequenceDataset, check_index},
    error::DataError,
    random::Draw,
    sample::{Sample, Spec, Target},
    scan::{Permutation, Scan, ScanBy},
    splits::{Splits, hold_out},
};

use files::{Digits, ImageSet};
pub use variant::Variant;

/// Settings of sequential MNIST. The default is the paper's: pixel by pixel, 20 % held out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SmnistConfig {
    /// Which published set: the names of its files, its classes, and how its images lie.
    pub variant: Variant,
    /// A folder below the data root to look in instead of the set's own, `.` for the data root; empty
    /// for none. Nothing is fetched into it, nor compared with what was published. With the variant
    /// `mnist`, the files may be a person's own: then the classes are the labels in them, counted from
    /// 0 or from 1.
    pub folder: String,
    /// A fixed order of the pixels; needs `by = "pixel"`.
    pub permutation: Permutation,
    /// What one step reads.
    pub by: ScanBy,
    /// Share of the training images that is held out for validation, between 0 and 1.
    pub valid_fraction: f64,
}

impl Default for SmnistConfig {
    fn default() -> Self {
        Self {
            variant: Variant::Mnist,
            folder: String::new(),
            permutation: Permutation::None,
            by: ScanBy::Pixel,
            valid_fraction: 0.2,
        }
    }
}

impl DatasetConfig for SmnistConfig {
    const NAME: &'static str = "smnist";

    /// Reads the four files under `root`. `seed` draws the held-out images. The labels of all sets
    /// become classes from 0 on.
    ///
    /// # Errors
    /// [`DataError::NoRoot`], [`DataError::Missing`], [`DataError::Idx`],
    /// [`DataError::CountMismatch`] and [`DataError::SizeMismatch`] say how to get good files;
    /// [`DataError::Config`] names a setting.
    fn load(&self, root: Option<&Path>, seed: u64) -> Result<Splits, DataError> {
        let info = self.info()?;
        let root = info.require_root(root)?;
        let own = !self.folder.is_empty() && self.variant == Variant::Mnist;
        let ImageSet { train, test, class_names } =
            files::read(&info, root, (!own).then_some(self.variant))?;
        let [rows, columns] = train.size();
        let scan = Scan::new(self.by, self.permutation, rows, columns)?;
        let (fitted, held_out) = hold_out(train.images.count, self.valid_fraction, seed)?;
        let whole = (0..test.images.count).collect();
        let provenance = [train.files.clone(), test.files.clone()].concat();
        let warnings = [train.warnings.clone(), test.warnings.clone()].concat();
        let name = match self.variant {
            Variant::Mnist => Self::NAME,
            variant => variant.name(),
        };
        let (spec, names) =
            (scan.spec(name, class_names.len()), Arc::<[String]>::from(class_names));

        let sequences = |digits: &Arc<Digits>, indices| -> Arc<dyn SequenceDataset> {
            let (digits, scan) = (digits.clone(), scan.clone());
            let (spec, names) = (spec.clone(), names.clone());
            Arc::new(DigitSequences { digits, indices, scan, spec, names })
        };
        Ok(Splits {
            train: sequences(&train, fitted),
            valid: sequences(&train, held_out),
            test: sequences(&test, whole),
            provenance,
            warnings,
        })
    }

    /// `None` for a folder that is named: what lies there is nobody else's.
    fn files(&self) -> Result<Option<&'static DatasetInfo>, DataError> {
        match self.folder.as_str() {
            "" => catalogue::find(self.variant.name()).map(Some),
            _ => Ok(None),
        }
    }
}

impl SmnistConfig {
    /// The set that is read: the published one, or files of the same names in a folder, of which
    /// nothing else is known.
    fn info(&self) -> Result<DatasetInfo, DataError> {
        let mut info = catalogue::find(self.variant.name())?.clone();
        if self.folder.is_empty() {
            return Ok(info);
        }
        if !catalogue::is_inside(&self.folder) {
            return Err(DataError::Config {
                field: "data.folder",
                value: format!("{:?}", self.folder),
                problem: "name a folder below the data folder, such as \"digits\" or \"sets/digits\"; \".\" is the data folder itself".to_owned(),
            });
        }
        (info.name, info.folders, info.by_hand) = (self.folder.clone(), Vec::new(), None);
        for file in &mut info.files {
            (file.sha256, file.bytes, file.urls, file.plain) = Default::default();
        }
        Ok(info)
    }
}

/// Some of the digits, as sequences.
struct DigitSequences {
    digits: Arc<Digits>,
    indices: Vec<usize>,
    scan: Scan,
    spec: Spec,
    names: Arc<[String]>,
}

impl SequenceDataset for DigitSequences {
    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn len(&self) -> usize {
        self.indices.len()
    }

    fn sample(&self, index: usize, _draw: Option<Draw>) -> Result<Sample, DataError> {
        check_index(self, index)?;
        let Digits { images, labels, .. } = self.digits.as_ref();
        let index = self.indices[index];
        let size = images.rows * images.columns;
        Ok(Sample {
            inputs: self.scan.inputs(&images.pixels[index * size..(index + 1) * size]),
            steps: self.scan.steps,
            target: Target::Class(labels[index].into()),
        })
    }

    fn class_names(&self) -> Option<Vec<String>> {
        Some(self.names.to_vec())
    }
}
