//! The `data` commands, and data that is missing or broken.

const PROGRAM: &str = env!("CARGO_BIN_EXE_egru-cpu");

mod common;

use std::path::Path;

use common::{arg, egru, fails, json, last_json, only_run, succeeds, text};

#[test]
fn data_sets_are_listed() {
    let list = succeeds(&["data", "list"]);
    assert!(list.contains("mnist") && list.contains("generated, no file needed"), "{list}");
    let sets = json(&["data", "list"]);
    let sets = sets["datasets"].as_array().unwrap();
    let mnist = sets.iter().find(|set| set["name"] == "mnist").unwrap();
    assert_eq!(mnist["files"].as_array().unwrap().len(), 4);
}

#[test]
fn glyphs_are_shown() {
    let shown = succeeds(&["data", "show", "quickstart"]);
    assert!(
        shown.contains("28 steps x 28") && shown.contains('█') && shown.contains("class"),
        "{shown}"
    );
    let shown = json(&["data", "show", "quickstart", "--sample", "3"]);
    assert_eq!(shown["spec"]["channels"], 28);
    assert_eq!(shown["class_counts"].as_array().unwrap().len(), 10);
    assert_eq!(shown["sample"]["inputs"].as_array().unwrap().len(), 28 * 28);
    assert_eq!(json(&["data", "show", "delay-copy"])["spec"]["output"]["kind"], "per-step");
    assert_eq!(json(&["data", "show", "adding"])["spec"]["output"]["kind"], "value");
    let error = fails(&["data", "show", "glyphs", "--sample", "99999999"], 1);
    assert!(error.contains("no sample 99999999"), "{error}");
    let error = fails(&["data", "show", "nothing"], 2);
    assert!(error.contains("mnist"), "{error}");
}

#[test]
fn missing_files_are_told_with_a_remedy() {
    let root = tempfile::tempdir().unwrap();
    let data = ["--data", arg(root.path())];
    let output = egru(&[&["data", "verify", "mnist", "--format", "json"], &data[..]].concat());
    assert_eq!(output.status.code(), Some(1));
    let report = last_json(&text(&output.stdout));
    assert_eq!(report["ok"], false);
    assert_eq!(report["datasets"][0]["files"][0]["state"], "missing");

    let error = fails(&[&["data", "fetch", "mnist", "--offline"], &data[..]].concat(), 1);
    assert!(error.contains("--offline") && error.contains("place by hand"), "{error}");
    let error = fails(&[&["train", "smnist-small", "--offline"], &data[..]].concat(), 1);
    assert!(error.contains("train-images") && error.contains("data fetch mnist"), "{error}");
    let error = fails(&["train", "smnist-small"], 1);
    assert!(error.contains("--data DIR") && error.contains("EGRU_DATA"), "{error}");
}

/// The four files of MNIST, made up: `train` and `test` images of 28 x 28, labels of the given counts.
fn mnist(root: &Path, images: u32, labels: u32) {
    let folder = root.join("mnist");
    std::fs::create_dir_all(&folder).unwrap();
    for part in ["train", "t10k"] {
        let header = [0x803, images, 28, 28].map(u32::to_be_bytes).concat();
        let pixels = (0..images * 28 * 28).map(|i| (i % 251) as u8);
        let bytes: Vec<u8> = header.into_iter().chain(pixels).collect();
        std::fs::write(folder.join(format!("{part}-images-idx3-ubyte")), bytes).unwrap();
        let header = [0x801, labels].map(u32::to_be_bytes).concat();
        let bytes: Vec<u8> =
            header.into_iter().chain((0..labels).map(|i| (i % 10) as u8)).collect();
        std::fs::write(folder.join(format!("{part}-labels-idx1-ubyte")), bytes).unwrap();
    }
}

#[track_caller]
fn training_fails(root: &Path) -> String {
    let runs = tempfile::tempdir().unwrap();
    let error = fails(
        &["train", "smnist-small", "--offline", "--data", arg(root), "--runs", arg(runs.path())],
        1,
    );
    assert!(std::fs::read_dir(runs.path()).unwrap().next().is_none(), "no run without data");
    error
}

#[test]
fn broken_files_are_named() {
    let root = tempfile::tempdir().unwrap();
    mnist(root.path(), 10, 9);
    let error = training_fails(root.path());
    assert!(error.contains("10 images") && error.contains("9 labels"), "{error}");

    mnist(root.path(), 10, 10);
    let images = root.path().join("mnist/train-images-idx3-ubyte");
    let whole = std::fs::read(&images).unwrap();
    std::fs::write(&images, &whole[..5000]).unwrap();
    let error = training_fails(root.path());
    assert!(error.contains("train-images-idx3-ubyte"), "{error}");

    let mut other = whole.clone();
    other[3] = 0x07;
    std::fs::write(&images, &other).unwrap();
    let error = training_fails(root.path());
    assert!(error.contains("magic"), "{error}");

    std::fs::write(&images, b"\x1f\x8bnot gzip at all").unwrap();
    let error = training_fails(root.path());
    assert!(error.contains("train-images-idx3-ubyte"), "{error}");
}

#[test]
fn files_that_are_not_the_published_ones_are_told_and_kept() {
    let root = tempfile::tempdir().unwrap();
    let runs = tempfile::tempdir().unwrap();
    mnist(root.path(), 40, 40);
    let place = ["--offline", "--data", arg(root.path())];
    let small = ["training.epochs=1", "training.batch_size=16", "model.layers=[4]", "data.by=row"];
    let small: Vec<&str> = small.into_iter().flat_map(|change| ["--set", change]).collect();
    let train =
        [&["train", "smnist-small", "--runs", arg(runs.path())], &place[..], &small].concat();
    let output = egru(&train);
    let told = text(&output.stderr);
    assert!(output.status.success(), "{told}");
    assert_eq!(told.matches("is not that of the published file").count(), 4, "{told}");
    assert!(told.lines().all(|line| line.starts_with("warning: ")), "{told}");
    let run = only_run(runs.path());
    for file in ["environment.json", "report.html"] {
        let kept = std::fs::read_to_string(run.join(file)).unwrap();
        assert!(kept.contains("is not that of the published file"), "{file}");
    }
    // Other files under the same names are other data.
    let images = root.path().join("mnist/train-images-idx3-ubyte");
    let mut bytes = std::fs::read(&images).unwrap();
    bytes[999] ^= 1;
    std::fs::write(&images, bytes).unwrap();
    let error = fails(&[&["train", "--resume", arg(&run)], &place[..]].concat(), 1);
    assert!(
        error.contains("train-images-idx3-ubyte") && error.contains("the same data"),
        "{error}"
    );
}
