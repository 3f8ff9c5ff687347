//! Training a run: from what was opened to a summary.

use std::sync::Arc;

use burn::module::Module;
use egru::Cell;
use egru_data::{Loader, LoaderConfig, Sampler, SamplerConfig};

use crate::checkpoint::CheckpointError;
use crate::epochs::{Ended, Plan, Training};
use crate::evaluate::{evaluate, summary};
use crate::lock::RunLock;
use crate::opened::Opened;
use crate::optimise::Schedule;
use crate::report_data::{Split, Summary};
use crate::run_dir::RunDir;
use crate::workers::start_all_reduce;
use crate::{TrainError, environment, resume};

/// Trains to the end or to an interruption: a new run, or one that goes on from its newest checkpoint.
pub(crate) fn train<C: Cell>(opened: &mut Opened<C>) -> Result<Summary, TrainError> {
    // Everything that the recipe can have wrong comes before the run's folder.
    if opened.run.is_some() {
        // Opened for whatever may be done with it, where a new run is there to be trained.
        opened.estimate()?.check(&opened.options)?;
    }
    let plan = plan(opened)?;
    let _all_reduce = start_all_reduce(&opened.options)?;
    let run = match &opened.run {
        Some(run) => run.clone(),
        None => RunDir::create(&opened.options.runs, &opened.recipe)?,
    };
    let _lock = RunLock::take(run.path(), &|text| opened.options.notice(text))?;
    let resumed = opened.run.is_some();
    opened.run = Some(run.clone());
    let checkpoints = opened.checkpoints(&run);
    checkpoints.recover()?;
    let snapshot = match (resumed, checkpoints.newest(&|text| opened.options.notice(text))) {
        (false, _) => None,
        (true, Ok(snapshot)) => Some(snapshot),
        (true, Err(CheckpointError::None { .. })) => {
            opened.options.notice("the run has no checkpoint yet: it starts from its beginning");
            None
        }
        (true, Err(error)) => return Err(error.into()),
    };
    let changes = match &snapshot {
        Some(snapshot) => {
            // What the result will need at the end is asked for at the beginning.
            checkpoints.check_best(&snapshot.position)?;
            resume::check(opened, &run, snapshot)?
        }
        None => Vec::new(),
    };
    if resumed {
        run.write_config(&opened.recipe)?;
    }
    environment::append_session(&run, &opened.options, &opened.splits, &changes)?;

    let mut training = Training::new(opened, run.clone(), checkpoints, plan, snapshot)?;
    let ended = training.run();
    let Training { position, history, .. } = training;
    let ended = ended?;
    let test = match ended {
        Ended::Interrupted => None,
        Ended::Finished => {
            let network = opened.trained(&run)?.0;
            let stop = || opened.options.interrupter.should_stop();
            evaluate(opened, &network.valid(), Split::Test, &mut |_, _, _| !stop())?
        }
    };
    let mut summary = summary(opened, &run, &position, &history, test);
    let valid = history.of(Split::Valid).find(|record| Some(record.epoch) == position.best_epoch);
    for metric in opened.objective.task.metrics() {
        let value = valid.and_then(|record| record.figure(&metric.name));
        summary.figures.extend(value.map(|value| (format!("valid_{}", metric.name), value)));
    }
    run.write_summary(&summary)?;
    Ok(summary)
}

fn training_loader<C: Cell>(opened: &Opened<C>) -> Result<Loader, TrainError> {
    let Opened { recipe, options, splits, .. } = opened;
    let devices = options.devices().len();
    if recipe.sampling.carries() && devices > 1 {
        let sampling = serde_json::to_value(recipe.sampling).unwrap_or_default();
        let sampling = sampling["type"].as_str().unwrap_or_default().to_owned();
        return Err(TrainError::CarriedState { sampling, devices });
    }
    let config = LoaderConfig {
        batch_size: recipe.training.batch_size,
        sampler: Arc::new(recipe.sampling),
        seed: recipe.seed,
        augment: true,
        ..LoaderConfig::default()
    };
    Ok(Loader::new(splits.train.clone(), config)?)
}

/// The windows, steps and learning rates of the run.
fn plan<C: Cell>(opened: &Opened<C>) -> Result<Plan, TrainError> {
    let loader = training_loader(opened)?;
    let training = &opened.recipe.training;
    let per_step = training.accumulate.saturating_mul(opened.options.devices().len());
    let steps_of = |epoch| Ok(loader.plan(epoch)?.len().div_ceil(per_step));
    let steps = match opened.recipe.sampling {
        // Each epoch has windows of other lengths, and more or fewer of them.
        SamplerConfig::Contiguous { jitter: true, .. } => {
            (1..=training.epochs).map(steps_of).collect::<Result<Vec<_>, TrainError>>()?
        }
        _ => vec![steps_of(1)?; training.epochs],
    };
    let schedule = Schedule::new(&opened.recipe, &steps)?;
    Ok(Plan { loader, schedule, per_step })
}
