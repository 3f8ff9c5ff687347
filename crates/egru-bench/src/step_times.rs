//! The time of a training step along different paths.

use egru::{Execution, Products};
use serde::Serialize;

use crate::agreement::{Check, TOLERANCE};
use crate::times::{Budget, Row, take_turns};

/// A training step that can be repeated along different paths: same parameters, same batch, same random
/// draws.
pub trait Step {
    /// Why a path cannot be taken.
    type Error;

    /// Takes the step; returns when the device has finished. This is timed.
    ///
    /// # Errors
    /// The path cannot run here.
    fn run(&self, execution: Execution) -> Result<(), Self::Error>;

    /// Takes the step and returns what it computed.
    ///
    /// # Errors
    /// The path cannot run here.
    fn results(&self, execution: Execution) -> Result<Results, Self::Error>;
}

/// What a step computed.
#[derive(Clone, Debug, PartialEq)]
pub struct Results {
    /// The form that ran: `fused` or `naive`.
    pub path: String,
    /// Share of units that were active; `None` for dense cells.
    pub active: Option<f64>,
    /// Loss, outputs, gradients: the same tensors in the same order along every path.
    pub tensors: Vec<Vec<f32>>,
}

/// Times of the same training step along several paths, and whether their results agree.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// Whether the results of all paths agree; without that, no speed-up may be stated.
    pub check: Check,
    /// The times, in the order that the paths were given in.
    pub rows: Vec<Row>,
}

/// Times `step` along the paths `timed`, after checking on every step of `checks` that they give the results
/// of the path `reference`.
///
/// A path that cannot run here is left out, unless it is the first; so is one that turns out to be the same
/// as an earlier one.
///
/// A state within rounding of its threshold may fire along one path and not along another, and everything
/// after it then differs. Such a tie shows in the number of active units. A step of `checks` with a tie is
/// passed over, as long as at least half of them are left; give several small ones.
///
/// # Errors
/// The first path, or the reference, cannot run.
pub fn step_times<S: Step>(
    step: &S,
    checks: &[S],
    timed: &[Execution],
    reference: Execution,
    budget: Budget,
) -> Result<Comparison, S::Error> {
    let mut paths: Vec<(String, Execution)> = Vec::new();
    let mut results: Vec<Vec<Results>> = Vec::new();
    for (index, &execution) in timed.iter().enumerate() {
        let each =
            checks.iter().map(|check| check.results(execution)).collect::<Result<Vec<_>, _>>();
        let each = match each {
            Err(_) if index > 0 => continue,
            each => each?,
        };
        let name = name(each.first().map_or("", |first| &first.path), execution.products);
        if paths.iter().all(|(known, _)| *known != name) {
            paths.push((name, execution));
            results.push(each);
        }
    }
    let reference: Vec<Results> =
        checks.iter().map(|check| check.results(reference)).collect::<Result<_, _>>()?;
    let check = agreement(&results, &reference);
    let names = paths.iter().map(|(name, _)| name.clone());
    let rows = take_turns(names, budget, || Ok(()), |index| step.run(paths[index].1))?;
    Ok(Comparison { check, rows })
}

/// Compares the results of every path (outer) and checked step (inner) with the reference.
fn agreement(results: &[Vec<Results>], reference: &[Results]) -> Check {
    let mut check = Check::PASSED;
    let mut compared = 0;
    for (index, expected) in reference.iter().enumerate() {
        let tie = results.iter().any(|path| path[index].active != expected.active);
        if tie {
            continue;
        }
        compared += 1;
        for path in results {
            check = check.and(Check::of(&path[index].tensors, &expected.tensors, TOLERANCE));
        }
    }
    let enough = compared > 0 && 2 * compared >= reference.len();
    Check { passed: check.passed && enough, ..check }
}

/// What a path is called.
fn name(form: &str, products: Products) -> String {
    match (form, products) {
        ("fused", Products::Auto) => "fused, events where they pay".to_owned(),
        ("fused", Products::Events) => "fused, events only".to_owned(),
        ("fused", Products::Dense) => "fused, dense".to_owned(),
        (other, _) => other.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const BUDGET: Budget = Budget { rounds: 1, limit: Duration::ZERO };

    /// A step whose fused form is off by `error`, and fires one unit more where `tie`.
    struct Fake {
        fused: Option<&'static str>,
        error: f32,
        tie: bool,
    }

    impl Step for Fake {
        type Error = &'static str;

        fn run(&self, execution: Execution) -> Result<(), Self::Error> {
            self.results(execution).map(|_| ())
        }

        fn results(&self, execution: Execution) -> Result<Results, Self::Error> {
            let results = |path: &str, error: f32, tie: bool| Results {
                path: path.to_owned(),
                active: Some(if tie { 0.51 } else { 0.5 }),
                tensors: vec![vec![1.0 + error, 2.0]],
            };
            match (execution == Execution::naive(), self.fused) {
                (true, _) => Ok(results("naive", 0.0, false)),
                (false, Some(path)) => Ok(results(path, self.error, self.tie)),
                (false, None) => Err("no fused form here"),
            }
        }
    }

    fn compare(checks: &[Fake], first: Execution) -> Result<Comparison, &'static str> {
        let step = Fake { fused: checks[0].fused, error: 0.0, tie: false };
        let timed = [first, Execution::fused(Products::Dense), Execution::naive()];
        step_times(&step, checks, &timed, Execution::naive(), BUDGET)
    }

    fn good() -> Fake {
        Fake { fused: Some("fused"), error: 1e-6, tie: false }
    }

    fn names(comparison: &Comparison) -> Vec<&str> {
        comparison.rows.iter().map(|row| row.path.as_str()).collect()
    }

    #[test]
    fn paths_that_agree_are_timed_in_order() {
        let comparison = compare(&[good(), good()], Execution::default()).unwrap();
        assert!(comparison.check.passed && comparison.check.max_relative_difference < 1e-6);
        assert_eq!(names(&comparison), ["fused, events where they pay", "fused, dense", "naive"]);
    }

    #[test]
    fn a_wrong_result_fails_the_check() {
        let wrong = Fake { error: 0.1, ..good() };
        assert!(!compare(&[good(), wrong], Execution::default()).unwrap().check.passed);
    }

    #[test]
    fn ties_are_passed_over_but_not_too_many() {
        let tie = || Fake { error: 0.1, tie: true, ..good() };
        assert!(compare(&[good(), tie()], Execution::default()).unwrap().check.passed);
        assert!(!compare(&[good(), tie(), tie()], Execution::default()).unwrap().check.passed);
        assert!(!compare(&[tie()], Execution::default()).unwrap().check.passed);
    }

    #[test]
    fn paths_that_cannot_run_or_are_the_same_are_left_out() {
        let none = || Fake { fused: None, ..good() };
        assert_eq!(names(&compare(&[none()], Execution::naive()).unwrap()), ["naive"]);
        assert_eq!(compare(&[none()], Execution::default()), Err("no fused form here"));
        let plain = || Fake { fused: Some("naive"), ..good() };
        assert_eq!(names(&compare(&[plain()], Execution::default()).unwrap()), ["naive"]);
    }
}
