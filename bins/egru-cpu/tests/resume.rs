//! Runs that are killed or interrupted in mid-epoch, and go on.
#![cfg(unix)]

const PROGRAM: &str = env!("CARGO_BIN_EXE_egru-cpu");

mod common;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use common::{TINY, arg, last_json, only_run, program, succeeds, text};

/// Enough steps that a signal arrives in the middle of an epoch.
const LONGER: &[&str] = &[
    "--set",
    "data.train=1024",
    "--set",
    "training.epochs=2",
    "--set",
    "training.checkpoint_every=2",
];

fn start(runs: &Path) -> Child {
    program()
        .args(TINY)
        .args(LONGER)
        .args(["--runs", arg(runs), "--format", "json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts")
}

/// The finished checkpoints of the only run, oldest first.
fn checkpoints(runs: &Path) -> Vec<PathBuf> {
    let folder = only_run(runs).join("checkpoints");
    let mut all: Vec<PathBuf> = std::fs::read_dir(folder)
        .map(|entries| entries.filter_map(|entry| Some(entry.ok()?.path())).collect())
        .unwrap_or_default();
    all.retain(|path| !path.file_name().unwrap().to_string_lossy().starts_with('.'));
    all.sort();
    all
}

/// Waits until a checkpoint of the middle of an epoch is there.
fn wait_for_the_middle_of_an_epoch(child: &mut Child, runs: &Path) {
    loop {
        assert_eq!(child.try_wait().expect("a child"), None, "the run ended before the signal");
        let started = std::fs::read_dir(runs).is_ok_and(|mut entries| entries.next().is_some());
        let in_the_middle = |path: &PathBuf| !path.to_string_lossy().ends_with("batch-000000");
        if started && checkpoints(runs).iter().any(in_the_middle) {
            return;
        }
        sleep(Duration::from_millis(5));
    }
}

/// The parameters at the end, whose bytes must not depend on whether the run was stopped.
fn trained(runs: &Path) -> Vec<u8> {
    let last = checkpoints(runs).pop().expect("a checkpoint");
    assert!(last.ends_with("epoch-0002-batch-000000"), "{}", last.display());
    std::fs::read(last.join("model.bpk")).expect("the model of a checkpoint")
}

#[test]
fn a_stopped_run_ends_with_the_bits_of_one_that_never_stopped() {
    let whole = tempfile::tempdir().unwrap();
    assert!(start(whole.path()).wait_with_output().unwrap().status.success());
    let expected = trained(whole.path());

    // Killed without warning.
    let killed = tempfile::tempdir().unwrap();
    let mut child = start(killed.path());
    wait_for_the_middle_of_an_epoch(&mut child, killed.path());
    child.kill().unwrap();
    child.wait().unwrap();
    let run = only_run(killed.path());
    assert!(!run.join("summary.json").exists(), "killed before its end");
    succeeds(&["train", "--resume", arg(&run)]);
    assert!(trained(killed.path()) == expected, "resumed after a kill");

    // Asked to stop.
    let asked = tempfile::tempdir().unwrap();
    let mut child = start(asked.path());
    wait_for_the_middle_of_an_epoch(&mut child, asked.path());
    let status = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(status.success());
    let output = child.wait_with_output().unwrap();
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(130), "{stderr}");
    assert_eq!(last_json(&stdout)["interrupted"], true);
    let run = only_run(asked.path());
    assert!(stderr.contains(&format!("--resume {}", run.display())), "{stderr}");
    succeeds(&["train", "--resume", arg(&run)]);
    assert!(trained(asked.path()) == expected, "resumed after Ctrl-C");
}
