//! The threshold and the surrogate that make a layer as active as asked for.

use burn::tensor::{DType, Device};

use crate::error::BenchError;
use crate::numbers::{SEED, share};
use crate::problem::{Calibration, Problem, WINDOW};
use crate::sequence::{Layer, Observation, Sequence};
use crate::workload::{Shape, Workload};

/// The threshold of a layer that is to be wholly active: no state is below -1, and a threshold further down would be
/// added to the state at each step.
const ALL_ACTIVE: f64 = -1.01;
/// The search for a threshold ends this close to the activity asked for, relative to it.
const CLOSE: f64 = 2e-3;
/// It fails further away than this, or than two units.
const TOO_FAR: f64 = 0.02;
/// Runs of the forward pass that the search may take.
const RUNS: usize = 24;

/// What a calibrated workload was measured to be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measured {
    /// Share of non-zero outputs, or operands of a linear product.
    pub activity: f64,
    /// Share of outputs, or operands of a linear product, that a gradient reaches; none in a stream.
    pub window: Option<f64>,
    /// Share of non-zero inputs.
    pub input_activity: f64,
}

impl Problem {
    /// Finds the threshold that makes the layer as active as asked for on its whole input, and the
    /// surrogate's width that lets a gradient reach 45 % of it, or all that is active where that is more.
    ///
    /// # Errors
    /// The operation cannot run on `device`, or no threshold comes near the activity.
    pub fn calibrated(
        workload: Workload,
        activity: f64,
        device: &Device,
    ) -> Result<(Self, Measured), BenchError> {
        let calibration = Calibration { theta: ALL_ACTIVE, eps: 1.0 };
        let mut problem = Self { workload, activity, calibration };
        let input = problem.input(problem.steps() * problem.row(), SEED);
        let input_activity = share(input.values.iter().map(|&x| x != 0.0));
        let Shape::Sequence { batch, .. } = workload.shape else {
            let window = input.needs_grad.map(|needs| share(needs.iter().map(|&n| n != 0.0)));
            return Ok((problem, Measured { activity: input_activity, window, input_activity }));
        };
        drop(input);
        let layer = Layer::new(&problem, device, DType::F32);
        let sequence = layer.on(&problem, problem.steps(), batch, SEED);
        if activity < 1.0 {
            problem.calibration = calibration_of(&sequence, &problem)?;
        }
        let seen = sequence.observe(problem.calibration)?;
        let window = (!workload.is_stream()).then_some(seen.window);
        Ok((problem, Measured { activity: seen.activity, window, input_activity }))
    }
}

/// Threshold and surrogate for the problem's activity.
fn calibration_of(sequence: &Sequence, problem: &Problem) -> Result<Calibration, BenchError> {
    let asked = problem.activity;
    // At or below -1 everything is active, at or above 1 nothing: the candidate is a tanh.
    let (mut low, mut high) = (-1.0, 1.0);
    let mut theta = 0.25;
    let mut best: Option<(f64, Observation)> = None;
    for run in 0..RUNS {
        let mut seen = sequence.observe(Calibration { theta, eps: 1.0 })?;
        let error = seen.activity - asked;
        if error > 0.0 {
            low = theta;
        } else {
            high = theta;
        }
        // The threshold that these states ask for is nearly right, unless the events that it adds or removes
        // change them much; halving ends what guessing does not.
        let guess = above(&mut seen.states, asked);
        let next =
            if run % 3 < 2 && low < guess && guess < high { guess } else { (low + high) / 2.0 };
        let is_better =
            best.as_ref().is_none_or(|(_, other)| error.abs() < (other.activity - asked).abs());
        if is_better {
            best = Some((theta, seen));
        }
        if error.abs() <= CLOSE * asked || next == theta {
            break;
        }
        theta = next;
    }
    let (theta, seen) = best.expect("at least one run");
    let error = (seen.activity - asked).abs();
    if error > TOO_FAR * asked && error * seen.states.len() as f64 > 2.0 {
        let workload = problem.workload.name;
        return Err(BenchError::Activity { workload, asked, reached: seen.activity });
    }
    Ok(Calibration { theta, eps: eps(seen, theta) })
}

