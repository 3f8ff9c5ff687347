//! What cannot be done is refused before it is tried, in words.

const PROGRAM: &str = env!("CARGO_BIN_EXE_egru-cpu");

mod common;

use common::{TINY, arg, egru, fails, json, only_run, program, succeeds, text};

#[test]
fn what_no_machine_can_hold_is_refused_before_it_is_made() {
    for (recipe, change, named) in [
        ("quickstart", "model.layers=[10000000000]", "lower model.layers"),
        ("adding", "data.length=1000000000000", "length of the sequences"),
        ("delay-copy", "data.length=9000000000000000000", "length of the sequences"),
        ("adding", "data.train=1000000000000", "number of samples"),
    ] {
        let runs = tempfile::tempdir().unwrap();
        let error = fails(&["train", recipe, "--set", change, "--runs", arg(runs.path())], 1);
        assert!(error.contains("of memory") && error.contains(named), "{change}: {error}");
        assert_eq!(std::fs::read_dir(runs.path()).unwrap().count(), 0, "{change}: no run is made");
    }
    let error = fails(&["train", "quickstart", "--epochs", "1000000000000"], 2);
    assert!(error.contains("at most 10000000"), "{error}");
    // More than there are samples is all of them.
    let runs = tempfile::tempdir().unwrap();
    let batch = ["--set", "training.batch_size=1000000000000", "--runs", arg(runs.path())];
    succeeds(&[TINY, &batch[..]].concat());
}

#[test]
fn numbers_of_threads_are_checked_wherever_they_are_given() {
    let error = fails(&["train", "quickstart", "--threads", "65535"], 2);
    assert!(error.contains("no number of threads from 1 to"), "{error}");
    fails(&["train", "quickstart", "--threads", "0"], 2);
    for wrong in ["abc", "0", "-1", "65535"] {
        let output = program().args(TINY).env("EGRU_THREADS", wrong).output().unwrap();
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert!(error.contains("EGRU_THREADS") && error.contains(wrong), "{error}");
    }
    let runs = tempfile::tempdir().unwrap();
    let mut one = program();
    one.args(TINY).args(["--runs", arg(runs.path())]).env("EGRU_THREADS", "1");
    assert!(one.output().unwrap().status.success());
    let environment =
        std::fs::read_to_string(only_run(runs.path()).join("environment.json")).unwrap();
    assert!(environment.contains("\"threads\": 1,"), "{environment}");
}

#[test]
fn a_variable_that_is_set_to_nothing_is_not_set() {
    for variable in ["EGRU_DATA", "EGRU_THREADS"] {
        let output = program().args(["data", "list"]).env(variable, "").output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
    }
    let output = program().args(["data", "verify", "mnist"]).env("EGRU_DATA", "").output().unwrap();
    assert!(text(&output.stderr).contains("--data DIR"), "{}", text(&output.stderr));
}

#[test]
fn seeds_have_a_range() {
    for wrong in ["9223372036854775808", "-1", "x", "1.5"] {
        let error = fails(&["train", "quickstart", "--seed", wrong], 2);
        assert!(error.contains("from 0 to 9223372036854775807"), "{error}");
        let error = fails(&["data", "show", "glyphs", "--seed", wrong], 2);
        assert!(error.contains("from 0 to 9223372036854775807"), "{error}");
        let error = fails(&["train", "quickstart", "--set", &format!("seed={wrong}")], 2);
        assert!(error.contains("from 0 to 9223372036854775807"), "{error}");
    }
    let runs = tempfile::tempdir().unwrap();
    let largest = ["--seed", "9223372036854775807", "--runs", arg(runs.path())];
    succeeds(&[TINY, &largest[..]].concat());
}

#[test]
fn messages_speak_of_keys_and_values() {
    let set = |change: &str| fails(&["train", "quickstart", "--set", change], 2);
    for (change, told) in [
        ("model.layers=64", "a list, such as [64]"),
        ("model.layers=[1.5]", "a whole number"),
        ("training.epochs=many", "a whole number"),
        ("optimiser.learning_rate=fast", "a number"),
        ("model.cell=gru", "set by `model.cell.type`"),
        ("data=adding", "set by `data.name`"),
        ("model.cell.type=GRU", "did you mean `gru`?"),
        ("sampling.type=Shuffled", "did you mean `shuffled`?"),
        ("optimiser.type=sgd", "there are: adam, adamw"),
    ] {
        let error = set(change);
        assert!(error.contains(told), "{change}: {error}");
        for word in ["usize", "u64", "f64", "struct", "Recipe"] {
            assert!(!error.contains(word), "{change}: {error}");
        }
    }
    let error = fails(&["train", "my.toml"], 2);
    assert!(error.contains("--recipe my.toml"), "{error}");
    let error = fails(&["train", "quickstart", "--backend", "cuda"], 2);
    assert!(error.contains("`egru-gpu`"), "{error}");

    let runs = tempfile::tempdir().unwrap();
    let gru = ["--set", "model.cell.type=gru", "--runs", arg(runs.path())];
    let error = fails(&[TINY, &gru[..]].concat(), 1);
    assert!(error.contains("--set model.readout=last-output"), "{error}");
    assert_eq!(std::fs::read_dir(runs.path()).unwrap().count(), 0, "no run is made");
    let adamw = ["--set", "optimiser.type=AdamW", "--runs", arg(runs.path())];
    succeeds(&[TINY, &adamw[..]].concat());
}

