//! Whole runs on tiny data: training, resuming, failing, evaluating, inspecting.

mod common;

use std::fs;
use std::path::Path;
use std::sync::Arc;

use burn::train::Interrupter;
use common::{Leaky, checkpoint_file, history, last_checkpoint, resume, serial, tiny};
use egru::Execution;
use egru_train::report_data::{Split, Summary};
use egru_train::{
    InspectRequest, ProbeRequest, Recipe, Registry, RunDir, Session, TrainError, TrainOptions,
    Update,
};
use sha2::Digest as _;

fn options(runs: &Path) -> TrainOptions {
    TrainOptions::new(burn::tensor::Device::flex(), runs)
}

fn train(recipe: &Recipe, runs: &Path) -> Summary {
    common::train(recipe, &options(runs)).unwrap()
}

fn open(run: &Path) -> Box<dyn Session> {
    Registry::default().open(run, &[], &options(run)).unwrap()
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
        .filter_map(|record| record.figure("loss"))
        .collect();
    assert_eq!(losses.len(), 12);
    assert!(losses[11] < 0.8 * losses[0], "{losses:?}");
    assert!(summary.figure("test_accuracy").unwrap() > 0.2, "{summary:?}");
    let figure = |name| summary.figure(name).unwrap();
    let (effective, dense) = (figure("effective_macs"), figure("dense_macs"));
    assert!(0.0 < effective && effective < dense, "{effective} of {dense}");
    assert!((0.0..=1.0).contains(&figure("activity_sparsity")));
    assert_eq!((summary.layers.len(), summary.epochs, summary.interrupted), (1, 12, false));

    let (run, stored) = RunDir::open(&summary.run_dir).unwrap();
    assert_eq!(Registry::default().resolve(&recipe).unwrap(), stored);
    assert_eq!(run.read_summary().unwrap(), Some(summary.clone()));
    let environment = fs::read_to_string(run.environment()).unwrap();
    assert!(environment.contains("\"cores\"") && environment.contains("\"data\""), "{environment}");
    assert!(fs::read_dir(run.checkpoints()).unwrap().count() <= 3);

    // Evaluating the run again gives the same figures.
    let again = open(&summary.run_dir).evaluate().unwrap();
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
        ("optimiser.group", r#"[{ match = "theta", rate_factor = 0.5, weight_decay = 0 }]"#),
        ("schedule.type", "cosine"),
        ("regularise.state.weight", "0.01"),
        ("training.accumulate", "3"),
        ("training.patience", "9"),
        ("training.epochs", "2"),
    ]);
    let whole = train(&recipe, runs.path());

    let session = |run: Option<&Path>| {
        let interrupter = Interrupter::new();
        let stop = interrupter.clone();
        let updates = Arc::new(move |update| {
            if matches!(update, Update::Progress { split: Split::Train, .. }) {
                stop.stop(Some("test"));
            }
        });
        let options = TrainOptions { interrupter, updates, ..options(runs.path()) };
        match run {
            None => common::train(&recipe, &options).unwrap(),
            Some(run) => resume(run, &options).unwrap(),
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
    let model = |summary: &Summary| checkpoint_file(&summary.run_dir, "model.bpk");
    assert!(model(&parts) == model(&whole), "the models differ");
    assert_eq!(history(&parts.run_dir), history(&whole.run_dir));
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
    let error = common::train(&recipe, &options(runs.path())).unwrap_err();
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
    let updates = Arc::new(move |update| {
        if let Update::Notice(text) = update {
            heard.lock().unwrap().push(text);
        }
    });
    let options = TrainOptions { updates, ..options(runs.path()) };
    let resumed = resume(&whole.run_dir, &options).unwrap();
    assert_eq!(resumed.epochs, 2);
    assert!(checkpoint_file(&whole.run_dir, "model.bpk") == model);
    let notices = notices.lock().unwrap();
    assert!(notices.len() == 1 && notices[0].contains("model.bpk"), "{notices:?}");
}

/// Rewrites a run's recipe, as a user may with an editor.
fn edit(run: &Path, changes: &[(&str, &str)]) {
    let config = run.join("config.toml");
    let changes: Vec<_> = changes.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let recipe = Recipe::from_file(&config).unwrap().with_overrides(&changes).unwrap();
    fs::write(&config, recipe.to_toml().unwrap()).unwrap();
}

#[test]
fn a_checkpoint_of_another_architecture_is_refused() {
    let _serial = serial();
    let runs = tempfile::tempdir().unwrap();
    let summary = train(&tiny(&[("training.epochs", "1")]), runs.path());
    edit(&summary.run_dir, &[("model.layers", "[9]")]);
    let error = open(&summary.run_dir).evaluate().unwrap_err();
    assert!(error.to_string().contains("another architecture"), "{error}");
}

#[test]
fn a_run_goes_on_with_what_may_change_and_refuses_the_rest_by_key() {
    let _serial = serial();
    let runs = tempfile::tempdir().unwrap();
    let interrupter = Interrupter::new();
    let stop = interrupter.clone();
    let updates = Arc::new(move |update| {
        if matches!(update, Update::Progress { epoch: 2, .. }) {
            stop.stop(Some("test"));
        }
    });
    let stopping = TrainOptions { interrupter, updates, ..options(runs.path()) };
    let stopped = common::train(&tiny(&[("training.epochs", "3")]), &stopping).unwrap();
    assert!(stopped.interrupted && last_checkpoint(&stopped.run_dir).starts_with("epoch-0001"));
    let run = &stopped.run_dir;
    let kept = fs::read_to_string(run.join("config.toml")).unwrap();

    for (key, value) in [
        ("seed", "2"),
        ("data.train", "96"),
        ("model.layers", "[9]"),
        ("optimiser.type", "adamw"),
        ("training.batch_size", "8"),
        ("training.accumulate", "2"),
        ("sampling.type", "in-order"),
    ] {
        edit(run, &[(key, value)]);
        let error = resume(run, &options(runs.path())).unwrap_err();
        let named = matches!(&error, TrainError::ChangedRecipe { key: named, .. } if named == key)
            || error.to_string().contains("another architecture");
        assert!(named, "{key}: {error}");
        fs::write(run.join("config.toml"), &kept).unwrap();
    }

    let notices = Arc::new(std::sync::Mutex::new(Vec::new()));
    let heard = notices.clone();
    let updates = Arc::new(move |update| {
        if let Update::Notice(text) = update {
            heard.lock().unwrap().push(text);
        }
    });
    let telling = TrainOptions { updates, ..options(runs.path()) };
    let changes = [("training.epochs", "4"), ("optimiser.learning_rate", "0.005")];
    let changes = changes.map(|(k, v)| (k.to_owned(), v.to_owned()));
    let longer = Registry::default().open(run, &changes, &telling).unwrap().train().unwrap();
    assert_eq!((longer.epochs, longer.interrupted), (4, false));
    assert_eq!(notices.lock().unwrap().len(), 2, "{notices:?}");
    // The run's folder says so too.
    let stored = RunDir::open(run).unwrap().1;
    assert_eq!((stored.training.epochs, stored.optimiser.learning_rate), (4, 0.005));
    let environment = fs::read_to_string(run.join("environment.json")).unwrap();
    assert!(environment.contains("\"changes\"") && environment.contains("training.epochs"));
    // Between epochs the size of a batch may change.
    let changes = [("training.epochs", "5"), ("training.batch_size", "20")];
    let changes = changes.map(|(k, v)| (k.to_owned(), v.to_owned()));
    let mut session = Registry::default().open(run, &changes, &options(runs.path())).unwrap();
    assert_eq!(session.train().unwrap().epochs, 5);
}

#[test]
fn a_run_that_another_process_trains_is_left_alone() {
    let _serial = serial();
    let runs = tempfile::tempdir().unwrap();
    let registry = Arc::new(Registry::default());
    let (second, refused) = (registry.clone(), Arc::new(std::sync::Mutex::new(None)));
    let (told, root) = (refused.clone(), runs.path().to_owned());
    let updates = Arc::new(move |update| {
        if let Update::Started { run_dir, .. } = update {
            let mut session = second.open(&run_dir, &[], &options(&root)).unwrap();
            *told.lock().unwrap() = Some(session.train().unwrap_err());
        }
    });
    let telling = TrainOptions { updates, ..options(runs.path()) };
    registry.start(&tiny(&[("training.epochs", "1")]), &telling).unwrap().train().unwrap();
    let refused = refused.lock().unwrap().take();
    assert!(matches!(refused, Some(TrainError::Locked { .. })), "{refused:?}");
}

#[test]
fn a_run_from_before_a_key_was_there_goes_on() {
    let _serial = serial();
    let runs = tempfile::tempdir().unwrap();
    let run = train(&tiny(&[("training.epochs", "1")]), runs.path()).run_dir;
    // As a program wrote it that did not know these keys of its data set and its cell.
    let unknown = ["permutation = ", "alpha = "];
    let config = run.join("config.toml");
    let recipe = run.join("checkpoints").join(last_checkpoint(&run)).join("recipe.toml");
    for path in [&config, &recipe] {
        let text = fs::read_to_string(path).unwrap();
        let known = text.lines().filter(|line| !unknown.iter().any(|key| line.starts_with(key)));
        let known: Vec<&str> = known.collect();
        assert_eq!(text.lines().count() - known.len(), 2, "{text}");
        fs::write(path, known.join("\n")).unwrap();
    }
    let manifest = recipe.with_file_name("manifest.json");
    let mut stored: serde_json::Value =
        serde_json::from_slice(&fs::read(&manifest).unwrap()).unwrap();
    let bytes = fs::read(&recipe).unwrap();
    let sha256: String =
        sha2::Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    stored["files"]["recipe.toml"] = serde_json::json!({ "bytes": bytes.len(), "sha256": sha256 });
    fs::write(&manifest, stored.to_string()).unwrap();
    let changes = [("training.epochs".to_owned(), "2".to_owned())];
    let mut session = Registry::default().open(&run, &changes, &options(runs.path())).unwrap();
    assert_eq!(session.train().unwrap().epochs, 2);
}

#[test]
fn a_run_whose_best_checkpoint_is_lost_says_so_before_it_trains() {
    let _serial = serial();
    let runs = tempfile::tempdir().unwrap();
    // Nothing gets better than after the first epoch.
    let recipe = tiny(&[("optimiser.learning_rate", "1e-12"), ("training.epochs", "3")]);
    let run = train(&recipe, runs.path()).run_dir;
    fs::remove_dir_all(run.join("checkpoints/epoch-0001-batch-000000")).unwrap();
    let changes = [("training.epochs".to_owned(), "4".to_owned())];
    let mut session = Registry::default().open(&run, &changes, &options(runs.path())).unwrap();
    let error = session.train().unwrap_err().to_string();
    assert!(error.contains("best epoch") && error.contains("start a new run"), "{error}");
    assert!(last_checkpoint(&run).starts_with("epoch-0003"));
}

#[test]
fn a_recipe_that_does_not_fit_leaves_no_folder() {
    let _serial = serial();
    let runs = tempfile::tempdir().unwrap();
    let late = tiny(&[("schedule.from", "7")]);
    let error = common::train(&late, &options(runs.path())).unwrap_err();
    assert!(error.to_string().contains("schedule.from"), "{error}");
    assert_eq!(fs::read_dir(runs.path()).unwrap().count(), 0);
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
    let again = resume(&summary.run_dir, &options(runs.path())).unwrap();
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
        assert!(summary.figure("test_loss").unwrap().is_finite());
    }

    let small = [("data.train", "32"), ("data.valid", "8"), ("data.test", "8")];
    let of = |name: &str, changes: &[(&str, &str)]| {
        let base = [("model.layers", "[8]"), ("training.epochs", "1"), ("data.length", "4")];
        let all = small.iter().chain(&base).chain(changes);
        let all: Vec<_> = all.map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Recipe::named(name).unwrap().with_overrides(&all).unwrap()
    };
    let adding = train(&of("adding", &[]), runs.path());
    assert_eq!((adding.task.as_str(), adding.figure("test_accuracy")), ("regression", None));
    let same = |record: &egru_train::report_data::EpochRecord| {
        record.figure("mse") == record.figure("loss")
    };
    assert!(history(&adding.run_dir).iter().all(same));
    let copy = train(&of("delay-copy", &[("data.delay", "3")]), runs.path());
    assert!(copy.figure("test_accuracy").is_some());

    let mismatch = of("delay-copy", &[("model.readout", "last-trace")]);
    let error = common::train(&mismatch, &options(runs.path())).unwrap_err();
    assert!(error.to_string().contains("use `per-step`"), "{error}");
}

