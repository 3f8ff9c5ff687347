//! What a workload computes with: numbers drawn from a seed, and a threshold and a surrogate that make a
//! layer as active as asked for.

use burn::tensor::{DType, Device};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution as _, StandardNormal};

use crate::error::BenchError;
use crate::sequence::{Layer, Sequence};
use crate::workload::{Operand, Shape, Workload};

/// Seed of the weights, and of the input that is timed.
pub(crate) const SEED: u64 = 1;
/// Share of (unit, step, sample) that a gradient reaches.
const WINDOW: f64 = 0.45;
/// Steps of a stream that one sample averages over.
pub(crate) const STREAM_STEPS: usize = 256;
/// The threshold of a layer that is to be wholly active: no state is below -1, and a threshold further down would be
/// added to the state at each step.
const ALL_ACTIVE: f64 = -1.01;
/// The search for a threshold ends this close to the activity asked for, relative to it.
const CLOSE: f64 = 2e-3;
/// It fails further away than this, or than two units.
const TOO_FAR: f64 = 0.02;
/// Runs of the forward pass that the search may take.
const RUNS: usize = 24;

/// What makes a layer as active as asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Calibration {
    /// The threshold of every unit.
    pub theta: f64,
    /// The inverse half-width of the surrogate.
    pub eps: f64,
}

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

/// A workload at one activity, with everything that it computes with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Problem {
    /// The workload.
    pub workload: Workload,
    /// Share of non-zero outputs (of a sequence) or operands (of a linear product) that is asked for, above 0
    /// and at most 1.
    pub activity: f64,
    /// Threshold and surrogate; without effect on a linear product.
    pub calibration: Calibration,
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

    /// Steps of the whole input: those of the sequence, or of a sample of the stream.
    pub(crate) fn steps(&self) -> usize {
        match self.workload.shape {
            _ if self.workload.is_stream() => STREAM_STEPS,
            Shape::Sequence { time, .. } => time,
            Shape::Linear { rows, .. } => rows,
        }
    }

    /// Values of one step of the input, or of one row of the operand.
    fn row(&self) -> usize {
        match self.workload.shape {
            Shape::Sequence { batch, input, .. } => batch * input,
            Shape::Linear { input, .. } => input,
        }
    }

    /// The first `count` values of the input.
    pub(crate) fn input(&self, count: usize, seed: u64) -> Input {
        let mut values = normal(seed, Stream::Input, count, 1.0);
        if self.workload.operand == Operand::Dense {
            return Input { values, needs_grad: None };
        }
        let mut rng = rng(seed, Stream::Events);
        let wanted = WINDOW.max(self.activity);
        let mut needs_grad = vec![0.0; count];
        for (value, needs) in values.iter_mut().zip(&mut needs_grad) {
            // One draw for both, so that a gradient is wanted wherever there is an event.
            let draw: f64 = rng.random();
            if draw >= self.activity {
                *value = 0.0;
            }
            if draw < wanted {
                *needs = 1.0;
            }
        }
        Input { values, needs_grad: Some(needs_grad) }
    }
}

/// The input of a layer, or the operand of a linear product.
pub(crate) struct Input {
    /// The values, zero where there is no event.
    pub values: Vec<f32>,
    /// 1 where a gradient is wanted, else 0; `None` where it is everywhere.
    pub needs_grad: Option<Vec<f32>>,
}

/// What is drawn: each from a stream of its own, so that one does not shift another.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stream {
    /// Values of the input.
    Input,
    /// Where the input has events.
    Events,
    /// Weights of the input, or of the linear product.
    InputWeights,
    /// Recurrent weights.
    RecurrentWeights,
    /// The gradient of the loss by the output.
    Cotangent,
}

fn rng(seed: u64, stream: Stream) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(stream as u64);
    rng
}

/// `count` normally distributed values around zero; a shorter draw is the beginning of a longer one.
pub(crate) fn normal(seed: u64, stream: Stream, count: usize, deviation: f64) -> Vec<f32> {
    let (mut rng, deviation) = (rng(seed, stream), deviation as f32);
    let draw = |_| -> f32 {
        let value: f32 = StandardNormal.sample(&mut rng);
        deviation * value
    };
    (0..count).map(draw).collect()
}

/// The deviation of Xavier-normal weights.
pub(crate) fn xavier(fan_in: usize, fan_out: usize) -> f64 {
    (2.0 / (fan_in + fan_out) as f64).sqrt()
}

/// Share of `true`; 0 of none.
pub(crate) fn share(flags: impl Iterator<Item = bool>) -> f64 {
    let (set, all) =
        flags.fold((0_usize, 0_usize), |(set, all), f| (set + usize::from(f), all + 1));
    if all == 0 { 0.0 } else { set as f64 / all as f64 }
}

/// What a forward pass shows of a layer.
pub(crate) struct Observation {
    /// Share of active outputs.
    pub activity: f64,
    /// Share of outputs that a gradient reaches.
    pub window: f64,
    /// Pre-event states of all outputs.
    pub states: Vec<f32>,
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
    fn a_shorter_draw_begins_a_longer_one() {
        let long = normal(3, Stream::Input, 1000, 0.5);
        assert_eq!(long[..10], normal(3, Stream::Input, 10, 0.5));
        assert_ne!(long[..10], normal(4, Stream::Input, 10, 0.5));
        assert_ne!(long[..10], normal(3, Stream::Cotangent, 10, 0.5));
        let spread = (long.iter().map(|x| x * x).sum::<f32>() / 1000.0).sqrt();
        assert!((spread - 0.5).abs() < 0.05, "{spread}");
    }

    #[test]
    fn a_share_of_the_values_lies_above() {
        assert_eq!(above(&mut [5.0, 1.0, 4.0, 2.0, 3.0], 0.4), 3.0);
        assert_eq!(above(&mut [1.0], 0.5), 1.0);
    }
}
