//! A close look at single samples: events, states and activity, as plain data for the report.

use burn::module::Module;
use burn::tensor::{Tensor, TensorReadError};
use egru::{Cell, Readout, SequenceOutput};
use egru_data::scan::Permutation;
use egru_data::{Batch, BatchTargets, DatasetConfig};

use crate::evaluate::{evaluate, layer_name, trained};
use crate::recipe::Recipe;
use crate::report_data::{Answer, Inspection, LayerTrace, SampleTrace, UnitTrace};
use crate::run_dir::RunDir;
use crate::trainee::{Trainee, predictions};
use crate::{TrainError, TrainOptions, files};

/// What to look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InspectRequest {
    /// Test samples, from the first.
    pub samples: usize,
    /// Units per layer whose states are recorded: those with the most events.
    pub units: usize,
}

impl Default for InspectRequest {
    fn default() -> Self {
        Self { samples: 4, units: 4 }
    }
}

/// Runs some test samples through a run's best checkpoint. The summary is the run's own, or a new
/// evaluation when the run has not written one.
pub(crate) fn inspect<C: Cell>(
    run: &RunDir,
    recipe: &Recipe,
    request: InspectRequest,
    options: &TrainOptions,
) -> Result<Inspection, TrainError> {
    let splits = recipe.data.load(options.data_root.as_deref(), recipe.seed)?;
    let (model, _) = trained::<C>(run, recipe, splits.train.spec(), options)?;
    let model = model.valid();
    let names = splits.test.class_names();
    let samples = (0..request.samples.min(splits.test.len()))
        .map(|index| {
            let batch = Batch::collate(splits.test.as_ref(), &[index])?;
            sample(&model, &batch, recipe, request.units, names.as_deref())
        })
        .collect::<Result<_, TrainError>>()?;
    let summary = match run.read_summary()? {
        Some(summary) => summary,
        None => evaluate::<C>(run, recipe, options)?,
    };
    Ok(Inspection {
        summary,
        history: run.history()?,
        samples,
        config: files::read_text(&run.config())?,
        environment: files::read_text(&run.environment())?,
    })
}

fn sample<C: Cell>(
    model: &Trainee<C>,
    batch: &Batch,
    recipe: &Recipe,
    units: usize,
    names: Option<&[String]>,
) -> Result<SampleTrace, TrainError> {
    let output = model.pass(batch)?.output;
    let thresholds = model.model.stack.thresholds();
    let layers = output.layers.iter().zip(thresholds).enumerate();
    let layers = layers
        .map(|(index, (layer, theta))| layer_trace(layer_name(index), layer, theta, units))
        .collect::<Result<_, _>>()?;
    let class = |index: usize| Answer::Class {
        index,
        name: names.and_then(|names| names.get(index).cloned()),
    };
    let target = match &batch.targets {
        BatchTargets::Classes(classes) => class(classes[0]),
        BatchTargets::Values(values) => Answer::Value(f64::from(values[0])),
        BatchTargets::PerStep(labels) => Answer::PerStep(labels.clone()),
    };
    let prediction = match &batch.targets {
        BatchTargets::Values(_) => Answer::Value(output.logits.try_into_scalar::<f64>()?),
        _ if model.model.readout() == Readout::PerStep => {
            Answer::PerStep(predictions(output.logits)?.into_iter().map(Some).collect())
        }
        _ => class(predictions(output.logits)?[0]),
    };
    Ok(SampleTrace {
        index: batch.indices[0],
        steps: batch.steps,
        channels: batch.channels,
        input: batch.inputs.clone(),
        image: image(&recipe.data),
        target,
        prediction,
        layers,
    })
}

/// `(rows, columns)` of data sets that scan pictures in order.
fn image(data: &DatasetConfig) -> Option<(usize, usize)> {
    let permutation = match data {
        DatasetConfig::Smnist(config) => config.permutation,
        DatasetConfig::Glyphs(config) => config.permutation,
        _ => return None,
    };
    (permutation == Permutation::None).then_some((28, 28))
}

/// The trace of one layer over a batch of one sample.
fn layer_trace(
    name: String,
    output: &SequenceOutput,
    theta: Option<Tensor<1>>,
    units: usize,
) -> Result<LayerTrace, TensorReadError> {
    let [steps, _, hidden] = output.y.dims();
    let states = output.c.try_to_vec_as::<f32>()?;
    let theta = theta.map(|theta| theta.try_to_vec_as::<f32>()).transpose()?;
    let fired = match &output.events {
        Some(events) => events.o.try_to_vec_as::<f32>()?,
        None => vec![0.0; steps * hidden],
    };
    let events: Vec<(u32, u32)> = fired
        .iter()
        .enumerate()
        .filter(|(_, o)| **o > 0.0)
        .map(|(at, _)| ((at / hidden) as u32, (at % hidden) as u32))
        .collect();
    let mut counts = vec![0_usize; hidden];
    for &(_, unit) in &events {
        counts[unit as usize] += 1;
    }
    let mut chosen: Vec<usize> = (0..hidden).collect();
    // A stable sort: among equals, and in a dense layer, the first units.
    chosen.sort_by_key(|&unit| std::cmp::Reverse(counts[unit]));
    chosen.truncate(units);
    let trace = |unit: usize| UnitTrace {
        unit,
        threshold: theta.as_ref().map(|theta| theta[unit]),
        states: (0..steps).map(|step| states[step * hidden + unit]).collect(),
    };
    let activity_per_step = fired
        .chunks_exact(hidden)
        .map(|step| step.iter().filter(|o| **o > 0.0).count() as f32 / hidden as f32)
        .collect();
    Ok(LayerTrace {
        name,
        hidden,
        steps,
        events,
        states: chosen.into_iter().map(trace).collect(),
        activity_per_step,
    })
}
