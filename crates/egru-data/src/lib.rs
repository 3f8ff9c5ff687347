//! Data sets for event-based recurrent networks: readers, generated tasks, fetching, and batches
//! that stream from worker threads. No tensor library: everything is plain vectors.
//!
//! ```
//! use egru_data::{DatasetConfig, Loader, LoaderConfig};
//!
//! // Glyphs are generated: no file, no network.
//! let config = DatasetConfig::parse("name = 'glyphs'\ntrain = 64").unwrap();
//! let splits = config.load(None, 42)?;
//! assert_eq!(splits.train.spec().to_string(), "glyphs by row: 28 steps x 28 channels -> one of 10 classes");
//!
//! let loader = Loader::new(splits.train, LoaderConfig { batch_size: 16, ..Default::default() })?;
//! for batch in loader.epoch(0, 0) {
//!     let batch = batch?;
//!     assert_eq!(batch.inputs.len(), 28 * 16 * 28); // [steps, batch, channels]
//! }
//! # Ok::<(), egru_data::DataError>(())
//! ```
//!
//! To add a data set, write a module with its settings and its [`SequenceDataset`], add the
//! settings to [`DatasetConfig`] and an entry to `datasets/manifest.toml`. To use one without
//! changing this crate, implement [`SequenceDataset`] and give it to a [`Loader`].

pub mod adding;
mod batch;
pub mod catalogue;
mod config;
mod dataset;
pub mod delay_copy;
mod error;
pub mod events;
pub mod fetch;
mod generated;
pub mod glyphs;
pub mod idx;
mod loader;
pub mod mnist;
mod random;
pub mod scan;

pub use batch::{Batch, BatchTargets};
pub use catalogue::{DatasetInfo, FileInfo, catalogue};
pub use config::DatasetConfig;
pub use dataset::{FileRecord, Output, Sample, SequenceDataset, Spec, Split, Splits, Target};
pub use error::DataError;
pub use loader::{Epoch, Loader, LoaderConfig};
