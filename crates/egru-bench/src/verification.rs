//! Whether the path that is to be timed computes what the naive form does: on the workload itself in double
//! precision, and on small batches in single precision; where there is no double precision, on the workload itself in
//! single precision.

use burn::tensor::{DType, Device};
use egru::{Execution, Products};
use egru_ops::OpError;
use serde::{Deserialize, Serialize};

use crate::agreement::{Check, TOLERANCE};
use crate::error::BenchError;
use crate::linear::Linear;
use crate::numbers::{SEED, share};
use crate::outcome::{Outcome, sample};
use crate::problem::Problem;
use crate::sequence::{Layer, Sequence};
use crate::workload::Shape;

/// Tolerance of a sequence in double precision, relative, per tensor.
const SEQUENCE_F64: f64 = 1e-9;
/// Tolerance of a sequence in single precision where there is no double: less than [`TOLERANCE`], since nothing else
/// would show an error in few places. Rounding alone gives about 1e-6.
const SEQUENCE_F32: f64 = 1e-4;
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
    /// The path under test goes first: whether it can run at all should not cost what the naive form does.
    fn of(
        products: Products,
        run: impl Fn(Execution) -> Result<Outcome, BenchError>,
    ) -> Result<Self, BenchError> {
        Ok(Self { tested: run(Execution::fused(products))?, law: run(Execution::naive())? })
    }

    fn check(&self, tolerance: f64) -> Check {
        Check::of(&self.tested.tensors, &self.law.tensors, tolerance)
    }

    /// Takes the samples whose events differ out of `kept`.
    fn leave_out_ties(&self, kept: &mut [bool], width: [usize; 2]) {
        for (index, (tested, law)) in self.tested.active.iter().zip(&self.law.active).enumerate() {
            if tested != law {
                kept[sample(index, width)] = false;
            }
        }
    }

    /// Silences the output of the samples that are not kept, so that it does not count.
    fn only(mut self, kept: &[bool], width: [usize; 2]) -> Self {
        for outcome in [&mut self.tested, &mut self.law] {
            let output = outcome.tensors[0].iter_mut().enumerate();
            for (_, value) in output.filter(|(index, _)| !kept[sample(*index, width)]) {
                *value = 0.0;
            }
        }
        self
    }
}

/// Compares the fused form with the naive form: outputs and every gradient.
///
/// # Errors
/// [`BenchError::CheckFailed`] if they differ, so that there is no [`Verified`] of wrong results;
/// [`BenchError::NoEvents`] where nothing fires; or a form cannot run.
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
        products,
        detail: format!("largest relative difference {max_relative_difference:.1e}; {against}"),
    })
}

/// `None` if the fused form was asked for where there is none: a device may have a precision that it has not.
fn unless_unavailable<T>(result: Result<T, BenchError>) -> Result<Option<T>, BenchError> {
    match result {
        Err(BenchError::Op {
            source: OpError::FormUnavailable { .. } | OpError::Precision { .. },
            ..
        }) => Ok(None),
        result => result.map(Some),
    }
}

/// Inference and a training step in both precisions, as far as the device has them.
fn linear(
    problem: &Problem,
    products: Products,
    device: &Device,
) -> Result<(Check, String), BenchError> {
    let rows = problem.steps().min(ROWS);
    let mut against = format!("the naive form, output and gradients of {rows} rows:");
    let in_precision = |dtype, tolerance| {
        let linear = Linear::new(problem, rows, device, dtype);
        let forward = Pair::of(products, |execution| linear.forward_outcome(execution))?;
        let check = forward.check(tolerance);
        drop(forward);
        let train = Pair::of(products, |execution| linear.train_outcome(execution))?;
        Ok(check.and(train.check(tolerance)))
    };
    let double = match device.supports_dtype(DType::F64) {
        true => unless_unavailable(in_precision(DType::F64, LINEAR_F64))?,
        false => None,
    };
    if double.is_some() {
        against += &format!(" f64 within {LINEAR_F64:.0e},");
    }
    against += &format!(" f32 within {LINEAR_F32:.0e}");
    let check = double.unwrap_or(Check::PASSED).and(in_precision(DType::F32, LINEAR_F32)?);
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
    let double = match device.supports_dtype(DType::F64) {
        true => in_double(problem, products, device, [steps, batch])?,
        false => None,
    };
    // What double precision has not shown, single precision has to: at full width and batch, over as many steps.
    let (size, tolerance) = match double {
        Some(_) => ([STEPS.min(problem.steps()), BATCH.min(batch)], TOLERANCE),
        None => ([steps, batch], SEQUENCE_F32),
    };
    let single = in_single(problem, products, device, size, tolerance)?;

    let what = if problem.workload.is_stream() { "output" } else { "output and gradients" };
    let mut against = format!("the naive form, {what}: ");
    if let Some(Agreement { check, activity, .. }) = double {
        against += &format!(
            "f64, {steps} steps of {batch} samples at activity {activity:.3}, within {SEQUENCE_F64:.0e} ({:.1e}); ",
            check.max_relative_difference
        );
    }
    let ([steps, samples], Agreement { check, activity, kept }) = (size, single);
    against += &format!(
        "f32, {steps} steps of {BATCHES} times {samples} samples at activity {activity:.3}, {kept} of the samples \
         without a tie, within {tolerance:.0e} ({:.1e})",
        check.max_relative_difference
    );
    // Where nothing fires, nothing that skips can be wrong.
    if double.unwrap_or(single).activity == 0.0 {
        let (workload, activity) = (problem.workload.name, problem.activity);
        return Err(BenchError::NoEvents { workload, activity });
    }
    let enough = kept > 0 && 2 * kept >= BATCHES as usize * samples;
    let check = double.map_or(Check::PASSED, |double| double.check).and(check);
    Ok((Check { passed: check.passed && enough, ..check }, against))
}

