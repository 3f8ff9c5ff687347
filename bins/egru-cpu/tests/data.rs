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
    // Where it was looked for, under this folder.
    let raw = root.path().join("MNIST/raw/train-images-idx3-ubyte");
    assert!(error.contains("Looked for:") && error.contains(arg(&raw)), "{error}");
    let error = fails(&["train", "smnist-small"], 1);
    assert!(error.contains("--data DIR") && error.contains("EGRU_DATA"), "{error}");
}

/// The four files of MNIST, made up: images of 28 x 28 to train and to test on, labels of the given counts.
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
    training_of(root, &[])
}

/// The error of training with more arguments, which must not leave a run.
#[track_caller]
fn training_of(root: &Path, more: &[&str]) -> String {
    let runs = tempfile::tempdir().unwrap();
    let train =
        ["train", "smnist-small", "--offline", "--data", arg(root), "--runs", arg(runs.path())];
    let error = fails(&[&train[..], more].concat(), 1);
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

    std::fs::write(&images, "<!DOCTYPE html>\n<html>").unwrap();
    let error = training_fails(root.path());
    assert!(error.contains("train-images-idx3-ubyte: it is an HTML page"), "{error}");

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

/// Train 28 x 28 and test 32 x 32 images: by pixel the network would read both, at two lengths.
#[test]
fn images_of_two_sizes_are_refused_before_the_first_step() {
    let root = tempfile::tempdir().unwrap();
    mnist(root.path(), 10, 10);
    let images = root.path().join("mnist/t10k-images-idx3-ubyte");
    let header = [0x803, 10, 32, 32].map(u32::to_be_bytes).concat();
    std::fs::write(&images, [header, vec![7; 10 * 32 * 32]].concat()).unwrap();
    for by in ["pixel", "row"] {
        let error = training_of(root.path(), &["--set", &format!("data.by={by}")]);
        assert!(error.contains("train-images-idx3-ubyte holds images of 28x28"), "{error}");
        assert!(error.contains("t10k-images-idx3-ubyte holds images of 32x32"), "{error}");
    }
}

#[test]
fn a_persons_own_files_are_not_replaced_unless_told_to() {
    let root = tempfile::tempdir().unwrap();
    mnist(root.path(), 10, 10);
    let fetch = ["data", "fetch", "mnist", "--offline", "--data", arg(root.path())];
    let error = fails(&fetch, 1);
    assert!(error.contains("may be your own") && error.contains("`--force`"), "{error}");
    // Told to, it would fetch.
    let error = fails(&[&fetch[..], &["--force"]].concat(), 1);
    assert!(error.contains("train-images-idx3-ubyte.gz is corrupt"), "{error}");
    // As a set of its own, it is nobody's business what the files are.
    let shown = json(&["data", "show", "smnist-small", "--data", arg(root.path())]);
    assert_eq!(shown["samples"]["test"], 10);
}

/// Three events as `.bs2` has them: (1, 2) on at 10 us, (3, 4) off at 30 us, (5, 6) on at 20 us.
const EVENTS: [u8; 15] = [1, 2, 0x80, 0, 10, 3, 4, 0, 0, 30, 5, 6, 0x80, 0, 20];

#[test]
fn events_are_printed_as_lines_or_objects_or_in_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("three.bs2");
    std::fs::write(&file, EVENTS).unwrap();
    let events = ["data", "events", arg(&file)];
    let lines = "timestamp_us,x,y,polarity\n10,1,2,1\n30,3,4,0\n20,5,6,1\n";
    assert_eq!(succeeds(&events), lines);
    assert_eq!(succeeds(&[&events[..], &["--format", "csv"]].concat()), lines);
    let objects = succeeds(&[&events[..], &["--format", "json"]].concat());
    let first = objects.lines().next().unwrap();
    assert_eq!(first, r#"{"timestamp_us":10,"x":1,"y":2,"polarity":1}"#);
    let last = last_json(&objects);
    assert_eq!((&last["stats"]["count"], &last["stats"]["duration_us"]), (&3.into(), &20.into()));

    let stats = [&events[..], &["--stats"]].concat();
    let told = succeeds(&stats);
    for part in ["events        3", "off           1", "out of order  1", "note: 1 of 3"] {
        assert!(told.contains(part), "{told}");
    }
    let object = json(&stats);
    assert_eq!(object["stats"]["out_of_order"], 1);
    assert_eq!(object["warnings"].as_array().unwrap().len(), 1);
    let table = succeeds(&[&stats[..], &["--format", "csv"]].concat());
    let [names, values] = table.lines().collect::<Vec<_>>()[..] else { panic!("{table}") };
    assert_eq!(names.split(',').count(), values.split(',').count());
    let small = fails(&[&events[..], &["--sensor", "4x4"]].concat(), 1);
    assert!(small.contains("(3, 4)") && small.contains("4x4"), "{small}");
}

#[test]
fn recordings_that_cannot_be_read_are_named_with_a_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.aedat");
    for (start, what) in [
        (&b"#!AER-DAT2.0\r\n"[..], "AEDAT 2.0"),
        (b"#!AER-DAT4.0\r\n", "AEDAT 4.0"),
        (b"% date 2024\n% evt 3.0\n", "EVT3"),
        (b"\x89HDF\r\n\x1a\n", "HDF5"),
    ] {
        std::fs::write(&file, start).unwrap();
        let error = fails(&["data", "events", arg(&file)], 1);
        assert!(error.contains(what) && error.contains("convert") || error.contains("save it"));
        assert!(error.contains("a.aedat"), "{error}");
    }
    // The good events come before the error.
    let cut = folder.path().join("cut.bs2");
    std::fs::write(&cut, &EVENTS[..12]).unwrap();
    let output = egru(&["data", "events", arg(&cut)]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(text(&output.stdout).lines().count(), 3);
    let error = text(&output.stderr);
    assert!(error.contains("cut.bs2") && error.contains("cut short"), "{error}");
    let error = fails(&["data", "events", "nowhere.bs2"], 1);
    assert!(error.contains("nowhere.bs2"), "{error}");
}

#[test]
fn events_are_printed_for_a_reader_that_leaves() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("many.bs2");
    std::fs::write(&file, EVENTS.repeat(100_000)).unwrap();
    common::succeeds_without_reader(&["data", "events", arg(&file)]);
}

