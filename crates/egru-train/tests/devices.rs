//! Runs on several devices, two of which may be the same: each has a thread of its own.

mod common;

use std::path::Path;
use std::sync::{Arc, Mutex};

use burn::tensor::Device;
use burn::train::Interrupter;
use common::{checkpoint_file, history, last_checkpoint, resume, serial, tiny, train};
use egru::Execution;
use egru_train::report_data::{Split, Summary};
use egru_train::{ProbeRequest, Recipe, Registry, Strategy, TrainError, TrainOptions, Update};

/// Everything that draws at random while training, and an epoch (5 batches) that no number divides.
const RANDOM: &[(&str, &str)] = &[
    ("model.layers", "[8, 8]"),
    ("model.dropout", "0.2"),
    ("model.head_dropout", "0.2"),
    ("model.cell.zoneout", "0.1"),
    ("model.cell.dropconnect", "0.1"),
    ("training.clip_norm", "0.05"),
];

/// A smooth network without draws: other generators and other rounding change it little.
const SMOOTH: &[(&str, &str)] = &[
    ("model.cell.type", "gru"),
    ("model.readout", "last-output"),
    ("regularise.activity.weight", "0"),
];

fn on(devices: &[Device], runs: &Path) -> TrainOptions {
    let more_devices = devices[1..].to_vec();
    TrainOptions { more_devices, ..TrainOptions::new(devices[0].clone(), runs) }
}

fn flex(number: usize, runs: &Path) -> TrainOptions {
    on(&vec![Device::flex(); number], runs)
}

fn accumulating(recipe: &Recipe, batches: usize) -> Recipe {
    let accumulate = ("training.accumulate".to_owned(), batches.to_string());
    recipe.with_overrides(&[accumulate]).unwrap()
}

#[track_caller]
fn assert_same_bits(a: &Summary, b: &Summary) {
    assert_eq!(history(&a.run_dir), history(&b.run_dir));
    assert_eq!(last_checkpoint(&a.run_dir), last_checkpoint(&b.run_dir));
    let model = |summary: &Summary| checkpoint_file(&summary.run_dir, "model.bpk");
    assert!(model(a) == model(b), "the models differ");
}

#[test]
fn a_step_on_several_devices_is_one_that_accumulates_as_many_batches() {
    let _serial = serial();
    let runs = tempfile::tempdir().unwrap();
    for (devices, accumulate) in [(2, 1), (3, 1), (2, 2)] {
        let recipe = accumulating(&tiny(RANDOM), accumulate);
        let several = train(&recipe, &flex(devices, runs.path())).unwrap();
        let recipe = accumulating(&recipe, accumulate * devices);
        let one = train(&recipe, &flex(1, runs.path())).unwrap();
        assert_same_bits(&several, &one);
    }
}

#[test]
fn regression_runs_on_several_devices_too() {
    let _serial = serial();
    let runs = tempfile::tempdir().unwrap();
    let changes = [
        ("data.train", "40"),
        ("data.valid", "8"),
        ("data.test", "8"),
        ("data.length", "4"),
        ("model.layers", "[8]"),
        ("training.epochs", "1"),
        ("training.batch_size", "8"),
    ];
    let changes = changes.map(|(key, value)| (key.to_owned(), value.to_owned()));
    let recipe = Recipe::named("adding").unwrap().with_overrides(&changes).unwrap();
    let several = train(&recipe, &flex(2, runs.path())).unwrap();
    let one = train(&accumulating(&recipe, 2), &flex(1, runs.path())).unwrap();
    assert_same_bits(&several, &one);
}

#[test]
#[allow(deprecated)] // `Device::ndarray` goes with Burn 0.23, and this test with it.
fn devices_may_be_of_different_backends() {
    let _serial = serial();
    let runs = tempfile::tempdir().unwrap();
    let recipe = tiny(SMOOTH);
    let mixed = on(&[Device::flex(), Device::ndarray()], runs.path());
    let mixed = train(&recipe, &mixed).unwrap();
    let one = train(&accumulating(&recipe, 2), &flex(1, runs.path())).unwrap();

    let close = |a: f64, b: f64| assert!((a - b).abs() <= 1e-4 * b.abs(), "{a} is not {b}");
    for (a, b) in history(&mixed.run_dir).iter().zip(&history(&one.run_dir)) {
        assert_eq!((a.split, a.epoch, a.step), (b.split, b.epoch, b.step));
        for figure in ["loss", "gradient_norm"] {
            if let (Some(a), Some(b)) = (a.figure(figure), b.figure(figure)) {
                close(a, b);
            }
        }
    }
    // Parameter by parameter, as far as gradients tell.
    let gradients = |summary: &Summary| {
        let session = Registry::default().open(&summary.run_dir, &[], &flex(1, runs.path()));
        let step = session.unwrap().probe(ProbeRequest::default()).unwrap();
        step.results(Execution::default()).unwrap().tensors
    };
    for (k, (a, b)) in gradients(&mixed).iter().zip(&gradients(&one)).enumerate() {
        let difference = a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(difference < 1e-4, "tensor {k}: {difference}");
    }
}

