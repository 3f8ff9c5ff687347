//! The threads that prepare an epoch's batches, a bounded number ahead of their consumer.

use std::{
    any::Any,
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
};

use crate::{batch::Batch, error::DataError};

type Prepared = Result<Batch, DataError>;

/// Prepares the batch at a place in the epoch. May be called by several threads at once.
pub(crate) type Prepare = dyn Fn(usize) -> Prepared + Send + Sync;

/// Threads at work on the batches `next..end`, which are received in order. Dropping it ends them.
pub(crate) struct Crew {
    shared: Arc<Shared>,
    prepare: Arc<Prepare>,
    threads: Vec<JoinHandle<()>>,
    /// Batches that each thread may hold ready.
    prefetch: usize,
}

struct Shared {
    bench: Mutex<Bench>,
    /// Woken when a batch is ready.
    ready: Condvar,
    /// Woken when a thread may go on.
    room: Condvar,
}

/// What the threads and the consumer share.
struct Bench {
    /// The batch that is prepared next.
    next: usize,
    /// The batch that is received next.
    wanted: usize,
    /// The end of the batches.
    end: usize,
    /// Batches that may be prepared or ready at once.
    ahead: usize,
    done: BTreeMap<usize, Prepared>,
}

impl Shared {
    /// No thread panics while it holds the lock: batches are prepared outside of it.
    fn lock(&self) -> MutexGuard<'_, Bench> {
        self.bench.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, on: &Condvar, bench: MutexGuard<'a, Bench>) -> MutexGuard<'a, Bench> {
        on.wait(bench).unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self, prepare: &Prepare) {
        let mut bench = self.lock();
        loop {
            if bench.next >= bench.end {
                return;
            }
            if bench.next >= bench.wanted + bench.ahead {
                bench = self.wait(&self.room, bench);
                continue;
            }
            let place = bench.next;
            bench.next += 1;
            drop(bench);
            // A panic in somebody's data set must reach the training loop as an error, not as a
            // silently shorter epoch. The set is shared read-only, so nothing is left half-done.
            let result = catch_unwind(AssertUnwindSafe(|| prepare(place)))
                .unwrap_or_else(|panic| Err(DataError::Worker { message: message_of(&*panic) }));
            bench = self.lock();
            if result.is_err() {
                // It ends the epoch: what comes after is not needed.
                bench.end = bench.end.min(place + 1);
            }
            bench.done.insert(place, result);
            self.ready.notify_one();
        }
    }
}

impl Crew {
    /// No thread yet.
    pub(crate) fn new(
        batches: std::ops::Range<usize>,
        prefetch: usize,
        prepare: Arc<Prepare>,
    ) -> Self {
        let bench = Bench {
            next: batches.start,
            wanted: batches.start,
            end: batches.end,
            ahead: 0,
            done: BTreeMap::new(),
        };
        let shared =
            Shared { bench: Mutex::new(bench), ready: Condvar::new(), room: Condvar::new() };
        Self { shared: Arc::new(shared), prepare, threads: Vec::new(), prefetch }
    }

    /// Number of threads.
    pub(crate) fn size(&self) -> usize {
        self.threads.len()
    }

    /// One thread more.
    pub(crate) fn hire(&mut self) -> Result<(), DataError> {
        let (shared, prepare) = (self.shared.clone(), self.prepare.clone());
        let thread = thread::Builder::new()
            .name("egru-data".into())
            .spawn(move || shared.work(prepare.as_ref()))
            .map_err(|error| DataError::Worker { message: error.to_string() })?;
        self.threads.push(thread);
        // The one being prepared, and those that lie ready.
        self.shared.lock().ahead += 1 + self.prefetch;
        self.shared.room.notify_all();
        Ok(())
    }

    /// The next batch. There must be one, and a thread.
    pub(crate) fn receive(&self) -> Prepared {
        let mut bench = self.shared.lock();
        let place = bench.wanted;
        loop {
            if let Some(result) = bench.done.remove(&place) {
                bench.wanted += 1;
                self.shared.room.notify_one();
                return result;
            }
            bench = self.shared.wait(&self.shared.ready, bench);
        }
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        // Each thread ends after the batch that it is preparing.
        self.shared.lock().end = 0;
        self.shared.room.notify_all();
        for thread in self.threads.drain(..) {
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
