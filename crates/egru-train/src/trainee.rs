//! A model together with its task: what burn-train trains.

use burn::lr_scheduler::module_lr_scheduler::ModuleLearningRate;
use burn::module::{Module, ModuleMapper, Param, ParamId};
use burn::nn::loss::{CrossEntropyLossConfig, MseLoss, Reduction};
use burn::optim::{GradientsParams, ModuleOptimizer};
use burn::tensor::{Device, ExecutionError, Int, Tensor, TensorData, TensorReadError};
use burn::train::metric::Adaptor;
use burn::train::{InferenceStep, ItemLazy, TrainOutput, TrainStep};
use egru::readout::Readout;
use egru::{
    Cell, ModelConfig, ModelDraws, ModelOutput, SequenceModel, SequenceOptions, regularise,
};
use egru_data::{Batch, BatchTargets, Output, Spec};

use crate::TrainError;
use crate::recipe::{Recipe, RegulariseRecipe, read_table};
use crate::seed::{seed_of, seeded};
use crate::tally::Tally;

/// What is trained: the model, and how its outputs become a loss.
#[derive(Module, Debug)]
pub(crate) struct Trainee<C: Cell> {
    pub(crate) model: SequenceModel<C>,
    #[module(skip)]
    objective: Objective,
}

/// The parts of a recipe that a step needs.
#[derive(Clone, Debug)]
struct Objective {
    regularise: RegulariseRecipe,
    execution: egru::Execution,
}

/// The sums of one batch, or why there are none. burn-train's steps cannot fail, so the error travels in
/// the item.
pub(crate) struct Figures(pub(crate) Result<Tally, TrainError>);

impl ItemLazy for Figures {
    fn sync(self) -> Result<Self, ExecutionError> {
        Ok(self)
    }
}

impl Adaptor<Tally> for Figures {
    fn adapt(&self) -> Tally {
        self.0.as_ref().cloned().unwrap_or_default()
    }
}

/// A forward pass over a batch, with its loss.
pub(crate) struct Pass<C: Cell> {
    /// The input, `[T, B, C]`.
    x: Tensor<3>,
    /// What the model gave.
    pub(crate) output: ModelOutput<C::State>,
    /// The loss with its regularisers, `[1]`: what is minimised.
    pub(crate) objective: Tensor<1>,
    /// The sums, without those of the activity.
    pub(crate) tally: Tally,
}

impl<C: Cell> Trainee<C> {
    /// The model of a resolved recipe, for data of the given shape, with the run's initial parameters on
    /// `device`.
    pub(crate) fn init(recipe: &Recipe, spec: &Spec, device: &Device) -> Result<Self, TrainError> {
        check_readout(recipe.model.readout, spec)?;
        let config = ModelConfig {
            layers: recipe.model.layers.clone(),
            dropout: recipe.model.dropout,
            head_dropout: recipe.model.head_dropout,
            readout: recipe.model.readout,
            cell: read_table::<C::Config>(recipe.model.cell.config.clone(), "model.cell.")?,
        };
        let outputs = match spec.output {
            Output::Class { classes } | Output::PerStep { classes } => classes,
            Output::Value => 1,
        };
        let objective =
            Objective { regularise: recipe.regularise.clone(), execution: recipe.execution.into() };
        seeded(device, seed_of(recipe.seed, 0, 0), || {
            let model = SequenceModel::<C>::init(&config, spec.channels, outputs, device)?;
            // This makes all values now, should the module have put it off.
            Ok(Self { model, objective }.map(&mut Number { next: 1 }))
        })?
    }

    /// The device of the parameters.
    pub(crate) fn device(&self) -> Device {
        self.model.stack.device()
    }

    /// The same model, executed in another way.
    pub(crate) fn with_execution(self, execution: egru::Execution) -> Self {
        let objective = Objective { execution, ..self.objective };
        Self { objective, ..self }
    }

    /// Runs a batch and scores it, with draws from wherever the generator stands.
    pub(crate) fn pass(&self, batch: &Batch) -> Result<Pass<C>, TrainError> {
        self.pass_with(batch, &self.model.draw(batch.steps, batch.batch))
    }

    fn pass_with(
        &self,
        batch: &Batch,
        draws: &ModelDraws<C::Draws>,
    ) -> Result<Pass<C>, TrainError> {
        let device = self.device();
        let x = input(batch, &device);
        let lengths = batch.lengths.as_deref();
        let options = SequenceOptions {
            lengths: batch.lengths.clone(),
            x_needs_grad: None,
            execution: self.objective.execution,
        };
        let output = self.model.forward_with(x.clone(), None, draws, &options)?;
        let (loss, tally) = score(output.logits.clone(), &batch.targets)?;
        let mut objective = loss;
        let RegulariseRecipe { activity, state } = &self.objective.regularise;
        if activity.weight > 0.0 {
            let term = regularise::activity(&output.layers, activity.target, lengths)?;
            objective = objective + term * activity.weight;
        }
        if state.weight > 0.0 {
            let thresholds = self.model.stack.thresholds();
            let term = regularise::state(&output.layers, &thresholds, state.margin, lengths)?;
            objective = objective + term * state.weight;
        }
        Ok(Pass { x, output, objective, tally })
    }

    /// Runs a batch, scores it, and counts what was active.
    pub(crate) fn counted_pass(&self, batch: &Batch) -> Result<Pass<C>, TrainError> {
        Ok(self.counted(self.pass(batch)?, batch))
    }

