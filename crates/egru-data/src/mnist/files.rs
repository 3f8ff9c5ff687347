//! The four files of a set in the form of MNIST.

use std::{fs::File, path::Path, sync::Arc};

use crate::{
    catalogue::{DatasetInfo, FileInfo},
    error::DataError,
    fetch::verify,
    idx::{self, IdxError, Images},
    splits::FileRecord,
};

use super::Variant;

/// What is said of a label that a published set does not have.
const ANOTHER_SET: &str =
    "Another published set in this form is named by data.variant, a set of your own by data.folder";

/// Images and labels as read, the labels counted from 0.
pub(super) struct Digits {
    pub(super) images: Images,
    pub(super) labels: Vec<u8>,
    /// That of the images, then that of the labels.
    pub(super) files: [FileRecord; 2],
    /// What a person should know of the files.
    pub(super) warnings: Vec<String>,
}

/// A set as read.
pub(super) struct ImageSet {
    pub(super) train: Arc<Digits>,
    pub(super) test: Arc<Digits>,
    pub(super) class_names: Vec<String>,
}

/// Reads the images and labels to train on and those to test on, and finds the classes: their names,
/// those of `variant` or, without one, the labels that are there.
pub(super) fn read(
    info: &DatasetInfo,
    root: &Path,
    variant: Option<Variant>,
) -> Result<ImageSet, DataError> {
    let [train_images, train_labels, test_images, test_labels] = info.files.as_slice() else {
        return Err(DataError::Config {
            field: "data.variant",
            value: info.name.clone(),
            problem: "the catalogue does not have its four files".to_owned(),
        });
    };
    let transposed = variant.is_some_and(Variant::is_transposed);
    let mut train = pair(info, root, [train_images, train_labels], transposed)?;
    let mut test = pair(info, root, [test_images, test_labels], transposed)?;
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
    let labels = || train.labels.iter().chain(&test.labels).copied();
    let (first, class_names): (u8, Vec<String>) = match variant {
        Some(variant) => (variant.first_label(), variant.class_names()),
        // Sets are labelled from 0 or from 1.
        None => {
            let first = u8::from(!labels().any(|label| label == 0));
            let last = labels().max().unwrap_or(first);
            (first, (first..=last).map(|label| label.to_string()).collect())
        }
    };
    let last = first + (class_names.len() - 1) as u8;
    for digits in [&mut train, &mut test] {
        let path = digits.files[1].path.clone();
        idx::check_labels(&digits.labels, first, last).map_err(|source| DataError::Idx {
            dataset: info.name.clone(),
            path,
            source,
            remedy: format!("{ANOTHER_SET}.\n{}", info.placement(Some(root))),
        })?;
        digits.labels.iter_mut().for_each(|label| *label -= first);
    }
    Ok(ImageSet { train: Arc::new(train), test: Arc::new(test), class_names })
}

/// Reads a file of images and one of labels that belong together.
fn pair(
    info: &DatasetInfo,
    root: &Path,
    [images, labels]: [&FileInfo; 2],
    transposed: bool,
) -> Result<Digits, DataError> {
    let (image_path, label_path) = (info.find(images, root)?, info.find(labels, root)?);
    let remedy = || info.placement(Some(root));
    let idx = |path: &Path| {
        let (dataset, path, remedy) = (info.name.clone(), path.to_path_buf(), remedy());
        |source: IdxError| DataError::Idx { dataset, path, source, remedy }
    };
    let parsed_images = idx::images(open(&image_path)?).map_err(idx(&image_path))?;
    let parsed_labels = idx::labels(open(&label_path)?).map_err(idx(&label_path))?;
    let (image_count, label_count) = (parsed_images.items.count, parsed_labels.items.len());
    if image_count != label_count {
        return Err(DataError::CountMismatch {
            dataset: info.name.clone(),
            images: image_path,
            image_count,
            labels: label_path,
            label_count,
            remedy: remedy(),
        });
    }
    let files = [FileRecord::of(image_path)?, FileRecord::of(label_path)?];
    let mut warnings = Vec::new();
    for (file, known, ignored) in
        [(&files[0], images, parsed_images.ignored), (&files[1], labels, parsed_labels.ignored)]
    {
        warnings.extend(differs(info, known, file)?);
        warnings
            .extend(ignored.then(|| {
                format!("{}: what follows its gzip data is ignored", file.path.display())
            }));
    }
    let mut images = parsed_images.items;
    if transposed {
        transpose(&mut images);
    }
    Ok(Digits { images, labels: parsed_labels.items, files, warnings })
}

impl Digits {
    /// Rows and columns of an image.
    pub(super) fn size(&self) -> [usize; 2] {
        [self.images.rows, self.images.columns]
    }
}

/// Exchanges the rows and columns of every image.
fn transpose(images: &mut Images) {
    let (rows, columns) = (images.rows, images.columns);
    let mut turned = vec![0; rows * columns];
    for image in images.pixels.chunks_exact_mut(rows * columns) {
        for (at, pixel) in turned.iter_mut().enumerate() {
            *pixel = image[at % rows * columns + at / rows];
        }
        image.copy_from_slice(&turned);
    }
    (images.rows, images.columns) = (columns, rows);
}

fn open(path: &Path) -> Result<File, DataError> {
    File::open(path).map_err(DataError::io("open", path))
}

/// Another content than the published is worth a warning only: the file has just proved to be
/// well-formed, and a drop-in replacement of MNIST is a legitimate thing to read.
fn differs(
    info: &DatasetInfo,
    known: &FileInfo,
    file: &FileRecord,
) -> Result<Option<String>, DataError> {
    let corrupt = matches!(
        verify::state(known, &file.path, &file.sha256)?,
        verify::FileState::Corrupt { .. }
    );
    Ok(corrupt.then(|| {
        format!(
            "{}: sha256 {} is not that of the published file; results are not comparable with those on {}",
            file.path.display(),
            file.sha256,
            info.title
        )
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_transposed_one_by_one() {
        let pixels = vec![1, 2, 3, 4, 5, 6, 11, 12, 13, 14, 15, 16];
        let mut images = Images { count: 2, rows: 2, columns: 3, pixels };
        transpose(&mut images);
        assert_eq!((images.rows, images.columns), (3, 2));
        assert_eq!(images.pixels, [1, 4, 2, 5, 3, 6, 11, 14, 12, 15, 13, 16]);
    }
}
