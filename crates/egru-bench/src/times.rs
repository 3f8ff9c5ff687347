//! Timing of alternatives against each other.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

/// How long to measure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Budget {
    /// Repetitions of each alternative.
    pub rounds: usize,
    /// No new round starts after this much time; one round is always measured.
    pub limit: Duration,
}

impl Default for Budget {
    /// Nine rounds, or as many as start within ten seconds.
    fn default() -> Self {
        Self { rounds: 9, limit: Duration::from_secs(10) }
    }
}

/// Times of one alternative, in milliseconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// What was timed.
    pub path: String,
    /// Every repetition, in the order in which they ran; older files lack them.
    #[serde(default)]
    pub samples_ms: Vec<f64>,
    /// Median over the repetitions.
    pub median_ms: f64,
    /// Fastest repetition.
    pub min_ms: f64,
    /// Slowest repetition.
    pub max_ms: f64,
}

impl Row {
    /// The row of at least one sample, in milliseconds.
    pub(crate) fn of(path: String, samples_ms: Vec<f64>) -> Self {
        let (min_ms, median_ms, max_ms) = min_median_max(&samples_ms);
        Self { path, samples_ms, median_ms, min_ms, max_ms }
    }
}

/// Smallest, median and largest of at least one value.
pub(crate) fn min_median_max(values: &[f64]) -> (f64, f64, f64) {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let (below, above) = (sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2]);
    (sorted[0], (below + above) / 2.0, sorted[sorted.len() - 1])
}

/// Times `run(0)`, `run(1)`, ... under the given names. Every alternative runs once unrecorded; then they
/// take turns, so that a machine that slows down slows all of them down. What `run` returns is dropped
/// after the clock has stopped.
///
/// `wait` returns when everything that was started has been done: a device may compute later than it is told to. It
/// is called before the clock starts, so that no sample pays for another, and before it stops.
///
/// # Errors
/// The first error of `run` or `wait`.
///
/// ```
/// use egru_bench::{Budget, take_turns};
/// let (wait, run) = (|| Ok::<(), ()>(()), |_| Ok(()));
/// let rows = take_turns(["a", "b"], Budget::default(), wait, run).unwrap();
/// assert_eq!(rows[1].path, "b");
/// assert!(rows[0].min_ms <= rows[0].median_ms && rows[0].median_ms <= rows[0].max_ms);
/// ```
pub fn take_turns<T, E>(
    names: impl IntoIterator<Item = impl Into<String>>,
    budget: Budget,
    mut wait: impl FnMut() -> Result<(), E>,
    mut run: impl FnMut(usize) -> Result<T, E>,
) -> Result<Vec<Row>, E> {
    let names: Vec<String> = names.into_iter().map(Into::into).collect();
    for index in 0..names.len() {
        run(index)?;
    }
    let mut times = vec![Vec::new(); names.len()];
    let begin = Instant::now();
    for round in 0..budget.rounds.max(1) {
        if round > 0 && begin.elapsed() >= budget.limit {
            break;
        }
        for (index, times) in times.iter_mut().enumerate() {
            wait()?;
            let begin = Instant::now();
            let result = run(index)?;
            wait()?;
            times.push(1e3 * begin.elapsed().as_secs_f64());
            drop(result);
        }
    }
    Ok(names.into_iter().zip(times).map(|(path, times)| Row::of(path, times)).collect())
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[test]
    fn medians_of_odd_and_even_counts() {
        let row = Row::of("x".into(), vec![9.0, 1.0, 2.0]);
        assert_eq!((row.min_ms, row.median_ms, row.max_ms), (1.0, 2.0, 9.0));
        assert_eq!(row.samples_ms, [9.0, 1.0, 2.0], "in the order in which they ran");
        assert_eq!(min_median_max(&[4.0, 1.0, 2.0, 100.0]).1, 3.0);
        assert_eq!(min_median_max(&[7.0]).1, 7.0);
    }

    #[test]
    fn alternatives_take_turns_after_a_warm_up() {
        let order = RefCell::new(String::new());
        let note = |text: &str| {
            order.borrow_mut().push_str(text);
            Ok::<(), ()>(())
        };
        let budget = Budget { rounds: 2, limit: Duration::MAX };
        let rows = take_turns(["a", "b"], budget, || note("."), |index| note(["a", "b"][index]));
        assert_eq!(rows.unwrap().len(), 2);
        assert_eq!(order.into_inner(), "ab.a..b..a..b.", "each sample between two waits");
    }

    #[test]
    fn a_spent_budget_leaves_one_round() {
        let mut runs = 0;
        let budget = Budget { rounds: 9, limit: Duration::ZERO };
        let wait = || Ok::<(), &str>(());
        take_turns(["a"], budget, wait, |_| {
            runs += 1;
            Ok(())
        })
        .unwrap();
        assert_eq!(runs, 2, "the warm-up and one round");
        assert_eq!(take_turns(["a"], budget, wait, |_| Err::<(), _>("no")), Err("no"));
        assert_eq!(take_turns(["a"], budget, || Err("lost"), |_| Ok(())), Err("lost"));
    }
}
