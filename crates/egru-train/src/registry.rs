//! Cells by name: what makes a recipe's `model.cell.type` run.
//!
//! The trainer is generic over the cell, and a recipe picks it at run time. The registry holds one
//! [`Experiment`] per cell: the same code, compiled for that cell. A program of your own adds its cell
//! and has every recipe, command and report for it:
//!
//! ```
//! use egru_train::Registry;
//!
//! let registry = Registry::default(); // .with::<MyCell>()
//! assert_eq!(registry.cells().collect::<Vec<_>>(), ["egru", "elstm", "gru", "lstm"]);
//! ```

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::path::Path;

use egru::cells::{Egru, Elstm, Gru, Lstm};
use egru::{Cell, CellConfig};
use toml::Table;

use crate::probe::TrainingStep;
use crate::recipe::{Recipe, RecipeError, did_you_mean, read_table};
use crate::report_data::{Inspection, Summary};
use crate::run_dir::RunDir;
use crate::{InspectRequest, TrainError, TrainOptions, evaluate, inspect, probe, train};

/// Everything that can be done with runs of one cell.
pub trait Experiment: Send + Sync {
    /// Reads the cell's keys, checks them, and writes them back with every default.
    ///
    /// # Errors
    /// Unknown keys, wrong types, values out of range.
    fn resolve(&self, config: Table) -> Result<Table, TrainError>;

    /// Trains a resolved recipe from its beginning.
    ///
    /// # Errors
    /// See [`TrainError`].
    fn train(&self, recipe: &Recipe, options: &TrainOptions) -> Result<Summary, TrainError>;

    /// Goes on with a run.
    ///
    /// # Errors
    /// See [`TrainError`].
    fn resume(
        &self,
        run: &RunDir,
        recipe: &Recipe,
        options: &TrainOptions,
    ) -> Result<Summary, TrainError>;

    /// Evaluates a run's best checkpoint on the validation and test splits.
    ///
    /// # Errors
    /// See [`TrainError`].
    fn evaluate(
        &self,
        run: &RunDir,
        recipe: &Recipe,
        options: &TrainOptions,
    ) -> Result<Summary, TrainError>;

    /// Runs some test samples through a run's best checkpoint.
    ///
    /// # Errors
    /// See [`TrainError`].
    fn inspect(
        &self,
        run: &RunDir,
        recipe: &Recipe,
        request: InspectRequest,
        options: &TrainOptions,
    ) -> Result<Inspection, TrainError>;

    /// A training step of a run's best checkpoint, to be timed and checked.
    ///
    /// # Errors
    /// See [`TrainError`].
    fn training_step(
        &self,
        run: &RunDir,
        recipe: &Recipe,
        options: &TrainOptions,
    ) -> Result<Box<dyn TrainingStep>, TrainError>;
}

/// The code of this crate for the cell `C`.
struct For<C>(PhantomData<fn() -> C>);

impl<C: Cell> Experiment for For<C> {
    fn resolve(&self, config: Table) -> Result<Table, TrainError> {
        let config: C::Config = read_table(config, "model.cell.")?;
        config.validate()?;
        Ok(Table::try_from(&config).map_err(|e| RecipeError::Write(e.to_string()))?)
    }

    fn train(&self, recipe: &Recipe, options: &TrainOptions) -> Result<Summary, TrainError> {
        train::start::<C>(recipe, options)
    }

    fn resume(
        &self,
        run: &RunDir,
        recipe: &Recipe,
        options: &TrainOptions,
    ) -> Result<Summary, TrainError> {
        train::resume::<C>(run, recipe, options)
    }

    fn evaluate(
        &self,
        run: &RunDir,
        recipe: &Recipe,
        options: &TrainOptions,
    ) -> Result<Summary, TrainError> {
        evaluate::evaluate::<C>(run, recipe, options)
    }

    fn inspect(
        &self,
        run: &RunDir,
        recipe: &Recipe,
        request: InspectRequest,
        options: &TrainOptions,
    ) -> Result<Inspection, TrainError> {
        inspect::inspect::<C>(run, recipe, request, options)
    }

    fn training_step(
        &self,
        run: &RunDir,
        recipe: &Recipe,
        options: &TrainOptions,
    ) -> Result<Box<dyn TrainingStep>, TrainError> {
        probe::training_step::<C>(run, recipe, options)
    }
}

