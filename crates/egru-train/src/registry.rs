//! Cells, data sets and tasks by name: what makes a recipe run.
//!
//! The trainer is generic over the cell, and a recipe picks it at run time. A program of your own adds its cells, data sets and
//! tasks, and has every command and report for them:
//!
//! ```
//! use egru_train::Registry;
//!
//! let registry = Registry::default(); // .with::<MyCell>().with_data::<MyData>().with_task(MyTask)
//! assert_eq!(registry.cells().collect::<Vec<_>>(), ["egru", "elstm", "gru", "lstm"]);
//! let data_sets =
//!     ["adding", "delay-copy", "dvs128", "gesture-sim", "glyphs", "nmnist", "smnist", "tokens", "wikitext-2"];
//! assert_eq!(registry.data_sets().collect::<Vec<_>>(), data_sets);
//! let tasks = ["classification", "language", "regression", "voting"];
//! assert_eq!(registry.tasks().collect::<Vec<_>>(), tasks);
//! ```

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::path::Path;
use std::sync::Arc;

use egru::cells::{Egru, Elstm, Gru, Lstm};
use egru::{Cell, CellConfig};
use egru_data::adding::AddingConfig;
use egru_data::corpus::{TokensConfig, WikiText2Config};
use egru_data::delay_copy::DelayCopyConfig;
use egru_data::glyphs::GlyphsConfig;
use egru_data::mnist::SmnistConfig;
use egru_data::recordings::{Dvs128Config, GestureSimConfig, NmnistConfig};
use egru_data::{DatasetConfig, DatasetInfo, Splits};
use serde::Serialize;
use toml::Table;

use crate::opened::Opened;
use crate::recipe::{DataRecipe, Recipe, RecipeError, did_you_mean, read_table};
use crate::run_dir::RunDir;
use crate::session::Session;
use crate::task::{Classification, Language, Regression, Task, Voting};
use crate::{TrainError, TrainOptions};

/// What recipes may name.
pub struct Registry {
    cells: BTreeMap<&'static str, Box<dyn CellEntry>>,
    data: BTreeMap<&'static str, Arc<dyn DataEntry>>,
    tasks: BTreeMap<&'static str, Arc<dyn Task>>,
}

impl Default for Registry {
    /// The cells, data sets and tasks of this workspace.
    fn default() -> Self {
        Self { cells: BTreeMap::new(), data: BTreeMap::new(), tasks: BTreeMap::new() }
            .with::<Egru>()
            .with::<Elstm>()
            .with::<Gru>()
            .with::<Lstm>()
            .with_data::<AddingConfig>()
            .with_data::<DelayCopyConfig>()
            .with_data::<GlyphsConfig>()
            .with_data::<SmnistConfig>()
            .with_data::<NmnistConfig>()
            .with_data::<Dvs128Config>()
            .with_data::<GestureSimConfig>()
            .with_data::<TokensConfig>()
            .with_data::<WikiText2Config>()
            .with_task(Classification)
            .with_task(Language)
            .with_task(Regression)
            .with_task(Voting)
    }
}

impl Registry {
    /// Adds a cell under its [`Cell::NAME`], in place of any other of that name.
    pub fn with<C: Cell>(mut self) -> Self {
        self.cells.insert(C::NAME, Box::new(For::<C>(PhantomData)));
        self
    }

    /// Adds a data set under its [`DatasetConfig::NAME`], in place of any other of that name.
    pub fn with_data<D: DatasetConfig>(mut self) -> Self {
        self.data.insert(D::NAME, Arc::new(For::<D>(PhantomData)));
        self
    }

    /// Adds a task under its [`Task::name`], in place of any other of that name.
    pub fn with_task(mut self, task: impl Task + 'static) -> Self {
        self.tasks.insert(task.name(), Arc::new(task));
        self
    }

