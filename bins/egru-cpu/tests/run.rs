//! A run from training to its report.

const PROGRAM: &str = env!("CARGO_BIN_EXE_egru-cpu");

mod common;

use std::path::Path;

use common::{TINY, arg, egru, fails, json, last_json, only_run, succeeds, text};

#[test]
fn a_run_is_trained_evaluated_and_inspected() {
    let runs = tempfile::tempdir().unwrap();
    let output = egru(&[TINY, &["--runs", arg(runs.path()), "--format", "json"]].concat());
    assert!(output.status.success(), "{}", text(&output.stderr));
    let result = last_json(&text(&output.stdout));
    let fields = [
        "recipe",
        "backend",
        "seed",
        "epochs",
        "seconds",
        "train_loss",
        "valid_accuracy",
        "test_accuracy",
        "activity_sparsity",
        "backward_sparsity",
        "effective_macs",
        "dense_macs",
        "parameters",
        "run_dir",
        "report",
        "comparison",
    ];
    for field in fields {
        assert!(!result[field].is_null(), "{field} in {result}");
    }
    assert_eq!(result["recipe"], "quickstart");
    assert_eq!(result["epochs"], 1);
    assert!(text(&output.stderr).contains("epoch 1/1"), "progress goes to standard error");

    let run = only_run(runs.path());
    assert_eq!(Path::new(result["run_dir"].as_str().unwrap()), run);
    for file in ["config.toml", "environment.json", "metrics.jsonl", "summary.json", "report.html"]
    {
        assert!(run.join(file).is_file(), "{file}");
    }
    let page = std::fs::read_to_string(run.join("report.html")).unwrap();
    assert!(page.contains("Time per training step") && page.contains("Activity sparsity"));

    let evaluated = json(&["eval", arg(&run)]);
    for field in ["test_accuracy", "valid_accuracy", "activity_sparsity", "effective_macs"] {
        assert_eq!(evaluated[field], result[field], "{field}");
    }

    let inspected = json(&["inspect", arg(&run), "--samples", "2"]);
    let drawings = inspected["drawings"].as_array().unwrap();
    assert!(drawings.iter().any(|d| d.as_str().unwrap().ends_with("raster-1.svg")));
    for drawing in drawings {
        let svg = std::fs::read_to_string(drawing.as_str().unwrap()).unwrap();
        assert!(svg.starts_with("<svg"), "{drawing}");
    }
    let page = std::fs::read_to_string(run.join("report.html")).unwrap();
    assert!(page.contains("Sample 1") && page.contains("Time per training step"));
}

#[test]
fn every_cell_and_both_backends_train() {
    for (cell, backend) in [("gru", "flex"), ("elstm", "flex"), ("egru", "ndarray")] {
        let runs = tempfile::tempdir().unwrap();
        let cell = format!("model.cell.type={cell}");
        let place = ["--runs", arg(runs.path()), "--backend", backend, "--threads", "1"];
        // A dense cell has no events to read from or to regularise.
        let model = [
            "--set",
            &cell,
            "--set",
            "model.readout=last-output",
            "--set",
            "regularise.activity.weight=0",
        ];
        let stdout = succeeds(&[TINY, &model[..], &place[..]].concat());
        assert!(stdout.contains("test accuracy") && stdout.contains("report:"), "{stdout}");
    }
}

#[test]
fn runs_that_cannot_be_written_or_read_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("occupied");
    std::fs::write(&file, "").unwrap();
    let error = fails(&[TINY, &["--runs", arg(&file)]].concat(), 1);
    assert!(error.contains("occupied"), "{error}");
    let error = fails(&["eval", arg(folder.path())], 1);
    assert!(error.contains("config.toml"), "{error}");
    let error = fails(&["train", "--resume", arg(&folder.path().join("gone"))], 1);
    assert!(error.contains("gone"), "{error}");
}

#[test]
fn damaged_and_foreign_checkpoints_are_refused() {
    let runs = tempfile::tempdir().unwrap();
    succeeds(&[TINY, &["--runs", arg(runs.path())]].concat());
    let run = only_run(runs.path());
    let config = std::fs::read_to_string(run.join("config.toml")).unwrap();
    let other = config.replace("layers = [8]", "layers = [9]");
    assert_ne!(config, other, "{config}");
    std::fs::write(run.join("config.toml"), other).unwrap();
    let error = fails(&["eval", arg(&run)], 1);
    assert!(error.contains("another architecture"), "{error}");

    std::fs::write(run.join("config.toml"), config).unwrap();
    for checkpoint in std::fs::read_dir(run.join("checkpoints")).unwrap() {
        let model = checkpoint.unwrap().path().join("model.bpk");
        let bytes = std::fs::read(&model).unwrap();
        std::fs::write(&model, &bytes[..bytes.len() / 2]).unwrap();
    }
    let error = fails(&["eval", arg(&run)], 1);
    assert!(error.contains("model.bpk"), "{error}");
}
