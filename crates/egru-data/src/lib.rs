//! Data sets for event-based recurrent networks: readers, generated tasks, fetching, and batches
//! that stream from worker threads. No tensor library: everything is plain vectors.
//!
//! ```
//! use std::sync::Arc;
//! use egru_data::{DatasetConfig, Loader, LoaderConfig, SamplerConfig, glyphs::GlyphsConfig};
//!
//! // Glyphs are generated: no file, no network.
//! let splits = GlyphsConfig { train: 64, ..Default::default() }.load(None, 42)?;
//! assert_eq!(splits.train.spec().to_string(), "glyphs by row: 28 steps x 28 channels -> one of 10 classes");
//!
//! let sampler = Arc::new(SamplerConfig::Shuffled);
//! let config = LoaderConfig { batch_size: 16, sampler, seed: 42, ..Default::default() };
//! let loader = Loader::new(splits.train, config)?;
//! for batch in loader.epoch(0, 0)? {
//!     let batch = batch?;
//!     assert_eq!(batch.inputs.len(), 28 * 16 * 28); // [steps, batch, channels]
//! }
//! # Ok::<(), egru_data::DataError>(())
//! ```
//!
//! A [`SequenceDataset`] gives samples, a [`Sampler`] plans an epoch as [`Window`]s, and a
//! [`Loader`] prepares them as [`Batch`]es. Each can be written outside of this crate: implement
//! [`SequenceDataset`] for data of your own, [`DatasetConfig`] for its settings in a recipe, and
//! [`Sampler`] for an order of your own.

pub mod adding;
mod batch;
pub mod catalogue;
mod config;
mod container;
pub mod corpus;
mod crew;
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
mod pace;
mod places;
mod random;
pub mod recordings;
mod sample;
mod sampler;
pub mod scan;
mod splits;
pub mod stream;

pub use batch::{Batch, BatchTargets};
pub use catalogue::{DatasetInfo, FileInfo, catalogue};
pub use config::DatasetConfig;
pub use dataset::SequenceDataset;
pub use error::DataError;
pub use loader::{Epoch, Loader, LoaderConfig};
/// The generator of random numbers that [`Draw`] gives.
pub use rand_chacha::ChaCha8Rng;
pub use random::Draw;
pub use sample::{Inputs, Layout, Output, Sample, Spec, Split, Target};
pub use sampler::{Sampler, SamplerConfig, Window};
pub use splits::{FileRecord, Splits};
