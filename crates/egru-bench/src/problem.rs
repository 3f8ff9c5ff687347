//! A workload at an activity, and the input that it computes with.

use rand::RngExt as _;

use crate::numbers::{Stream, normal, rng};
use crate::workload::{Operand, Shape, Workload};

/// Share of (unit, step, sample) that a gradient reaches.
pub(crate) const WINDOW: f64 = 0.45;
/// Steps of a stream that one sample averages over.
pub(crate) const STREAM_STEPS: usize = 256;

/// What makes a layer as active as asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Calibration {
    /// The threshold of every unit.
    pub theta: f64,
    /// The inverse half-width of the surrogate.
    pub eps: f64,
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
    /// Steps of the whole input: those of the sequence, or of a sample of the stream.
    pub(crate) fn steps(&self) -> usize {
        match self.workload.shape {
            _ if self.workload.is_stream() => STREAM_STEPS,
            Shape::Sequence { time, .. } => time,
            Shape::Linear { rows, .. } => rows,
        }
    }

    /// Values of one step of the input, or of one row of the operand.
    pub(crate) fn row(&self) -> usize {
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
