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
    mnist::{SmnistConfig, Variant},
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

/// The fixtures where `place` says, by name as published without `.gz`; unpacked, or as they are.
fn placed(unpacked: bool, place: impl Fn(&str) -> String) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(fixtures().join("mnist")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let (stem, gz) = name.strip_suffix(".gz").map_or((name, ""), |stem| (stem, ".gz"));
        let unpack = unpacked && !gz.is_empty();
        let to = root.path().join(place(stem) + if unpack { "" } else { gz });
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        if unpack {
            let mut from = flate2::read::GzDecoder::new(fs::File::open(&path).unwrap());
            std::io::copy(&mut from, &mut fs::File::create(to).unwrap()).unwrap();
        } else {
            fs::copy(&path, to).unwrap();
        }
    }
    root
}

/// Where other programs put the files.
#[test]
fn the_files_are_found_where_people_have_them() {
    let dotted = |name: &str| name.replace("-idx", ".idx");
    for root in [
        placed(false, |name| format!("mnist/{}", dotted(name))),
        placed(true, dotted),
        placed(false, |name| format!("MNIST/raw/{name}")),
        placed(true, |name| format!("{name}/{name}")),
        placed(true, |name| format!("mnist/{name}/{}", dotted(name))),
    ] {
        let splits = load(root.path()).unwrap();
        assert_eq!((splits.train.len(), splits.test.len()), (16, 10), "{splits:?}");
    }
}

/// Fixtures as the variant's files: labels moved by `first`, images transposed where it says so.
fn variant_files(variant: Variant, first: u8, transposed: bool) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join(variant.name());
    fs::create_dir_all(&folder).unwrap();
    let info = egru_data::catalogue::find(variant.name()).unwrap();
    let [train, test] = [("train", true), ("t10k", false)].map(|(part, gz)| {
        let open = |kind| {
            let name = format!("mnist/{part}-{kind}-ubyte{}", if gz { ".gz" } else { "" });
            fs::File::open(fixtures().join(name)).unwrap()
        };
        let mut images = idx::read_images(open("images-idx3")).unwrap();
        for image in images.pixels.chunks_exact_mut(784).filter(|_| transposed) {
            let upright = image.to_vec();
            (0..784).for_each(|at| image[at] = upright[at % 28 * 28 + at / 28]);
        }
        let labels = idx::read_labels(open("labels-idx1"), 10).unwrap();
        let header = [0x803, images.count as u32, 28, 28].map(u32::to_be_bytes).concat();
        let images = [header, images.pixels].concat();
        let header = [0x801, labels.len() as u32].map(u32::to_be_bytes).concat();
        let labels = labels.iter().map(|label| label + first);
        [images, header.into_iter().chain(labels).collect()]
    });
    for (file, bytes) in info.files.iter().zip(train.into_iter().chain(test)) {
        fs::write(folder.join(file.name.trim_end_matches(".gz")), bytes).unwrap();
    }
    root
}

#[test]
fn letters_are_counted_from_0_and_stand_upright() {
    let root = variant_files(Variant::EmnistLetters, 1, true);
    let config = SmnistConfig { variant: Variant::EmnistLetters, ..Default::default() };
    let letters = config.load(Some(root.path()), 1).unwrap();
    let digits = load(&fixtures()).unwrap();
    let spec = letters.train.spec().to_string();
    assert_eq!(spec, "emnist-letters by pixel: 784 steps x 1 channels -> one of 26 classes");
    assert_eq!(letters.train.class_names().unwrap()[3], "D");
    // Of the decompressed files no checksum is known.
    assert!(letters.warnings.is_empty(), "{:?}", letters.warnings);
    for split in [egru_data::Split::Train, egru_data::Split::Valid, egru_data::Split::Test] {
        let (letters, digits) = (letters.get(split), digits.get(split));
        assert_eq!(letters.len(), digits.len());
        for index in 0..letters.len() {
            assert_eq!(letters.sample(index, None).unwrap(), digits.sample(index, None).unwrap());
        }
    }
    let error = SmnistConfig { variant: Variant::EmnistLetters, ..Default::default() }
        .load(Some(&fixtures()), 1)
        .unwrap_err();
    assert_eq!(error.cured_by_fetching(), None);
    assert!(error.to_string().contains("emnist-letters-train-images-idx3-ubyte"), "{error}");
    assert!(error.to_string().contains("gzip.zip"), "{error}");
}

