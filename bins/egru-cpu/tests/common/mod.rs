//! Running the built program: that of the package whose test says `const PROGRAM` before `mod common`.
#![allow(dead_code)] // Every test file uses another part of this.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The program under test, without the data folder of whoever runs the tests.
pub fn program() -> Command {
    let mut command = Command::new(crate::PROGRAM);
    command.env_remove("EGRU_DATA").env_remove("EGRU_THREADS").env_remove("RUST_LOG");
    command
}

/// Runs the program to its end.
pub fn egru(args: &[&str]) -> Output {
    program().args(args).output().expect("the program starts")
}

/// Standard output of a successful command.
#[track_caller]
pub fn succeeds(args: &[&str]) -> String {
    let output = egru(args);
    assert!(output.status.success(), "{args:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

/// A command succeeds and says nothing of it when the reader of its standard output has left.
#[track_caller]
pub fn succeeds_without_reader(args: &[&str]) {
    let mut child =
        program().args(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(text(&output.stderr), "");
}

/// Standard error of a command that fails with `status`, without a panic.
#[track_caller]
pub fn fails(args: &[&str], status: i32) -> String {
    let output = egru(args);
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(status), "{args:?}: {error}{}", text(&output.stdout));
    assert!(!error.contains("panic"), "{error}");
    error
}

/// The JSON object in the last line of a successful command's standard output.
#[track_caller]
pub fn json(args: &[&str]) -> serde_json::Value {
    last_json(&succeeds(&[args, &["--format", "json"]].concat()))
}

/// The JSON object in the last line.
#[track_caller]
pub fn last_json(stdout: &str) -> serde_json::Value {
    let line = stdout.lines().last().expect("a last line");
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line}"))
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A path as an argument.
pub fn arg(path: &Path) -> &str {
    path.to_str().expect("a temporary path is UTF-8")
}

/// A quickstart of a second: few samples, few units.
pub const TINY: &[&str] = &[
    "train",
    "quickstart",
    "--set",
    "data.train=64",
    "--set",
    "data.valid=16",
    "--set",
    "data.test=16",
    "--set",
    "model.layers=[8]",
    "--set",
    "training.batch_size=16",
    "--set",
    "training.epochs=1",
];

/// The only run under `runs`.
#[track_caller]
pub fn only_run(runs: &Path) -> PathBuf {
    let mut entries = std::fs::read_dir(runs).expect("the runs folder").map(|e| e.unwrap().path());
    let run = entries.next().expect("a run");
    assert_eq!(entries.next(), None, "one run only");
    run
}

/// What every program does on its first backend: list it, train, evaluate, draw, measure.
#[track_caller]
pub fn does_everything_on(backend: &str) {
    let devices = json(&["devices"]);
    let first = devices["backends"].as_array().unwrap().iter().find(|b| b["default"] == true);
    let first = first.expect("a backend is compiled in");
    assert_eq!((&first["name"], &first["usable"]), (&backend.into(), &true.into()), "{first}");
    assert!(!first["devices"].as_array().unwrap().is_empty(), "{first}");

    let runs = tempfile::tempdir().unwrap();
    let trained = json(&[TINY, &["--runs", arg(runs.path())]].concat());
    assert_eq!(trained["backend"], backend);
    let run = only_run(runs.path());
    assert!(run.join("report.html").is_file());
    let evaluated = json(&["eval", arg(&run)]);
    for field in ["test_accuracy", "valid_accuracy", "activity_sparsity"] {
        assert_eq!(evaluated[field], trained[field], "{field}");
    }
    let inspected = json(&["inspect", arg(&run), "--samples", "1"]);
    assert!(!inspected["drawings"].as_array().unwrap().is_empty());

    let measured = json(&["bench", "tiny", "--rounds", "1", "--products", "auto,events,dense"]);
    for record in measured["records"].as_array().unwrap() {
        assert_eq!(
            (&record["backend"], &record["check"]["passed"]),
            (&backend.into(), &true.into())
        );
    }
    let error = fails(&["devices-of-mars"], 2);
    assert!(error.contains("devices"), "{error}");
    let error = fails(&["bench", "tiny", "--backend", &format!("{backend}:nowhere")], 2);
    assert!(error.contains("nowhere"), "{error}");
}
