//! Threads: how many, and a team of them that walks one sequence in step.

use std::cell::UnsafeCell;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Threads chosen by [`set_threads`]; 0: the default.
static CHOSEN: AtomicUsize = AtomicUsize::new(0);

/// Threads that a call may use: those of [`set_threads`], else of the environment variable
/// `EGRU_THREADS`, else as many as the machine runs at once.
pub fn threads() -> usize {
    static DEFAULT: OnceLock<usize> = OnceLock::new();
    match CHOSEN.load(Ordering::Relaxed) {
        0 => *DEFAULT.get_or_init(|| {
            std::env::var("EGRU_THREADS")
                .ok()
                .and_then(|value| value.trim().parse().ok())
                .filter(|&count| count > 0)
                .or_else(|| std::thread::available_parallelism().ok().map(NonZeroUsize::get))
                .unwrap_or(1)
        }),
        count => count,
    }
}

/// Sets the threads that every later call of this process may use; 0 restores the default.
///
/// Event-driven products give the same bits for any count. Dense products, which the `gemm` crate
/// executes, give the same bits for the same count.
pub fn set_threads(count: usize) {
    CHOSEN.store(count, Ordering::Relaxed);
}

/// Products worth the start of one more thread (about 30 microseconds).
const PRODUCTS_PER_THREAD: usize = 1 << 22;
/// Products of one step worth waiting for one more thread at its end (about a microsecond).
const STEP_PRODUCTS_PER_THREAD: usize = 1 << 17;

/// Threads for `products` multiplications: one for each [`PRODUCTS_PER_THREAD`], at most [`threads`].
pub(crate) fn threads_for(products: usize) -> usize {
    (products / PRODUCTS_PER_THREAD).clamp(1, threads())
}

/// Threads for `steps` steps of `products` multiplications with a barrier between them.
pub(crate) fn threads_for_steps(steps: usize, products: usize) -> usize {
    (products / STEP_PRODUCTS_PER_THREAD).clamp(1, threads_for(products.saturating_mul(steps)))
}

/// `0..total` in at most `parts` nearly equal, non-empty ranges.
pub(crate) fn shares(total: usize, parts: usize) -> impl Iterator<Item = Range<usize>> {
    let parts = parts.clamp(1, total.max(1));
    (0..parts).map(move |part| total * part / parts..total * (part + 1) / parts)
}

/// Runs `work` on every item, each on a thread of its own; the last on this one.
pub(crate) fn for_each<T: Send>(mut items: Vec<T>, work: impl Fn(T) + Sync) {
    let Some(last) = items.pop() else { return };
    std::thread::scope(|scope| {
        for item in items {
            let work = &work;
            scope.spawn(move || work(item));
        }
        work(last);
    });
}

/// The results of `work` on every item, each on a thread of its own; the last on this one.
pub(crate) fn map<T: Send, R: Send>(items: Vec<T>, work: impl Fn(T) -> R + Sync) -> Vec<R> {
    let mut results: Vec<Option<R>> = items.iter().map(|_| None).collect();
    for_each(items.into_iter().zip(&mut results).collect(), |(item, result)| {
        *result = Some(work(item));
    });
    results.into_iter().map(|result| result.expect("every item was worked on")).collect()
}

/// Where the members of a team wait for each other.
///
/// Spins for a moment, since a step takes microseconds, then lets other threads run. A member that
/// panics breaks the barrier, and the others panic too instead of waiting for ever.
#[derive(Debug)]
pub(crate) struct Barrier {
    members: usize,
    arrived: AtomicUsize,
    round: AtomicUsize,
    broken: AtomicBool,
}

impl Barrier {
    /// A barrier of `members` threads.
    pub fn new(members: usize) -> Self {
        Self {
            members,
            arrived: AtomicUsize::new(0),
            round: AtomicUsize::new(0),
            broken: AtomicBool::new(false),
        }
    }