/// What both paths have shown in one precision.
#[derive(Clone, Copy)]
struct Agreement {
    check: Check,
    /// Share of active outputs.
    activity: f64,
    /// Samples that were compared.
    kept: usize,
}

/// One batch in double precision; `None` if the fused form does not take it.
fn in_double(
    problem: &Problem,
    products: Products,
    device: &Device,
    size: [usize; 2],
) -> Result<Option<Agreement>, BenchError> {
    let layer = Layer::new(problem, device, DType::F64);
    let trial = Trial::new(problem, &layer, products, size, SEED);
    let Some(forward) = unless_unavailable(trial.forward())? else { return Ok(None) };
    let activity = share(forward.law.active.iter().copied());
    let mut check = forward.check(SEQUENCE_F64);
    drop(forward);
    if let Some(train) = trial.train(&vec![true; size[1]])? {
        check = check.and(train.check(SEQUENCE_F64));
    }
    Ok(Some(Agreement { check, activity, kept: size[1] }))
}

/// Some batches in single precision.
fn in_single(
    problem: &Problem,
    products: Products,
    device: &Device,
    size: [usize; 2],
    tolerance: f64,
) -> Result<Agreement, BenchError> {
    let layer = Layer::new(problem, device, DType::F32);
    let mut all = Agreement { check: Check::PASSED, activity: 0.0, kept: 0 };
    for index in 1..=BATCHES {
        let trial = Trial::new(problem, &layer, products, size, SEED + index);
        let Agreement { check, activity, kept } = trial.without_ties(tolerance)?;
        all.check = all.check.and(check);
        all.activity += activity / BATCHES as f64;
        all.kept += kept;
    }
    Ok(all)
}

/// A batch that both paths compute.
struct Trial {
    sequence: Sequence,
    is_stream: bool,
    products: Products,
    /// Samples and units.
    width: [usize; 2],
}

impl Trial {
    fn new(
        problem: &Problem,
        layer: &Layer,
        products: Products,
        [steps, batch]: [usize; 2],
        seed: u64,
    ) -> Self {
        let sequence = layer.on(problem, steps, batch, seed);
        let width = [batch, layer.units()];
        Self { sequence, is_stream: problem.workload.is_stream(), products, width }
    }

    fn forward(&self) -> Result<Pair, BenchError> {
        if self.is_stream {
            let stream = self.sequence.clone().stepwise()?;
            let tested = stream.outcome(Execution::fused(self.products))?;
            let law = self.sequence.forward_outcome(Execution::naive())?;
            return Ok(Pair { tested, law });
        }
        Pair::of(self.products, |execution| self.sequence.forward_outcome(execution))
    }

    /// A training step, with a gradient of the output of those samples only that are `kept`; a stream has none.
    fn train(&self, kept: &[bool]) -> Result<Option<Pair>, BenchError> {
        if self.is_stream {
            return Ok(None);
        }
        Pair::of(self.products, |execution| self.sequence.train_outcome(execution, kept)).map(Some)
    }