/// A session that is stopped after its first step.
fn stopping(options: TrainOptions) -> TrainOptions {
    let interrupter = Interrupter::new();
    let stop = interrupter.clone();
    let updates = Arc::new(move |update| {
        if matches!(update, Update::Progress { split: Split::Train, .. }) {
            stop.stop(Some("test"));
        }
    });
    TrainOptions { interrupter, updates, ..options }
}

#[test]
fn a_run_stopped_again_and_again_ends_with_the_same_bits() {
    let _serial = serial();
    let runs = tempfile::tempdir().unwrap();
    let recipe = tiny(RANDOM);
    let whole = train(&recipe, &flex(3, runs.path())).unwrap();
    let options = || stopping(flex(3, runs.path()));
    let mut parts = train(&recipe, &options()).unwrap();
    for session in 2.. {
        assert!(parts.interrupted && session < 20, "the run was hardly stopped, or never ends");
        parts = resume(&parts.run_dir, &options()).unwrap();
        if !parts.interrupted {
            break;
        }
    }
    assert_same_bits(&parts, &whole);
}

#[test]
fn a_run_goes_on_with_another_number_of_devices() {
    let _serial = serial();
    let runs = tempfile::tempdir().unwrap();
    let recipe = tiny(&[("training.epochs", "3")]);
    let last_rate = |summary: &Summary| {
        let records = history(&summary.run_dir);
        let trained = records.iter().rfind(|record| record.split == Split::Train);
        trained.and_then(|record| record.figure("learning_rate")).unwrap()
    };
    for (before, after) in [(2, 1), (1, 2)] {
        let stopped = train(&recipe, &stopping(flex(before, runs.path()))).unwrap();
        assert!(stopped.interrupted);

        let notices = Arc::new(Mutex::new(Vec::new()));
        let heard = notices.clone();
        let updates = Arc::new(move |update| {
            if let Update::Notice(text) = update {
                heard.lock().unwrap().push(text);
            }
        });
        let options = TrainOptions { updates, ..flex(after, runs.path()) };
        let resumed = resume(&stopped.run_dir, &options).unwrap();
        assert_eq!((resumed.epochs, resumed.interrupted), (3, false));
        let notices = notices.lock().unwrap();
        let told = format!("takes {after} batches instead of {before}");
        assert!(notices.len() == 1 && notices[0].contains(&told), "{notices:?}");

        // The schedule ends where that of a run with one number of devices ends.
        let whole = train(&recipe, &flex(after, runs.path())).unwrap();
        let (a, b) = (last_rate(&resumed), last_rate(&whole));
        assert!((a - b).abs() < 1e-12, "{a} is not {b}");
    }
}

#[test]
#[allow(deprecated)] // As above.
fn distributed_data_parallel_is_refused_before_anything_is_done() {
    let _serial = serial();
    let runs = tempfile::tempdir().unwrap();
    let refused = |devices: &[Device]| {
        let options = TrainOptions { strategy: Strategy::Ddp, ..on(devices, runs.path()) };
        let error = train(&tiny(&[]), &options).unwrap_err();
        assert!(error.to_string().contains("use the strategy multi-device"), "{error}");
        assert_eq!(std::fs::read_dir(runs.path()).unwrap().count(), 0, "no run directory");
        error
    };
    let same = refused(&[Device::flex(), Device::flex()]);
    assert!(matches!(same, TrainError::RepeatedDevice { .. }), "{same}");
    let different = refused(&[Device::flex(), Device::ndarray()]);
    assert!(matches!(different, TrainError::NoAllReduce { .. }), "{different}");
}
