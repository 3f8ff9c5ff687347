//! Sequential MNIST: digits read pixel by pixel, permuted, or row by row.
//!
//! The four IDX files (LeCun, Cortes, Burges) are searched in `ROOT/mnist/` and then `ROOT/`, gzip
//! or plain. A fifth of the training images is held out for validation, drawn by the seed
//! (Subramoney et al. 2023); the test set is left whole. Images stay bytes in memory, shared by
//! the splits; numbers are made per batch.
//!
//! ```no_run
//! use egru_data::{DatasetConfig, mnist::SmnistConfig};
//! let splits = SmnistConfig::default().load(Some("data".as_ref()), 1)?;
//! assert_eq!(splits.train.len(), 48_000);
//! # Ok::<(), egru_data::DataError>(())
//! ```

use std::{
    fs::File,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::{Deserialize, Serialize};

use crate::{
    catalogue::{self, DatasetInfo, MNIST},
    config::DatasetConfig,
    dataset::{SequenceDataset, check_index},
    error::DataError,
    fetch::sha256_of,
    idx::{self, IdxError, Images},
    random::{Draw, permutation, stream},
    sample::{Sample, Spec, Target},
    scan::{Permutation, Scan, ScanBy, digit_names},
    splits::{FileRecord, Splits},
};

/// Settings of sequential MNIST. The default is the paper's: pixel by pixel, 20 % held out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SmnistConfig {
    /// A fixed order of the pixels; needs `by = "pixel"`.
    pub permutation: Permutation,
    /// What one step reads.
    pub by: ScanBy,
    /// Share of the training images that is held out for validation, between 0 and 1.
    pub valid_fraction: f64,
}

impl Default for SmnistConfig {
    fn default() -> Self {
        Self { permutation: Permutation::None, by: ScanBy::Pixel, valid_fraction: 0.2 }
    }
}

impl DatasetConfig for SmnistConfig {
    const NAME: &'static str = "smnist";

    /// Reads the four files under `root`. `seed` draws the held-out images.
    ///
    /// # Errors
    /// [`DataError::NoRoot`], [`DataError::Missing`], [`DataError::Idx`],
    /// [`DataError::CountMismatch`] and [`DataError::SizeMismatch`] say how to get good files;
    /// [`DataError::Config`] names a setting.
    fn load(&self, root: Option<&Path>, seed: u64) -> Result<Splits, DataError> {
        let info = catalogue::find(MNIST)?;
        let root = info.require_root(root)?;
        let train = Digits::read(info, root, ["train-images", "train-labels"])?;
        let test = Digits::read(info, root, ["t10k-images", "t10k-labels"])?;
        if train.size() != test.size() {
            // The reader's limit on a side fits.
            let [train_size, test_size] =
                [train.size(), test.size()].map(|size| size.map(|side| side as u32));
            let [train, test] = [&train, &test].map(|digits| digits.files[0].path.clone());
            let (dataset, remedy) = (info.name.clone(), info.placement(Some(root)));
            return Err(DataError::SizeMismatch {
                dataset,
                train,
                train_size,
                test,
                test_size,
                remedy,
            });
        }
        let [rows, columns] = train.size();
        let scan = Scan::new(self.by, self.permutation, rows, columns)?;
        let (fitted, held_out) = hold_out(train.images.count, self.valid_fraction, seed)?;
        let whole = (0..test.images.count).collect();
        let provenance = [train.files.clone(), test.files.clone()].concat();
        let warnings = provenance.iter().filter_map(|file| warning(info, file)).collect();

        let sequences = |digits: &Arc<Digits>, indices| -> Arc<dyn SequenceDataset> {
            let (digits, scan, spec) = (digits.clone(), scan.clone(), scan.digits_spec("smnist"));
            Arc::new(DigitSequences { digits, indices, scan, spec })
        };
        Ok(Splits {
            train: sequences(&train, fitted),
            valid: sequences(&train, held_out),
            test: sequences(&test, whole),
            provenance,
            warnings,
        })
    }

    fn files(&self) -> Result<Option<&'static DatasetInfo>, DataError> {
        catalogue::find(MNIST).map(Some)
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

/// Images and labels as read.
struct Digits {
    images: Images,
    labels: Vec<u8>,
    /// That of the images, then that of the labels.
    files: [FileRecord; 2],
}

impl Digits {
    /// `names` are the starts of the image and the label file's names in the manifest.
    fn read(info: &DatasetInfo, root: &Path, names: [&str; 2]) -> Result<Arc<Self>, DataError> {
        let dataset = || info.name.clone();
        let remedy = || info.placement(Some(root));
        let [image_path, label_path] = [info.find(names[0], root)?, info.find(names[1], root)?];
        let idx = |path: &Path| {
            let path = path.to_path_buf();
            let (dataset, remedy) = (dataset(), remedy());
            |source: IdxError| DataError::Idx { dataset, path, source, remedy }
        };
        let images = idx::read_images(open(&image_path)?).map_err(idx(&image_path))?;
        let labels = idx::read_labels(open(&label_path)?, 10).map_err(idx(&label_path))?;
        if images.count != labels.len() {
            return Err(DataError::CountMismatch {
                dataset: dataset(),
                images: image_path,
                image_count: images.count,
                labels: label_path,
                label_count: labels.len(),
                remedy: remedy(),
            });
        }
        let files = [record(image_path)?, record(label_path)?];
        Ok(Arc::new(Self { images, labels, files }))
    }

    /// Rows and columns of an image.
    fn size(&self) -> [usize; 2] {
        [self.images.rows, self.images.columns]
    }
}

fn open(path: &Path) -> Result<File, DataError> {
    File::open(path).map_err(DataError::io("open", path))
}

fn record(path: PathBuf) -> Result<FileRecord, DataError> {
    let (sha256, bytes) = sha256_of(&path)?;
    Ok(FileRecord { path, sha256, bytes })
}

/// Another checksum than the published is worth a warning only: the file has just proved to be
/// well-formed, and a drop-in replacement of MNIST is a legitimate thing to read.
fn warning(info: &DatasetInfo, file: &FileRecord) -> Option<String> {
    (!info.knows(&file.sha256)).then(|| {
        format!(
            "{}: sha256 {} is not that of the published file; results are not comparable with those on {}",
            file.path.display(),
            file.sha256,
            info.title
        )
    })
}

/// Some of the digits, as sequences.
struct DigitSequences {
    digits: Arc<Digits>,
    indices: Vec<usize>,
    scan: Scan,
    spec: Spec,
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
        Some(digit_names())
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
