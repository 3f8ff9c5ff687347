//! What the tests of whole runs share: a tiny recipe, a look into checkpoints, and a cell of their own.
#![allow(dead_code)] // Every test file uses another part of this.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use egru::events::{EgruParams, Threshold};
use egru::{Cell, CellConfig, CellError, CellSize, EventOutput, Execution, StepOutput};
use egru_train::report_data::{EpochRecord, Summary};
use egru_train::{Recipe, Registry, RunDir, TrainError, TrainOptions};
use serde::{Deserialize, Serialize};

/// Lets one test run at a time: the backend has one generator for the whole process.
pub fn serial() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The quickstart on 80 glyphs: five batches of 16 an epoch.
pub fn tiny(changes: &[(&str, &str)]) -> Recipe {
    let base = [
        ("data.train", "80"),
        ("data.valid", "20"),
        ("data.test", "20"),
        ("model.layers", "[12]"),
        ("training.epochs", "2"),
        ("training.batch_size", "16"),
        ("optimiser.learning_rate", "0.01"),
    ];
    let all = base.iter().chain(changes);
    let all: Vec<_> = all.map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    Recipe::named("quickstart").unwrap().with_overrides(&all).unwrap()
}

/// Trains a recipe with the registry's own cells, data sets and tasks.
pub fn train(recipe: &Recipe, options: &TrainOptions) -> Result<Summary, TrainError> {
    Registry::default().start(recipe, options)?.train()
}

/// Goes on with a run.
pub fn resume(run: &Path, options: &TrainOptions) -> Result<Summary, TrainError> {
    Registry::default().open(run, &[], options)?.train()
}

/// The lines of `metrics.jsonl`, without what the clock says.
pub fn history(run: &Path) -> Vec<EpochRecord> {
    let records = RunDir::open(run).unwrap().0.history().unwrap().epochs;
    records.into_iter().map(|record| EpochRecord { seconds: 0.0, ..record }).collect()
}

/// The name of a run's newest checkpoint.
pub fn last_checkpoint(run: &Path) -> String {
    let entries = std::fs::read_dir(run.join("checkpoints")).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).max().unwrap()
}

/// A file of a run's newest checkpoint.
pub fn checkpoint_file(run: &Path, name: &str) -> Vec<u8> {
    std::fs::read(run.join("checkpoints").join(last_checkpoint(run)).join(name)).unwrap()
}

/// A leaky integrator with events, as a user of the library may write one.
#[derive(Module, Debug)]
pub struct Leaky {
    weight: Param<Tensor<2>>,
    threshold: Threshold,
    decay: f64,
}

/// Its configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LeakyConfig {
    decay: f64,
}

impl Default for LeakyConfig {
    fn default() -> Self {
        Self { decay: 0.8 }
    }
}

impl CellConfig for LeakyConfig {
    fn validate(&self) -> Result<(), CellError> {
        if (0.0..1.0).contains(&self.decay) {
            return Ok(());
        }
        Err(CellError::config("decay", self.decay, "a share in [0, 1)"))
    }
}

/// Its state.
#[derive(Clone, Debug)]
pub struct LeakyState {
    c: Tensor<2>,
    trace: Tensor<2>,
}
egru::cell_state!(LeakyState { c, trace });

impl Cell for Leaky {
    const NAME: &'static str = "leaky";
    type Config = LeakyConfig;
    type State = LeakyState;
    type Draws = ();

    fn init(
        config: &LeakyConfig,
        input: usize,
        hidden: usize,
        device: &Device,
    ) -> Result<Self, CellError> {
        let normal = burn::tensor::Distribution::Normal(0.0, 0.3);
        Ok(Self {
            weight: Param::from_tensor(Tensor::random([input, hidden], normal, device)),
            threshold: Threshold::init(0.5, EgruParams::default(), hidden, device)?,
            decay: config.decay,
        })
    }

    fn size(&self) -> CellSize {
        let [input, hidden] = self.weight.dims();
        CellSize { input, hidden, gates: 1 }
    }

    fn device(&self) -> Device {
        self.weight.val().device()
    }

    fn zero_state(&self, batch: usize) -> LeakyState {
        let zeros = Tensor::zeros([batch, self.size().hidden], &self.device());
        LeakyState { c: zeros.clone(), trace: zeros }
    }

    fn draw(&self, _: usize, _: usize, _: bool) {}

    fn step(
        &self,
        x: Tensor<2>,
        state: LeakyState,
        _: &(),
        _: usize,
        _: Execution,
    ) -> Result<(StepOutput, LeakyState), CellError> {
        let fired = self.threshold.fire(state.c * self.decay + x.matmul(self.weight.val()));
        let trace = self.threshold.trace(state.trace, fired.y.clone());
        let events = EventOutput { o: fired.o, trace: trace.clone(), window: fired.window };
        let output = StepOutput { y: fired.y, c: fired.c.clone(), events: Some(events) };
        Ok((output, LeakyState { c: fired.c, trace }))
    }

    fn threshold(&self) -> Option<Tensor<1>> {
        Some(self.threshold.value())
    }

    fn constrain(self) -> Self {
        Self { threshold: self.threshold.constrain(), ..self }
    }
}