    /// Breaks the barrier if dropped in a panic; every member holds one.
    pub fn guard(&self) -> Guard<'_> {
        Guard(self)
    }

    /// Waits until all members are here; what they wrote before is visible after.
    pub fn wait(&self) {
        let round = self.round.load(Ordering::Acquire);
        if self.arrived.fetch_add(1, Ordering::AcqRel) + 1 == self.members {
            self.arrived.store(0, Ordering::Relaxed);
            self.round.store(round.wrapping_add(1), Ordering::Release);
            return;
        }
        let mut spins = 0_u32;
        while self.round.load(Ordering::Acquire) == round {
            assert!(!self.broken.load(Ordering::Relaxed), "another thread of the team panicked");
            if spins < 2_000 {
                spins += 1;
                std::hint::spin_loop();
            } else {
                std::thread::yield_now();
            }
        }
    }
}

/// See [`Barrier::guard`].
#[derive(Debug)]
pub(crate) struct Guard<'a>(&'a Barrier);

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.broken.store(true, Ordering::Relaxed);
        }
    }
}

/// An array of which the members of a team write different parts at the same time.
pub(crate) struct Shared<'a, T>(&'a [UnsafeCell<T>]);

// SAFETY: the methods that reach the values are unsafe, and their callers rule out races.
unsafe impl<T: Send + Sync> Sync for Shared<'_, T> {}

impl<'a, T> Shared<'a, T> {
    /// Shares `values`.
    pub fn new(values: &'a mut [T]) -> Self {
        let cells = std::ptr::from_mut(values) as *const [UnsafeCell<T>];
        // SAFETY: `UnsafeCell<T>` has the layout of `T`, and the exclusive borrow lasts for 'a.
        Self(unsafe { &*cells })
    }

    /// Reads a part.
    ///
    /// # Safety
    /// No thread may write any of it as long as the result is used.
    #[inline(always)]
    pub unsafe fn get(&self, start: usize, len: usize) -> &[T] {
        let cells = &self.0[start..start + len];
        // SAFETY: same layout, in bounds; the caller rules out writers.
        unsafe { &*(std::ptr::from_ref(cells) as *const [T]) }
    }

    /// Writes a part.
    ///
    /// # Safety
    /// Nothing else may read or write any of it as long as the result is used.
    #[inline(always)]
    #[allow(clippy::mut_from_ref)]
    pub unsafe fn get_mut(&self, start: usize, len: usize) -> &mut [T] {
        let cells = &self.0[start..start + len];
        // SAFETY: same layout, in bounds, made from an exclusive borrow; the caller rules out others.
        unsafe { std::slice::from_raw_parts_mut(UnsafeCell::raw_get(cells.as_ptr()), len) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_cover_everything_once() {
        for total in 0..20 {
            for parts in 0..7 {
                let all: Vec<usize> = shares(total, parts).flatten().collect();
                assert_eq!(all, (0..total).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn barrier_orders_writes_and_reads() {
        let members = 3;
        let barrier = Barrier::new(members);
        let mut values = vec![0_usize; members];
        let shared = Shared::new(&mut values);
        for_each((0..members).collect(), |rank| {
            let _guard = barrier.guard();
            for step in 1..200 {
                // SAFETY: every member writes its own element, and reads others between barriers.
                unsafe { shared.get_mut(rank, 1)[0] = step };
                barrier.wait();
                // SAFETY: nobody writes before the next barrier.
                assert_eq!(unsafe { shared.get(0, members) }, [step; 3]);
                barrier.wait();
            }
        });
    }

    #[test]
    fn a_panic_ends_the_whole_team() {
        let barrier = Barrier::new(2);
        let outcome = std::panic::catch_unwind(|| {
            for_each(vec![0, 1], |rank| {
                let _guard = barrier.guard();
                assert_eq!(rank, 0, "stopped on purpose");
                barrier.wait();
            });
        });
        assert!(outcome.is_err());
    }
}
