//! Batches prepared ahead by worker threads, in an order that depends only on seed and epoch.

use std::{
    any::Any,
    fmt,
    ops::Range,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread::{self, JoinHandle},
};

use crate::{
    Batch, DataError, SequenceDataset,
    random::{permutation, stream},
};

/// How a [`Loader`] forms batches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoaderConfig {
    /// Sequences per batch, at least 1.
    pub batch_size: usize,
    /// Seed of a fresh order for every epoch; `None` keeps the set's own order.
    pub shuffle: Option<u64>,
    /// Leave out the last batch of an epoch when it is smaller than the others.
    pub drop_last: bool,
    /// Finished batches that each worker may hold ready, at least 1.
    pub prefetch: usize,
    /// Threads that prepare batches, at least 1. The order does not depend on their number.
    pub workers: usize,
}

impl Default for LoaderConfig {
    /// Batches of 32 in the set's order, all of them, one worker two batches ahead.
    fn default() -> Self {
        Self { batch_size: 32, shuffle: None, drop_last: false, prefetch: 2, workers: 1 }
    }
}

/// Streams a data set as batches, epoch by epoch.
///
/// ```
/// use egru_data::{DatasetConfig, Loader, LoaderConfig};
/// let splits = DatasetConfig::parse("name = 'adding'\nlength = 10\ntrain = 100").unwrap().load(None, 7)?;
/// let config = LoaderConfig { batch_size: 32, shuffle: Some(7), ..LoaderConfig::default() };
/// let loader = Loader::new(splits.train, config)?;
/// let sizes: Vec<_> = loader.epoch(0, 0).map(|batch| batch.map(|b| b.batch)).collect::<Result<_, _>>()?;
/// assert_eq!(sizes, [32, 32, 32, 4]);
/// # Ok::<(), egru_data::DataError>(())
/// ```
#[derive(Clone)]
pub struct Loader {
    dataset: Arc<dyn SequenceDataset>,
    config: LoaderConfig,
}

impl fmt::Debug for Loader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loader")
            .field("dataset", self.dataset.spec())
            .field("config", &self.config)
            .finish()
    }
}

impl Loader {
    /// Checks the settings; no sample is read yet.
    ///
    /// # Errors
    /// [`DataError::Empty`] for an empty set, [`DataError::Config`] for a zero or for `drop_last`
    /// with a set smaller than one batch.
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
        at_least_one("workers", config.workers)?;
        if dataset.is_empty() {
            return Err(DataError::Empty { dataset: dataset.spec().name.clone() });
        }
        if config.drop_last && dataset.len() < config.batch_size {
            return Err(DataError::Config {
                field: "batch_size",
                value: config.batch_size.to_string(),
                problem: format!(
                    "data set `{}` has only {} samples and incomplete batches are dropped, so no batch would be left",
                    dataset.spec().name,
                    dataset.len()
                ),
            });
        }
        Ok(Self { dataset, config })
    }

    /// Batches per epoch.
    pub fn batches(&self) -> usize {
        if self.config.drop_last {
            self.dataset.len() / self.config.batch_size
        } else {
            self.dataset.len().div_ceil(self.config.batch_size)
        }
    }

    /// Sequences per epoch: without those that `drop_last` leaves out.
    pub fn items(&self) -> usize {
        self.dataset.len().min(self.batches() * self.config.batch_size)
    }

    /// The data set that is streamed.
    pub fn dataset(&self) -> &Arc<dyn SequenceDataset> {
        &self.dataset
    }

    /// Starts the workers on one epoch, at its batch `first_batch` (0 from the start; more to
    /// resume in mid-epoch). The order is a function of the shuffle seed and `epoch` alone.
    pub fn epoch(&self, epoch: usize, first_batch: usize) -> Epoch {
        let order: Arc<[usize]> = match self.config.shuffle {
            None => (0..self.dataset.len()).collect(),
            Some(seed) => {
                permutation(self.dataset.len(), &mut stream(b"shuffle.", seed, epoch as u64, 0))
                    .into()
            }
        };
        let batches = first_batch.min(self.batches())..self.batches();
        let mut workers = Vec::new();
        let mut failure = None;
        for offset in 0..self.config.workers.min(batches.len()) {
            let job = Job {
                dataset: self.dataset.clone(),
                order: order.clone(),
                batch_size: self.config.batch_size,
                batches: batches.start + offset..batches.end,
                stride: self.config.workers,
            };
            match Worker::start(job, self.config.prefetch) {
                Ok(worker) => workers.push(worker),
                Err(error) => failure = Some(error),
            }
        }
        Epoch { workers, batches, taken: 0, failure }
    }
}

