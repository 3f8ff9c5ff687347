//! Sequential MNIST from the project's own fixtures, from damaged files, and from the real ones.

use std::{
    fs,
    path::{Path, PathBuf},
};

use egru_data::{
    DataError, DatasetConfig, SequenceDataset, Target,
    fetch::{FetchError, FetchOptions, FetchPolicy, Silent},
    glyphs::GlyphsConfig,
    idx,
    mnist::SmnistConfig,
    scan::{Permutation, ScanBy},
};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../datasets/fixtures")
}

/// A copy of the fixtures that a test may damage.
fn copy_of_fixtures() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(fixtures().join("mnist")).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, root.path().join(path.file_name().unwrap())).unwrap();
    }
    root
}

fn load(root: &Path) -> Result<egru_data::Splits, DataError> {
    SmnistConfig::default().load(Some(root), 1)
}

fn class(dataset: &dyn SequenceDataset, index: usize) -> usize {
    match dataset.sample(index, None).unwrap().target {
        Target::Class(class) => class,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_fixtures_are_read_from_gzip_and_plain_files() {
    let splits = load(&fixtures()).unwrap();
    assert_eq!((splits.train.len(), splits.valid.len(), splits.test.len()), (16, 4, 10));
    let spec = splits.test.spec();
    assert_eq!(spec.to_string(), "smnist by pixel: 784 steps x 1 channels -> one of 10 classes");
    assert_eq!(splits.provenance.len(), 4);
    assert!(splits.provenance.iter().all(|file| file.sha256.len() == 64 && file.bytes > 0));
    // These are not the published files, and whoever asked for MNIST should know.
    assert_eq!(splits.warnings.len(), 4);
    for (warning, file) in splits.warnings.iter().zip(&splits.provenance) {
        assert!(warning.starts_with(file.path.to_str().unwrap()), "{warning}");
        assert!(warning.contains("not comparable with those on MNIST"), "{warning}");
    }
    assert_eq!(splits.train.class_names().unwrap()[7], "7");
    assert!(splits.test.sample(10, None).unwrap_err().to_string().contains("10 samples (0 to 9)"));
}

/// The fixtures are glyphs of seed 2026; so this also holds the drawing to what it was.
/// `EGRU_WRITE_FIXTURES=1` writes them anew.
#[test]
fn the_fixtures_are_the_glyphs_that_they_were_made_from() {
    let config = GlyphsConfig { noise: 0.0, train: 20, valid: 1, test: 10, ..Default::default() };
    let made = config.load(None, 2026).unwrap();
    if std::env::var_os("EGRU_WRITE_FIXTURES").is_some() {
        write_fixtures(made.train.as_ref(), "train", true);
        write_fixtures(made.test.as_ref(), "t10k", false);
    }
    let read =
        SmnistConfig { by: ScanBy::Row, ..Default::default() }.load(Some(&fixtures()), 1).unwrap();
    for index in 0..10 {
        assert_eq!(class(made.test.as_ref(), index), class(read.test.as_ref(), index));
        let [made, read] = [&made, &read].map(|splits| {
            splits.test.sample(index, None).unwrap().inputs.values().unwrap().to_vec()
        });
        // The sine of another platform may round otherwise.
        assert!(made.iter().zip(&read).all(|(a, b)| (a - b).abs() < 2.5 / 255.0), "{index}");
    }
}

fn write_fixtures(dataset: &dyn SequenceDataset, prefix: &str, gzip: bool) {
    use std::io::Write;
    let count = dataset.len() as u32;
    let mut images = [0x803, count, 28, 28].map(u32::to_be_bytes).concat();
    let mut labels = [0x801, count].map(u32::to_be_bytes).concat();
    for index in 0..dataset.len() {
        let pixels = dataset.sample(index, None).unwrap().inputs;
        images.extend(pixels.values().unwrap().iter().map(|value| (value * 255.0).round() as u8));
        labels.push(class(dataset, index) as u8);
    }
    for (kind, bytes) in [("images-idx3", images), ("labels-idx1", labels)] {
        let path = fixtures().join("mnist").join(format!("{prefix}-{kind}-ubyte"));
        if gzip {
            let file = fs::File::create(path.with_extension("gz")).unwrap();
            let mut encoder = flate2::write::GzEncoder::new(file, flate2::Compression::best());
            encoder.write_all(&bytes).unwrap();
            encoder.finish().unwrap();
        } else {
            fs::write(path, bytes).unwrap();
        }
    }
}

#[test]
fn rows_and_permuted_pixels_hold_the_same_image() {
    let with = |by, permutation| {
        let config = SmnistConfig { by, permutation, ..Default::default() };
        config.load(Some(&fixtures()), 1).unwrap().test.sample(2, None).unwrap()
    };
    let pixels = with(ScanBy::Pixel, Permutation::None);
    let rows = with(ScanBy::Row, Permutation::None);
    let permuted = with(ScanBy::Pixel, Permutation::BitReversal);
    assert_eq!((rows.steps, permuted.steps), (28, 784));
    assert_eq!(rows.inputs, pixels.inputs);
    for (step, source) in [(0, 0), (1, 512), (2, 256), (3, 768), (4, 128)] {
        let [permuted, pixels] = [&permuted, &pixels].map(|s| s.inputs.values().unwrap());
        assert_eq!(permuted[step], pixels[source]);
    }
}

#[test]
fn files_directly_under_the_root_are_found() {
    let root = copy_of_fixtures();
    assert_eq!(load(root.path()).unwrap().test.len(), 10);
}

#[test]
fn without_a_root_the_error_says_to_name_one_and_how_to_get_the_files() {
    let error = SmnistConfig::default().load(None, 1).unwrap_err();
    assert_eq!(error.cured_by_fetching(), Some("mnist"));
    let message = error.to_string();
    for part in ["name the folder", "Fetch `mnist` into DIR/mnist", "DIR/mnist/t10k-labels"] {
        assert!(message.contains(part), "{message}");
    }
    names_no_program(&message);
}

/// A library does not know the program that it is part of, nor its options.
fn names_no_program(message: &str) {
    for word in ["egru-", " data fetch", "--", "EGRU_"] {
        assert!(!message.contains(word), "{message}");
    }
}

#[test]
fn a_missing_file_is_named_with_where_it_was_looked_for_and_what_to_do() {
    let root = tempfile::tempdir().unwrap();
    let error = load(root.path()).unwrap_err();
    assert_eq!(error.cured_by_fetching(), Some("mnist"));
    let message = error.to_string();
    names_no_program(&message);
    let place = root.path().join("mnist").join("train-images-idx3-ubyte.gz");
    let plain = root.path().join("train-images-idx3-ubyte");
    for part in ["is missing", "Fetch `mnist` into", "sha256 440fcabf"] {
        assert!(message.contains(part), "{message}");
    }
    for path in [place, plain] {
        assert!(message.contains(path.to_str().unwrap()), "{message}");
    }
}

#[test]
fn a_damaged_file_is_named_with_its_damage() {
    let root = copy_of_fixtures();
    let path = root.path().join("t10k-images-idx3-ubyte");
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() - 5]).unwrap();
    let message = load(root.path()).unwrap_err().to_string();
    assert!(message.starts_with(path.to_str().unwrap()), "{message}");
    assert!(message.contains("truncated: body needs 7840 bytes and the file ends after 7835"));
    assert!(message.contains("Fetch `mnist` into"));
}

