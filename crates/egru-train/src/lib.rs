//! Experiments: recipes, training, evaluation, checkpoints, run directories and reports.
//!
//! A [`Recipe`] says what to compute, [`TrainOptions`] where; a [`Registry`] of cells does it. What a
//! run leaves behind is described in [`run_dir`]. This crate picks no backend, prints nothing and reads no
//! command line: progress goes to a callback as [`TrainEvent`]s.
//!
//! ```
//! use burn::tensor::Device;
//! use egru_train::{Recipe, Registry, TrainOptions};
//!
//! let runs = tempfile::tempdir()?;
//! let small = [
//!     ("data.train", "64"), ("data.valid", "16"), ("data.test", "16"),
//!     ("model.layers", "[8]"), ("training.epochs", "1"), ("training.batch_size", "16"),
//! ];
//! let recipe = Recipe::named("quickstart")?
//!     .with_overrides(&small.map(|(key, value)| (key.to_owned(), value.to_owned())))?;
//! let options = TrainOptions::new(Device::flex(), runs.path());
//!
//! let summary = Registry::default().train(&recipe, &options)?;
//! assert!(!summary.interrupted);
//! assert!(summary.test_accuracy.is_some());
//! assert!(summary.run_dir.join("config.toml").exists());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod capture;
mod environment;
mod error;
mod evaluate;
mod events;
mod feed;
mod files;
mod inspect;
mod metric;
mod options;
mod seed;
mod strategy;
mod train;
mod trainee;
mod workers;

pub mod checkpoint;
pub mod clip;
pub mod optimise;
pub mod probe;
pub mod recipe;
pub mod registry;
pub mod report;
pub mod report_data;
pub mod run_dir;
pub mod tally;

pub use environment::Caller;
pub use error::TrainError;
pub use events::{EventSink, TrainEvent};
pub use files::{FileError, write_atomic};
pub use inspect::InspectRequest;
pub use options::{Strategy, TrainOptions};
pub use recipe::{Recipe, RecipeError};
pub use registry::{Experiment, Registry};
pub use run_dir::RunDir;
