//! Data sets and tasks from outside the library, as a user writes them: they train, go on, are evaluated, inspected and reported
//! without a line changed in it.

mod common;

use std::f64::consts::E;
use std::path::Path;
use std::sync::Arc;

use burn::tensor::Device;
use burn::train::Interrupter;
use common::{checkpoint_file, history, last_checkpoint, serial};
use egru::{Reading, Readout};
use egru_data::stream::TokenStream;
use egru_data::{
    Batch, BatchTargets, DataError, DatasetConfig, Draw, Inputs, Layout, Output, Sample,
    SequenceDataset, Spec, Splits, Target,
};
use egru_train::metric::{Better, LOSS, Metric, Unit};
use egru_train::report_data::{Split, Summary};
use egru_train::tally::Tally;
use egru_train::task::{Scored, Verdict};
use egru_train::{
    InspectRequest, Recipe, Registry, Task, TrainError, TrainOptions, Update, report,
};
use serde::{Deserialize, Serialize};

/// A text of a small language: after each word only two others can follow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Chatter {
    words: u32,
    length: usize,
}

impl Default for Chatter {
    fn default() -> Self {
        Self { words: 7, length: 400 }
    }
}

impl DatasetConfig for Chatter {
    const NAME: &'static str = "chatter";

    fn load(&self, _: Option<&Path>, seed: u64) -> Result<Splits, DataError> {
        let stream = |split: u64, length| -> Result<Arc<dyn SequenceDataset>, DataError> {
            let mut state = seed ^ (split << 32);
            let mut word = 0;
            let tokens = (0..length).map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                word = (2 * word + 1 + (state >> 63) as u32) % self.words;
                word
            });
            let tokens: Vec<u32> = tokens.collect();
            Ok(Arc::new(TokenStream::new("chatter", tokens, self.words as usize)?))
        };
        Ok(Splits {
            train: stream(1, self.length)?,
            valid: stream(2, self.length / 4)?,
            test: stream(3, self.length / 4 + 1)?,
            provenance: Vec::new(),
            warnings: Vec::new(),
        })
    }

    fn task(&self) -> &'static str {
        "next-word"
    }
}

/// Predicting the next word, scored by perplexity, with the softmax taken in chunks.
struct NextWord;

impl Task for NextWord {
    fn name(&self) -> &'static str {
        "next-word"
    }

    fn metrics(&self) -> Vec<Metric> {
        vec![
            Metric::new("perplexity", Unit::Number, Better::Lower),
            Metric::new(LOSS, Unit::Nats, Better::Lower),
        ]
    }

    fn outputs(&self, spec: &Spec, _: Readout) -> Result<usize, TrainError> {
        match spec.output {
            Output::PerStep { classes } => Ok(classes),
            _ => panic!("{spec}"),
        }
    }

    fn score(&self, reading: &Reading, batch: &Batch) -> Result<Scored, TrainError> {
        let BatchTargets::PerStep(labels) = &batch.targets else { panic!("{batch:?}") };
        let scored = labels.iter().enumerate();
        let (rows, words): (Vec<usize>, Vec<usize>) =
            scored.filter_map(|(row, label)| Some((row, (*label)?))).unzip();
        let weight = words.len() as f64;
        let loss = reading.select(&rows).cross_entropy(&words, 5)? / weight;
        Ok(Scored { loss, weight, sums: Vec::new(), outputs: None })
    }

    fn figures(&self, tally: &Tally) -> Vec<Option<f64>> {
        let loss = tally.mean_loss();
        vec![loss.map(|loss| E.powf(loss)), loss]
    }

    fn verdict(
        &self,
        _: &Reading,
        batch: &Batch,
        _: Option<&[String]>,
    ) -> Result<Verdict, TrainError> {
        let target = format!("{} words", batch.steps);
        Ok(Verdict { target, prediction: "as many".into(), right: None })
    }
}

fn registry() -> Registry {
    Registry::default().with_data::<Chatter>().with_data::<Uneven>().with_task(NextWord)
}

fn recipe(text: &str) -> Recipe {
    let recipe = format!("name = 'outside'\n{text}");
    Recipe::from_toml(&recipe).unwrap()
}

/// A language model: tied embedding, state carried over windows of random length, dropout.
fn language() -> Recipe {
    recipe(
        "data = { name = 'chatter', length = 300 }
        sampling = { type = 'contiguous', window = 12, jitter = true }
        [model]
        encoder = { type = 'embedding', size = 10, dropout = 0.1 }
        cell = { type = 'egru', dropconnect = 0.1, threshold_mean = 0.02, gain = 2.0 }
        layers = [12, 10]
        dropout = 0.1
        head = 'tied'
        readout = 'per-step'
        [training]
        epochs = 3
        batch_size = 4
        checkpoint_every = 2
        [optimiser]
        type = 'adamw'
        learning_rate = 0.02
        [[optimiser.group]]
        match = 'encoder'
        rate_factor = 0.5",
    )
}

