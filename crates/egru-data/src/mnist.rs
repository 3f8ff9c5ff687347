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

use std::{fs::File, path::Path, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{
    catalogue::{self, DatasetInfo, MNIST},
    config::DatasetConfig,
    dataset::{SequenceDataset, check_index},
    error::DataError,
    idx::{self, IdxError, Images},
    random::Draw,
    sample::{Sample, Spec, Target},
    scan::{Permutation, Scan, ScanBy, digit_names},
    splits::{FileRecord, Splits, hold_out},
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
        let files = [FileRecord::of(image_path)?, FileRecord::of(label_path)?];
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
