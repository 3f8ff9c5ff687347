//! A close look at single samples: events, states and activity, as plain data for the report.

use burn::tensor::{Tensor, TensorReadError};
use egru::{Cell, Keep, Network, SequenceOutput};
use egru_data::{Batch, Inputs, Output, SequenceDataset, Window};

use crate::TrainError;
use crate::evaluate::layer_name;
use crate::files;
use crate::opened::Opened;
use crate::report_data::{Inspection, LayerTrace, SampleTrace, Summary, UnitTrace};
use crate::run_dir::RunDir;

/// Steps of a stream that are looked at: as many as a drawing has room for, and more than any sample with an end of its own that
/// has a target per step.
const LONGEST: usize = 400;

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

impl Inspection {
    /// The samples, with what the run's folder holds.
    pub(crate) fn of(
        run: &RunDir,
        summary: Summary,
        samples: Vec<SampleTrace>,
    ) -> Result<Self, TrainError> {
        Ok(Self {
            summary,
            history: run.history()?,
            samples,
            config: files::read_text(&run.config())?,
            environment: files::read_text(&run.environment())?,
        })
    }
}

/// Runs some test samples through `network`, which must be on a device without autodiff.
pub(crate) fn inspect<C: Cell>(
    opened: &Opened<C>,
    network: &Network<C>,
    request: InspectRequest,
) -> Result<Vec<SampleTrace>, TrainError> {
    let test = &opened.splits.test;
    // One long stream is looked at in several places.
    let test = test.clone().folded(request.samples).unwrap_or_else(|| test.clone());
    let names = test.class_names();
    (0..request.samples.min(test.len()))
        .map(|index| {
            let batch = Batch::of_window(test.as_ref(), &window(test.as_ref(), index), None)?;
            sample(opened, network, batch, request.units, names.as_deref())
        })
        .collect()
}

/// The whole sample, or the beginning of one that goes on and on.
fn window(data: &dyn SequenceDataset, index: usize) -> Window {
    let steps = match data.spec().output {
        // Only a target per step can be cut.
        Output::PerStep { .. } if data.steps(index) > LONGEST => Some(0..LONGEST),
        _ => None,
    };
    Window { steps, ..Window::whole(vec![index]) }
}

fn sample<C: Cell>(
    opened: &Opened<C>,
    network: &Network<C>,
    batch: Batch,
    units: usize,
    names: Option<&[String]>,
) -> Result<SampleTrace, TrainError> {
    let keep = Keep { c: true, o: true, ..Keep::OUTPUT };
    let output = opened.objective.evaluate(network, &batch, None, keep)?.output;
    let layers = output.layers.iter().zip(network.thresholds()).enumerate();
    let layers = layers
        .map(|(index, (layer, theta))| layer_trace(layer_name(index), layer, theta, units))
        .collect::<Result<_, _>>()?;
    Ok(SampleTrace {
        index: batch.indices[0],
        steps: batch.steps,
        channels: batch.channels,
        verdict: opened.objective.task.verdict(&output.reading, &batch, names)?,
        image: opened.splits.test.spec().layout.picture(),
        input: match batch.inputs {
            Inputs::Values(values) => values,
            Inputs::Tokens(tokens) => tokens.into_iter().map(|token| token as f32).collect(),
        },
        layers,
    })
}

/// The trace of one layer over a batch of one sample.
fn layer_trace(
    name: String,
    output: &SequenceOutput,
    theta: Option<Tensor<1>>,
    units: usize,
) -> Result<LayerTrace, TensorReadError> {
    let [steps, _, hidden] = output.y.dims();
    let read = |series: &Option<Tensor<3>>| match series {
        Some(series) => series.try_to_vec_as::<f32>(),
        None => Ok(vec![0.0; steps * hidden]),
    };
    let states = read(&output.c)?;
    let theta = theta.map(|theta| theta.try_to_vec_as::<f32>()).transpose()?;
    let fired = read(&output.events.as_ref().and_then(|events| events.o.clone()))?;
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
