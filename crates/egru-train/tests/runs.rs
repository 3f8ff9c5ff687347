//! Whole runs on tiny data: training, resuming, failing, evaluating, inspecting.

mod common;

use std::fs;
use std::path::Path;
use std::sync::Arc;

use burn::train::Interrupter;
use common::{Leaky, checkpoint_file, last_checkpoint, serial, tiny};
use egru::Execution;
use egru_train::report_data::{Answer, EpochRecord, Split, Summary};
use egru_train::{InspectRequest, Recipe, Registry, RunDir, TrainError, TrainEvent, TrainOptions};

fn options(runs: &Path) -> TrainOptions {
    TrainOptions::new(burn::tensor::Device::flex(), runs)
}

fn train(recipe: &Recipe, runs: &Path) -> Summary {
    Registry::default().train(recipe, &options(runs)).unwrap()
}

fn history(run: &Path) -> Vec<EpochRecord> {
    RunDir::open(run).unwrap().0.history().unwrap().epochs
}

/// A record without what the clock says.
fn timeless(record: &EpochRecord) -> EpochRecord {
    EpochRecord { seconds: 0.0, ..record.clone() }
}

#[test]
fn training_improves_and_leaves_a_complete_run_directory() {
    let _serial = serial();
    let runs = tempfile::tempdir().unwrap();
    let recipe = tiny(&[
        ("training.epochs", "12"),
        ("schedule.type", "constant"),
        ("optimiser.learning_rate", "0.03"),
        ("data.noise", "0"),
        ("data.distortion", "0.2"),
    ]);
    let summary = train(&recipe, runs.path());

    let losses: Vec<f64> = history(&summary.run_dir)
        .iter()
        .filter(|record| record.split == Split::Train)
        .map(|record| record.loss)
        .collect();
    assert_eq!(losses.len(), 12);
    assert!(losses[11] < 0.8 * losses[0], "{losses:?}");
    assert!(summary.test_accuracy.unwrap() > 0.2, "{summary:?}");
    let (effective, dense) = (summary.effective_macs.unwrap(), summary.dense_macs.unwrap());
    assert!(0.0 < effective && effective < dense, "{effective} of {dense}");
    assert!((0.0..=1.0).contains(&summary.activity_sparsity.unwrap()));
    assert_eq!((summary.layers.len(), summary.epochs, summary.interrupted), (1, 12, false));

    let (run, stored) = RunDir::open(&summary.run_dir).unwrap();
    assert_eq!(Registry::default().resolve(&recipe).unwrap(), stored);
    assert_eq!(run.read_summary().unwrap(), Some(summary.clone()));
    let environment = fs::read_to_string(run.environment()).unwrap();
    assert!(environment.contains("\"cores\"") && environment.contains("\"data\""), "{environment}");
    assert!(fs::read_dir(run.checkpoints()).unwrap().count() <= 3);

    // Evaluating the run again gives the same figures.
    let again = Registry::default().evaluate(&summary.run_dir, &options(runs.path())).unwrap();
    assert_eq!(again, summary);
}

#[test]
fn a_run_stopped_again_and_again_ends_with_the_same_bits() {
    let _serial = serial();
    let runs = tempfile::tempdir().unwrap();
    // Everything that draws at random while training, and everything that has a memory.
    let recipe = tiny(&[
        ("model.layers", "[8, 8]"),
        ("model.dropout", "0.2"),
        ("model.cell.zoneout", "0.1"),
        ("model.cell.dropconnect", "0.1"),
        ("optimiser.type", "adamw"),
        ("optimiser.weight_decay", "0.01"),
        ("optimiser.threshold_factor", "0.5"),
        ("schedule.type", "cosine"),
        ("regularise.state.weight", "0.01"),
        ("training.accumulate", "3"),
        ("training.patience", "9"),
        ("training.epochs", "2"),
    ]);
    let whole = train(&recipe, runs.path());

    let registry = Registry::default();
    let session = |run: Option<&Path>| {
        let interrupter = Interrupter::new();
        let stop = interrupter.clone();
        let events = Arc::new(move |event| {
            if matches!(event, TrainEvent::Progress { split: Split::Train, .. }) {
                stop.stop(Some("test"));
            }
        });
        let options = TrainOptions { interrupter, events, ..options(runs.path()) };
        match run {
            None => registry.train(&recipe, &options).unwrap(),
            Some(run) => registry.resume(run, &options).unwrap(),
        }
    };
    let mut parts = session(None);
    let mut sessions = 1;
    while parts.interrupted {
        parts = session(Some(&parts.run_dir));
        sessions += 1;
        assert!(sessions < 20, "the run does not get on");
    }
    assert!(sessions > 2, "the run was hardly stopped: {sessions} sessions");

    assert_eq!(last_checkpoint(&parts.run_dir), last_checkpoint(&whole.run_dir));
    for file in ["model.bpk", "scheduler.bpk"] {
        let (a, b) = (checkpoint_file(&parts.run_dir, file), checkpoint_file(&whole.run_dir, file));
        assert!(a == b, "{file} differs");
    }
    let records = |run: &Path| history(run).iter().map(timeless).collect::<Vec<_>>();
    assert_eq!(records(&parts.run_dir), records(&whole.run_dir));
    let run_dir = whole.run_dir.clone();
    assert_eq!(Summary { run_dir, seconds: whole.seconds, ..parts }, whole);
}