    /// The cells there are, in alphabetical order.
    pub fn cells(&self) -> impl Iterator<Item = &'static str> {
        self.cells.keys().copied()
    }

    /// The data sets there are, in alphabetical order.
    pub fn data_sets(&self) -> impl Iterator<Item = &'static str> {
        self.data.keys().copied()
    }

    /// The tasks there are, in alphabetical order.
    pub fn tasks(&self) -> impl Iterator<Item = &'static str> {
        self.tasks.keys().copied()
    }

    /// The task of this name.
    ///
    /// # Errors
    /// [`RecipeError::UnknownName`], with the names there are.
    pub fn task(&self, name: &str) -> Result<Arc<dyn Task>, RecipeError> {
        named(&self.tasks, "task.type", name).cloned()
    }

    fn data(&self, name: &str) -> Result<&Arc<dyn DataEntry>, RecipeError> {
        named(&self.data, "data.name", name)
    }

    /// Loads the data of a recipe's `[data]` table from files under `root`, or generates them from `seed`. The network is
    /// never used.
    ///
    /// # Errors
    /// An unknown name or key, or whatever loading meets.
    pub fn load(
        &self,
        data: &DataRecipe,
        root: Option<&Path>,
        seed: u64,
    ) -> Result<Splits, TrainError> {
        let splits = self.data(&data.name)?.load(data.config.clone(), root, seed)?;
        splits.check()?;
        Ok(splits)
    }

    /// The published files that a recipe's `[data]` table reads; `None` for generated data.
    ///
    /// # Errors
    /// An unknown name or key.
    pub fn files(&self, data: &DataRecipe) -> Result<Option<&'static DatasetInfo>, TrainError> {
        self.data(&data.name)?.files(data.config.clone())
    }

    /// The recipe with the defaults of its cell, data set and task written out, and its values checked.
    ///
    /// # Errors
    /// An unknown name, or values that are refused.
    pub fn resolve(&self, recipe: &Recipe) -> Result<Recipe, TrainError> {
        recipe.validate()?;
        let mut resolved = recipe.clone();
        let cell = &mut resolved.model.cell;
        let entry = named(&self.cells, "model.cell.type", &cell.name)?;
        cell.config = entry.resolve(std::mem::take(&mut cell.config))?;
        let data = &mut resolved.data;
        let entry = self.data(&data.name)?;
        data.config = entry.resolve(std::mem::take(&mut data.config))?;
        if resolved.task.name.is_empty() {
            resolved.task.name = entry.task(data.config.clone())?.to_owned();
        }
        self.task(&resolved.task.name)?;
        for group in &mut resolved.optimiser.group {
            group.weight_decay.get_or_insert(resolved.optimiser.weight_decay);
        }
        Ok(resolved)
    }

    /// Opens a new run of a recipe: loads its data and builds its network. Its folder is made when it is trained.
    ///
    /// # Errors
    /// See [`TrainError`].
    pub fn start(
        &self,
        recipe: &Recipe,
        options: &TrainOptions,
    ) -> Result<Box<dyn Session>, TrainError> {
        self.session(self.resolve(recipe)?, options, None)
    }

    /// Opens the run in `folder` by the recipe stored there, with some keys changed. What a run may change is checked when it
    /// goes on.
    ///
    /// # Errors
    /// See [`TrainError`].
    pub fn open(
        &self,
        folder: &Path,
        changes: &[(String, String)],
        options: &TrainOptions,
    ) -> Result<Box<dyn Session>, TrainError> {
        let (run, recipe) = RunDir::open(folder)?;
        let recipe = self.resolve(&recipe.with_overrides(changes)?)?;
        self.session(recipe, options, Some(run))
    }

    fn session(
        &self,
        recipe: Recipe,
        options: &TrainOptions,
        run: Option<RunDir>,
    ) -> Result<Box<dyn Session>, TrainError> {
        let cell = named(&self.cells, "model.cell.type", &recipe.model.cell.name)?;
        let task = self.task(&recipe.task.name)?;
        let splits = self.load(&recipe.data, options.data_root.as_deref(), recipe.seed)?;
        let data = self.data(&recipe.data.name)?.clone();
        cell.open(recipe, splits, task, options.clone(), run, data)
    }
}

fn named<'a, T>(
    known: &'a BTreeMap<&'static str, T>,
    key: &'static str,
    name: &str,
) -> Result<&'a T, RecipeError> {
    known.get(name).ok_or_else(|| RecipeError::UnknownName {
        key,
        name: name.to_owned(),
        suggestion: did_you_mean(name, known.keys().copied(), ""),
        known: known.keys().copied().collect::<Vec<_>>().join(", "),
    })
}

/// What the registry does with a cell or a data set of type `T`.
struct For<T>(PhantomData<fn() -> T>);

trait CellEntry: Send + Sync {
    /// Reads the cell's keys, checks them, and writes them back with every default.
    fn resolve(&self, config: Table) -> Result<Table, TrainError>;

    fn open(
        &self,
        recipe: Recipe,
        splits: Splits,
        task: Arc<dyn Task>,
        options: TrainOptions,
        run: Option<RunDir>,
        data: Arc<dyn DataEntry>,
    ) -> Result<Box<dyn Session>, TrainError>;
}

impl<C: Cell> CellEntry for For<C> {
    fn resolve(&self, config: Table) -> Result<Table, TrainError> {
        let config: C::Config = read_table(config, "model.cell.")?;
        config.validate()?;
        Ok(table(&config)?)
    }

    fn open(
        &self,
        recipe: Recipe,
        splits: Splits,
        task: Arc<dyn Task>,
        options: TrainOptions,
        run: Option<RunDir>,
        data: Arc<dyn DataEntry>,
    ) -> Result<Box<dyn Session>, TrainError> {
        let modern = move |recipe: &Recipe| {
            let mut recipe = recipe.clone();
            recipe.model.cell.config =
                For::<C>(PhantomData).resolve(std::mem::take(&mut recipe.model.cell.config))?;
            recipe.data.config = data.resolve(std::mem::take(&mut recipe.data.config))?;
            Ok(recipe)
        };
        Ok(Box::new(Opened::<C>::new(recipe, splits, task, options, run, Box::new(modern))?))
    }
}

trait DataEntry: Send + Sync {
    /// Reads the data set's keys, and writes them back with every default.
    fn resolve(&self, config: Table) -> Result<Table, RecipeError>;
    fn load(&self, config: Table, root: Option<&Path>, seed: u64) -> Result<Splits, TrainError>;
    fn files(&self, config: Table) -> Result<Option<&'static DatasetInfo>, TrainError>;
    fn task(&self, config: Table) -> Result<&'static str, RecipeError>;
}

impl<D: DatasetConfig> DataEntry for For<D> {
    fn resolve(&self, config: Table) -> Result<Table, RecipeError> {
        table(&settings::<D>(config)?)
    }

    fn load(&self, config: Table, root: Option<&Path>, seed: u64) -> Result<Splits, TrainError> {
        Ok(settings::<D>(config)?.load(root, seed)?)
    }

    fn files(&self, config: Table) -> Result<Option<&'static DatasetInfo>, TrainError> {
        Ok(settings::<D>(config)?.files()?)
    }

    fn task(&self, config: Table) -> Result<&'static str, RecipeError> {
        Ok(settings::<D>(config)?.task())
    }
}

fn settings<D: DatasetConfig>(config: Table) -> Result<D, RecipeError> {
    read_table(config, "data.")
}

fn table(config: &impl Serialize) -> Result<Table, RecipeError> {
    Table::try_from(config).map_err(|error| RecipeError::Write(error.to_string()))
}
