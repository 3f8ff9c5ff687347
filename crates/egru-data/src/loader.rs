//! Batches prepared ahead by worker threads, in an order that depends only on seed and epoch.

use std::{
    fmt,
    ops::Range,
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    batch::Batch,
    crew::Crew,
    dataset::SequenceDataset,
    error::DataError,
    pace::{Helpful, Pace},
    random::Draw,
    sampler::{Sampler, SamplerConfig, Window},
};

/// How a [`Loader`] forms batches.
#[derive(Clone)]
pub struct LoaderConfig {
    /// Sequences per batch, at least 1.
    pub batch_size: usize,
    /// Plans each epoch.
    pub sampler: Arc<dyn Sampler>,
    /// Seed of the sampler's and the augmentation's draws.
    pub seed: u64,
    /// Whether samples are drawn anew for each epoch, where the data set does so: for training.
    pub augment: bool,
    /// Finished batches that each worker may hold ready, at least 1.
    pub prefetch: usize,
    /// Threads that prepare batches, at least 1; `None`: as many as help, by how long batches have
    /// been waited for. The order does not depend on their number.
    pub workers: Option<usize>,
}

impl Default for LoaderConfig {
    /// Batches of 32 in the set's order, all of them, two batches ahead.
    fn default() -> Self {
        Self {
            batch_size: 32,
            sampler: Arc::new(SamplerConfig::InOrder),
            seed: 0,
            augment: false,
            prefetch: 2,
            workers: None,
        }
    }
}

impl fmt::Debug for LoaderConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoaderConfig")
            .field("batch_size", &self.batch_size)
            .field("seed", &self.seed)
            .field("augment", &self.augment)
            .field("prefetch", &self.prefetch)
            .field("workers", &self.workers)
            .finish_non_exhaustive()
    }
}

/// Streams a data set as batches, epoch by epoch.
///
/// ```
/// use std::sync::Arc;
/// use egru_data::{DatasetConfig, Loader, LoaderConfig, SamplerConfig, adding::AddingConfig};
/// let splits = AddingConfig { length: 10, train: 100, ..Default::default() }.load(None, 7)?;
/// let sampler = Arc::new(SamplerConfig::Shuffled);
/// let loader = Loader::new(splits.train, LoaderConfig { sampler, seed: 7, ..Default::default() })?;
/// let sizes: Vec<_> = loader.epoch(0, 0)?.map(|batch| batch.map(|b| b.batch)).collect::<Result<_, _>>()?;
/// assert_eq!(sizes, [32, 32, 32, 4]);
/// # Ok::<(), egru_data::DataError>(())
/// ```
#[derive(Clone)]
pub struct Loader {
    dataset: Arc<dyn SequenceDataset>,
    config: LoaderConfig,
    helpful: Arc<Helpful>,
}

impl fmt::Debug for Loader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loader")
            .field("dataset", self.dataset.spec())
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

impl Loader {
    /// Checks the settings, and plans epoch 1 to see that the sampler and the data go
    /// together; no sample is read yet. With a sampler that carries state, a data set that is one
    /// stream is [folded](SequenceDataset::folded) into as many tracks as a batch has sequences.
    ///
    /// # Errors
    /// [`DataError::Empty`] for an empty set, [`DataError::Config`] for a zero or for a sampler
    /// that does not suit the data.
    pub fn new(dataset: Arc<dyn SequenceDataset>, config: LoaderConfig) -> Result<Self, DataError> {
        let at_least_one = |field, value: usize| {
            if value > 0 {
                return Ok(());
            }
            let problem = "use at least 1".to_owned();
            Err(DataError::Config { field, value: value.to_string(), problem })
        };
        at_least_one("batch_size", config.batch_size)?;
        at_least_one("prefetch", config.prefetch)?;
        at_least_one("workers", config.workers.unwrap_or(1))?;
        if dataset.is_empty() {
            return Err(DataError::Empty { dataset: dataset.spec().name.clone() });
        }
        let folded = config.sampler.carries().then(|| dataset.clone().folded(config.batch_size));
        let dataset = folded.flatten().unwrap_or(dataset);
        let loader = Self { dataset, config, helpful: Arc::default() };
        loader.plan(1)?;
        Ok(loader)
    }

