//! The loop over epochs, windows and optimiser steps.
//!
//! - For each batch the device's generator is seeded from (run seed, epoch, batch), so that a resumed run draws the same masks
//!   without storing any generator's state.
//! - Several devices take consecutive batches of the one loader: a step on N devices computes what a step that accumulates N
//!   batches on one device computes. Gradients are averaged over what was scored, not over batches.
//! - Loss and gradient norm must be finite before the optimiser may touch the parameters. They are read together, once a step.
//! - An interruption is answered after the optimiser step at hand, with a checkpoint.

use std::path::PathBuf;
use std::time::Instant;

use burn::module::Module;
use burn::optim::ModuleOptimizer;
use egru::{Cell, Network, StackState};
use egru_data::{Epoch, Loader, Sampler};

use crate::checkpoint::{self, Checkpoints, Position, Snapshot};
use crate::dashboard::Dashboard;
use crate::evaluate::{evaluate, figures};
use crate::format::FORMAT;
use crate::gradients::averaged;
use crate::metric::{Figures, NETWORK};
use crate::objective::Portion;
use crate::opened::Opened;
use crate::optimise::{self, Schedule};
use crate::report_data::{EpochRecord, RunHistory, Split};
use crate::run_dir::RunDir;
use crate::seed::seed_of;
use crate::tally::Tally;
use crate::update::Update;
use crate::workers::Workers;
use crate::{TrainError, carried, clip};

/// How the loop ended, short of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// All epochs are done, or early stopping decided.
    Finished,
    /// The caller asked to stop; the run can be resumed.
    Interrupted,
}

/// How a run is shared out into steps.
pub(crate) struct Plan {
    pub(crate) loader: Loader,
    pub(crate) schedule: Schedule,
    /// Windows whose gradients make one optimiser step.
    pub(crate) per_step: usize,
}

/// One process's share of a run.
pub(crate) struct Training<'a, C: Cell> {
    opened: &'a Opened<C>,
    run: RunDir,
    checkpoints: Checkpoints,
    plan: Plan,
    workers: Workers<C>,
    network: Network<C>,
    optimiser: ModuleOptimizer,
    /// The state that the next window goes on from.
    carried: Option<StackState<C::State>>,
    pub(crate) position: Position,
    pub(crate) history: RunHistory,
    last_checkpoint: Option<PathBuf>,
    dashboard: Option<Dashboard>,
    started: Instant,
    seconds_before: f64,
}

impl<'a, C: Cell> Training<'a, C> {
    pub(crate) fn new(
        opened: &'a Opened<C>,
        run: RunDir,
        checkpoints: Checkpoints,
        plan: Plan,
        snapshot: Option<Snapshot>,
    ) -> Result<Self, TrainError> {
        let Opened { recipe, options, objective, .. } = opened;
        let devices = options.devices();
        let mut network = opened.network.clone();
        let mut optimiser = optimise::optimiser(&recipe.optimiser);
        let (position, carried, history) = match snapshot {
            None => (Position::default(), None, run.rewind(0)?),
            Some(snapshot) => {
                network = checkpoints.restore(network, &snapshot)?;
                optimiser = optimiser
                    .from_bytes(snapshot.optimiser)
                    .map_err(|error| checkpoints.unreadable(&error))?;
                let carried = snapshot.state.map(|state| {
                    carried::unpack(&state, &network.device())
                        .map_err(|problem| checkpoints.unreadable(&problem))
                });
                let history = run.rewind(snapshot.position.records)?;
                (snapshot.position, carried.transpose()?, history)
            }
        };
        let metrics = objective.task.metrics().into_iter().chain(NETWORK.iter().cloned()).collect();
        Ok(Self {
            workers: Workers::new(objective.clone(), &devices, options.strategy),
            dashboard: options
                .dashboard
                .then(|| Dashboard::new(options.interrupter.clone(), metrics)),
            last_checkpoint: checkpoints.list()?.pop(),
            started: Instant::now(),
            seconds_before: position.seconds,
            position: Position { devices: devices.len(), ..position },
            opened,
            run,
            checkpoints,
            plan,
            network,
            optimiser,
            carried,
            history,
        })
    }

