//! Whether the path that is to be timed computes what the naive form does: on the workload itself in double
//! precision, and on small batches in single precision.

use burn::tensor::{DType, Device};
use egru::{Execution, Products};
use serde::{Deserialize, Serialize};

use crate::agreement::{Check, TOLERANCE};
use crate::error::BenchError;
use crate::linear::Linear;
use crate::outcome::Outcome;
use crate::problem::{Problem, SEED, share};
use crate::sequence::Layer;
use crate::workload::{Shape, products_name};

/// Tolerance of a sequence in double precision, relative, per tensor.
const SEQUENCE_F64: f64 = 1e-9;
/// Tolerances of one product.
const LINEAR_F64: f64 = 1e-11;
const LINEAR_F32: f64 = 1e-4;
/// Small batches in single precision, their samples and their steps: small, so that few contain a state
/// within rounding of its threshold.
const BATCHES: u64 = 4;
const BATCH: usize = 4;
const STEPS: usize = 6;
/// Rows of a linear product that are checked.
const ROWS: usize = 32;
/// Work of the naive form in double precision, in products forward: a second or two with its backward pass.
const PRODUCTS: usize = 2_000_000_000;
/// The naive form writes gradients as large as the weights at every step; that costs as much as this many samples.
const WRITES: usize = 16;
/// Steps that are checked at least, where there are as many.
const LEAST_STEPS: usize = 8;

/// A check that a measurement has passed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verified {
    /// Whether every result agrees with its reference.
    pub passed: bool,
    /// The largest relative difference, `|a - b| / |b|` in the Euclidean norm, over all tensors.
    pub max_relative_difference: f64,
    /// What the results were compared with.
    pub against: String,
}

/// What the path under test and the naive form computed.
struct Pair {
    tested: Outcome,
    law: Outcome,
}

impl Pair {
    fn of(
        products: Products,
        run: impl Fn(Execution) -> Result<Outcome, BenchError>,
    ) -> Result<Self, BenchError> {
        Ok(Self { tested: run(Execution::fused(products))?, law: run(Execution::naive())? })
    }

    fn check(&self, tolerance: f64) -> Check {
        Check::of(&self.tested.tensors, &self.law.tensors, tolerance)
    }

    fn is_tie(&self) -> bool {
        self.tested.active != self.law.active
    }
}

/// Compares the fused form with the naive form: outputs and every gradient.
///
/// # Errors
/// [`BenchError::CheckFailed`] if they differ, so that there is no [`Verified`] of wrong results; or a form cannot
/// run.
pub fn verify(
    problem: &Problem,
    products: Products,
    device: &Device,
) -> Result<Verified, BenchError> {
    let (check, against) = match problem.workload.shape {
        Shape::Linear { .. } => linear(problem, products, device)?,
        Shape::Sequence { .. } => sequence(problem, products, device)?,
    };
    verdict(problem, products, check, against)
}

/// A failed check is an error.
fn verdict(
    problem: &Problem,
    products: Products,
    check: Check,
    against: String,
) -> Result<Verified, BenchError> {
    let Check { passed, max_relative_difference } = check;
    if passed {
        return Ok(Verified { passed, max_relative_difference, against });
    }
    Err(BenchError::CheckFailed {
        workload: problem.workload.name,
        activity: problem.activity,
        products: products_name(products),
        detail: format!("largest relative difference {max_relative_difference:.1e}; {against}"),
    })
}

/// Inference and a training step in both precisions.
fn linear(
    problem: &Problem,
    products: Products,
    device: &Device,
) -> Result<(Check, String), BenchError> {
    let rows = problem.steps().min(ROWS);
    let mut check = Check::PASSED;
    for (dtype, tolerance) in [(DType::F64, LINEAR_F64), (DType::F32, LINEAR_F32)] {
        let linear = Linear::new(problem, rows, device, dtype);
        let forward = Pair::of(products, |execution| linear.forward_outcome(execution))?;
        check = check.and(forward.check(tolerance));
        drop(forward);
        let train = Pair::of(products, |execution| linear.train_outcome(execution))?;
        check = check.and(train.check(tolerance));
    }
    let against = format!(
        "the naive form, output and gradients of {rows} rows: f64 within {LINEAR_F64:.0e}, f32 within \
         {LINEAR_F32:.0e}"
    );
    Ok((check, against))
}

fn sequence(
    problem: &Problem,
    products: Products,
    device: &Device,
) -> Result<(Check, String), BenchError> {
    let Shape::Sequence { batch, input, hidden, .. } = problem.workload.shape else {
        unreachable!("a linear product is not a layer");
    };
    let weights = (input + hidden) * 3 * hidden;
    let steps = (PRODUCTS / (weights * (batch + WRITES))).max(LEAST_STEPS).min(problem.steps());
    let layer = Layer::new(problem, device, DType::F64);
    let exact = pairs(problem, &layer, products, [steps, batch], SEED)?;
    let double =
        exact.iter().fold(Check::PASSED, |check, pair| check.and(pair.check(SEQUENCE_F64)));
    // Where nothing fires, nothing that skips can be wrong.
    let activity = share(exact[0].law.active.iter().copied());
    drop((exact, layer));

    let (few, small) = (STEPS.min(problem.steps()), BATCH.min(batch));
    let layer = Layer::new(problem, device, DType::F32);
    let mut rounded = Vec::new();
    for index in 1..=BATCHES {
        rounded.push(pairs(problem, &layer, products, [few, small], SEED + index)?);
    }
    let (single, compared) = agreement(&rounded);

    let what = if problem.workload.is_stream() { "output" } else { "output and gradients" };
    let against = format!(
        "the naive form, {what}: f64, {steps} steps of {batch} samples at activity {activity:.3}, within \
         {SEQUENCE_F64:.0e} ({:.1e}); f32, {few} steps of {small} samples, {compared} of {BATCHES} batches, \
         within {TOLERANCE:.0e} ({:.1e})",
        double.max_relative_difference, single.max_relative_difference,
    );
    let check = double.and(single);
    Ok((Check { passed: check.passed && activity > 0.0, ..check }, against))
}

