//! Timing of alternatives against each other.

use std::time::{Duration, Instant};

use serde::Serialize;

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
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// What was timed.
    pub path: String,
    /// Median over the repetitions.
    pub median_ms: f64,
    /// Fastest repetition.
    pub min_ms: f64,
    /// Slowest repetition.
    pub max_ms: f64,
}

/// Times `run(0)`, `run(1)`, ... under the given names. Every alternative runs once unrecorded; then they
/// take turns, so that a machine that slows down slows all of them down.
///
/// # Errors
/// The first error of `run`.
///
/// ```
/// use egru_bench::{Budget, take_turns};
/// let rows = take_turns(["a", "b"], Budget::default(), |_| Ok::<(), ()>(())).unwrap();
/// assert_eq!(rows[1].path, "b");
/// assert!(rows[0].min_ms <= rows[0].median_ms && rows[0].median_ms <= rows[0].max_ms);
/// ```
pub fn take_turns<E>(
    names: impl IntoIterator<Item = impl Into<String>>,
    budget: Budget,
    mut run: impl FnMut(usize) -> Result<(), E>,
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
            let begin = Instant::now();
            run(index)?;
            times.push(begin.elapsed());
        }
    }
    Ok(names.into_iter().zip(times).map(|(path, times)| summary(path, times)).collect())
}

/// Median and extremes of at least one time.
fn summary(path: String, mut times: Vec<Duration>) -> Row {
    times.sort_unstable();
    let ms = |time: Duration| 1e3 * time.as_secs_f64();
    let (below, above) = (times[(times.len() - 1) / 2], times[times.len() / 2]);
    Row {
        path,
        median_ms: (ms(below) + ms(above)) / 2.0,
        min_ms: ms(times[0]),
        max_ms: ms(times[times.len() - 1]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_of_odd_and_even_counts() {
        let row = |times: &[u64]| {
            summary("x".into(), times.iter().map(|&ms| Duration::from_millis(ms)).collect())
        };
        let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-9, "{a} is not {b}");
        let odd = row(&[9, 1, 2]);
        close(odd.median_ms, 2.0);
        close(odd.min_ms, 1.0);
        close(odd.max_ms, 9.0);
        close(row(&[4, 1, 2, 100]).median_ms, 3.0);
        close(row(&[7]).median_ms, 7.0);
    }

    #[test]
    fn alternatives_take_turns_after_a_warm_up() {
        let mut order = Vec::new();
        let budget = Budget { rounds: 2, limit: Duration::MAX };
        let rows = take_turns(["a", "b"], budget, |index| {
            order.push(index);
            Ok::<(), ()>(())
        });
        assert_eq!(rows.unwrap().len(), 2);
        assert_eq!(order, [0, 1, 0, 1, 0, 1]);
    }

    #[test]
    fn a_spent_budget_leaves_one_round() {
        let mut runs = 0;
        let budget = Budget { rounds: 9, limit: Duration::ZERO };
        take_turns(["a"], budget, |_| {
            runs += 1;
            Ok::<(), ()>(())
        })
        .unwrap();
        assert_eq!(runs, 2, "the warm-up and one round");
        assert_eq!(take_turns(["a"], budget, |_| Err("no")), Err("no"));
    }
}
