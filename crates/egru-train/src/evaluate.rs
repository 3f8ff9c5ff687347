//! Figures of a trained model on a whole split.

use burn::data::dataloader::DataLoader;
use burn::module::Module;
use egru::Cell;
use egru::activity::footprint_bytes;

use crate::checkpoint::Progress;
use crate::feed::Feed;
use crate::recipe::Recipe;
use crate::report_data::{LayerActivity, RunHistory, Split, Summary};
use crate::run_dir::RunDir;
use crate::tally::Tally;
use crate::train::{checkpoints, restored};
use crate::trainee::Trainee;
use crate::{TrainError, TrainOptions};

/// What a model did on a split.
pub(crate) struct Evaluation {
    pub(crate) tally: Tally,
    pub(crate) layers: Vec<LayerActivity>,
    /// Which implementation ran.
    pub(crate) path: String,
}

impl Evaluation {
    /// Runs all of `feed` through `model`, which must be on a device without autodiff.
    pub(crate) fn of<C: Cell>(model: &Trainee<C>, feed: &Feed) -> Result<Self, TrainError> {
        let mut tally = Tally::default();
        let mut path = String::new();
        for batch in feed.iter() {
            let pass = model.counted_pass(&batch?)?;
            tally.add(&pass.tally)?;
            path = pass.output.path.to_string();
        }
        let samples = tally.activity.samples.max(1) as f64;
        let counts = tally.activity.layers.iter().zip(&model.model.stack.layers);
        let layers = counts.enumerate().map(|(index, (counts, layer))| LayerActivity {
            name: layer_name(index),
            hidden: counts.units,
            activity_sparsity: Some(counts.activity_sparsity()),
            backward_sparsity: Some(counts.backward_sparsity()),
            effective_macs: counts.effective_macs() as f64 / samples,
            dense_macs: counts.dense_macs() as f64 / samples,
            footprint_bytes: footprint_bytes(layer) as usize,
        });
        Ok(Self { layers: layers.collect(), tally, path })
    }
}

/// The name of a layer in every report, counted from 1.
pub(crate) fn layer_name(index: usize) -> String {
    format!("layer {}", index + 1)
}

/// The trained model of a run: the best checkpoint, or the newest before any epoch has ended; and where
/// the run stands.
pub(crate) fn trained<C: Cell>(
    run: &RunDir,
    recipe: &Recipe,
    spec: &egru_data::Spec,
    options: &TrainOptions,
) -> Result<(Trainee<C>, Progress), TrainError> {
    let trainee = Trainee::<C>::init(recipe, spec, &options.device.clone().autodiff())?;
    let checkpoints = checkpoints(run, &trainee);
    let newest = checkpoints.newest(&|text| options.notice(text))?;
    let progress = newest.progress.clone();
    let best = checkpoints.best(newest)?;
    Ok((restored(trainee, best.model, run)?, progress))
}

/// Evaluates a run's best checkpoint on the validation and test splits.
pub(crate) fn evaluate<C: Cell>(
    run: &RunDir,
    recipe: &Recipe,
    options: &TrainOptions,
) -> Result<Summary, TrainError> {
    let splits = recipe.data.load(options.data_root.as_deref(), recipe.seed)?;
    let (model, progress) = trained::<C>(run, recipe, splits.train.spec(), options)?;
    let model = model.valid();
    let valid = Evaluation::of(&model, &Feed::evaluation(recipe, &splits.valid)?)?;
    let test = Evaluation::of(&model, &Feed::evaluation(recipe, &splits.test)?)?;
    let parameters = model.num_params();
    let history = run.history()?;
    Ok(Summary {
        valid_loss: valid.tally.loss().value(),
        valid_accuracy: valid.tally.accuracy().value(),
        // Only the run itself knows: early stopping may have ended it.
        interrupted: run.read_summary()?.is_none_or(|own| own.interrupted),
        ..summary::<C>(recipe, run, options, parameters, &progress, &history, Some(test))
    })
}

/// A summary without the validation figures, and without those of the test split if that was not run.
pub(crate) fn summary<C: Cell>(
    recipe: &Recipe,
    run: &RunDir,
    options: &TrainOptions,
    parameters: usize,
    progress: &Progress,
    history: &RunHistory,
    test: Option<Evaluation>,
) -> Summary {
    let tally = test.as_ref().map(|test| &test.tally);
    Summary {
        recipe: recipe.name.clone(),
        backend: options.caller.backend.clone(),
        devices: options.caller.devices.clone(),
        cell: C::NAME.to_owned(),
        seed: recipe.seed,
        epochs: progress.epochs,
        best_epoch: progress.best_epoch,
        seconds: progress.seconds,
        train_loss: history.of(Split::Train).last().map(|record| record.loss),
        valid_loss: None,
        valid_accuracy: None,
        test_loss: tally.and_then(|tally| tally.loss().value()),
        test_accuracy: tally.and_then(|tally| tally.accuracy().value()),
        activity_sparsity: tally.and_then(|tally| tally.activity_sparsity().value()),
        backward_sparsity: tally.and_then(|tally| tally.backward_sparsity().value()),
        effective_macs: tally.map(|tally| tally.activity.effective_macs()),
        dense_macs: tally.map(|tally| tally.activity.dense_macs()),
        parameters,
        path: test.as_ref().map_or_else(String::new, |test| test.path.clone()),
        layers: test.map_or_else(Vec::new, |test| test.layers),
        run_dir: run.path().to_owned(),
        interrupted: false,
    }
}