#[test]
fn inspection_and_the_training_step_agree_with_the_model() {
    let _serial = serial();
    let runs = tempfile::tempdir().unwrap();
    let summary = train(&tiny(&[("training.epochs", "1")]), runs.path());
    let mut session = open(&summary.run_dir);
    let seen = session.inspect(InspectRequest { samples: 3, units: 2 }).unwrap();
    assert_eq!(
        (seen.summary, seen.samples.len(), seen.history.epochs.len()),
        (summary.clone(), 3, 2)
    );
    for sample in &seen.samples {
        assert_eq!((sample.steps, sample.channels, sample.image), (28, 28, Some((28, 28))));
        let verdict = &sample.verdict;
        assert!(verdict.target.parse::<u8>().unwrap() < 10, "{verdict:?}");
        assert_eq!(verdict.right, Some(verdict.target == verdict.prediction));
        let layer = &sample.layers[0];
        assert_eq!((layer.states.len(), layer.states[0].states.len()), (2, 28));
        let active: f32 = layer.activity_per_step.iter().sum();
        assert!((active * layer.hidden as f32 - layer.events.len() as f32).abs() < 1e-3);
    }

    let step = session.probe(ProbeRequest::default()).unwrap();
    let naive = step.results(Execution::naive()).unwrap();
    let fused = step.results(Execution::default()).unwrap();
    assert_eq!((fused.path.as_str(), naive.path.as_str()), ("fused", "naive"));
    assert_eq!(step.results(Execution::default()).unwrap(), fused);
    assert_eq!(naive.tensors.len(), fused.tensors.len());
    for (k, (a, b)) in naive.tensors.iter().zip(&fused.tensors).enumerate() {
        let difference = a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(difference < 1e-4, "tensor {k}: {difference}");
    }
}

#[test]
fn a_cell_from_outside_trains_without_any_change() {
    let _serial = serial();
    let runs = tempfile::tempdir().unwrap();
    let recipe = tiny(&[("model.cell.type", "leaky"), ("training.epochs", "1")]);
    let refused = common::train(&recipe, &options(runs.path())).unwrap_err();
    assert!(refused.to_string().contains("there is no `leaky`"), "{refused}");

    let registry = Registry::default().with::<Leaky>();
    let summary = registry.start(&recipe, &options(runs.path())).unwrap().train().unwrap();
    assert_eq!(summary.cell, "leaky");
    assert!(summary.figure("activity_sparsity").is_some());
    let config = fs::read_to_string(summary.run_dir.join("config.toml")).unwrap();
    assert!(config.contains("decay = 0.8"), "{config}");
}
