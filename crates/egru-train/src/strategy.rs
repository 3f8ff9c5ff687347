//! The epoch loop, as a burn-train learning strategy.
//!
//! burn-train provides the learner, metrics, early stopping, dashboard and interruption. Its own loop
//! clips gradients tensor by tensor, checkpoints only between epochs and panics where this one
//! returns an error, so the loop is ours:
//!
//! - For each batch the device's generator is seeded from (run seed, epoch, batch), so that a
//!   resumed run draws the same masks without storing any generator's state.
//! - Several devices take consecutive batches of the one feed: a step on N devices computes what a step
//!   that accumulates N batches on one device computes.
//! - Loss and gradient norm must be finite before the optimiser may touch the parameters.
//! - An interruption is answered after the optimiser step at hand, with a checkpoint.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use burn::data::dataloader::{DataLoader, DataLoaderIterator};
use burn::data::dataset::DatasetError;
use burn::optim::{GradientsAccumulator, GradientsParams};
use burn::tensor::Device;
use burn::train::metric::store::{Aggregate, Split as BurnSplit};
use burn::train::{
    EventProcessorError, EventProcessorTraining, InferenceStep, Learner, LearnerEvent,
    SupervisedLearningStrategy, SupervisedTrainingEventProcessor, TrainLoader, TrainingComponents,
    TrainingItem, ValidLoader,
};
use egru::Cell;
use egru_data::Batch;

use crate::capture::Capture;
use crate::checkpoint::{CheckpointError, Checkpoints, Progress, Snapshot};
use crate::clip;
use crate::events::{EventSink, TrainEvent};
use crate::feed::Feed;
use crate::metric::Score;
use crate::recipe::Recipe;
use crate::report_data::{EpochRecord, Split};
use crate::run_dir::RunDir;
use crate::seed::seed_of;
use crate::tally::Tally;
use crate::trainee::{Figures, Trainee};
use crate::workers::{Portion, Workers};
use crate::{Strategy, TrainError};

/// How the loop ended, short of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// All epochs are done, or early stopping decided.
    Finished,
    /// The caller asked to stop; the run can be resumed.
    Interrupted,
}

/// The strategy: what stays the same over the run.
pub(crate) struct EpochLoop {
    pub(crate) recipe: Recipe,
    pub(crate) run: RunDir,
    pub(crate) checkpoints: Checkpoints,
    pub(crate) train: Feed,
    pub(crate) devices: Vec<Device>,
    pub(crate) strategy: Strategy,
    pub(crate) score: Score,
    pub(crate) events: EventSink,
    /// Where the run stands; at the end, where it got to.
    pub(crate) progress: Mutex<Progress>,
    /// Filled in at the end: burn-train's own result cannot carry our errors.
    pub(crate) ended: Mutex<Option<Result<Ended, TrainError>>>,
}

impl<C: Cell> SupervisedLearningStrategy<Trainee<C>> for EpochLoop {
    fn fit(
        &self,
        components: TrainingComponents<Trainee<C>>,
        learner: Learner<Trainee<C>>,
        train: TrainLoader<Trainee<C>>,
        valid: ValidLoader<Trainee<C>>,
        _starting_epoch: usize,
    ) -> (Trainee<C>, SupervisedTrainingEventProcessor<Trainee<C>>) {
        let progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut session = Session {
            plan: self,
            components,
            learner,
            train,
            valid,
            workers: Workers::new(&self.devices, self.strategy),
            capture: Capture::new(),
            last_checkpoint: self.checkpoints.list().ok().and_then(|mut all| all.pop()),
            started: Instant::now(),
            seconds_before: progress.seconds,
            progress,
        };
        let ended = session.run();
        *self.progress.lock().unwrap_or_else(PoisonError::into_inner) = session.progress;
        *self.ended.lock().unwrap_or_else(PoisonError::into_inner) = Some(ended);
        (session.learner.model(), session.components.event_processor)
    }
}

/// One process's share of a run.
struct Session<'a, C: Cell> {
    plan: &'a EpochLoop,
    components: TrainingComponents<Trainee<C>>,
    learner: Learner<Trainee<C>>,
    train: Arc<dyn DataLoader<Batch>>,
    valid: Arc<dyn DataLoader<Batch>>,
    workers: Workers<C>,
    capture: Capture<Trainee<C>>,
    progress: Progress,
    last_checkpoint: Option<PathBuf>,
    started: Instant,
    seconds_before: f64,
}