#[test]
fn runs_of_one_seed_are_equal_and_of_two_seeds_are_not() {
    let _serial = serial();
    let runs = tempfile::tempdir().unwrap();
    let model = |seed: &str| {
        let summary = train(&tiny(&[("seed", seed), ("training.epochs", "1")]), runs.path());
        checkpoint_file(&summary.run_dir, "model.bpk")
    };
    let first = model("1");
    assert!(first == model("1"));
    assert!(first != model("2"));
}

#[test]
fn a_loss_that_is_not_finite_stops_with_the_last_good_checkpoint() {
    let _serial = serial();
    let runs = tempfile::tempdir().unwrap();
    let recipe = tiny(&[
        ("schedule.type", "constant"),
        ("optimiser.learning_rate", "1e38"),
        ("training.checkpoint_every", "1"),
    ]);
    let error = Registry::default().train(&recipe, &options(runs.path())).unwrap_err();
    let TrainError::NotFinite { epoch: 1, step, .. } = &error else { panic!("{error}") };
    let text = error.to_string();
    assert!(text.contains(&format!("epoch 1, step {step}")), "{text}");
    assert!(text.contains("optimiser.learning_rate"), "{text}");
    let run = fs::read_dir(runs.path()).unwrap().next().unwrap().unwrap().path();
    let kept = run.join("checkpoints").join(last_checkpoint(&run));
    assert!(text.contains(&kept.display().to_string()), "{text}");
}

#[test]
fn resuming_passes_over_a_damaged_checkpoint() {
    let _serial = serial();
    let runs = tempfile::tempdir().unwrap();
    let whole = train(&tiny(&[("training.epochs", "2")]), runs.path());
    let model = checkpoint_file(&whole.run_dir, "model.bpk");
    let newest = whole.run_dir.join("checkpoints").join(last_checkpoint(&whole.run_dir));
    fs::write(newest.join("model.bpk"), &model[..model.len() / 2]).unwrap();

    let notices = Arc::new(std::sync::Mutex::new(Vec::new()));
    let heard = notices.clone();
    let events = Arc::new(move |event| {
        if let TrainEvent::Notice(text) = event {
            heard.lock().unwrap().push(text);
        }
    });
    let options = TrainOptions { events, ..options(runs.path()) };
    let resumed = Registry::default().resume(&whole.run_dir, &options).unwrap();
    assert_eq!(resumed.epochs, 2);
    assert!(checkpoint_file(&whole.run_dir, "model.bpk") == model);
    let notices = notices.lock().unwrap();
    assert!(notices.len() == 1 && notices[0].contains("model.bpk"), "{notices:?}");
}

#[test]
fn a_checkpoint_of_another_architecture_is_refused() {
    let _serial = serial();
    let runs = tempfile::tempdir().unwrap();
    let summary = train(&tiny(&[("training.epochs", "1")]), runs.path());
    let config = summary.run_dir.join("config.toml");
    let text = fs::read_to_string(&config).unwrap();
    let wider = Recipe::from_toml(&text)
        .unwrap()
        .with_overrides(&[("model.layers".to_owned(), "[9]".to_owned())])
        .unwrap();
    fs::write(&config, wider.to_toml().unwrap()).unwrap();
    let error = Registry::default().resume(&summary.run_dir, &options(runs.path())).unwrap_err();
    assert!(error.to_string().contains("another architecture"), "{error}");
}