#[test]
fn simulated_gestures_are_written_read_and_trained_on() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let place = data.join("dvs128");
    let written =
        json(
            &[
                &[
                    "data",
                    "simulate",
                    "dvs128",
                    "--users",
                    "4",
                    "--lights",
                    "1",
                    "--seconds",
                    "0.3",
                ][..],
                &["--out", arg(&place)],
            ]
            .concat(),
        );
    assert_eq!(written["recordings"].as_array().unwrap().len(), 4);
    let recording = place.join("user04_fluorescent.aedat");
    let stats = json(&["data", "events", arg(&recording), "--stats"]);
    assert_eq!(stats["stats"]["count"], written["recordings"][3]["events"]);
    assert_eq!(stats["warnings"].as_array().unwrap().len(), 0);

    let train = |recipe: &str, settings: &[&str]| {
        let settings = settings.iter().flat_map(|setting| ["--set", setting]);
        let output = common::program()
            .env("EGRU_CACHE", folder.path().join("cache"))
            .args(["train", recipe, "--format", "json", "--epochs", "1"])
            .args(["--data", arg(&data), "--runs", arg(&folder.path().join("runs"))])
            .args(["--set", "training.batch_size=8", "--set", "model.layers=[16]"])
            .args(["--set", "model.encoder={ type = 'conv', features = 16 }"])
            .args(settings)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        last_json(&text(&output.stdout))
    };
    let small = ["data.frames.shrink=8", "data.cut.length=150000", "data.cut.valid_users=1"];
    let summary = train("dvs128", &small);
    for figure in ["test_accuracy", "test_recording_accuracy", "valid_recording_accuracy"] {
        assert!(summary[figure].as_f64().is_some(), "{figure}: {summary}");
    }
    let lead = summary["panels"][1]["lead"].as_str().unwrap();
    assert!(lead.contains("11 recordings of 22 parts"), "{lead}");
    // The embedded default needs no file.
    let sizes = ["data.users=3", "data.test_users=1", "data.lights=1", "data.seconds=0.3"];
    let summary = train("gesture-sim", &[&sizes[..], &small].concat());
    assert_eq!(summary["task"], "voting");
}
