//! Experiments: recipes, training, evaluation, checkpoints, run directories and reports.
//!
//! A [`Recipe`] says what to compute, [`TrainOptions`] where. A [`Registry`] of cells, data sets and tasks opens a run of it as a
//! [`Session`], whose methods train, evaluate and inspect it. What a run leaves behind is described in [`run_dir`]. This crate
//! picks no backend, prints nothing and reads no command line: progress goes to a callback as [`Update`]s.
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
//! let mut session = Registry::default().start(&recipe, &options)?;
//! let summary = session.train()?;
//! assert!(!summary.interrupted);
//! assert!(summary.figure("test_accuracy").is_some());
//! assert!(summary.run_dir.join("config.toml").exists());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod carried;
mod dashboard;
mod environment;
mod epochs;
mod error;
mod evaluate;
mod files;
mod format;
mod generate;
mod gradients;
mod inspect;
mod lock;
mod memory;
mod objective;
mod opened;
mod options;
mod probe;
mod resume;
mod seed;
mod session;
mod train;
mod update;
mod workers;

pub mod checkpoint;
pub mod clip;
pub mod metric;
pub mod optimise;
pub mod recipe;
pub mod registry;
pub mod report;
pub mod report_data;
pub mod run_dir;
pub mod tally;
pub mod task;

pub use error::TrainError;
pub use files::{FileError, write_atomic};
pub use generate::{GenerateRequest, Generated};
pub use inspect::InspectRequest;
pub use options::{Caller, Strategy, TrainOptions};
pub use probe::{Probe, ProbeRequest};
pub use recipe::{Recipe, RecipeError};
pub use registry::Registry;
pub use run_dir::RunDir;
pub use session::Session;
pub use task::Task;
pub use update::{Update, UpdateSink};