    /// Trains to the end, or until asked to stop.
    pub(crate) fn run(&mut self) -> Result<Ended, TrainError> {
        let epochs = self.opened.recipe.training.epochs;
        self.tell(Update::Started {
            run_dir: self.run.path().to_owned(),
            task: self.opened.splits.train.spec().to_string(),
            metrics: self.opened.objective.task.metrics(),
            parameters: self.network.num_params(),
            epochs_done: self.position.epochs,
            epochs,
        });
        while self.position.epochs < epochs && !self.is_over() {
            let epoch = self.position.epochs + 1;
            let Some(trained) = self.train_epoch(epoch)? else { return self.interrupt() };
            let Some(validated) = self.validate(epoch)? else { return self.interrupt() };
            self.finish_epoch(trained, validated)?;
            if self.should_stop() && self.position.epochs < epochs && !self.is_over() {
                // The checkpoint of the epoch has just been written.
                return Ok(Ended::Interrupted);
            }
        }
        // The terminal is given back before anything else is told.
        self.dashboard = None;
        if self.position.epochs < epochs {
            let patience = self.opened.recipe.training.patience;
            self.opened.options.notice(format!(
                "no epoch has been better than epoch {} for {patience} epochs: training ends early, as training.patience says",
                self.position.best_epoch.unwrap_or(0),
            ));
        }
        Ok(Ended::Finished)
    }

    fn interrupt(&mut self) -> Result<Ended, TrainError> {
        self.checkpoint()?;
        self.dashboard = None;
        Ok(Ended::Interrupted)
    }

    /// Whether early stopping ends the run.
    fn is_over(&self) -> bool {
        let patience = self.opened.recipe.training.patience;
        let best = self.position.best_epoch.unwrap_or(0);
        patience > 0 && self.position.epochs >= best + patience
    }

    /// Trains on what is left of an epoch; `None` when interrupted.
    fn train_epoch(&mut self, epoch: usize) -> Result<Option<EpochRecord>, TrainError> {
        let started = Instant::now();
        let seconds_before = self.position.epoch_seconds;
        let plan = self.plan.loader.plan(epoch)?;
        let total = plan.iter().map(|window| window.items.len()).sum();
        let mut done = plan[..self.position.windows.min(plan.len())]
            .iter()
            .map(|window| window.items.len())
            .sum();
        let mut batches = self.plan.loader.epoch(epoch, self.position.windows)?;
        while self.position.windows < plan.len() {
            let group = self.plan.per_step.min(plan.len() - self.position.windows);
            let tally = self.step(epoch, group, &mut batches)?;
            let windows = &plan[self.position.windows..][..group];
            done += windows.iter().map(|window| window.items.len()).sum::<usize>();
            self.position.windows += group;
            self.position.steps += 1;
            self.position.tally.add(&tally)?;
            self.position.epoch_seconds = seconds_before + started.elapsed().as_secs_f64();
            self.progress(Split::Train, epoch, done, total, &tally);
            if self.should_stop() {
                return Ok(None);
            }
            let every = self.opened.recipe.training.checkpoint_every;
            if every > 0
                && self.position.steps.is_multiple_of(every)
                && self.position.windows < plan.len()
            {
                self.checkpoint()?;
            }
        }
        let Position { tally, epoch_seconds, learning_rate, .. } = &self.position;
        let mut record = self.record(Split::Train, epoch, tally, *epoch_seconds);
        let own = [("learning_rate", *learning_rate), ("gradient_norm", tally.gradient_norm())];
        let own = own.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        record.figures.extend(own);
        self.tell(Update::Epoch(record.clone()));
        Ok(Some(record))
    }

    /// One optimiser step on the next `group` windows; returns their sums.
    fn step(
        &mut self,
        epoch: usize,
        group: usize,
        batches: &mut Epoch,
    ) -> Result<Tally, TrainError> {
        let first = self.position.windows;
        let devices = self.position.devices;
        let (mut trained, mut rate) = (Vec::new(), 0.0);
        for round in (first..first + group).collect::<Vec<_>>().chunks(devices) {
            let mut portions = Vec::new();
            for &window in round {
                let batch = batches.next().expect("as many batches as windows")?;
                rate += batch.rate / group as f64;
                let state = self.opened.objective.start(&batch, self.carried.take());
                portions.push(Portion {
                    seed: seed_of(self.opened.recipe.seed, epoch, window),
                    batch,
                    state,
                });
            }
            let mut results = self.workers.step(&self.network, portions)?;
            if self.opened.recipe.sampling.carries() {
                self.carried = results.last_mut().map(|last| last.state.clone());
            }
            trained.append(&mut results);
        }
        let (mut gradients, pending) = averaged(&self.network, trained);
        let mut pending = pending.into_iter();
        let squares = clip::sum_of_squares(&self.network, &gradients);
        let (mut tally, squares) = match pending.next() {
            Some(first) => first.read(squares)?,
            None => (Tally::default(), None),
        };
        for pending in pending {
            tally.add(&pending.read(None)?.0)?;
        }
        let norm = squares.unwrap_or(0.0).sqrt();
        let at = self.position.steps + 1;
        self.require_finite("the loss", tally.loss, epoch, at)?;
        self.require_finite("the gradient norm", norm, epoch, at)?;
        let step = first / self.plan.per_step;
        let rate = self.plan.schedule.rate(epoch, step) * rate;
        self.position.learning_rate = Some(rate);
        // Where nothing was scored there is nothing to learn from, and moments alone must not move the parameters.
        if tally.weight > 0.0 {
            tally.add_gradient_norm(norm);
            let recipe = &self.opened.recipe;
            clip::clip(&self.network, &mut gradients, norm, recipe.training.clip_norm);
            let rates = optimise::rates(&recipe.optimiser, rate);
            self.network = self.optimiser.step(rates, self.network.clone(), gradients).constrain();
        }
        Ok(tally)
    }

