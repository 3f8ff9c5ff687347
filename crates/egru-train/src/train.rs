//! From a recipe to a trained run.

use std::sync::{Arc, Mutex, PoisonError};

use burn::lr_scheduler::LrSchedulerRecord;
use burn::module::{Module, ParamGroup};
use burn::optim::OptimizerRecord;
use burn::store::{ModuleRecord, RecordError};
use burn::tensor::Bytes;
use burn::train::renderer::MetricsRenderer;
use burn::train::renderer::tui::TuiMetricsRendererWrapper;
use burn::train::{Learner, SupervisedTraining, TrainingStrategy};
use egru::Cell;
use egru_data::{Output, Splits};

use crate::checkpoint::{Architecture, CheckpointError, Checkpoints, Progress, Snapshot};
use crate::environment;
use crate::evaluate::{Evaluation, summary};
use crate::events::{SinkRenderer, TrainEvent};
use crate::feed::Feed;
use crate::metric::{Gauge, Ledger, Score};
use crate::recipe::Recipe;
use crate::report_data::{RunHistory, Split, Summary};
use crate::run_dir::RunDir;
use crate::strategy::{Ended, EpochLoop};
use crate::trainee::Trainee;
use crate::{TrainError, TrainOptions, optimise, workers};

/// Thresholds, by the name that event-based cells give them.
const THRESHOLDS: &str = "theta";

/// Trains a resolved recipe in a new run directory.
pub(crate) fn start<C: Cell>(
    recipe: &Recipe,
    options: &TrainOptions,
) -> Result<Summary, TrainError> {
    let splits = recipe.data.load(options.data_root.as_deref(), recipe.seed)?;
    let trainee = trainee::<C>(recipe, &splits, options)?;
    let _all_reduce = workers::start_all_reduce(options)?;
    let run = RunDir::create(&options.runs, recipe)?;
    go(recipe, &run, &splits, trainee, None, options)
}

/// Goes on with a run.
pub(crate) fn resume<C: Cell>(
    run: &RunDir,
    recipe: &Recipe,
    options: &TrainOptions,
) -> Result<Summary, TrainError> {
    let splits = recipe.data.load(options.data_root.as_deref(), recipe.seed)?;
    let trainee = trainee::<C>(recipe, &splits, options)?;
    let _all_reduce = workers::start_all_reduce(options)?;
    let snapshot = match checkpoints(run, &trainee).newest(&|text| options.notice(text)) {
        Ok(snapshot) => Some(snapshot),
        Err(CheckpointError::None { .. }) => {
            options
                .notice("the run has no checkpoint yet: it starts from its beginning".to_owned());
            None
        }
        Err(error) => return Err(error.into()),
    };
    go(recipe, run, &splits, trainee, snapshot, options)
}

fn trainee<C: Cell>(
    recipe: &Recipe,
    splits: &Splits,
    options: &TrainOptions,
) -> Result<Trainee<C>, TrainError> {
    Trainee::init(recipe, splits.train.spec(), &options.device.clone().autodiff())
}

/// The checkpoints of a run that trains models like `trainee`.
pub(crate) fn checkpoints<C: Cell>(run: &RunDir, trainee: &Trainee<C>) -> Checkpoints {
    Checkpoints::new(run.checkpoints(), Architecture::of(C::NAME, trainee))
}

/// The model with a checkpoint's parameters.
pub(crate) fn restored<C: Cell>(
    trainee: Trainee<C>,
    model: Bytes,
    run: &RunDir,
) -> Result<Trainee<C>, TrainError> {
    ModuleRecord::from_bytes(model)
        .and_then(|record| trainee.try_load_record(record))
        .map_err(|error| unreadable(run, &error))
}

fn unreadable(run: &RunDir, error: &RecordError) -> TrainError {
    CheckpointError::Record { path: run.checkpoints(), problem: error.to_string() }.into()
}