#[test]
fn early_stopping_ends_a_run_that_does_not_improve() {
    let _serial = serial();
    let runs = tempfile::tempdir().unwrap();
    // A rate this small changes no prediction, so that only the first epoch is an improvement.
    let recipe = tiny(&[
        ("optimiser.learning_rate", "1e-12"),
        ("training.patience", "2"),
        ("training.epochs", "9"),
    ]);
    let summary = train(&recipe, runs.path());
    assert_eq!((summary.epochs, summary.best_epoch, summary.interrupted), (3, Some(1), false));
    // Resuming a finished run changes nothing.
    let again = Registry::default().resume(&summary.run_dir, &options(runs.path())).unwrap();
    assert_eq!(again.epochs, 3);
}

#[test]
fn every_cell_and_kind_of_task_trains() {
    let _serial = serial();
    let runs = tempfile::tempdir().unwrap();
    for cell in Registry::default().cells() {
        let readout = if cell.starts_with('e') { "last-trace" } else { "last-output" };
        let changes = [
            ("model.cell.type", cell),
            ("model.readout", readout),
            ("regularise.activity.weight", "0"),
            ("training.epochs", "1"),
        ];
        let summary = train(&tiny(&changes), runs.path());
        assert_eq!(summary.cell, cell);
        assert!(summary.test_loss.unwrap().is_finite());
    }

    let small = [("data.train", "32"), ("data.valid", "8"), ("data.test", "8")];
    let of = |name: &str, changes: &[(&str, &str)]| {
        let base = [("model.layers", "[8]"), ("training.epochs", "1"), ("data.length", "4")];
        let all = small.iter().chain(&base).chain(changes);
        let all: Vec<_> = all.map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Recipe::named(name).unwrap().with_overrides(&all).unwrap()
    };
    let adding = train(&of("adding", &[]), runs.path());
    assert_eq!(adding.test_accuracy, None);
    assert!(history(&adding.run_dir).iter().all(|record| record.mse == Some(record.loss)));
    let copy = train(&of("delay-copy", &[("data.delay", "3")]), runs.path());
    assert!(copy.test_accuracy.is_some());

    let mismatch = of("delay-copy", &[("model.readout", "last-trace")]);
    let error = Registry::default().train(&mismatch, &options(runs.path())).unwrap_err();
    assert!(error.to_string().contains("use `per-step`"), "{error}");
}

#[test]
fn inspection_and_the_training_step_agree_with_the_model() {
    let _serial = serial();
    let runs = tempfile::tempdir().unwrap();
    let summary = train(&tiny(&[("training.epochs", "1")]), runs.path());
    let registry = Registry::default();
    let request = InspectRequest { samples: 3, units: 2 };
    let seen = registry.inspect(&summary.run_dir, request, &options(runs.path())).unwrap();
    assert_eq!(
        (seen.summary, seen.samples.len(), seen.history.epochs.len()),
        (summary.clone(), 3, 2)
    );
    for sample in &seen.samples {
        assert_eq!((sample.steps, sample.channels, sample.image), (28, 28, Some((28, 28))));
        assert!(matches!(sample.target, Answer::Class { index: 0..10, .. }));
        let layer = &sample.layers[0];
        assert_eq!((layer.states.len(), layer.states[0].states.len()), (2, 28));
        let active: f32 = layer.activity_per_step.iter().sum();
        assert!((active * layer.hidden as f32 - layer.events.len() as f32).abs() < 1e-3);
    }

    let step = registry.training_step(&summary.run_dir, &options(runs.path())).unwrap();
    let naive = step.check(Execution::naive()).unwrap();
    let fused = step.check(Execution::default()).unwrap();
    assert!(fused.path.contains("fused") && naive.path.contains("naive"));
    assert!((naive.loss - fused.loss).abs() < 1e-5);
    assert_eq!(step.run(Execution::default()).unwrap(), fused.loss);
    for ((path, a), (_, b)) in naive.gradients.iter().zip(&fused.gradients) {
        let difference = a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(difference < 1e-4, "{path}: {difference}");
    }
    assert_eq!(naive.gradients.len(), fused.gradients.len());
}

#[test]
fn a_cell_from_outside_trains_without_any_change() {
    let _serial = serial();
    let runs = tempfile::tempdir().unwrap();
    let recipe = tiny(&[("model.cell.type", "leaky"), ("training.epochs", "1")]);
    let refused = Registry::default().train(&recipe, &options(runs.path())).unwrap_err();
    assert!(refused.to_string().contains("no cell `leaky`"), "{refused}");

    let registry = Registry::default().with::<Leaky>();
    let summary = registry.train(&recipe, &options(runs.path())).unwrap();
    assert_eq!(summary.cell, "leaky");
    assert!(summary.activity_sparsity.is_some());
    let config = fs::read_to_string(summary.run_dir.join("config.toml")).unwrap();
    assert!(config.contains("decay = 0.8"), "{config}");
}