fn options(runs: &Path) -> TrainOptions {
    TrainOptions::new(Device::flex(), runs)
}

/// One session, stopped after its first step if asked to.
fn session(recipe: &Recipe, run: Option<&Path>, runs: &Path, stopping: bool) -> Summary {
    let interrupter = Interrupter::new();
    let stop = interrupter.clone();
    let updates = Arc::new(move |update| {
        if stopping && matches!(update, Update::Progress { split: Split::Train, .. }) {
            stop.stop(Some("test"));
        }
    });
    let options = TrainOptions { interrupter, updates, ..options(runs) };
    let session = match run {
        None => registry().start(recipe, &options),
        Some(run) => registry().open(run, &[], &options),
    };
    session.unwrap().train().unwrap()
}

/// Trains a recipe at once and, again, stopped after every step; the ends must be the same.
fn trained_whole_and_in_parts(recipe: &Recipe, runs: &Path) -> Summary {
    let whole = session(recipe, None, runs, false);
    let mut parts = session(recipe, None, runs, true);
    let mut sessions = 1;
    while parts.interrupted {
        sessions += 1;
        assert!(sessions < 100, "the run does not get on");
        parts = session(recipe, Some(&parts.run_dir), runs, true);
    }
    assert!(sessions > 5, "the run was hardly stopped: {sessions} sessions");
    let model = |summary: &Summary| checkpoint_file(&summary.run_dir, "model.bpk");
    assert!(model(&parts) == model(&whole), "the models differ");
    assert_eq!(history(&parts.run_dir), history(&whole.run_dir));
    let again = Summary { run_dir: whole.run_dir.clone(), seconds: whole.seconds, ..parts };
    assert_eq!(again, whole);
    whole
}

#[test]
fn a_language_model_is_a_data_set_a_task_and_a_recipe() {
    let _serial = serial();
    let runs = tempfile::tempdir().unwrap();
    let summary = trained_whole_and_in_parts(&language(), runs.path());
    assert_eq!((summary.task.as_str(), &summary.metrics[0].name[..]), ("next-word", "perplexity"));

    // It learns: of 7 words, two can follow.
    let longer =
        [("training.epochs", "40"), ("optimiser.learning_rate", "0.03"), ("optimiser.group", "[]")];
    let longer = longer.map(|(key, value)| (key.to_owned(), value.to_owned()));
    let longer = language().with_overrides(&longer).unwrap();
    let learnt = session(&longer, None, runs.path(), false);
    let learnt = learnt.figure("test_perplexity").unwrap();
    assert!((1.9..3.0).contains(&learnt), "{learnt}");

    // What a checkpoint within an epoch goes on from.
    let stopped = session(&language(), None, runs.path(), true);
    let state = checkpoint_file(&stopped.run_dir, "state.safetensors");
    assert!(state.windows(3).any(|name| name == b"1.c"), "the state of both layers");

    let mut opened = registry().open(&summary.run_dir, &[], &options(runs.path())).unwrap();
    assert_eq!(opened.evaluate().unwrap(), summary);
    let inspection = opened.inspect(InspectRequest { samples: 1, units: 2 }).unwrap();
    assert_eq!(inspection.samples[0].verdict.prediction, "as many");
    let page = report::html(&inspection, None);
    assert!(page.contains("Test perplexity") && page.contains("Perplexity</h3>"));

    // More than one device cannot share windows that go on from each other.
    let devices = TrainOptions { more_devices: vec![Device::flex()], ..options(runs.path()) };
    let refused = registry().start(&language(), &devices).unwrap().train().unwrap_err();
    assert!(matches!(refused, TrainError::CarriedState { devices: 2, .. }), "{refused}");
}

/// Sequences of which some are scored more often than others; noisy ones are drawn anew in every epoch.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Uneven {
    noise: bool,
    /// What the validation split lacks: `targets`, or `numbers`.
    missing: String,
}

const UNEVEN: usize = 12;

struct UnevenSplit {
    spec: Spec,
    config: Uneven,
    valid: bool,
}

impl DatasetConfig for Uneven {
    const NAME: &'static str = "uneven";

    fn load(&self, _: Option<&Path>, _: u64) -> Result<Splits, DataError> {
        let split = |valid| -> Arc<dyn SequenceDataset> {
            let spec = Spec {
                name: "uneven".into(),
                steps: 6,
                layout: Layout::Flat { channels: 2 },
                output: Output::PerStep { classes: 3 },
            };
            Arc::new(UnevenSplit { spec, config: self.clone(), valid })
        };
        let (train, valid, test) = (split(false), split(true), split(false));
        Ok(Splits { train, valid, test, provenance: Vec::new(), warnings: Vec::new() })
    }
}