/// The batches of one epoch, in order. Ends after the first error. Dropping it stops its workers.
pub struct Epoch {
    workers: Vec<Worker>,
    batches: Range<usize>,
    taken: usize,
    /// A thread that could not be started; reported in place of the first batch.
    failure: Option<DataError>,
}

impl Epoch {
    /// Position in the epoch of the batch that comes next.
    pub fn position(&self) -> usize {
        self.batches.start
    }
}

impl Iterator for Epoch {
    type Item = Result<Batch, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.batches.is_empty() {
            return None;
        }
        let batch = match self.failure.take() {
            Some(failure) => Err(failure),
            // Worker w prepares batches w, w + workers, ...: taking turns restores the order.
            None => self.workers[self.taken % self.workers.len()].receive(),
        };
        self.taken += 1;
        self.batches.start += 1;
        if batch.is_err() {
            self.batches.start = self.batches.end;
            self.workers.clear();
        }
        Some(batch)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        // An error ends the iteration early.
        (usize::from(!self.batches.is_empty()), Some(self.batches.len()))
    }
}

impl fmt::Debug for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Epoch").field("batches", &self.batches).finish_non_exhaustive()
    }
}

/// One thread's share of an epoch.
struct Job {
    dataset: Arc<dyn SequenceDataset>,
    order: Arc<[usize]>,
    batch_size: usize,
    batches: Range<usize>,
    stride: usize,
}

impl Job {
    fn run(self, results: &SyncSender<Result<Batch, DataError>>) {
        for batch in self.batches.clone().step_by(self.stride) {
            let start = batch * self.batch_size;
            let end = (start + self.batch_size).min(self.order.len());
            let indices = &self.order[start..end];
            // A panic in somebody's data set must reach the training loop as an error, not as a
            // silently shorter epoch. The set is shared read-only, so nothing is left half-done.
            let result =
                catch_unwind(AssertUnwindSafe(|| Batch::collate(self.dataset.as_ref(), indices)))
                    .unwrap_or_else(|panic| {
                        Err(DataError::Worker { message: message_of(&*panic) })
                    });
            let last = result.is_err();
            // A closed channel means that the epoch was dropped.
            if results.send(result).is_err() || last {
                return;
            }
        }
    }
}

/// A running thread and the channel that its batches come through.
struct Worker {
    /// `None` only while being dropped.
    results: Option<Receiver<Result<Batch, DataError>>>,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    fn start(job: Job, prefetch: usize) -> Result<Self, DataError> {
        let (sender, results) = sync_channel(prefetch);
        let thread = thread::Builder::new()
            .name("egru-data".into())
            .spawn(move || job.run(&sender))
            .map_err(|error| DataError::Worker { message: error.to_string() })?;
        Ok(Self { results: Some(results), thread: Some(thread) })
    }

    fn receive(&self) -> Result<Batch, DataError> {
        self.results.as_ref().and_then(|results| results.recv().ok()).unwrap_or_else(|| {
            Err(DataError::Worker { message: "it ended before its last batch".into() })
        })
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // Closing the channel first makes a blocked `send` return, so that joining cannot hang:
        // the thread ends after the batch that it is preparing.
        drop(self.results.take());
        if let Some(thread) = self.thread.take() {
            // A panic was already delivered as a result.
            let _ = thread.join();
        }
    }
}

fn message_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    format!("panicked: {}", text.unwrap_or("(no message)"))
}