    fn require_finite(
        &self,
        what: &'static str,
        value: f64,
        epoch: usize,
        step: usize,
    ) -> Result<(), TrainError> {
        if value.is_finite() {
            return Ok(());
        }
        let kept = match &self.last_checkpoint {
            Some(path) => format!("the last good checkpoint is {}", path.display()),
            None => "there is no checkpoint yet".to_owned(),
        };
        Err(TrainError::NotFinite { what, value, epoch, step, kept })
    }

    /// Runs the validation split; `None` when interrupted, which forgets what was done of it.
    fn validate(&mut self, epoch: usize) -> Result<Option<EpochRecord>, TrainError> {
        let started = Instant::now();
        let opened = self.opened;
        let network = self.network.valid();
        let evaluation = evaluate(opened, &network, Split::Valid, &mut |done, total, tally| {
            self.progress(Split::Valid, epoch, done, total, tally);
            !self.should_stop()
        })?;
        let Some(evaluation) = evaluation else { return Ok(None) };
        if let Some(loss) = evaluation.tally.mean_loss() {
            self.require_finite("the validation loss", loss, epoch, self.position.steps)?;
        }
        let seconds = started.elapsed().as_secs_f64();
        let mut record = self.record(Split::Valid, epoch, &evaluation.tally, seconds);
        record.figures.extend(evaluation.figures);
        self.tell(Update::Epoch(record.clone()));
        Ok(Some(record))
    }

    /// Writes an epoch's two lines and its checkpoint.
    fn finish_epoch(
        &mut self,
        trained: EpochRecord,
        validated: EpochRecord,
    ) -> Result<(), TrainError> {
        for record in [trained, validated] {
            self.run.append(&record)?;
            self.history.epochs.push(record);
            self.position.records += 1;
        }
        let selecting = &self.opened.objective.task.metrics()[0];
        self.position = Position {
            epochs: self.position.epochs + 1,
            windows: 0,
            tally: Tally::default(),
            epoch_seconds: 0.0,
            best_epoch: self.history.best(selecting).map(|record| record.epoch),
            ..self.position.clone()
        };
        self.carried = None;
        self.checkpoint()
    }

    fn checkpoint(&mut self) -> Result<(), TrainError> {
        self.position.seconds = self.seconds_before + self.started.elapsed().as_secs_f64();
        let model = self.network.clone().into_record().into_bytes();
        let state = self.carried.clone().map(|state| {
            carried::pack(state).map_err(|problem| self.checkpoints.unreadable(&problem))
        });
        let unreadable = |error: &dyn std::fmt::Display| self.checkpoints.unreadable(error);
        let optimiser = self.optimiser.into_bytes().map_err(|error| unreadable(&error))?;
        let snapshot = Snapshot {
            model: model.map_err(|error| unreadable(&error))?,
            optimiser: checkpoint::in_order(optimiser).map_err(|error| unreadable(&error))?,
            state: state.transpose()?,
            recipe: Some(self.opened.recipe.to_toml()?),
            position: self.position.clone(),
            format: FORMAT,
        };
        let path = self.checkpoints.save(&snapshot)?;
        self.tell(Update::Checkpoint(path.clone()));
        self.last_checkpoint = Some(path);
        Ok(())
    }

    fn record(&self, split: Split, epoch: usize, tally: &Tally, seconds: f64) -> EpochRecord {
        let figures = self.figures(tally);
        EpochRecord { split, epoch, step: self.position.steps, seconds, figures }
    }

    fn figures(&self, tally: &Tally) -> Figures {
        figures(self.opened.objective.task.as_ref(), tally)
    }

    fn progress(&mut self, split: Split, epoch: usize, done: usize, total: usize, tally: &Tally) {
        let (epochs, figures) = (self.opened.recipe.training.epochs, self.figures(tally));
        self.tell(Update::Progress { split, epoch, epochs, done, total, figures });
    }

    fn tell(&mut self, update: Update) {
        if let Some(dashboard) = &mut self.dashboard {
            dashboard.show(&update);
        }
        (self.opened.options.updates)(update);
    }

    fn should_stop(&self) -> bool {
        self.opened.options.interrupter.should_stop()
    }
}
