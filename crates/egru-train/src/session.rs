//! A session: a run opened once, with its recipe, its data and its network. Everything that is done with a run is a method of it.

use std::path::Path;

use burn::module::Module;
use egru::Cell;
use egru_data::Splits;

use crate::TrainError;
use crate::evaluate::{evaluate, summary};
use crate::generate::{GenerateRequest, Generated, generate};
use crate::inspect::{InspectRequest, inspect};
use crate::opened::Opened;
use crate::probe::{Probe, ProbeRequest, probe};
use crate::recipe::Recipe;
use crate::report_data::{Inspection, Split, Summary};
use crate::run_dir::RunDir;
use crate::train::train;

/// A run that was opened by a [`Registry`](crate::Registry): a new one, whose folder is made when it is trained, or one from
/// before.
pub trait Session {
    /// The resolved recipe.
    fn recipe(&self) -> &Recipe;

    /// The data.
    fn data(&self) -> &Splits;

    /// The run's folder; `None` before a new run is trained.
    fn run_dir(&self) -> Option<&Path>;

    /// Trains a new run from its beginning, or goes on with one from its newest checkpoint, to the end or to an
    /// interruption. On a CPU a run that was stopped ends with the same bits as one that never was.
    ///
    /// # Errors
    /// See [`TrainError`]; what was saved before is intact.
    fn train(&mut self) -> Result<Summary, TrainError>;

    /// Evaluates the best checkpoint on the validation and test splits.
    ///
    /// # Errors
    /// See [`TrainError`].
    fn evaluate(&mut self) -> Result<Summary, TrainError>;

    /// Runs some test samples through the best checkpoint.
    ///
    /// # Errors
    /// See [`TrainError`].
    fn inspect(&mut self, request: InspectRequest) -> Result<Inspection, TrainError>;

    /// Lets the best checkpoint go on from a beginning, word by word. `tell` is given each word as soon as it is chosen,
    /// and answers whether to go on.
    ///
    /// # Errors
    /// [`TrainError::Unsuited`] for a run on something else than a text; a value out of range; a word of the prompt that the
    /// vocabulary has no place for; else see [`TrainError`].
    fn generate(
        &mut self,
        request: &GenerateRequest,
        tell: &mut dyn FnMut(&str) -> bool,
    ) -> Result<Generated, TrainError>;

    /// A training step of the best checkpoint, to be timed and checked along every path.
    ///
    /// # Errors
    /// See [`TrainError`].
    fn probe(&mut self, request: ProbeRequest) -> Result<Box<dyn Probe>, TrainError>;
}

impl<C: Cell> Session for Opened<C> {
    fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    fn data(&self) -> &Splits {
        &self.splits
    }

    fn run_dir(&self) -> Option<&Path> {
        self.run.as_ref().map(RunDir::path)
    }

    fn train(&mut self) -> Result<Summary, TrainError> {
        train(self)
    }

    fn evaluate(&mut self) -> Result<Summary, TrainError> {
        let run = self.run()?;
        let (network, position) = self.trained(&run)?;
        let network = network.valid();
        let on = |split| evaluate(self, &network, split, &mut |_, _, _| true);
        let (valid, test) = (on(Split::Valid)?, on(Split::Test)?);
        let mut summary = summary(self, &run, &position, &run.history()?, test);
        let valid = valid.map(|valid| valid.figures).unwrap_or_default();
        summary.figures.extend(valid.into_iter().map(|(name, v)| (format!("valid_{name}"), v)));
        // Only the run itself knows: early stopping may have ended it.
        summary.interrupted = run.read_summary()?.is_none_or(|own| own.interrupted);
        Ok(summary)
    }

    fn inspect(&mut self, request: InspectRequest) -> Result<Inspection, TrainError> {
        let run = self.run()?;
        let samples = inspect(self, &self.trained(&run)?.0.valid(), request)?;
        let mut summary = match run.read_summary()? {
            Some(summary) => summary,
            None => self.evaluate()?,
        };
        if summary.metrics.is_empty() {
            // The summary of an older run.
            summary.metrics = self.objective.task.metrics();
        }
        Inspection::of(&run, summary, samples)
    }

    fn generate(
        &mut self,
        request: &GenerateRequest,
        tell: &mut dyn FnMut(&str) -> bool,
    ) -> Result<Generated, TrainError> {
        let run = self.run()?;
        generate(self, &self.trained(&run)?.0.valid(), request, tell)
    }

    fn probe(&mut self, request: ProbeRequest) -> Result<Box<dyn Probe>, TrainError> {
        let run = self.run()?;
        let network = self.trained(&run)?.0;
        Ok(Box::new(probe(self, network, request)?))
    }
}
