//! How many threads help: decided by how long the consumer has to wait for batches.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

/// Batches between two decisions.
const ROUND: usize = 8;
/// Share of its time that a consumer may wait before another thread is tried.
const PATIENCE: f64 = 0.05;
/// Another thread has helped if the wait for a batch fell at least to this part of what it was.
const HELPED: f64 = 0.8;

/// The number of threads that helped in the epochs so far; shared by a loader's epochs.
#[derive(Debug)]
pub(crate) struct Helpful(AtomicUsize);

impl Default for Helpful {
    fn default() -> Self {
        Self(AtomicUsize::new(1))
    }
}

impl Helpful {
    pub(crate) fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    fn set(&self, threads: usize) {
        self.0.store(threads, Ordering::Relaxed);
    }
}

/// Watches one epoch.
pub(crate) struct Pace {
    limit: usize,
    /// Seconds that a batch was waited for before the last thread was added.
    before: Option<f64>,
    round: Round,
}

struct Round {
    batches: usize,
    waited: Duration,
    since: Instant,
}

impl Round {
    fn new() -> Self {
        Self { batches: 0, waited: Duration::ZERO, since: Instant::now() }
    }
}

impl Pace {
    pub(crate) fn new() -> Self {
        let limit = thread::available_parallelism().map_or(1, usize::from);
        Self { limit, before: None, round: Round::new() }
    }

    /// Notes that a batch was waited for; whether another thread is worth trying now, beside the
    /// `threads` there are.
    pub(crate) fn waited(&mut self, time: Duration, threads: usize, helpful: &Helpful) -> bool {
        self.round.batches += 1;
        self.round.waited += time;
        if self.round.batches < ROUND {
            return false;
        }
        let waited = self.round.waited.as_secs_f64();
        let share = waited / self.round.since.elapsed().as_secs_f64();
        self.round = Round::new();
        self.decide(share, waited / ROUND as f64, threads, helpful)
    }

    /// `share` of the consumer's time went by waiting, `wait` seconds for each batch.
    fn decide(&mut self, share: f64, wait: f64, threads: usize, helpful: &Helpful) -> bool {
        if let Some(before) = self.before.take() {
            if wait > HELPED * before {
                // The last one did not help: the next epoch does without, this one keeps it.
                self.limit = threads;
                helpful.set(threads - 1);
                return false;
            }
            helpful.set(threads);
        }
        let more = share > PATIENCE && threads < self.limit;
        if more {
            self.before = Some(wait);
        }
        more
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace(limit: usize) -> (Pace, Helpful) {
        (Pace { limit, before: None, round: Round::new() }, Helpful::default())
    }

    #[test]
    fn threads_are_added_while_they_help() {
        let (mut pace, helpful) = pace(8);
        // A consumer that does nothing but wait.
        assert!(pace.decide(1.0, 0.4, 1, &helpful));
        assert!(pace.decide(1.0, 0.2, 2, &helpful));
        assert_eq!(helpful.get(), 2);
        // The third shortened the wait by a tenth only.
        assert!(!pace.decide(1.0, 0.18, 3, &helpful));
        assert_eq!(helpful.get(), 2);
        assert!(!pace.decide(1.0, 0.4, 3, &helpful));
    }

    #[test]
    fn a_consumer_that_does_not_wait_gets_no_more() {
        let (mut pace, helpful) = pace(8);
        assert!(!pace.decide(0.01, 0.4, 1, &helpful));
        assert!(pace.decide(0.9, 0.4, 1, &helpful));
        assert!(!pace.decide(0.0, 0.0, 2, &helpful));
        assert_eq!(helpful.get(), 2);
    }

    #[test]
    fn there_are_no_more_threads_than_the_machine_runs() {
        let (mut pace, helpful) = pace(2);
        assert!(pace.decide(0.9, 0.4, 1, &helpful));
        assert!(!pace.decide(0.6, 0.2, 2, &helpful));
        assert_eq!(helpful.get(), 2);
    }

    #[test]
    fn a_decision_is_made_once_a_round() {
        let (mut pace, helpful) = pace(8);
        let long = Duration::from_secs(3600);
        let decisions: Vec<bool> = (0..ROUND).map(|_| pace.waited(long, 1, &helpful)).collect();
        assert_eq!(decisions.iter().filter(|&&more| more).count(), 1);
        assert!(decisions[ROUND - 1]);
    }
}