/// Trains from a snapshot, or from the beginning, to the end or to an interruption.
fn go<C: Cell>(
    recipe: &Recipe,
    run: &RunDir,
    splits: &Splits,
    mut trainee: Trainee<C>,
    snapshot: Option<Snapshot>,
    options: &TrainOptions,
) -> Result<Summary, TrainError> {
    let train = Feed::training(recipe, splits)?;
    let valid = Feed::evaluation(recipe, &splits.valid)?;
    let checkpoints = checkpoints(run, &trainee);
    let parameters = trainee.num_params();
    let has_events = trainee.model.stack.thresholds().iter().any(Option::is_some);

    let thresholds = has_events.then(|| ParamGroup::from_predicate(THRESHOLDS));
    let mut optimiser = optimise::optimiser(&recipe.optimiser, thresholds.as_ref());
    let devices = options.devices();
    let batches_per_step = recipe.training.accumulate * devices.len();
    let steps_per_epoch = train.batches().div_ceil(batches_per_step);
    let mut scheduler = optimise::scheduler(recipe, steps_per_epoch, thresholds.as_ref())?;
    let (mut progress, history) = match snapshot {
        None => (Progress::default(), run.rewind(0)?),
        Some(Snapshot { model, optimiser: moments, scheduler: rate, progress }) => {
            trainee = restored(trainee, model, run)?;
            let moments = OptimizerRecord::from_bytes(moments).map_err(|e| unreadable(run, &e))?;
            optimiser = optimiser.load_record(moments);
            if progress.devices == devices.len() {
                let rate = LrSchedulerRecord::from_bytes(rate).map_err(|e| unreadable(run, &e))?;
                scheduler = scheduler.load_record(rate);
            } else {
                options.notice(other_devices(&progress, devices.len(), recipe));
                // The record counts steps of another size: go where the epoch says.
                let done =
                    progress.epochs * steps_per_epoch + progress.batches.div_ceil(batches_per_step);
                for _ in 0..done {
                    scheduler.step();
                }
            }
            let history = run.rewind(progress.records)?;
            (progress, history)
        }
    };

    progress.devices = devices.len();
    environment::append_session(run, options, &splits.provenance)?;
    (options.events)(TrainEvent::Started {
        run_dir: run.path().to_owned(),
        task: splits.train.spec().to_string(),
        parameters,
        epochs_done: progress.epochs,
        epochs: recipe.training.epochs,
    });
    let score = match splits.train.spec().output {
        Output::Value => Score::Loss,
        Output::Class { .. } | Output::PerStep { .. } => Score::Accuracy,
    };
    let epochs_done = progress.epochs;
    let plan = Arc::new(EpochLoop {
        recipe: recipe.clone(),
        run: run.clone(),
        checkpoints: checkpoints.clone(),
        train: train.clone(),
        devices,
        strategy: options.strategy,
        score,
        events: options.events.clone(),
        progress: Mutex::new(progress),
        ended: Mutex::new(None),
    });

    let renderer: Box<dyn MetricsRenderer> = if options.dashboard {
        Box::new(TuiMetricsRendererWrapper::new(options.interrupter.clone(), None))
    } else {
        Box::new(SinkRenderer::new(options.events.clone()))
    };
    let mut training = SupervisedTraining::new(run.path(), Arc::new(train), Arc::new(valid))
        .with_application_logger(None)
        .with_metric_logger(Ledger::new(&history, score))
        .with_interrupter(options.interrupter.clone())
        .with_training_strategy(TrainingStrategy::Custom(plan.clone()))
        .renderer(renderer)
        .num_epochs(recipe.training.epochs)
        .checkpoint(epochs_done)
        .metrics((Gauge::loss(),))
        .metric_train_numeric(Gauge::gradient_norm());
    if score == Score::Accuracy {
        training = training.metrics((Gauge::accuracy(),));
    }
    if has_events {
        training = training.metrics((Gauge::activity_sparsity(), Gauge::backward_sparsity()));
    }
    if recipe.training.patience > 0 {
        training = training.early_stopping(score.early_stopping(recipe.training.patience));
    }
    // Dropping the renderer gives the terminal back before anything else is told.
    let result = training.launch(Learner::new(trainee.clone(), optimiser, scheduler));
    let stopped = result.error.map(|error| error.to_string());
    drop(result.renderer);

    let ended = plan.ended.lock().unwrap_or_else(PoisonError::into_inner).take();
    let ended = ended.unwrap_or_else(|| {
        Err(TrainError::Stopped(stopped.unwrap_or_else(|| "the epoch loop did not run".to_owned())))
    })?;
    let progress = plan.progress.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let history = run.history()?;
    let test = match ended {
        Ended::Interrupted => None,
        Ended::Finished => {
            let newest = checkpoints.newest(&|text| options.notice(text))?;
            let best = restored(trainee, checkpoints.best(newest)?.model, run)?.valid();
            Some(Evaluation::of(&best, &Feed::evaluation(recipe, &splits.test)?)?)
        }
    };
    let best = progress.best_epoch;
    let valid = best_record(&history, best);
    let summary = Summary {
        valid_loss: valid.map(|record| record.loss),
        valid_accuracy: valid.and_then(|record| record.accuracy),
        interrupted: ended == Ended::Interrupted,
        ..summary::<C>(recipe, run, options, parameters, &progress, &history, test)
    };
    run.write_summary(&summary)?;
    Ok(summary)
}

fn other_devices(progress: &Progress, now: usize, recipe: &Recipe) -> String {
    let accumulate = recipe.training.accumulate;
    format!(
        "the run had {} devices so far and has {now} now: a training step takes {} batches instead of {}, so \
         that the result is not that of a run with either number throughout; the schedule of the \
         learning rate goes on from the same point of the epoch",
        progress.devices,
        now * accumulate,
        progress.devices * accumulate,
    )
}

fn best_record(
    history: &RunHistory,
    best: Option<usize>,
) -> Option<&crate::report_data::EpochRecord> {
    history.of(Split::Valid).find(|record| Some(record.epoch) == best)
}
