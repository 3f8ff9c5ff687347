//! A session: a run opened once, with its recipe, its data and its network. Everything that is done with a run is a method of it.

use std::path::Path;
use std::sync::Arc;

use burn::module::{Module, ModuleMapper, Param, ParamId};
use burn::tensor::{Device, Tensor};
use egru::{Cell, InputShape, Network, NetworkConfig};
use egru_data::{Layout, Spec, Splits};

use crate::checkpoint::{Architecture, Checkpoints, Position};
use crate::evaluate::{Evaluation, evaluate};
use crate::inspect::{InspectRequest, inspect};
use crate::objective::Objective;
use crate::probe::{Probe, ProbeRequest, probe};
use crate::recipe::{Recipe, read_table};
use crate::report_data::{Inspection, RunHistory, Split, Summary};
use crate::run_dir::RunDir;
use crate::seed::{seed_of, seeded};
use crate::task::Task;
use crate::{TrainError, TrainOptions, train};

/// A run that was opened by a [`Registry`](crate::Registry): a new one, whose folder is made when it is trained, or one from
/// before.
pub trait Session {
    /// The resolved recipe.
    fn recipe(&self) -> &Recipe;

    /// The data.
    fn data(&self) -> &Splits;

    /// The run's folder; `None` before a new run is trained.
    fn run_dir(&self) -> Option<&Path>;

    /// Trains a new run from its beginning, or goes on with one from its newest checkpoint, to the end or to an
    /// interruption. On a CPU a run that was stopped ends with the same bits as one that never was.
    ///
    /// # Errors
    /// See [`TrainError`]; what was saved before is intact.
    fn train(&mut self) -> Result<Summary, TrainError>;

    /// Evaluates the best checkpoint on the validation and test splits.
    ///
    /// # Errors
    /// See [`TrainError`].
    fn evaluate(&mut self) -> Result<Summary, TrainError>;

    /// Runs some test samples through the best checkpoint.
    ///
    /// # Errors
    /// See [`TrainError`].
    fn inspect(&mut self, request: InspectRequest) -> Result<Inspection, TrainError>;

    /// A training step of the best checkpoint, to be timed and checked along every path.
    ///
    /// # Errors
    /// See [`TrainError`].
    fn probe(&mut self, request: ProbeRequest) -> Result<Box<dyn Probe>, TrainError>;
}

/// A session of one cell.
pub(crate) struct Opened<C: Cell> {
    pub(crate) recipe: Recipe,
    pub(crate) options: TrainOptions,
    pub(crate) splits: Splits,
    pub(crate) objective: Objective,
    /// With the run's initial parameters.
    pub(crate) network: Network<C>,
    /// `None` until a new run is trained.
    pub(crate) run: Option<RunDir>,
}

impl<C: Cell> Opened<C> {
    /// Builds the network of a resolved recipe for its data.
    pub(crate) fn new(
        recipe: Recipe,
        splits: Splits,
        task: Arc<dyn Task>,
        options: TrainOptions,
        run: Option<RunDir>,
    ) -> Result<Self, TrainError> {
        for warning in &splits.warnings {
            options.notice(warning.clone());
        }
        let network = network(
            &recipe,
            splits.train.spec(),
            task.as_ref(),
            &options.device.clone().autodiff(),
        )?;
        let objective = Objective {
            task,
            regularise: recipe.regularise.clone(),
            execution: recipe.execution,
        };
        Ok(Self { recipe, options, splits, objective, network, run })
    }

    /// The checkpoints of a run that trains such networks.
    pub(crate) fn checkpoints(&self, run: &RunDir) -> Checkpoints {
        Checkpoints::new(run.checkpoints(), Architecture::of(C::NAME, &self.network))
    }

    /// The network of the best checkpoint, or of the newest before any epoch has ended; and where the run stands.
    pub(crate) fn trained(&self, run: &RunDir) -> Result<(Network<C>, Position), TrainError> {
        let checkpoints = self.checkpoints(run);
        let newest = checkpoints.newest(&|text| self.options.notice(text))?;
        let position = newest.position.clone();
        let best = checkpoints.best(newest)?;
        Ok((checkpoints.restore(self.network.clone(), &best)?, position))
    }

    /// The run, which must be one that was trained.
    pub(crate) fn run(&self) -> Result<RunDir, TrainError> {
        self.run.clone().ok_or(TrainError::NotTrained)
    }