#[test]
fn files_in_other_encodings_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mine.toml");
    let text = succeeds(&["recipes", "quickstart"]);
    let utf16: Vec<u8> =
        [0xfeff].into_iter().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    std::fs::write(&file, utf16).unwrap();
    let error = fails(&["train", "--recipe", arg(&file)], 2);
    assert!(error.contains("UTF-16") && error.contains("save it as UTF-8"), "{error}");
    // The mark of an editor is no part of the text.
    std::fs::write(&file, format!("\u{feff}{text}").replace("epochs", "epocsh")).unwrap();
    let error = fails(&["train", "--recipe", arg(&file)], 2);
    assert!(error.contains("did you mean `training.epochs`?"), "{error}");
}

#[test]
fn settings_without_effect_are_warnings() {
    let runs = tempfile::tempdir().unwrap();
    let arguments = [
        TINY,
        &["--runs", arg(runs.path()), "--set", "model.dropout=0.5"],
        &["--set", r#"optimiser.group=[{ match = "nothing", rate_factor = 0 }]"#],
    ]
    .concat();
    let warned = |arguments: &[&str], logged: Option<&str>| {
        let mut command = program();
        command.args(arguments).env_remove("RUST_LOG");
        command.envs(logged.map(|level| ("RUST_LOG", level)));
        let output = command.output().unwrap();
        assert!(output.status.success());
        text(&output.stderr)
    };
    let told = warned(&arguments, None);
    assert!(told.contains("warning: model.dropout"), "{told}");
    assert!(told.contains("contains `nothing`") && told.contains("stack.layers.0."), "{told}");
    assert_eq!(warned(&arguments, Some("off")), "");
    assert_eq!(warned(&[&arguments[..], &["--quiet"]].concat(), None), "");
    let quiet = egru(&[&arguments[..], &["-q"]].concat());
    let shown = text(&quiet.stdout);
    assert!(shown.contains("test accuracy") && !shown.contains("epoch 1/1"), "{shown}");
}

#[cfg(unix)]
#[test]
fn a_path_that_is_no_text_works() {
    use std::os::unix::ffi::OsStrExt as _;
    let folder = tempfile::tempdir().unwrap();
    let runs = folder.path().join(std::ffi::OsStr::from_bytes(b"r\xff ns"));
    if std::fs::create_dir(&runs).is_err() {
        return; // Some file systems hold text alone.
    }
    let output = program().args(TINY).arg("--runs").arg(&runs).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    for command in ["eval", "inspect"] {
        let output =
            program().arg(command).arg(only_run(&runs)).args(["--format", "json"]).output();
        let output = output.unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
    }
}

#[test]
fn drawings_are_those_of_the_last_request_and_can_go_elsewhere() {
    let runs = tempfile::tempdir().unwrap();
    succeeds(&[TINY, &["--runs", arg(runs.path())]].concat());
    let run = only_run(runs.path());
    let inspected = |more: &[&str]| {
        json(&[&["inspect", arg(&run)], more].concat())["drawings"].as_array().unwrap().len()
    };
    let count = |folder: &std::path::Path| std::fs::read_dir(folder).unwrap().count();
    let many = inspected(&["--samples", "5"]);
    std::fs::write(run.join("drawings/mine.svg"), "").unwrap();
    let one = inspected(&["--samples", "1"]);
    assert!(one < many);
    assert_eq!(count(&run.join("drawings")), one + 1, "what a user keeps stays");

    let before = std::fs::metadata(run.join("report.html")).unwrap().modified().unwrap();
    let elsewhere = runs.path().join("else/where");
    assert_eq!(
        inspected(&["--samples", "2", "--out", arg(&elsewhere)]),
        count(&elsewhere.join("drawings"))
    );
    assert!(elsewhere.join("report.html").is_file());
    assert_eq!(std::fs::metadata(run.join("report.html")).unwrap().modified().unwrap(), before);
}

#[test]
fn equal_runs_have_equal_checkpoints() {
    let files = |threads: &str| {
        let runs = tempfile::tempdir().unwrap();
        succeeds(&[TINY, &["--runs", arg(runs.path()), "--threads", threads]].concat());
        let checkpoint = only_run(runs.path()).join("checkpoints/epoch-0001-batch-000000");
        ["model.bpk", "optimiser.bpk"].map(|name| std::fs::read(checkpoint.join(name)).unwrap())
    };
    assert!(files("1") == files("1"));
}
