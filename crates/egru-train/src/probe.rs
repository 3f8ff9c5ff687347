//! One training step of a run's model, with its cell and tensors hidden, so that a benchmark can time it
//! along every path and check that the paths agree.

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Tensor, TensorReadError};
use egru::{Cell, Execution};
use egru_data::Batch;

use crate::evaluate::trained;
use crate::feed::Feed;
use crate::recipe::Recipe;
use crate::run_dir::RunDir;
use crate::seed::seed_of;
use crate::trainee::Trainee;
use crate::{TrainError, TrainOptions};

/// What a training step computed, all of which every path must agree on.
#[derive(Clone, Debug, PartialEq)]
pub struct StepResult {
    /// The loss, regularisers included.
    pub loss: f64,
    /// The gradients, by the path of their parameter, flattened.
    pub gradients: Vec<(String, Vec<f32>)>,
    /// Which implementation ran, and why.
    pub path: String,
    /// Share of zeros in the layers' outputs.
    pub activity_sparsity: Option<f64>,
}

/// A training step that can be repeated: same parameters, same batch, same random draws.
pub trait TrainingStep {
    /// The workload in words: cell, layers, batch, steps.
    fn workload(&self) -> String;

    /// Forward and backward; the parameters stay as they are. Nothing is read from the device but the
    /// loss, so that this is what to time.
    ///
    /// # Errors
    /// The path cannot run on this device.
    fn run(&self, execution: Execution) -> Result<f64, TrainError>;

    /// As [`run`](Self::run), with everything that it computed.
    ///
    /// # Errors
    /// The path cannot run on this device.
    fn check(&self, execution: Execution) -> Result<StepResult, TrainError>;
}

struct Step<C: Cell> {
    model: Trainee<C>,
    batch: Batch,
    seed: u64,
}

/// The step of a run's best checkpoint on the first training batch.
pub(crate) fn training_step<C: Cell>(
    run: &RunDir,
    recipe: &Recipe,
    options: &TrainOptions,
) -> Result<Box<dyn TrainingStep>, TrainError> {
    let splits = recipe.data.load(options.data_root.as_deref(), recipe.seed)?;
    let (model, _) = trained::<C>(run, recipe, splits.train.spec(), options)?;
    let batch = Feed::training(recipe, &splits)?.first()?;
    Ok(Box::new(Step { model, batch, seed: seed_of(recipe.seed, 1, 0) }))
}

impl<C: Cell> Step<C> {
    fn model(&self, execution: Execution) -> Trainee<C> {
        self.model.device().seed(self.seed);
        self.model.clone().with_execution(execution)
    }
}

impl<C: Cell> TrainingStep for Step<C> {
    fn workload(&self) -> String {
        let Batch { steps, batch, channels, .. } = &self.batch;
        let layers: Vec<String> = self
            .model
            .model
            .stack
            .layers
            .iter()
            .map(|layer| layer.cell.size().hidden.to_string())
            .collect();
        format!("{} {}, batch {batch}, {steps} steps x {channels}", C::NAME, layers.join("-"))
    }

    fn run(&self, execution: Execution) -> Result<f64, TrainError> {
        let model = self.model(execution);
        let pass = model.pass(&self.batch)?;
        let loss = pass.objective.clone().try_into_scalar::<f64>()?;
        let gradients = GradientsParams::from_grads(pass.objective.backward(), &model);
        drop(gradients);
        Ok(loss)
    }

    fn check(&self, execution: Execution) -> Result<StepResult, TrainError> {
        let model = self.model(execution);
        let pass = model.counted_pass(&self.batch)?;
        let loss = pass.objective.clone().try_into_scalar::<f64>()?;
        let gradients = GradientsParams::from_grads(pass.objective.backward(), &model);
        Ok(StepResult {
            loss,
            gradients: flattened(&model, &gradients)?,
            path: pass.output.path.to_string(),
            activity_sparsity: pass.tally.activity_sparsity().value(),
        })
    }
}

/// The gradients by the paths of their parameters, in the order of the module.
fn flattened<M: Module>(
    module: &M,
    gradients: &GradientsParams,
) -> Result<Vec<(String, Vec<f32>)>, TensorReadError> {
    struct Flatten<'a> {
        gradients: &'a GradientsParams,
        path: Vec<String>,
        read: Result<Vec<(String, Vec<f32>)>, TensorReadError>,
    }
    impl ModuleVisitor for Flatten<'_> {
        fn enter_module(&mut self, name: &str, _container: &str) {
            self.path.push(name.to_owned());
        }
        fn exit_module(&mut self, _name: &str, _container: &str) {
            self.path.pop();
        }
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let (Ok(read), Some(gradient)) = (&mut self.read, self.gradients.get::<D>(param.id))
            else {
                return;
            };
            match gradient.try_to_vec_as::<f32>() {
                Ok(values) => read.push((self.path.join("."), values)),
                Err(error) => self.read = Err(error),
            }
        }
    }
    let mut flatten = Flatten { gradients, path: Vec::new(), read: Ok(Vec::new()) };
    module.visit(&mut flatten);
    flatten.read
}