/// The value that a share of the values lies above.
fn above(values: &mut [f32], share: f64) -> f64 {
    let below = ((1.0 - share) * values.len() as f64).round() as usize;
    let rank = below.saturating_sub(1).min(values.len() - 1);
    f64::from(*values.select_nth_unstable_by(rank, f32::total_cmp).1)
}

/// The inverse of the distance from the threshold within which silent units make the window up to 45 %.
fn eps(seen: Observation, theta: f64) -> f64 {
    let silent = |state: f32| theta - f64::from(state);
    let mut distances: Vec<f64> =
        seen.states.iter().map(|&u| silent(u)).filter(|&d| d >= 0.0).collect();
    let missing = ((WINDOW - seen.activity).max(0.0) * seen.states.len() as f64).round() as usize;
    let Some(last) = distances.len().checked_sub(1) else { return 1.0 };
    let (_, &mut reach, _) = distances.select_nth_unstable_by(missing.min(last), f64::total_cmp);
    1.0 / reach.max(1e-6)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::Operand;

    fn custom(shape: [usize; 4], operand: Operand) -> Workload {
        let [time, batch, input, hidden] = shape;
        let shape = Shape::Sequence { time, batch, input, hidden };
        Workload { name: "custom", description: "a test", shape, operand }
    }

    #[test]
    fn activity_and_window_come_out_as_asked() {
        let device = Device::flex();
        for operand in [Operand::Dense, Operand::Events] {
            let workload = custom([40, 6, 24, 48], operand);
            for asked in [0.05, 0.15, 0.3, 0.6] {
                let (problem, measured) = Problem::calibrated(workload, asked, &device).unwrap();
                assert!((measured.activity - asked).abs() < 0.01 * asked, "{measured:?}");
                let window = measured.window.unwrap();
                assert!((window - WINDOW.max(asked)).abs() < 0.01, "{asked}: {measured:?}");
                let input = if operand == Operand::Dense { 1.0 } else { asked };
                assert!((measured.input_activity - input).abs() < 0.02, "{measured:?}");
                assert!(problem.calibration.eps > 0.0);
                let again = Problem::calibrated(workload, asked, &device).unwrap();
                assert_eq!(again, (problem, measured), "the same numbers every time");
            }
        }
    }

    #[test]
    fn full_activity_is_full() {
        let workload = custom([5, 2, 3, 7], Operand::Events);
        let (problem, measured) = Problem::calibrated(workload, 1.0, &Device::flex()).unwrap();
        assert_eq!(problem.calibration.theta, ALL_ACTIVE);
        assert_eq!((measured.activity, measured.window), (1.0, Some(1.0)));
        assert_eq!(measured.input_activity, 1.0);
    }

    #[test]
    fn a_stream_is_calibrated_over_its_steps_and_has_no_window() {
        let workload = custom([1, 1, 24, 48], Operand::Events);
        let (_, measured) = Problem::calibrated(workload, 0.15, &Device::flex()).unwrap();
        assert!((measured.activity - 0.15).abs() < 0.01 * 0.15, "{measured:?}");
        assert_eq!(measured.window, None);
    }

    #[test]
    fn a_linear_product_has_the_activity_of_its_operand() {
        let shape = Shape::Linear { rows: 200, input: 50, output: 3 };
        let workload =
            Workload { name: "custom", description: "a test", shape, operand: Operand::Events };
        let (problem, measured) = Problem::calibrated(workload, 0.2, &Device::flex()).unwrap();
        assert!((measured.activity - 0.2).abs() < 0.02, "{measured:?}");
        assert!((measured.window.unwrap() - WINDOW).abs() < 0.02, "{measured:?}");
        let input = problem.input(10_000, SEED);
        let needs = input.needs_grad.unwrap();
        let covered = input.values.iter().zip(&needs).all(|(&x, &n)| x == 0.0 || n == 1.0);
        assert!(covered, "a gradient is wanted wherever there is an event");
    }

    #[test]
    fn a_share_of_the_values_lies_above() {
        assert_eq!(above(&mut [5.0, 1.0, 4.0, 2.0, 3.0], 0.4), 3.0);
        assert_eq!(above(&mut [1.0], 0.5), 1.0);
    }
}