    /// Compares the samples whose events are the same along both paths. The gradient of the others' output is zero, so
    /// that nothing of them is in the gradients of the weights.
    fn without_ties(&self, tolerance: f64) -> Result<Agreement, BenchError> {
        let mut kept = vec![true; self.width[0]];
        let forward = self.forward()?;
        forward.leave_out_ties(&mut kept, self.width);
        let activity = share(forward.law.active.iter().copied());
        // Again where a training step has a tie that inference has not.
        let train = loop {
            let train = self.train(&kept)?;
            let before = kept.clone();
            if let Some(train) = &train {
                train.leave_out_ties(&mut kept, self.width);
            }
            if kept == before {
                break train;
            }
        };
        let mut check = forward.only(&kept, self.width).check(tolerance);
        if let Some(train) = train {
            check = check.and(train.only(&kept, self.width).check(tolerance));
        }
        Ok(Agreement { check, activity, kept: kept.iter().filter(|&&kept| kept).count() })
    }
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
        let trial = Trial::new(&problem, &layer, Products::Events, [6, 2], SEED);
        let mut train = trial.train(&[true, true]).unwrap().unwrap();
        assert!(train.check(SEQUENCE_F64).passed);
        assert_eq!(train.tested.tensors.len(), 7, "the output and six gradients");
        assert!(train.tested.tensors.iter().all(|t| t.iter().any(|&v| v != 0.0)));
        // One recurrent weight's gradient is off by a millionth.
        let weights = &mut train.tested.tensors[3];
        let index = weights.iter().position(|&v| v != 0.0).unwrap();
        weights[index] *= 1.000_001;
        let check = train.check(SEQUENCE_F64);
        assert!(!check.passed);
        let error = verdict(&problem, Products::Events, check, "the naive form".into());
        let error = error.unwrap_err().to_string();
        assert!(error.contains("`tiny`") && error.contains("no time is stated"), "{error}");
    }

    #[test]
    fn without_double_precision_the_whole_batch_is_compared_in_single() {
        let step = Workload { shape: shape([1, 3, 17, 33]), operand: Operand::Events, ..TINY };
        for workload in [TINY.with_batch(9).unwrap(), step] {
            let problem = problem(workload, 0.15);
            let samples = workload.shape.batch().unwrap();
            let (products, device) = (Products::Events, Device::flex());
            let seen = in_single(&problem, products, &device, [6, samples], SEQUENCE_F32).unwrap();
            assert!(seen.check.passed && seen.activity > 0.0);
            assert_eq!(seen.kept, BATCHES as usize * samples);
        }
    }

    #[test]
    fn samples_with_a_tie_are_left_out() {
        let width = [2, 1];
        let outcome = |output: [f64; 4]| Outcome::of_output(output.to_vec());
        let pair = |tested, law| Pair { tested: outcome(tested), law: outcome(law) };
        // Two steps of two samples: the second sample fires along one path only, and then differs.
        let tie = pair([1.0, 0.5, 2.0, 3.0], [1.0, 0.0, 2.0, 4.0]);
        let mut kept = [true, true];
        tie.leave_out_ties(&mut kept, width);
        assert_eq!(kept, [true, false]);
        assert!(!tie.check(TOLERANCE).passed);
        assert!(tie.only(&kept, width).check(TOLERANCE).passed);
        let wrong = pair([1.01, 0.5, 2.0, 3.0], [1.0, 0.0, 2.0, 4.0]);
        assert!(!wrong.only(&kept, width).check(TOLERANCE).passed);
    }

    #[test]
    fn a_sample_left_out_has_no_part_in_the_gradients() {
        let problem = problem(TINY, 0.15);
        let layer = Layer::new(&problem, &Device::flex(), DType::F64);
        let trial = Trial::new(&problem, &layer, Products::Events, [6, 2], SEED);
        let gradients = |kept| trial.train(kept).unwrap().unwrap().law.tensors.split_off(1);
        let (both, first, second) =
            (gradients(&[true, true]), gradients(&[true, false]), gradients(&[false, true]));
        let sums: Vec<Vec<f64>> = first
            .iter()
            .zip(&second)
            .map(|(a, b)| a.iter().zip(b).map(|(a, b)| a + b).collect())
            .collect();
        assert!(Check::of(&sums, &both, SEQUENCE_F64).passed);
        let channels = 5;
        let inputs = first[0].iter().enumerate();
        let of_second = inputs.filter(|(index, _)| sample(*index, [2, channels]) == 1);
        assert!(of_second.clone().count() > 0 && of_second.into_iter().all(|(_, &v)| v == 0.0));
    }
}
