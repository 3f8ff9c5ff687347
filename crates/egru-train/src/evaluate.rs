//! Figures of a trained model on a whole split.

use std::sync::Arc;

use egru::activity::footprint_bytes;
use egru::{Cell, Network};
use egru_data::{Loader, LoaderConfig};

use crate::TrainError;
use crate::metric::{Figures, NETWORK};
use crate::objective::COUNTED;
use crate::report_data::{LayerSummary, Split};
use crate::session::Opened;
use crate::tally::Tally;
use crate::task::{Panel, Task};

/// What a model did on a split.
pub(crate) struct Evaluation {
    pub(crate) tally: Tally,
    /// The task's metrics, as its evaluator put them together.
    pub(crate) figures: Figures,
    pub(crate) panels: Vec<Panel>,
    pub(crate) layers: Vec<LayerSummary>,
    /// Which implementation ran.
    pub(crate) path: String,
}

/// Runs a split through `network`, which must be on a device without autodiff. `progress` is told after each batch how many
/// sequences are done, of how many, and the batch's sums; it answers whether to go on. `None` if it said no.
pub(crate) fn evaluate<C: Cell>(
    opened: &Opened<C>,
    network: &Network<C>,
    split: Split,
    progress: &mut dyn FnMut(usize, usize, &Tally) -> bool,
) -> Result<Option<Evaluation>, TrainError> {
    let task = opened.objective.task.as_ref();
    let data = opened.splits.get(split);
    let loader = evaluation_loader(opened, split)?;
    let mut evaluator = task.evaluator(data);
    let (mut tally, mut path, mut carried) = (Tally::default(), String::new(), None);
    let plan = loader.plan(0)?;
    let total = plan.iter().map(|window| window.items.len()).sum();
    let mut done = 0;
    for batch in loader.epoch(0, 0)? {
        let batch = batch?;
        let state = carried.take().filter(|_| batch.carries);
        let pass = opened.objective.evaluate(network, &batch, state, COUNTED)?;
        evaluator.add(&pass.scored, &batch)?;
        let (sums, _) = pass.pending(network, &batch)?.read(None)?;
        tally.add(&sums)?;
        path = pass.output.path.to_string();
        carried = Some(pass.output.state);
        done += batch.batch;
        if !progress(done, total, &sums) {
            return Ok(None);
        }
    }
    let (values, panels) = evaluator.finish(task.figures(&tally));
    Ok(Some(Evaluation {
        figures: named(task, values),
        layers: layers(network, &tally),
        panels,
        tally,
        path,
    }))
}

/// All of a split, in its own order.
fn evaluation_loader<C: Cell>(opened: &Opened<C>, split: Split) -> Result<Loader, TrainError> {
    let config = LoaderConfig {
        batch_size: opened.recipe.training.eval_batch(),
        sampler: Arc::new(opened.recipe.sampling.for_evaluation()),
        seed: opened.recipe.seed,
        ..LoaderConfig::default()
    };
    Ok(Loader::new(opened.splits.get(split).clone(), config)?)
}

/// The figures of sums: the task's, and those of every network.
pub(crate) fn figures(task: &dyn Task, tally: &Tally) -> Figures {
    let network = [tally.activity_sparsity(), tally.backward_sparsity()];
    let network = NETWORK.iter().zip(network);
    let network = network.filter_map(|(metric, value)| Some((metric.name.to_string(), value?)));
    let mut figures = named(task, task.figures(tally));
    figures.extend(network);
    figures
}

/// The values of a task's metrics, by name. What is not finite is left out: JSON has no word for it.
fn named(task: &dyn Task, values: Vec<Option<f64>>) -> Figures {
    let values = task.metrics().into_iter().zip(values);
    let known = values.filter_map(|(metric, value)| {
        Some((metric.name.into_owned(), value.filter(|value| value.is_finite())?))
    });
    known.collect()
}

fn layers<C: Cell>(network: &Network<C>, tally: &Tally) -> Vec<LayerSummary> {
    let samples = tally.activity.samples.max(1) as f64;
    let counts = tally.activity.layers.iter().zip(&network.stack.layers);
    let layers = counts.enumerate().map(|(index, (counts, layer))| LayerSummary {
        name: layer_name(index),
        hidden: counts.units,
        activity_sparsity: Some(counts.activity_sparsity()),
        backward_sparsity: Some(counts.backward_sparsity()),
        effective_macs: counts.effective_macs() as f64 / samples,
        dense_macs: counts.dense_macs() as f64 / samples,
        footprint_bytes: footprint_bytes(layer) as usize,
    });
    layers.collect()
}

/// The name of a layer in every report, counted from 1.
pub(crate) fn layer_name(index: usize) -> String {
    format!("layer {}", index + 1)
}
