//! A problem on a device, ready to be timed.

use std::any::Any;

use burn::tensor::{DType, Device};
use egru::{Execution, Products};

use crate::error::BenchError;
use crate::linear::Linear;
use crate::numbers::SEED;
use crate::outcome::read;
use crate::problem::{Problem, STREAM_STEPS};
use crate::sequence::{Layer, Sequence, Stepwise};
use crate::workload::{Pass, Shape};

/// A problem on a device, in single precision.
///
/// ```
/// use burn::tensor::Device;
/// use egru::Products;
/// use egru_bench::{Pass, Problem, TINY, Work};
///
/// let device = Device::flex();
/// let (problem, _) = Problem::calibrated(TINY, 0.15, &device)?;
/// let work = Work::new(&problem, &device)?;
/// let results = work.run(Pass::Train, Products::Auto)?;
/// # drop(results);
/// # Ok::<(), egru_bench::BenchError>(())
/// ```
pub struct Work(Kind);

enum Kind {
    Sequence(Sequence),
    Stream(Stepwise),
    Linear(Linear),
}

impl Work {
    /// Makes the tensors of the problem.
    ///
    /// # Errors
    /// The device fails.
    pub fn new(problem: &Problem, device: &Device) -> Result<Self, BenchError> {
        let steps = problem.steps();
        Ok(Self(match problem.workload.shape {
            Shape::Linear { rows, .. } => {
                Kind::Linear(Linear::new(problem, rows, device, DType::F32))
            }
            Shape::Sequence { batch, .. } => {
                let layer = Layer::new(problem, device, DType::F32);
                let sequence = layer.on(problem, steps, batch, SEED);
                if problem.workload.is_stream() {
                    Kind::Stream(sequence.stepwise()?)
                } else {
                    Kind::Sequence(sequence)
                }
            }
        }))
    }

    /// How many times [`run`](Self::run) does the work: a stream takes many steps.
    pub fn repeats(&self) -> usize {
        if matches!(self.0, Kind::Stream(_)) { STREAM_STEPS } else { 1 }
    }

    /// Does the work once, along the fused form. Returns what it computed, which is to be dropped when the clock
    /// has stopped; a device may not have computed it yet ([`Device::sync`] waits). A stream has no training step
    /// and does inference.
    ///
    /// # Errors
    /// The operation has no fused form on the device.
    pub fn run(&self, pass: Pass, products: Products) -> Result<Box<dyn Any>, BenchError> {
        let execution = Execution::fused(products);
        Ok(match (&self.0, pass) {
            (Kind::Sequence(sequence), Pass::Forward) => Box::new(sequence.forward(execution)?),
            (Kind::Sequence(sequence), Pass::Train) => Box::new(sequence.train(execution)?),
            (Kind::Stream(stream), _) => Box::new(stream.run(execution, |_| Ok(()))?),
            (Kind::Linear(linear), Pass::Forward) => Box::new(linear.forward(execution)?),
            (Kind::Linear(linear), Pass::Train) => Box::new(linear.train(execution)?),
        })
    }

    /// Does the work once and reads all of its results: a device that computes later tells only then that it could
    /// not, for want of memory for instance, and would otherwise seem fast.
    ///
    /// # Errors
    /// The operation has no fused form on the device, or the device cannot do the work.
    pub fn read(&self, pass: Pass, products: Products) -> Result<(), BenchError> {
        let execution = Execution::fused(products);
        match (&self.0, pass) {
            (Kind::Sequence(sequence), Pass::Forward) => read(sequence.forward(execution)?.y)?,
            (Kind::Sequence(sequence), Pass::Train) => sequence.train(execution)?.read()?,
            (Kind::Stream(stream), _) => {
                stream.run(execution, |state| Ok(read(state.y.clone())?))?
            }
            (Kind::Linear(linear), Pass::Forward) => read(linear.forward(execution)?)?,
            (Kind::Linear(linear), Pass::Train) => linear.train(execution)?.read()?,
        }
        Ok(())
    }
}