/// The cells that recipes may name.
pub struct Registry {
    experiments: BTreeMap<&'static str, Box<dyn Experiment>>,
}

impl Default for Registry {
    /// The cells of the `egru` crate.
    fn default() -> Self {
        Self { experiments: BTreeMap::new() }
            .with::<Egru>()
            .with::<Elstm>()
            .with::<Gru>()
            .with::<Lstm>()
    }
}

impl Registry {
    /// Adds a cell under its [`Cell::NAME`], in place of any other of that name.
    pub fn with<C: Cell>(mut self) -> Self {
        self.experiments.insert(C::NAME, Box::new(For::<C>(PhantomData)));
        self
    }

    /// The names there are, in alphabetical order.
    pub fn cells(&self) -> impl Iterator<Item = &'static str> {
        self.experiments.keys().copied()
    }

    /// The experiment of a cell.
    ///
    /// # Errors
    /// [`RecipeError::UnknownCell`], with the names there are.
    pub fn get(&self, cell: &str) -> Result<&dyn Experiment, RecipeError> {
        self.experiments.get(cell).map(AsRef::as_ref).ok_or_else(|| RecipeError::UnknownCell {
            name: cell.to_owned(),
            suggestion: did_you_mean(cell, self.cells(), ""),
            known: self.cells().collect::<Vec<_>>().join(", "),
        })
    }

    /// The recipe with the cell's defaults written out and its values checked.
    ///
    /// # Errors
    /// An unknown cell, or values that it refuses.
    pub fn resolve(&self, recipe: &Recipe) -> Result<Recipe, TrainError> {
        recipe.validate()?;
        let mut resolved = recipe.clone();
        let cell = &mut resolved.model.cell;
        cell.config = self.get(&cell.name)?.resolve(std::mem::take(&mut cell.config))?;
        Ok(resolved)
    }

    /// Trains a recipe from its beginning, in a new run directory.
    ///
    /// # Errors
    /// See [`TrainError`].
    pub fn train(&self, recipe: &Recipe, options: &TrainOptions) -> Result<Summary, TrainError> {
        let recipe = self.resolve(recipe)?;
        self.get(&recipe.model.cell.name)?.train(&recipe, options)
    }

    /// Goes on with the run in `run` from its newest checkpoint, by the recipe stored there. On a CPU
    /// the result has the same bits as if the run had never stopped.
    ///
    /// # Errors
    /// See [`TrainError`].
    pub fn resume(&self, run: &Path, options: &TrainOptions) -> Result<Summary, TrainError> {
        let (run, recipe) = self.open(run)?;
        self.get(&recipe.model.cell.name)?.resume(&run, &recipe, options)
    }

    /// Evaluates the best checkpoint of the run in `run` on the validation and test splits.
    ///
    /// # Errors
    /// See [`TrainError`].
    pub fn evaluate(&self, run: &Path, options: &TrainOptions) -> Result<Summary, TrainError> {
        let (run, recipe) = self.open(run)?;
        self.get(&recipe.model.cell.name)?.evaluate(&run, &recipe, options)
    }

    /// Runs test samples through the best checkpoint of the run in `run`.
    ///
    /// # Errors
    /// See [`TrainError`].
    pub fn inspect(
        &self,
        run: &Path,
        request: InspectRequest,
        options: &TrainOptions,
    ) -> Result<Inspection, TrainError> {
        let (run, recipe) = self.open(run)?;
        self.get(&recipe.model.cell.name)?.inspect(&run, &recipe, request, options)
    }

    /// A training step of the best checkpoint of the run in `run`, to be timed and checked.
    ///
    /// # Errors
    /// See [`TrainError`].
    pub fn training_step(
        &self,
        run: &Path,
        options: &TrainOptions,
    ) -> Result<Box<dyn TrainingStep>, TrainError> {
        let (run, recipe) = self.open(run)?;
        self.get(&recipe.model.cell.name)?.training_step(&run, &recipe, options)
    }

    fn open(&self, run: &Path) -> Result<(RunDir, Recipe), TrainError> {
        let (run, recipe) = RunDir::open(run)?;
        Ok((run, self.resolve(&recipe)?))
    }
}
