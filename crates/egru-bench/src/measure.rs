//! Times of a problem, each with the check that it passed.

use std::time::{Duration, Instant};

use burn::tensor::Device;
use egru::Products;

use crate::division::{Division, divide};
use crate::error::BenchError;
use crate::problem::Problem;
use crate::times::{Budget, Row, take_turns};
use crate::verification::{Verified, verify};
use crate::work::Work;
use crate::workload::Pass;

/// How long a problem runs unrecorded before it is timed: a processor's or a card's clock rises under load.
const WARM_UP: Duration = Duration::from_millis(500);

/// What to time of a problem.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The passes; those that the workload does not have are left out.
    pub passes: Vec<Pass>,
    /// The products.
    pub products: Vec<Products>,
    /// Samples of each.
    pub rounds: usize,
}

/// Times of one pass, and the check that its results passed.
#[derive(Clone, Debug, PartialEq)]
pub struct Timed {
    /// The pass.
    pub pass: Pass,
    /// The products.
    pub products: Products,
    /// The times; of a stream, per step.
    pub times: Row,
    /// How the time divides, where the kernels tell.
    pub division: Option<Division>,
    /// The check.
    pub check: Verified,
}

/// Checks the results of a problem, then times what the plan asks for, the alternatives taking turns. The clock stops
/// when the device has finished.
///
/// # Errors
/// [`BenchError::CheckFailed`] where a result is wrong: nothing is timed then, nor where there are no events
/// ([`BenchError::NoEvents`]). [`BenchError::NoPass`] where the
/// workload has none of the passes. The operation has no fused form on the device, or the device fails.
pub fn measure(problem: &Problem, plan: &Plan, device: &Device) -> Result<Vec<Timed>, BenchError> {
    let has = problem.workload.passes();
    let passes = plan.passes.iter().copied().filter(|pass| has.contains(pass));
    let mut alternatives = Vec::new();
    for pass in passes {
        alternatives.extend(plan.products.iter().map(|&products| (pass, products)));
    }
    if alternatives.is_empty() {
        let workload = problem.workload.name;
        return Err(BenchError::NoPass { workload, asked: plan.passes.clone(), has });
    }
    let mut checks = Vec::new();
    for &products in &plan.products {
        checks.push((products, verify(problem, products, device)?));
    }

    let work = Work::new(problem, device)?;
    let names = alternatives.iter().map(|(pass, products)| format!("{pass} {products}"));
    let run = |index: usize| {
        let (pass, products) = alternatives[index];
        work.run(pass, products)
    };
    let wait = || Ok(device.sync()?);
    let begin = Instant::now();
    for &(pass, products) in &alternatives {
        work.read(pass, products)?;
    }
    while begin.elapsed() < WARM_UP {
        for index in 0..alternatives.len() {
            drop(run(index)?);
            wait()?;
        }
    }
    let budget = Budget { rounds: plan.rounds, limit: Duration::MAX };
    let rows = take_turns(names, budget, wait, run)?;
    let mut timed = Vec::new();
    for (&(pass, products), row) in alternatives.iter().zip(rows) {
        let check = checks.iter().find(|(known, _)| *known == products);
        let check = check.expect("every choice of products was checked").1.clone();
        let samples = row.samples_ms.iter().map(|ms| ms / work.repeats() as f64).collect();
        let division = divide(work.repeats(), || work.run(pass, products))?;
        timed.push(Timed { pass, products, times: Row::of(row.path, samples), division, check });
    }
    Ok(timed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::{TINY, Workload};

    #[test]
    fn every_alternative_is_timed_and_checked() {
        let device = Device::flex();
        let (problem, _) = Problem::calibrated(TINY, 0.15, &device).unwrap();
        let plan = Plan {
            passes: vec![Pass::Forward, Pass::Train],
            products: vec![Products::Auto, Products::Dense],
            rounds: 3,
        };
        let timed = measure(&problem, &plan, &device).unwrap();
        let kinds: Vec<_> = timed.iter().map(|t| (t.pass, t.products)).collect();
        let expected = [
            (Pass::Forward, Products::Auto),
            (Pass::Forward, Products::Dense),
            (Pass::Train, Products::Auto),
            (Pass::Train, Products::Dense),
        ];
        assert_eq!(kinds, expected);
        assert!(timed.iter().all(|t| t.check.passed && t.times.samples_ms.len() == 3));
        for timed in timed {
            let division = timed.division.unwrap();
            assert!(division["recurrent_product"] > 0.0 && division["pointwise"] > 0.0);
            let trains = timed.pass == Pass::Train;
            assert_eq!(division["weight_gradients"] > 0.0, trains, "{division:?}");
        }
    }

    #[test]
    fn a_stream_has_no_training_step() {
        let step = Workload {
            shape: crate::Shape::Sequence { time: 1, batch: 1, input: 4, hidden: 9 },
            ..TINY
        };
        let device = Device::flex();
        let (problem, _) = Problem::calibrated(step, 0.15, &device).unwrap();
        let plan = |passes| Plan { passes, products: vec![Products::Auto], rounds: 1 };
        let both = measure(&problem, &plan(vec![Pass::Forward, Pass::Train]), &device).unwrap();
        assert_eq!(both.len(), 1);
        let error = measure(&problem, &plan(vec![Pass::Train]), &device).unwrap_err();
        assert!(error.to_string().contains("no pass train; it has: forward"), "{error}");
    }
}
