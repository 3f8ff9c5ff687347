//! How the time of a sequence divides.

use std::collections::BTreeMap;

use egru_kernels::{Phase, record_phases, take_phases};

use crate::times::min_median_max;

/// Milliseconds by the name of the phase ([`Phase::name`]).
pub type Division = BTreeMap<String, f64>;

/// Runs that a division is the median of.
const RUNS: usize = 3;

/// How the time of `run`, which does the same `repeats` times, divides: the median over some runs of their own, so
/// that nothing is recorded while the clock runs. `None` where none of the phases takes place: it is the CPU
/// kernels' sequence that tells.
pub(crate) fn divide<T, E>(
    repeats: usize,
    mut run: impl FnMut() -> Result<T, E>,
) -> Result<Option<Division>, E> {
    let mut runs = Vec::new();
    for _ in 0..RUNS {
        take_phases();
        record_phases(true);
        let result = run();
        record_phases(false);
        drop(result?);
        runs.push(take_phases().map(|(_, time)| 1e3 * time.as_secs_f64() / repeats as f64));
    }
    let median = |index: usize| {
        let samples: Vec<f64> = runs.iter().map(|run| run[index]).collect();
        min_median_max(&samples).1
    };
    let phases = Phase::ALL.iter().enumerate();
    let division: Division =
        phases.map(|(index, phase)| (phase.name().to_owned(), median(index))).collect();
    Ok(division.values().any(|&ms| ms > 0.0).then_some(division))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_phases_has_no_division() {
        assert_eq!(divide(1, || Ok::<(), ()>(())), Ok(None));
        assert_eq!(divide(1, || Err::<(), _>("no")), Err("no"));
    }
}
