//! One training step of a run's network, with its cell and tensors hidden, so that a benchmark can time it along every path and
//! check that the paths agree.

use std::sync::Arc;

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Tensor, TensorReadError};
use egru::{Cell, Execution, Network};
use egru_bench::{Results, Step};
use egru_data::{Batch, DataError, Loader, LoaderConfig};

use crate::TrainError;
use crate::objective::{Objective, Portion};
use crate::opened::Opened;
use crate::recipe::{Carry, RegulariseRecipe};
use crate::seed::seed_of;
use crate::task::Task;

/// Which step to take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProbeRequest {
    /// Samples of the batch; `None`: as many as the recipe says.
    pub batch_size: Option<usize>,
    /// Added to the run's seed: another order, so that the batch holds other samples.
    pub shift: u64,
}

/// A training step that can be repeated: same parameters, same batch, same random draws. It is timed as it is when training,
/// with the counts of activity, which are read with the loss.
pub trait Probe: Step<Error = TrainError> {
    /// The workload in words: cell, layers, batch, steps.
    fn workload(&self) -> String;
}

struct TrainingStep<C: Cell> {
    network: Network<C>,
    task: Arc<dyn Task>,
    regularise: RegulariseRecipe,
    portion: Portion<C>,
}

/// The step of `network` on the first training batch.
pub(crate) fn probe<C: Cell>(
    opened: &Opened<C>,
    network: Network<C>,
    request: ProbeRequest,
) -> Result<impl Probe + use<C>, TrainError> {
    let recipe = &opened.recipe;
    let seed = recipe.seed.wrapping_add(request.shift);
    let config = LoaderConfig {
        batch_size: request.batch_size.unwrap_or(recipe.training.batch_size),
        sampler: Arc::new(recipe.sampling),
        seed,
        augment: true,
        ..LoaderConfig::default()
    };
    let data = &opened.splits.train;
    let mut epoch = Loader::new(data.clone(), config)?.epoch(1, 0)?;
    let batch = match epoch.next() {
        Some(batch) => batch?,
        None => return Err(DataError::Empty { dataset: data.spec().name.clone() }.into()),
    };
    Ok(TrainingStep {
        network,
        task: opened.objective.task.clone(),
        regularise: opened.objective.regularise.clone(),
        portion: Portion { batch, seed: seed_of(seed, 1, 0), state: None },
    })
}

impl<C: Cell> TrainingStep<C> {
    fn objective(&self, execution: Execution) -> Objective {
        Objective {
            task: self.task.clone(),
            regularise: self.regularise.clone(),
            // There is one batch alone.
            carry: Carry::default(),
            execution,
        }
    }
}

impl<C: Cell> Probe for TrainingStep<C> {
    fn workload(&self) -> String {
        let Batch { steps, batch, channels, .. } = &self.portion.batch;
        let layers = self.network.stack.layers.iter();
        let layers: Vec<String> =
            layers.map(|layer| layer.cell.size().hidden.to_string()).collect();
        format!("{} {}, batch {batch}, {steps} steps x {channels}", C::NAME, layers.join("-"))
    }
}

impl<C: Cell> Step for TrainingStep<C> {
    type Error = TrainError;

    fn run(&self, execution: Execution) -> Result<(), TrainError> {
        let trained = self.objective(execution).train(&self.network, &self.portion, false)?;
        trained.pending.read(None).map(drop)
    }

    fn results(&self, execution: Execution) -> Result<Results, TrainError> {
        let trained = self.objective(execution).train(&self.network, &self.portion, false)?;
        let gradients = flattened(&self.network, &trained.gradients)?;
        let path = trained.ran.form.to_string();
        let (tally, _) = trained.pending.read(None)?;
        let loss = vec![tally.mean_loss().unwrap_or(0.0) as f32];
        Ok(Results {
            path,
            active: tally.activity_sparsity(),
            tensors: std::iter::once(loss).chain(gradients).collect(),
        })
    }
}

/// The gradients in the order of the module.
fn flattened<M: Module>(
    module: &M,
    gradients: &GradientsParams,
) -> Result<Vec<Vec<f32>>, TensorReadError> {
    struct Flatten<'a> {
        gradients: &'a GradientsParams,
        read: Result<Vec<Vec<f32>>, TensorReadError>,
    }
    impl ModuleVisitor for Flatten<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let (Ok(read), Some(gradient)) = (&mut self.read, self.gradients.get::<D>(param.id))
            else {
                return;
            };
            match gradient.try_to_vec_as::<f32>() {
                Ok(values) => read.push(values),
                Err(error) => self.read = Err(error),
            }
        }
    }
    let mut flatten = Flatten { gradients, read: Ok(Vec::new()) };
    module.visit(&mut flatten);
    flatten.read
}