impl SequenceDataset for UnevenSplit {
    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn len(&self) -> usize {
        UNEVEN
    }

    fn sample(&self, index: usize, draw: Option<Draw>) -> Result<Sample, DataError> {
        let mut values: Vec<f32> =
            (0..12).map(|k| ((index * 7 + k * 3) % 11) as f32 / 5.0 - 1.0).collect();
        if let (Some(draw), true) = (draw, self.config.noise) {
            use rand::RngExt as _;
            let mut rng = draw.rng(b"noise...", index);
            values.iter_mut().for_each(|value| *value += rng.random::<f32>());
        }
        if self.valid && self.config.missing == "numbers" {
            values[3] = f32::NAN;
        }
        let scored = |step: usize| {
            let scored = step < 1 + index % 5 && !(self.valid && self.config.missing == "targets");
            scored.then_some((index + step) % 3)
        };
        let target = Target::Classes((0..6).map(scored).collect());
        Ok(Sample { inputs: Inputs::Values(values), steps: 6, target })
    }
}

fn uneven(data: &str, training: &str) -> Recipe {
    recipe(&format!(
        "data = {{ name = 'uneven', {data} }}
        sampling = {{ type = 'in-order' }}
        [model]
        cell = {{ type = 'egru' }}
        layers = [6]
        readout = 'per-step'
        [training]
        {training}
        checkpoint_every = 1"
    ))
}

#[test]
fn an_augmented_run_that_was_stopped_repeats_its_draws() {
    let _serial = serial();
    let runs = tempfile::tempdir().unwrap();
    let training = "epochs = 2\nbatch_size = 3";
    let noisy = trained_whole_and_in_parts(&uneven("noise = true", training), runs.path());
    let plain = session(&uneven("noise = false", training), None, runs.path(), false);
    assert_ne!(history(&noisy.run_dir)[0].figures, history(&plain.run_dir)[0].figures);
}

#[test]
fn gradients_are_averaged_over_what_was_scored() {
    let _serial = serial();
    let runs = tempfile::tempdir().unwrap();
    let step = |training: &str| {
        let summary = session(&uneven("noise = false", training), None, runs.path(), false);
        let record = history(&summary.run_dir).remove(0);
        (record.figure("gradient_norm").unwrap(), record.figure("loss").unwrap())
    };
    let whole = step("epochs = 1\nbatch_size = 12");
    for parts in [
        "epochs = 1\nbatch_size = 4\naccumulate = 3",
        "epochs = 1\nbatch_size = 1\naccumulate = 12",
    ] {
        let parts = step(parts);
        for (a, b) in [(parts.0, whole.0), (parts.1, whole.1)] {
            assert!((a - b).abs() < 1e-6 * b, "{a} is not {b}");
        }
    }
}

#[test]
fn a_validation_that_scores_nothing_is_no_best_one() {
    let _serial = serial();
    let runs = tempfile::tempdir().unwrap();
    let recipe = uneven("missing = 'targets'", "epochs = 2\nbatch_size = 4");
    let summary = session(&recipe, None, runs.path(), false);
    assert_eq!((summary.best_epoch, summary.figure("valid_loss")), (None, None));
    assert!(summary.figure("test_loss").is_some());
    let valid = history(&summary.run_dir).into_iter().find(|r| r.split == Split::Valid).unwrap();
    assert_eq!((valid.figure("loss"), valid.figure("accuracy")), (None, None));
}

#[test]
fn a_validation_loss_that_is_no_number_stops_with_a_run_that_can_be_read() {
    let _serial = serial();
    let runs = tempfile::tempdir().unwrap();
    let recipe = uneven("missing = 'numbers'", "epochs = 2\nbatch_size = 4");
    let mut new = registry().start(&recipe, &options(runs.path())).unwrap();
    let error = new.train().unwrap_err();
    let TrainError::NotFinite { what: "the validation loss", epoch: 1, .. } = &error else {
        panic!("{error}")
    };
    let run = new.run_dir().unwrap().to_owned();
    assert!(error.to_string().contains(&last_checkpoint(&run)), "{error}");
    // The same again when it goes on, and nothing in the folder that cannot be read.
    let mut opened = registry().open(&run, &[], &options(runs.path())).unwrap();
    assert!(matches!(opened.train().unwrap_err(), TrainError::NotFinite { .. }));
    assert!(opened.evaluate().unwrap().figure("valid_loss").is_none());
    assert_eq!(opened.inspect(InspectRequest::default()).unwrap().history.epochs.len(), 0);
}
