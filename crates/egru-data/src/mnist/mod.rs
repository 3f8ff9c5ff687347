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
    random::{Draw, permutation, stream},
    sample::{Sample, Spec, Target},
    scan::{Permutation, Scan, ScanBy},
    splits::Splits,
};

use files::Digits;
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
        let (train, test, names) = files::read(&info, root, (!own).then_some(self.variant))?;
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
        let (spec, names) = (scan.spec(name, names.len()), Arc::<[String]>::from(names));

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

/// Splits `0..count` at random: (the rest, `fraction` of it).
fn hold_out(count: usize, fraction: f64, seed: u64) -> Result<(Vec<usize>, Vec<usize>), DataError> {
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
