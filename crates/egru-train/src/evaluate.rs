//! Figures of a trained model on a whole split.

use std::sync::Arc;

use burn::module::Module;
use egru::activity::footprint_bytes;
use egru::{Cell, Network};
use egru_data::{Loader, LoaderConfig};

use crate::TrainError;
use crate::checkpoint::Position;
use crate::metric::{Figures, NETWORK};
use crate::objective::COUNTED;
use crate::opened::Opened;
use crate::report_data::{LayerSummary, RunHistory, Split, Summary};
use crate::run_dir::RunDir;
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
        let state = opened.objective.start(&batch, carried.take());
        let pass = opened.objective.evaluate(network, &batch, state, COUNTED)?;
        evaluator.add(&pass.scored, &batch)?;
        let (sums, _) = pass.pending(network, &batch)?.read(None)?;
        tally.add(&sums)?;
        path = pass.output.form.to_string();
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

/// A summary without the figures of validation, and without those of the test split if that was not run.
pub(crate) fn summary<C: Cell>(
    opened: &Opened<C>,
    run: &RunDir,
    position: &Position,
    history: &RunHistory,
    test: Option<Evaluation>,
) -> Summary {
    let Opened { recipe, options, objective, network, .. } = opened;
    let mut figures = Figures::new();
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
    let (path, layers, panels) =
        test.map_or_else(Default::default, |test| (test.path, test.layers, test.panels));
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
        parameters: network.num_params(),
        layers,
        panels,
        path,
        run_dir: run.path().to_owned(),
        interrupted,
        figures,
    }
}

/// The name of a layer in every report, counted from 1.
pub(crate) fn layer_name(index: usize) -> String {
    format!("layer {}", index + 1)
}
