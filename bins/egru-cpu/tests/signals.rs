//! Requests to stop, and those that were to be ignored.
#![cfg(unix)]

const PROGRAM: &str = env!("CARGO_BIN_EXE_egru-cpu");

mod common;

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use common::{TINY, arg, last_json, only_run, program, succeeds, text};

/// Starts a run whose lines can be read, behind the shell command `before`.
fn start(runs: &Path, before: &str, more: &[&str]) -> (Child, BufReader<ChildStdout>) {
    let mut child = Command::new("sh")
        .args(["-c", &format!("{before} exec \"$0\" \"$@\""), crate::PROGRAM])
        .env_remove("EGRU_DATA")
        .args(TINY)
        .args(["--runs", arg(runs)])
        .args(more)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let lines = BufReader::new(child.stdout.take().expect("piped"));
    (child, lines)
}

/// Reads until a line has `part`.
#[track_caller]
fn wait_for(lines: &mut BufReader<ChildStdout>, part: &str) {
    let mut line = String::new();
    while !line.contains(part) {
        line.clear();
        assert_ne!(
            lines.read_line(&mut line).expect("text"),
            0,
            "the program ended before `{part}`"
        );
    }
}

fn signal(child: &Child, name: &str) {
    let status = Command::new("kill").args([&format!("-{name}"), &child.id().to_string()]).status();
    assert!(status.expect("kill").success());
}

/// The status at the end, and the rest of standard output and error.
fn end(mut child: Child, mut lines: BufReader<ChildStdout>) -> (Option<i32>, String, String) {
    let (mut rest, mut error) = (Vec::new(), Vec::new());
    lines.read_to_end(&mut rest).expect("output");
    child.stderr.take().expect("piped").read_to_end(&mut error).expect("output");
    (child.wait().expect("a child").code(), text(&rest), text(&error))
}

const LONG: &[&str] = &["--set", "training.epochs=2000", "--set", "data.train=256"];

#[test]
fn an_ignored_signal_stays_ignored_and_others_stop_at_a_checkpoint() {
    let runs = tempfile::tempdir().unwrap();
    let (child, mut lines) = start(runs.path(), "trap '' HUP;", LONG);
    wait_for(&mut lines, "epoch");
    signal(&child, "HUP");
    // Epochs go on after a signal that `nohup` has made nothing of.
    for _ in 0..3 {
        wait_for(&mut lines, "epoch");
    }
    // What Slurm sends before the time is over; more than one ends nothing at once.
    signal(&child, "USR1");
    signal(&child, "USR1");
    let (status, rest, error) = end(child, lines);
    assert_eq!(status, Some(130), "{error}");
    assert!(rest.contains("stopped at a checkpoint") && rest.contains("--resume"), "{rest}");
    assert!(!only_run(runs.path()).join("report.html").exists());

    let runs = tempfile::tempdir().unwrap();
    let (child, mut lines) = start(runs.path(), "", LONG);
    wait_for(&mut lines, "epoch");
    signal(&child, "HUP");
    let (status, rest, error) = end(child, lines);
    assert_eq!(status, Some(130), "{error}");
    assert!(rest.contains("stopped at a checkpoint"), "{rest}");
}

#[test]
fn timing_stops_too_and_can_be_made_up_for() {
    // Long enough to be timed for seconds.
    let slow = ["--set", "model.layers=[256]", "--set", "training.batch_size=64"];
    let runs = tempfile::tempdir().unwrap();
    let (child, mut lines) = start(runs.path(), "", &slow);
    wait_for(&mut lines, "training time");
    signal(&child, "TERM");
    let (status, rest, error) = end(child, lines);
    assert_eq!(status, Some(130), "{error}");
    assert!(rest.contains("trained and saved"), "{rest}");
    let run = only_run(runs.path());
    assert!(run.join("summary.json").exists() && !run.join("report.html").exists());
    succeeds(&["train", "--resume", arg(&run)]);
    assert!(run.join("report.html").exists());
}

#[test]
fn work_goes_on_when_its_reader_goes_away() {
    let runs = tempfile::tempdir().unwrap();
    let (child, lines) = start(runs.path(), "", &[]);
    drop(lines);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(text(&output.stderr), "");
    assert!(only_run(runs.path()).join("report.html").exists());

    // The object still comes where nobody reads the text beside it.
    let runs = tempfile::tempdir().unwrap();
    for before in ["exec 2>&-;", ""] {
        let mut child = Command::new("sh")
            .args(["-c", &format!("{before} exec \"$0\" \"$@\""), crate::PROGRAM])
            .args(TINY)
            .args(["--runs", arg(runs.path()), "--format", "json"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stderr.take());
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        assert_eq!(last_json(&text(&output.stdout))["epochs"], 1);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn output_that_cannot_be_kept_is_a_failure() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = program().args(["recipes"]).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("could not be written"), "{}", text(&output.stderr));
}