#[test]
fn labels_that_do_not_match_the_images_are_refused_with_both_names() {
    let root = copy_of_fixtures();
    let labels = [[0x801, 3].map(u32::to_be_bytes).concat(), vec![1, 2, 3]].concat();
    fs::write(root.path().join("t10k-labels-idx1-ubyte"), labels).unwrap();
    let error = load(root.path()).unwrap_err();
    assert!(matches!(error, DataError::CountMismatch { image_count: 10, label_count: 3, .. }));
    let message = error.to_string();
    assert!(message.contains("t10k-images") && message.contains("t10k-labels"), "{message}");
}

/// Train 28x28 and test 32x32: the network's shape came from one, and the other was read by it.
#[test]
fn images_of_two_sizes_are_refused_with_both_names() {
    let root = copy_of_fixtures();
    let images = [[0x803, 10, 32, 32].map(u32::to_be_bytes).concat(), vec![7; 10 * 1024]].concat();
    fs::write(root.path().join("t10k-images-idx3-ubyte"), images).unwrap();
    let error = load(root.path()).unwrap_err();
    assert!(matches!(
        error,
        DataError::SizeMismatch { train_size: [28, 28], test_size: [32, 32], .. }
    ));
    assert_eq!(error.cured_by_fetching(), Some("mnist"));
    let message = error.to_string();
    for part in ["train-images-idx3-ubyte.gz holds images of 28x28", "t10k-images-idx3-ubyte holds"]
    {
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn loading_fetches_only_what_is_missing_and_only_if_allowed() {
    let config = SmnistConfig::default();
    let offline = FetchPolicy::IfMissing(FetchOptions { offline: true, progress: &Silent });
    assert_eq!(config.load_with(Some(&fixtures()), 1, offline).unwrap().test.len(), 10);
    let root = tempfile::tempdir().unwrap();
    let error = config.load_with(Some(root.path()), 1, offline).unwrap_err();
    assert!(matches!(error, DataError::Fetch(FetchError::Offline { .. })), "{error}");
    let error = config.load_with(Some(root.path()), 1, FetchPolicy::Never).unwrap_err();
    assert!(matches!(error, DataError::Missing { .. }), "{error}");
}

/// Says so and returns `None` where the files are not at hand.
#[allow(clippy::print_stderr)]
fn real_data() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/datasets");
    let root = std::env::var_os("EGRU_DATA").map_or(beside, PathBuf::from);
    let there = root.join("mnist/train-images-idx3-ubyte.gz").is_file();
    if !there {
        eprintln!("skipped: no MNIST under {} (set EGRU_DATA)", root.display());
    }
    there.then_some(root)
}

#[test]
fn the_real_files_are_those_published() {
    let Some(root) = real_data() else { return };
    let info = egru_data::catalogue::find("mnist").unwrap();
    assert!(egru_data::fetch::verify(info, &root).unwrap().all_ok());
    let splits = load(&root).unwrap();
    assert_eq!((splits.train.len(), splits.valid.len()), (48_000, 12_000));
    let labels: Vec<usize> = (0..5).map(|index| class(splits.test.as_ref(), index)).collect();
    assert_eq!(labels, [7, 2, 1, 0, 4]);
    let file = fs::File::open(root.join("mnist/t10k-images-idx3-ubyte.gz")).unwrap();
    let images = idx::read_images(file).unwrap();
    assert!(splits.warnings.is_empty());
    let first: Vec<f32> = images.pixels[..784].iter().map(|&p| f32::from(p) / 255.0).collect();
    assert_eq!(splits.test.sample(0, None).unwrap().inputs.values().unwrap(), first);
}
