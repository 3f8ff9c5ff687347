//! Streamed batches as a burn-train data loader that can start in mid-epoch.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use burn::data::dataloader::{DataLoader, DataLoaderIterator, Progress};
use burn::data::dataset::DatasetError;
use burn::tensor::Device;
use egru_data::{Batch, DataError, Loader, LoaderConfig, Sample, SequenceDataset, Spec, Splits};

use crate::recipe::Recipe;

/// Where an epoch starts: its number from 1, and its first batch from 0.
type Start = (usize, usize);

/// The batches of one split.
#[derive(Clone)]
pub(crate) struct Feed {
    dataset: Arc<dyn SequenceDataset>,
    config: LoaderConfig,
    start: Arc<Mutex<Start>>,
}

impl Feed {
    fn new(dataset: Arc<dyn SequenceDataset>, config: LoaderConfig) -> Result<Self, DataError> {
        let feed = Self { dataset, config, start: Arc::default() };
        feed.loader().map(|_| feed)
    }

    fn loader(&self) -> Result<Loader, DataError> {
        Loader::new(self.dataset.clone(), self.config.clone())
    }

    /// The training split, in an order drawn from the run's seed for each epoch.
    pub(crate) fn training(recipe: &Recipe, splits: &Splits) -> Result<Self, DataError> {
        let config = LoaderConfig {
            batch_size: recipe.training.batch_size,
            shuffle: Some(recipe.seed),
            ..LoaderConfig::default()
        };
        Self::new(splits.train.clone(), config)
    }

    /// All of `dataset`, in its own order.
    pub(crate) fn evaluation(
        recipe: &Recipe,
        dataset: &Arc<dyn SequenceDataset>,
    ) -> Result<Self, DataError> {
        let config =
            LoaderConfig { batch_size: recipe.training.eval_batch(), ..LoaderConfig::default() };
        Self::new(dataset.clone(), config)
    }

    /// Batches of a whole epoch.
    pub(crate) fn batches(&self) -> usize {
        self.dataset.len().div_ceil(self.config.batch_size)
    }

    /// The first batch of the first epoch.
    pub(crate) fn first(&self) -> Result<Batch, DataError> {
        let empty = || DataError::Empty { dataset: self.dataset.spec().name.clone() };
        self.loader()?.epoch(1, 0).next().unwrap_or_else(|| Err(empty()))
    }

    /// Sets where the next iterator starts.
    pub(crate) fn seek(&self, epoch: usize, first_batch: usize) {
        *self.start.lock().unwrap_or_else(PoisonError::into_inner) = (epoch, first_batch);
    }
}

impl DataLoader<Batch> for Feed {
    fn iter<'a>(&'a self) -> Box<dyn DataLoaderIterator<Batch> + 'a> {
        let (epoch, first_batch) = *self.start.lock().unwrap_or_else(PoisonError::into_inner);
        let total = self.num_items();
        let batches: Batches = match self.loader() {
            Ok(loader) => Box::new(loader.epoch(epoch, first_batch)),
            Err(error) => Box::new(std::iter::once(Err(error))),
        };
        let done = (first_batch * self.config.batch_size).min(total);
        Box::new(FeedIterator { batches, done, total })
    }

    fn num_items(&self) -> usize {
        self.dataset.len()
    }

    fn to_device(&self, _device: &Device) -> Arc<dyn DataLoader<Batch>> {
        // Batches are plain vectors: the model makes its own tensors of them.
        Arc::new(self.clone())
    }

    fn slice(&self, start: usize, end: usize) -> Arc<dyn DataLoader<Batch>> {
        let length = self.dataset.len();
        let range = start.min(length)..end.min(length);
        let dataset = Arc::new(Part { whole: self.dataset.clone(), range });
        Arc::new(Self { dataset, config: self.config.clone(), start: Arc::default() })
    }
}

type Batches = Box<dyn Iterator<Item = Result<Batch, DataError>>>;

struct FeedIterator {
    batches: Batches,
    done: usize,
    total: usize,
}

impl Iterator for FeedIterator {
    type Item = Result<Batch, DatasetError>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = self.batches.next()?;
        self.done += batch.as_ref().map_or(0, |batch| batch.batch);
        Some(batch.map_err(DatasetError::new))
    }
}

impl DataLoaderIterator<Batch> for FeedIterator {
    fn progress(&self) -> Progress {
        Progress::new(self.done, self.total, Some("sequences".to_owned()))
    }
}

/// Some of a data set's samples.
struct Part {
    whole: Arc<dyn SequenceDataset>,
    range: Range<usize>,
}

impl SequenceDataset for Part {
    fn spec(&self) -> &Spec {
        self.whole.spec()
    }

    fn len(&self) -> usize {
        self.range.len()
    }

    fn sample(&self, index: usize) -> Result<Sample, DataError> {
        self.whole.sample(self.range.start + index)
    }
}
