//! A run with its recipe, its data and its network, for one cell.

use std::sync::Arc;

use burn::module::{Module, ModuleMapper, Param, ParamId};
use burn::tensor::{Device, Tensor};
use egru::{Cell, InputShape, Keep, Network, NetworkConfig, SequenceOptions, regularise};
use egru_data::{Layout, Spec, Splits};

use crate::checkpoint::{Architecture, Checkpoints, Position};
use crate::memory::{Estimate, smallest};
use crate::objective::Objective;
use crate::recipe::{OptimiserRecipe, Recipe, read_table};
use crate::run_dir::RunDir;
use crate::seed::{seed_of, seeded};
use crate::task::Task;
use crate::{TrainError, TrainOptions, environment};

/// A run that was opened.
pub(crate) struct Opened<C: Cell> {
    pub(crate) recipe: Recipe,
    pub(crate) options: TrainOptions,
    pub(crate) splits: Splits,
    pub(crate) objective: Objective,
    /// With the run's initial parameters.
    pub(crate) network: Network<C>,
    /// `None` until a new run is trained.
    pub(crate) run: Option<RunDir>,
    /// Writes the defaults of the cell and the data set into a recipe that an older program resolved.
    pub(crate) modern: Modern,
}

/// See [`Opened::modern`].
pub(crate) type Modern = Box<dyn Fn(&Recipe) -> Result<Recipe, TrainError>>;

impl<C: Cell> Opened<C> {
    /// Builds the network of a resolved recipe for its data.
    pub(crate) fn new(
        recipe: Recipe,
        splits: Splits,
        task: Arc<dyn Task>,
        options: TrainOptions,
        run: Option<RunDir>,
        modern: Modern,
    ) -> Result<Self, TrainError> {
        for warning in &splits.warnings {
            options.notice(warning.clone());
        }
        let outputs = task.outputs(splits.train.spec(), recipe.model.readout)?;
        if run.is_none() {
            check_events::<C>(&recipe, &options.device)?;
            Estimate::of::<C>(&recipe, &splits, outputs, &options)?.check(&options)?;
        }
        let device = options.device.clone().autodiff();
        let network = network(&recipe, splits.train.spec(), outputs, &device)?;
        without_effect(&recipe, &network).into_iter().for_each(|text| options.notice(text));
        let objective = Objective {
            task,
            regularise: recipe.regularise.clone(),
            carry: recipe.training.carry,
            execution: recipe.execution,
        };
        Ok(Self { recipe, options, splits, objective, network, run, modern })
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

    /// What training needs of memory.
    pub(crate) fn estimate(&self) -> Result<Estimate, TrainError> {
        let Self { recipe, splits, options, network, .. } = self;
        Estimate::of::<C>(recipe, splits, network.output_size(), options)
    }

    /// The run, which must be one that was trained, on these data.
    pub(crate) fn run(&self) -> Result<RunDir, TrainError> {
        let run = self.run.clone().ok_or(TrainError::NotTrained)?;
        environment::check_data(&run, &self.options, &self.splits.provenance)?;
        Ok(run)
    }
}

/// The network of a resolved recipe, for data of the given shape, with the run's initial parameters on `device`.
fn network<C: Cell>(
    recipe: &Recipe,
    spec: &Spec,
    outputs: usize,
    device: &Device,
) -> Result<Network<C>, TrainError> {
    let model = &recipe.model;
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

/// Refuses what a recipe asks of events where its cell has none; a small layer tells.
fn check_events<C: Cell>(recipe: &Recipe, device: &Device) -> Result<(), TrainError> {
    let layer = smallest::<C>(recipe, device)?;
    let options = SequenceOptions::keeping(Keep::ALL);
    let x = Tensor::zeros([1, 1, 1], device);
    let output = layer.forward_with(x, None, &layer.draw(1, 1), &options)?.output;
    recipe.model.readout.read(&output, None)?;
    let layers = [output];
    if recipe.regularise.activity.weight > 0.0 {
        regularise::activity(&layers, 0.0, None)?;
    }
    if recipe.regularise.state.weight > 0.0 {
        regularise::state(&layers, &[layer.cell.threshold()], 0.0, None)?;
    }
    Ok(())
}

/// What a recipe sets and its network has no place for, in words.
fn without_effect<C: Cell>(recipe: &Recipe, network: &Network<C>) -> Vec<String> {
    let mut told = Vec::new();
    let model = &recipe.model;
    if model.dropout > 0.0 && model.layers.len() == 1 {
        told.push(format!(
            "model.dropout = {} has no effect: it drops inputs of the layers above the first, and there is one layer; \
             model.head_dropout drops what the head reads",
            model.dropout
        ));
    }
    let usual = OptimiserRecipe::default().group;
    let paths = Architecture::of(C::NAME, network);
    for group in recipe.optimiser.group.iter().filter(|group| {
        !usual.iter().any(|usual| usual.pattern == group.pattern) && !paths.has(&group.pattern)
    }) {
        told.push(format!(
            "optimiser.group: no parameter's path contains `{}`, so that the group has no effect; there are: {}",
            group.pattern,
            paths.paths().collect::<Vec<_>>().join(", ")
        ));
    }
    told
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
    let changes: Vec<_> = changes.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let recipe = Recipe::named(name).unwrap().with_overrides(&changes).unwrap();
    let registry = crate::Registry::default();
    let recipe = registry.resolve(&recipe).unwrap();
    let splits = registry.load(&recipe.data, None, recipe.seed).unwrap();
    let task = registry.task(&recipe.task.name).unwrap();
    let options = TrainOptions::new(Device::flex(), "runs");
    Opened::new(recipe, splits, task, options, None, Box::new(|recipe| Ok(recipe.clone()))).unwrap()
}