    fn counted(&self, mut pass: Pass<C>, batch: &Batch) -> Pass<C> {
        let lengths = batch.lengths.as_deref();
        pass.tally.activity = self.model.activity(&pass.x, &pass.output, lengths);
        pass
    }

    /// The gradients and sums of a batch whose random draws follow from `seed`.
    pub(crate) fn train(
        &self,
        batch: &Batch,
        seed: u64,
    ) -> Result<(GradientsParams, Tally), TrainError> {
        let draws = seeded(&self.device(), seed, || self.model.draw(batch.steps, batch.batch))?;
        Ok(self.backward(self.counted(self.pass_with(batch, &draws)?, batch)))
    }

    fn backward(&self, pass: Pass<C>) -> (GradientsParams, Tally) {
        (GradientsParams::from_grads(pass.objective.backward(), self), pass.tally)
    }
}

impl<C: Cell> TrainStep for Trainee<C> {
    type Input = Batch;
    type Output = Figures;

    fn step(&self, batch: Batch) -> TrainOutput<Figures> {
        match self.counted_pass(&batch).map(|pass| self.backward(pass)) {
            Ok((grads, tally)) => TrainOutput { grads, item: Figures(Ok(tally)) },
            Err(error) => TrainOutput { grads: GradientsParams::new(), item: Figures(Err(error)) },
        }
    }

    fn optimize(
        self,
        optimiser: &mut ModuleOptimizer,
        rate: ModuleLearningRate,
        gradients: GradientsParams,
    ) -> Self {
        let trained = optimiser.step(rate, self, gradients);
        Self { model: trained.model.constrain(), objective: trained.objective }
    }
}

impl<C: Cell> InferenceStep for Trainee<C> {
    type Input = Batch;
    type Output = Figures;

    fn step(&self, batch: Batch) -> Figures {
        Figures(self.counted_pass(&batch).map(|pass| pass.tally))
    }
}

/// Gives the parameters the numbers 1, 2, ... as identities. Burn draws them at random, and writes them
/// into records: two runs of one recipe would never have the same files.
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

fn check_readout(readout: Readout, spec: &Spec) -> Result<(), TrainError> {
    let needs = match (spec.output, readout) {
        (Output::PerStep { .. }, Readout::PerStep) => return Ok(()),
        (Output::PerStep { .. }, _) => "has a target per step: use `per-step`",
        (_, Readout::PerStep) => "has one target per sequence: use `last-trace` or `last-output`",
        _ => return Ok(()),
    };
    // The read-out's name as recipes write it.
    let readout = serde_json::to_value(readout).map_or_else(
        |_| format!("{readout:?}"),
        |name| name.as_str().unwrap_or_default().to_owned(),
    );
    Err(TrainError::ReadoutMismatch { readout, task: spec.name.clone(), needs })
}

fn input(batch: &Batch, device: &Device) -> Tensor<3> {
    let shape = [batch.steps, batch.batch, batch.channels];
    Tensor::from_data(TensorData::new(batch.inputs.clone(), shape), device)
}

/// The mean loss over the scored targets, `[1]`, and its sums.
fn score(logits: Tensor<2>, targets: &BatchTargets) -> Result<(Tensor<1>, Tally), TrainError> {
    match targets {
        BatchTargets::Classes(classes) => classify(logits, classes),
        BatchTargets::PerStep(labels) => {
            let (rows, classes): (Vec<i64>, Vec<usize>) = labels
                .iter()
                .enumerate()
                .filter_map(|(row, label)| Some((row as i64, (*label)?)))
                .unzip();
            if rows.is_empty() {
                // Nothing is scored here: a loss of zero that still reaches every parameter.
                return Ok((logits.sum() * 0.0, Tally { correct: Some(0), ..Tally::default() }));
            }
            let rows = Tensor::<1, Int>::from_ints(rows.as_slice(), &logits.device());
            classify(logits.select(0, rows), &classes)
        }
        BatchTargets::Values(values) => {
            let shape = [values.len(), 1];
            let wanted = TensorData::new(values.clone(), shape);
            let wanted = Tensor::<2>::from_data(wanted, &logits.device());
            let loss = MseLoss::new().forward(logits, wanted, Reduction::Mean);
            let targets = values.len() as u64;
            let sum = read(&loss)? * targets as f64;
            Ok((loss, Tally { targets, loss: sum, ..Tally::default() }))
        }
    }
}

fn classify(logits: Tensor<2>, classes: &[usize]) -> Result<(Tensor<1>, Tally), TrainError> {
    let device = logits.device();
    let labels: Vec<i64> = classes.iter().map(|&class| class as i64).collect();
    let labels = Tensor::<1, Int>::from_ints(labels.as_slice(), &device);
    let loss = CrossEntropyLossConfig::new().init(&device).forward(logits.clone(), labels);
    let targets = classes.len() as u64;
    let right = predictions(logits)?.iter().zip(classes).filter(|(a, b)| a == b).count() as u64;
    let sum = read(&loss)? * targets as f64;
    Ok((loss, Tally { targets, loss: sum, correct: Some(right), ..Tally::default() }))
}

/// The most likely class of each row.
pub(crate) fn predictions(logits: Tensor<2>) -> Result<Vec<usize>, TensorReadError> {
    let best = logits.argmax(1).try_into_data_as::<i64>()?;
    Ok(best.iter::<i64>().map(|class| class as usize).collect())
}

fn read(loss: &Tensor<1>) -> Result<f64, TensorReadError> {
    loss.clone().try_into_scalar::<f64>()
}