    /// The data set that is streamed; the folded one, if it was folded.
    pub fn dataset(&self) -> &Arc<dyn SequenceDataset> {
        &self.dataset
    }

    /// The windows of an epoch: a function of the data, the settings and `epoch` alone.
    ///
    /// # Errors
    /// The sampler's, and [`DataError::Empty`] if it plans nothing.
    pub fn plan(&self, epoch: usize) -> Result<Arc<[Window]>, DataError> {
        let LoaderConfig { sampler, batch_size, seed, .. } = &self.config;
        let windows = sampler.epoch(self.dataset.as_ref(), *batch_size, *seed, epoch)?;
        if windows.is_empty() {
            return Err(DataError::Empty { dataset: self.dataset.spec().name.clone() });
        }
        Ok(windows.into())
    }

    /// Starts the workers on one epoch, at its window `first_window` (0 from the start; more to
    /// resume in mid-epoch).
    ///
    /// # Errors
    /// As [`plan`](Self::plan), and [`DataError::Worker`] if a thread cannot start.
    pub fn epoch(&self, epoch: usize, first_window: usize) -> Result<Epoch, DataError> {
        let plan = self.plan(epoch)?;
        let windows = plan.len();
        let left = first_window.min(windows)..windows;
        let draw = self.config.augment.then_some(Draw { seed: self.config.seed, epoch });
        let dataset = self.dataset.clone();
        let prepare = move |place: usize| Batch::of_window(dataset.as_ref(), &plan[place], draw);
        let mut crew = Crew::new(left.clone(), self.config.prefetch, Arc::new(prepare));
        let workers = self.config.workers.unwrap_or(self.helpful.get());
        for _ in 0..workers.min(left.len()) {
            crew.hire()?;
        }
        let pace = self.config.workers.is_none().then(|| (Pace::new(), self.helpful.clone()));
        Ok(Epoch { crew: Some(crew), left, windows, pace })
    }
}

/// The batches of one epoch, in order. Ends after the first error. Dropping it stops its workers.
pub struct Epoch {
    /// `None` after an error.
    crew: Option<Crew>,
    left: Range<usize>,
    windows: usize,
    /// Where the number of workers is to be found out.
    pace: Option<(Pace, Arc<Helpful>)>,
}

impl Epoch {
    /// Position in the epoch of the batch that comes next.
    pub fn position(&self) -> usize {
        self.left.start
    }

    /// Windows of the whole epoch.
    pub fn windows(&self) -> usize {
        self.windows
    }

    /// Another thread, if it seems worth trying.
    fn adapt(&mut self, waited: Duration) {
        let (Some(crew), Some((pace, helpful))) = (&mut self.crew, &mut self.pace) else {
            return;
        };
        // No thread more is no harm: the batches come all the same.
        if pace.waited(waited, crew.size(), helpful)
            && let Err(error) = crew.hire()
        {
            log::debug!("{error}");
        }
    }
}

impl Iterator for Epoch {
    type Item = Result<Batch, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.left.is_empty() {
            return None;
        }
        let since = Instant::now();
        let batch = self.crew.as_ref()?.receive();
        self.left.start += 1;
        if batch.is_ok() {
            self.adapt(since.elapsed());
        } else {
            self.left.start = self.left.end;
            self.crew = None;
        }
        Some(batch)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        // An error ends the iteration early.
        (usize::from(!self.left.is_empty()), Some(self.left.len()))
    }
}

impl fmt::Debug for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Epoch").field("left", &self.left).finish_non_exhaustive()
    }
}