    /// A summary without the figures of validation, and without those of the test split if that was not run.
    pub(crate) fn summary(
        &self,
        run: &RunDir,
        position: &Position,
        history: &RunHistory,
        test: Option<Evaluation>,
    ) -> Summary {
        let Self { recipe, options, objective, .. } = self;
        let mut figures = std::collections::BTreeMap::new();
        let mut add = |name: String, value: Option<f64>| {
            figures.extend(value.map(|value| (name, value)));
        };
        let trained = history.of(Split::Train).last();
        for metric in objective.task.metrics() {
            let name = &metric.name;
            add(format!("train_{name}"), trained.and_then(|record| record.figure(name)));
            let tested = test.as_ref().and_then(|test| test.figures.get(name.as_ref()).copied());
            add(format!("test_{name}"), tested);
        }
        if let Some(Evaluation { tally, .. }) = &test {
            add("activity_sparsity".to_owned(), tally.activity_sparsity());
            add("backward_sparsity".to_owned(), tally.backward_sparsity());
            add("effective_macs".to_owned(), Some(tally.activity.effective_macs()));
            add("dense_macs".to_owned(), Some(tally.activity.dense_macs()));
        }
        let interrupted = test.is_none();
        let (path, layers, panels) = test.map_or_else(Default::default, |test| {
            (test.path, test.layers, test.panels)
        });
        Summary {
            recipe: recipe.name.clone(),
            backend: options.caller.backend.clone(),
            devices: options.caller.devices.clone(),
            cell: C::NAME.to_owned(),
            task: objective.task.name().to_owned(),
            metrics: objective.task.metrics(),
            seed: recipe.seed,
            epochs: position.epochs,
            best_epoch: position.best_epoch,
            seconds: position.seconds,
            parameters: self.network.num_params(),
            layers,
            panels,
            path,
            run_dir: run.path().to_owned(),
            interrupted,
            figures,
        }
    }
}

impl<C: Cell> Session for Opened<C> {
    fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    fn data(&self) -> &Splits {
        &self.splits
    }

    fn run_dir(&self) -> Option<&Path> {
        self.run.as_ref().map(RunDir::path)
    }

    fn train(&mut self) -> Result<Summary, TrainError> {
        train::train(self)
    }

    fn evaluate(&mut self) -> Result<Summary, TrainError> {
        let run = self.run()?;
        let (network, position) = self.trained(&run)?;
        let network = network.valid();
        let on = |split| evaluate(self, &network, split, &mut |_, _, _| true);
        let (valid, test) = (on(Split::Valid)?, on(Split::Test)?);
        let mut summary = self.summary(&run, &position, &run.history()?, test);
        let valid = valid.map(|valid| valid.figures).unwrap_or_default();
        summary.figures.extend(valid.into_iter().map(|(name, v)| (format!("valid_{name}"), v)));
        // Only the run itself knows: early stopping may have ended it.
        summary.interrupted = run.read_summary()?.is_none_or(|own| own.interrupted);
        Ok(summary)
    }

    fn inspect(&mut self, request: InspectRequest) -> Result<Inspection, TrainError> {
        let run = self.run()?;
        let samples = inspect(self, &self.trained(&run)?.0.valid(), request)?;
        let mut summary = match run.read_summary()? {
            Some(summary) => summary,
            None => self.evaluate()?,
        };
        if summary.metrics.is_empty() {
            // The summary of an older run.
            summary.metrics = self.objective.task.metrics();
        }
        Inspection::of(&run, summary, samples)
    }

    fn probe(&mut self, request: ProbeRequest) -> Result<Box<dyn Probe>, TrainError> {
        let run = self.run()?;
        let network = self.trained(&run)?.0;
        Ok(Box::new(probe(self, network, request)?))
    }
}

/// The network of a resolved recipe, for data of the given shape, with the run's initial parameters on `device`.
fn network<C: Cell>(
    recipe: &Recipe,
    spec: &Spec,
    task: &dyn Task,
    device: &Device,
) -> Result<Network<C>, TrainError> {
    let model = &recipe.model;
    let outputs = task.outputs(spec, model.readout)?;
    let config = NetworkConfig {
        encoder: model.encoder.clone(),
        layers: model.layers.clone(),
        dropout: model.dropout,
        head: model.head,
        head_dropout: model.head_dropout,
        readout: model.readout,
        cell: read_table::<C::Config>(model.cell.config.clone(), "model.cell.")?,
    };
    let shape = match spec.layout {
        Layout::Tokens { vocabulary } => InputShape::Tokens { vocabulary },
        Layout::Frames { polarities, rows, columns } => {
            InputShape::Frames { polarities, rows, columns }
        }
        Layout::Flat { .. } | Layout::Picture { .. } => {
            InputShape::Values { channels: spec.channels() }
        }
    };
    seeded(device, seed_of(recipe.seed, 0, 0), || {
        let network = Network::<C>::init(&config, shape, outputs, device)?;
        // This makes all values now, should the module have put it off.
        Ok(network.map(&mut Number { next: 1 }))
    })?
}

/// Gives the parameters the numbers 1, 2, ... as identities. Burn draws them at random, and writes them
/// into records: two runs of one recipe would never have the same files. A parameter that is used in several places is one
/// field of the network, and has one number.
struct Number {
    next: u64,
}

impl ModuleMapper for Number {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let (_, value, mapper) = param.consume();
        let id = ParamId::from(self.next);
        self.next += 1;
        Param::from_mapped_value(id, value, mapper)
    }
}

/// The session of an embedded recipe with these changes, on the first CPU backend.
#[cfg(test)]
pub(crate) fn test_session<C: Cell>(name: &str, changes: &[(&str, &str)]) -> Opened<C> {
    let changes: Vec<_> =
        changes.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let recipe = Recipe::named(name).unwrap().with_overrides(&changes).unwrap();
    let registry = crate::Registry::default();
    let recipe = registry.resolve(&recipe).unwrap();
    let splits = registry.load(&recipe.data, None, recipe.seed).unwrap();
    let task = registry.task(&recipe.task.name).unwrap();
    let options = TrainOptions::new(Device::flex(), "runs");
    Opened::new(recipe, splits, task, options, None).unwrap()
}