/// Every pass of the workload along both paths.
fn pairs(
    problem: &Problem,
    layer: &Layer,
    products: Products,
    [steps, batch]: [usize; 2],
    seed: u64,
) -> Result<Vec<Pair>, BenchError> {
    let sequence = layer.on(problem, steps, batch, seed);
    if problem.workload.is_stream() {
        let law = sequence.forward_outcome(Execution::naive())?;
        let tested = sequence.stepwise().outcome(Execution::fused(products))?;
        return Ok(vec![Pair { tested, law }]);
    }
    Ok(vec![
        Pair::of(products, |execution| sequence.forward_outcome(execution))?,
        Pair::of(products, |execution| sequence.train_outcome(execution))?,
    ])
}

/// Compares batches in single precision, and counts those that were. A batch with a tie is passed over, as long as
/// at least half are left.
fn agreement(batches: &[Vec<Pair>]) -> (Check, usize) {
    let compared: Vec<_> = batches.iter().filter(|pairs| !pairs.iter().any(Pair::is_tie)).collect();
    let pairs = compared.iter().copied().flatten();
    let check = pairs.fold(Check::PASSED, |check, pair| check.and(pair.check(TOLERANCE)));
    let enough = !compared.is_empty() && 2 * compared.len() >= batches.len();
    (Check { passed: check.passed && enough, ..check }, compared.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::{Operand, TINY, Workload};

    fn problem(workload: Workload, activity: f64) -> Problem {
        Problem::calibrated(workload, activity, &Device::flex()).unwrap().0
    }

    #[test]
    fn every_path_of_every_kind_of_workload_passes() {
        let step = Workload { shape: shape([1, 1, 17, 33]), operand: Operand::Events, ..TINY };
        let events = Workload { operand: Operand::Events, ..TINY };
        let linear = Workload {
            shape: Shape::Linear { rows: 40, input: 9, output: 21 },
            operand: Operand::Events,
            ..TINY
        };
        for workload in [TINY, events, step, linear] {
            for activity in [0.15, 1.0] {
                let problem = problem(workload, activity);
                for products in [Products::Auto, Products::Events, Products::Dense] {
                    let verified = verify(&problem, products, &Device::flex()).unwrap();
                    assert!(verified.passed && verified.max_relative_difference < TOLERANCE);
                }
            }
        }
    }

    fn shape([time, batch, input, hidden]: [usize; 4]) -> Shape {
        Shape::Sequence { time, batch, input, hidden }
    }

    #[test]
    fn a_wrong_gradient_is_refused() {
        let problem = problem(TINY, 0.15);
        let layer = Layer::new(&problem, &Device::flex(), DType::F64);
        let mut pairs = pairs(&problem, &layer, Products::Events, [6, 2], SEED).unwrap();
        assert!(pairs.iter().all(|pair| pair.check(SEQUENCE_F64).passed));
        assert_eq!(pairs[1].tested.tensors.len(), 7, "the output and six gradients");
        assert!(pairs[1].tested.tensors.iter().all(|t| t.iter().any(|&v| v != 0.0)));
        // One recurrent weight's gradient is off by a millionth.
        let weights = &mut pairs[1].tested.tensors[3];
        let index = weights.iter().position(|&v| v != 0.0).unwrap();
        weights[index] *= 1.000_001;
        let check = pairs[1].check(SEQUENCE_F64);
        assert!(!check.passed);
        let error = verdict(&problem, Products::Events, check, "the naive form".into());
        let error = error.unwrap_err().to_string();
        assert!(error.contains("`tiny`") && error.contains("no time is stated"), "{error}");
    }

    #[test]
    fn ties_are_passed_over_but_not_too_many() {
        let pair = |active: bool, value: f64| {
            let law = Outcome { active: vec![true], tensors: vec![vec![1.0]] };
            Pair { tested: Outcome { active: vec![active], tensors: vec![vec![value]] }, law }
        };
        let (good, tie, wrong) =
            (|| vec![pair(true, 1.0)], || vec![pair(false, 9.0)], || vec![pair(true, 1.01)]);
        let passed = |batches: &[Vec<Pair>]| agreement(batches).0.passed;
        assert!(passed(&[good(), tie()]));
        assert_eq!(agreement(&[good(), tie()]).1, 1);
        assert!(!passed(&[good(), tie(), tie()]));
        assert!(!passed(&[tie()]));
        assert!(!passed(&[good(), good(), wrong()]));
    }
}