#[test]
fn a_published_set_refuses_labels_that_it_does_not_have() {
    let root = variant_files(Variant::Mnist, 4, false);
    let message = load(root.path()).unwrap_err().to_string();
    for part in ["labels are 0 to 9", "data.variant", "data.folder", "labels-idx1-ubyte: label 1"] {
        assert!(message.contains(part), "{message}");
    }
    // MNIST itself does not pass for another set that has files of the same names.
    let config = SmnistConfig { variant: Variant::FashionMnist, ..Default::default() };
    let error = config.load(Some(copy_of_fixtures().path()), 1).unwrap_err();
    assert!(matches!(error, DataError::Missing { .. }), "{error}");
    assert_eq!(error.cured_by_fetching(), Some("fashion-mnist"));
}

#[test]
fn a_folder_of_ones_own_has_the_classes_of_its_labels_and_is_never_fetched() {
    let own = |folder: &str| SmnistConfig { folder: folder.to_owned(), ..Default::default() };
    for (first, expected) in [(0, "0"), (1, "1")] {
        let root = variant_files(Variant::Mnist, first, false);
        fs::rename(root.path().join("mnist"), root.path().join("mine")).unwrap();
        let splits = own("mine").load(Some(root.path()), 1).unwrap();
        assert!(splits.warnings.is_empty(), "{:?}", splits.warnings);
        assert_eq!(splits.train.class_names().unwrap()[0], expected);
        let digits = load(&fixtures()).unwrap();
        assert_eq!(splits.train.spec(), digits.train.spec());
        assert_eq!(splits.train.sample(3, None).unwrap(), digits.train.sample(3, None).unwrap());
    }
    assert!(own("mine").files().unwrap().is_none());
    let error = own("mine").load(Some(&fixtures()), 1).unwrap_err();
    assert!(error.to_string().contains("/mine/train-images.idx3-ubyte"), "{error}");
    assert_eq!(error.cured_by_fetching(), None);
    assert_eq!(own(".").load(Some(copy_of_fixtures().path()), 1).unwrap().test.len(), 10);
    for folder in ["..", "/etc", "a/../.."] {
        let error = own(folder).load(Some(&fixtures()), 1).unwrap_err();
        assert!(error.to_string().starts_with("data.folder"), "{error}");
    }
}

#[test]
fn what_follows_gzip_data_is_read_over_with_a_warning() {
    use std::io::Write;
    let root = copy_of_fixtures();
    let path = root.path().join("train-labels-idx1-ubyte.gz");
    let mut file = fs::OpenOptions::new().append(true).open(&path).unwrap();
    file.write_all(&[0; 100]).unwrap();
    assert_eq!(load(root.path()).unwrap().warnings.len(), 4);
    file.write_all(b"signed by me").unwrap();
    let warnings = load(root.path()).unwrap().warnings;
    assert_eq!(warnings.len(), 5);
    assert_eq!(warnings[2], format!("{}: what follows its gzip data is ignored", path.display()));
}

#[test]
fn a_page_in_place_of_a_file_is_named() {
    let root = copy_of_fixtures();
    let path = root.path().join("train-images-idx3-ubyte.gz");
    fs::write(&path, "<html><body>Sign in</body></html>").unwrap();
    let message = load(root.path()).unwrap_err().to_string();
    assert!(message.starts_with(&format!("{}: it is an HTML page", path.display())), "{message}");
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
    for place in ["mnist/train-images-idx3-ubyte.gz", "MNIST/raw/train-images.idx3-ubyte"] {
        let place = root.path().join(place);
        assert!(error.to_string().contains(place.to_str().unwrap()), "{error}");
    }
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
    // Decompressed under the name of the compressed file, it is the same.
    let copy = tempfile::tempdir().unwrap();
    for file in &info.files {
        fs::copy(root.join("mnist").join(&file.name), copy.path().join(&file.name)).unwrap();
    }
    let header = [0x803, 10_000, 28, 28].map(u32::to_be_bytes).concat();
    let plain = [header, images.pixels.clone()].concat();
    fs::write(copy.path().join("t10k-images-idx3-ubyte.gz"), plain).unwrap();
    assert!(egru_data::fetch::verify(info, copy.path()).unwrap().all_ok());
    assert!(load(copy.path()).unwrap().warnings.is_empty());
    let first: Vec<f32> = images.pixels[..784].iter().map(|&p| f32::from(p) / 255.0).collect();
    assert_eq!(splits.test.sample(0, None).unwrap().inputs.values().unwrap(), first);
}
