//! Training on several devices.

const PROGRAM: &str = env!("CARGO_BIN_EXE_egru-cpu");

mod common;

use common::{TINY, arg, fails, json, succeeds};

#[test]
fn a_step_takes_a_batch_per_device() {
    let runs = tempfile::tempdir().unwrap();
    let train = |more: &[&str]| json(&[TINY, &["--runs", arg(runs.path())], more].concat());
    let several = train(&["--devices", "flex,flex"]);
    assert_eq!(several["devices"], serde_json::json!(["flex", "flex"]));
    assert_eq!(several["backend"], "flex");
    let run = several["run_dir"].as_str().unwrap();
    let environment = std::fs::read_to_string(format!("{run}/environment.json")).unwrap();
    assert!(environment.contains("\"strategy\": \"multi-device\""), "{environment}");

    let one = train(&["--set", "training.accumulate=2"]);
    assert_eq!(one["devices"], serde_json::json!(["flex"]));
    for figure in ["train_loss", "valid_loss", "test_loss"] {
        assert_eq!(several[figure], one[figure], "{figure}");
    }
    let mixed = train(&["--devices", "ndarray,flex"]);
    assert_eq!(mixed["backend"], "ndarray");
    // The number of devices is no part of the model.
    succeeds(&["train", "--resume", run, "--devices", "flex,ndarray,flex"]);
    succeeds(&["eval", run]);
}

#[test]
fn devices_typed_wrong_are_explained() {
    let error = fails(&["train", "quickstart", "--devices", "flex,flex", "--strategy", "ddp"], 2);
    assert!(error.contains("`flex`") && error.contains("--strategy multi-device"), "{error}");
    let error = fails(&["train", "quickstart", "--devices", "flex,abacus"], 2);
    assert!(error.contains("no backend `abacus`"), "{error}");
    fails(&["train", "quickstart", "--devices", "flex,flex", "--backend", "flex"], 2);
    fails(&["train", "quickstart", "--strategy", "ddp"], 2);
}