impl<C: Cell> Session<'_, C> {
    fn run(&mut self) -> Result<Ended, TrainError> {
        // Early stopping keeps its own count: let it see the epochs of earlier sessions again.
        for epoch in 1..=self.progress.epochs {
            if self.should_stop_early(epoch) {
                return Ok(Ended::Finished);
            }
        }
        while self.progress.epochs < self.plan.recipe.training.epochs {
            let epoch = self.progress.epochs + 1;
            let Some(trained) = self.train_epoch(epoch)? else { return self.interrupt() };
            let Some(validated) = self.validate(epoch)? else { return self.interrupt() };
            self.finish_epoch(trained, validated)?;
            if self.should_stop_early(epoch) {
                break;
            }
            if self.components.interrupter.should_stop() {
                // The checkpoint of the epoch has just been written.
                return Ok(Ended::Interrupted);
            }
        }
        Ok(Ended::Finished)
    }

    fn interrupt(&mut self) -> Result<Ended, TrainError> {
        self.checkpoint()?;
        Ok(Ended::Interrupted)
    }

    /// Trains on what is left of an epoch; `None` when interrupted.
    fn train_epoch(&mut self, epoch: usize) -> Result<Option<EpochRecord>, TrainError> {
        let started = Instant::now();
        let seconds_before = self.progress.epoch_seconds;
        let batches = self.plan.train.batches();
        let total_items = self.train.num_items();
        self.process_train(LearnerEvent::StartSplit { epoch_number: epoch, total_items })?;

        self.plan.train.seek(epoch, self.progress.batches);
        let train = self.train.clone();
        let mut feed = train.iter();
        let per_step = self.plan.recipe.training.accumulate * self.plan.devices.len();
        while self.progress.batches < batches {
            let group = per_step.min(batches - self.progress.batches);
            let (gradients, mut tally) = self.mean_gradients(feed.as_mut(), group, epoch)?;
            self.optimise(gradients, &mut tally, epoch)?;
            self.progress.batches += group;
            self.progress.steps += 1;
            self.progress.learning_rate = Some(self.learner.lr_current().base());
            self.progress.tally.add(&tally)?;
            let item = TrainingItem::new(
                Figures(Ok(tally)),
                feed.progress(),
                Some(self.progress.batches),
                Some(self.learner.lr_current()),
            );
            self.process_train(LearnerEvent::ProcessedItem(item))?;

            self.progress.epoch_seconds = seconds_before + started.elapsed().as_secs_f64();
            if self.components.interrupter.should_stop() {
                return Ok(None);
            }
            let every = self.plan.recipe.training.checkpoint_every;
            if every > 0
                && self.progress.steps.is_multiple_of(every)
                && self.progress.batches < batches
            {
                self.checkpoint()?;
            }
        }
        self.process_train(LearnerEvent::EndSplit(epoch))?;
        let record = EpochRecord {
            learning_rate: self.progress.learning_rate,
            gradient_norm: self.progress.tally.gradient_norm().value(),
            seconds: self.progress.epoch_seconds,
            ..self.progress.tally.record(Split::Train, epoch, self.progress.steps)
        };
        (self.plan.events)(TrainEvent::Epoch(record.clone()));
        Ok(Some(record))
    }

    /// The mean of the gradients of the next `group` batches, and the batches' sums.
    fn mean_gradients(
        &self,
        feed: &mut dyn DataLoaderIterator<Batch>,
        group: usize,
        epoch: usize,
    ) -> Result<(GradientsParams, Tally), TrainError> {
        let model = self.learner.model();
        let mut accumulator = GradientsAccumulator::new();
        let mut tally = Tally::default();
        let batches: Vec<usize> = (self.progress.batches..).take(group).collect();
        for round in batches.chunks(self.plan.devices.len()) {
            let portion = |(&batch, data): (&usize, Result<Batch, DatasetError>)| {
                Ok(Portion { batch: data?, seed: seed_of(self.plan.recipe.seed, epoch, batch) })
            };
            let portions = round.iter().zip(&mut *feed).map(portion);
            let portions = portions.collect::<Result<Vec<_>, TrainError>>()?;
            for (gradients, figures) in self.workers.step(&model, portions)? {
                self.require_finite("the loss", figures.loss, epoch)?;
                tally.add(&figures)?;
                accumulator.accumulate(&model, gradients);
            }
        }
        let mut gradients = accumulator.grads();
        if group > 1 {
            clip::scale(&model, &mut gradients, 1.0 / group as f64);
        }
        Ok((gradients, tally))
    }

    /// One optimiser step.
    fn optimise(
        &mut self,
        mut gradients: GradientsParams,
        tally: &mut Tally,
        epoch: usize,
    ) -> Result<(), TrainError> {
        let model = self.learner.model();
        let limit = self.plan.recipe.training.clip_norm;
        let norm = clip::clip_global_norm(&model, &mut gradients, limit)?;
        self.require_finite("the gradient norm", norm, epoch)?;
        tally.add_gradient_norm(norm);
        self.learner.lr_step();
        self.learner.optimizer_step(gradients);
        Ok(())
    }

    fn require_finite(
        &self,
        what: &'static str,
        value: f64,
        epoch: usize,
    ) -> Result<(), TrainError> {
        if value.is_finite() {
            return Ok(());
        }
        let kept = match &self.last_checkpoint {
            Some(path) => format!("the last good checkpoint is {}", path.display()),
            None => "there is no checkpoint yet".to_owned(),
        };
        let step = self.progress.steps + 1;
        Err(TrainError::NotFinite { what, value, epoch, step, kept })
    }

    /// Runs the validation split; `None` when interrupted, which forgets what was done of it.
    fn validate(&mut self, epoch: usize) -> Result<Option<EpochRecord>, TrainError> {
        let started = Instant::now();
        let total_items = self.valid.num_items();
        self.process_valid(LearnerEvent::StartSplit { epoch_number: epoch, total_items })?;
        let model = burn::module::Module::valid(&self.learner.model());
        let mut sum = Tally::default();
        let valid = self.valid.clone();
        let mut feed = valid.iter();
        let mut iteration = 0;
        while let Some(batch) = feed.next() {
            let figures = InferenceStep::step(&model, batch?).0?;
            sum.add(&figures)?;
            iteration += 1;
            let figures = Figures(Ok(figures));
            let item = TrainingItem::new(figures, feed.progress(), Some(iteration), None);
            self.process_valid(LearnerEvent::ProcessedItem(item))?;
            if self.components.interrupter.should_stop() {
                return Ok(None);
            }
        }
        self.process_valid(LearnerEvent::EndSplit(epoch))?;
        self.process_train(LearnerEvent::EndEpoch(epoch))?;
        stopped(self.components.event_processor.flush())?;
        let record = EpochRecord {
            seconds: started.elapsed().as_secs_f64(),
            ..sum.record(Split::Valid, epoch, self.progress.steps)
        };
        (self.plan.events)(TrainEvent::Epoch(record.clone()));
        Ok(Some(record))
    }

    /// Writes an epoch's two lines and its checkpoint.
    fn finish_epoch(
        &mut self,
        trained: EpochRecord,
        validated: EpochRecord,
    ) -> Result<(), TrainError> {
        for record in [trained, validated] {
            self.plan.run.append(&record)?;
            self.progress.records += 1;
        }
        self.progress = Progress {
            epochs: self.progress.epochs + 1,
            batches: 0,
            tally: Tally::default(),
            epoch_seconds: 0.0,
            best_epoch: self.components.event_store.find_epoch(
                self.plan.score.name(),
                Aggregate::Mean,
                self.plan.score.direction(),
                &BurnSplit::Valid,
            ),
            ..self.progress.clone()
        };
        self.checkpoint()
    }

    fn checkpoint(&mut self) -> Result<(), TrainError> {
        let records = self.capture.take(&self.learner, &self.components.event_store);
        let [model, optimiser, scheduler] = records.map_err(|error| CheckpointError::Record {
            path: self.plan.run.checkpoints(),
            problem: error.to_string(),
        })?;
        self.progress.seconds = self.seconds();
        let progress = self.progress.clone();
        let path =
            self.plan.checkpoints.save(&Snapshot { model, optimiser, scheduler, progress })?;
        (self.plan.events)(TrainEvent::Checkpoint(path.clone()));
        self.last_checkpoint = Some(path);
        Ok(())
    }

    fn seconds(&self) -> f64 {
        self.seconds_before + self.started.elapsed().as_secs_f64()
    }

    fn should_stop_early(&mut self, epoch: usize) -> bool {
        let store = &self.components.event_store;
        self.components.early_stopping.as_mut().is_some_and(|early| early.should_stop(epoch, store))
    }

    fn process_train(&mut self, event: LearnerEvent<Figures>) -> Result<(), TrainError> {
        stopped(self.components.event_processor.process_train(event))
    }

    fn process_valid(&mut self, event: LearnerEvent<Figures>) -> Result<(), TrainError> {
        stopped(self.components.event_processor.process_valid(event))
    }
}

fn stopped(result: Result<(), EventProcessorError>) -> Result<(), TrainError> {
    result.map_err(|error| TrainError::Stopped(error.to_string()))
}
