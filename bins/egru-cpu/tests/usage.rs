//! What is typed, right and wrong.

const PROGRAM: &str = env!("CARGO_BIN_EXE_egru-cpu");

mod common;

use common::{TINY, egru, fails, json, succeeds, text};

#[test]
fn recipes_are_listed_and_printed() {
    let list = succeeds(&["recipes"]);
    assert!(list.contains("quickstart") && list.contains("smnist-small"));
    let names = json(&["recipes"]);
    assert!(names["recipes"].as_array().unwrap().iter().any(|r| r["name"] == "psmnist"));
    // A printed recipe is a recipe, with every default.
    let printed = succeeds(&["recipes", "quickstart"]);
    assert!(printed.contains("[model.cell]") && printed.contains("alpha"), "{printed}");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mine.toml");
    std::fs::write(&file, printed.replace("batch_size", "batch_sise")).unwrap();
    let error = fails(&["train", "--recipe", common::arg(&file)], 2);
    assert!(error.contains("mine.toml") && error.contains("did you mean"), "{error}");
}

#[test]
fn typing_errors_are_explained() {
    let error = fails(&["train", "quikstart"], 2);
    assert!(error.contains("did you mean `quickstart`?"), "{error}");
    let error = fails(&["train", "quickstart", "--set", "training.epoch=1"], 2);
    assert!(error.contains("training.epochs"), "{error}");
    let error = fails(&["train", "quickstart", "--set", "model.cell.alhpa=1"], 2);
    assert!(error.contains("alpha"), "{error}");
    let error = fails(&["train", "quickstart", "--set", "model.cell.type=gruu"], 2);
    assert!(error.contains("did you mean `gru`?"), "{error}");
    let error = fails(&["train", "quickstart", "--set", "training.batch_size=0"], 2);
    assert!(error.contains("training.batch_size") && error.contains("at least 1"), "{error}");
    let error = fails(&["train", "quickstart", "--backend", "abacus"], 2);
    assert!(error.contains("flex") && error.contains("ndarray"), "{error}");
    let error = fails(&["train", "quickstart", "--backend", "flex:7"], 2);
    assert!(error.contains("index 0"), "{error}");
    fails(&["train"], 2);
    fails(&["dance"], 2);
}

#[test]
fn an_empty_data_set_is_refused() {
    let runs = tempfile::tempdir().unwrap();
    let arguments = [TINY, &["--set", "data.train=0", "--runs", common::arg(runs.path())]].concat();
    let output = egru(&arguments);
    let error = text(&output.stderr);
    assert!(!output.status.success() && !error.contains("panic"), "{error}");
    assert!(error.contains("is empty"), "{error}");
}

#[test]
fn devices_say_what_is_compiled_in() {
    assert!(succeeds(&["devices"]).contains("flex"));
    let devices = json(&["devices"]);
    let backends = devices["backends"].as_array().unwrap();
    assert_eq!(backends.iter().filter(|b| b["default"] == true).count(), 1);
}

#[test]
fn a_reader_that_leaves_is_no_panic() {
    common::succeeds_without_reader(&["recipes", "quickstart"]);
}
