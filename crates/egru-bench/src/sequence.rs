//! The one place that calls `egru_sequence` and `egru_step`.

use burn::tensor::{DType, Device, ExecutionError, Gradients, Tensor, TensorData};
use egru::Execution;
use egru_ops::{
    EgruInputs, EgruOutputs, EgruParams, EgruState, Keep, OpError, Zoneout, egru_sequence,
    egru_step,
};

use crate::error::BenchError;
use crate::numbers::{SEED, Stream, normal, share, xavier};
use crate::outcome::{Outcome, gradient, read, read_gradient, wanted_gradient};
use crate::problem::{Calibration, Problem};
use crate::workload::Shape;

/// The weights of a layer, on a device.
pub(crate) struct Layer {
    workload: &'static str,
    w: Tensor<2>,
    r: Tensor<2>,
    bias: Tensor<1>,
    device: Device,
    dtype: DType,
}

/// A layer and its input: tensors of the plain device, which a training step takes to the autodiff device.
#[derive(Clone)]
pub(crate) struct Sequence {
    workload: &'static str,
    inputs: EgruInputs,
    cotangent: Tensor<3>,
    params: EgruParams,
}

impl Layer {
    /// Draws the weights of the problem's layer: Xavier-normal, biases zero.
    pub fn new(problem: &Problem, device: &Device, dtype: DType) -> Self {
        let Shape::Sequence { input, hidden, .. } = problem.workload.shape else {
            unreachable!("a linear product is not a layer");
        };
        let weights = |stream, rows: usize| {
            let values = normal(SEED, stream, rows * 3 * hidden, xavier(rows, hidden));
            Tensor::from_data(TensorData::new(values, [rows, 3 * hidden]), (device, dtype))
        };
        Self {
            workload: problem.workload.name,
            w: weights(Stream::InputWeights, input),
            r: weights(Stream::RecurrentWeights, hidden),
            bias: Tensor::zeros([3 * hidden], (device, dtype)),
            device: device.clone(),
            dtype,
        }
    }

    /// How many units it has.
    pub fn units(&self) -> usize {
        self.r.dims()[0]
    }

    /// The layer on an input of that many steps and samples.
    pub fn on(&self, problem: &Problem, time: usize, batch: usize, seed: u64) -> Sequence {
        let (device, dtype) = (&self.device, self.dtype);
        let ([input, _], [hidden, _]) = (self.w.dims(), self.r.dims());
        let series = |values: Vec<f32>, channels: usize| {
            Tensor::<3>::from_data(
                TensorData::new(values, [time, batch, channels]),
                (device, dtype),
            )
        };
        let drawn = problem.input(time * batch * input, seed);
        let cotangent = normal(seed, Stream::Cotangent, time * batch * hidden, 1.0);
        let zeros = Tensor::zeros([batch, hidden], (device, dtype));
        let inputs = EgruInputs {
            x: series(drawn.values, input),
            w: self.w.clone(),
            r: self.r.clone(),
            bias_w: self.bias.clone(),
            bias_r: self.bias.clone(),
            theta: Tensor::full([hidden], problem.calibration.theta, (device, dtype)),
            state: EgruState { c: zeros.clone(), y: zeros.clone(), trace: zeros },
            zoneout: Zoneout::Off,
            lengths: None,
            x_needs_grad: drawn.needs_grad.map(|needs| series(needs, input)),
            // The output and the last state, as other libraries give.
            keep: Keep::OUTPUT,
        };
        Sequence {
            workload: self.workload,
            inputs,
            cotangent: series(cotangent, hidden),
            params: params(problem.calibration),
        }
    }
}

fn params(calibration: Calibration) -> EgruParams {
    EgruParams { eps: calibration.eps, ..EgruParams::default() }
}

/// A training step: the output, the leaves in the order x, W, R, biases, theta, and their gradients.
pub(crate) struct Trained {
    y: Tensor<3>,
    leaves: EgruInputs,
    gradients: Gradients,
}

impl Trained {
    /// Waits for all results.
    pub fn read(self) -> Result<(), ExecutionError> {
        let Self { y, leaves, gradients } = self;
        read_gradient(&leaves.x, &gradients)?;
        for matrix in [&leaves.w, &leaves.r] {
            read_gradient(matrix, &gradients)?;
        }
        for vector in [&leaves.bias_w, &leaves.bias_r, &leaves.theta] {
            read_gradient(vector, &gradients)?;
        }
        read(y)
    }
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

impl Sequence {
    fn error(&self) -> impl Fn(OpError) -> BenchError {
        let workload = self.workload;
        move |source| BenchError::Op { workload, source }
    }

    /// Inference.
    pub fn forward(&self, execution: Execution) -> Result<EgruOutputs, BenchError> {
        let run = egru_sequence(self.inputs.clone(), &self.params, execution);
        run.map(|(outputs, _)| outputs).map_err(self.error())
    }

    /// Inference with another threshold and surrogate, and what it shows of the layer.
    pub fn observe(&self, calibration: Calibration) -> Result<Observation, BenchError> {
        let theta = self.inputs.theta.full_like(calibration.theta);
        let keep = Keep { c: true, window: true, ..Keep::OUTPUT };
        let inputs = EgruInputs { theta, keep, ..self.inputs.clone() };
        let run = egru_sequence(inputs, &params(calibration), Execution::default());
        let (outputs, _) = run.map_err(self.error())?;
        let (Some(c), Some(window)) = (outputs.c, outputs.window) else {
            unreachable!("both were asked for");
        };
        let y: Vec<f32> = outputs.y.try_to_vec_as()?;
        let window: Vec<f32> = window.try_to_vec_as()?;
        let mut states: Vec<f32> = c.try_to_vec_as()?;
        // A unit that was active sent its pre-event state; one that was silent kept it.
        for (state, &y) in states.iter_mut().zip(&y) {
            *state = if y == 0.0 { *state } else { y };
        }
        Ok(Observation {
            activity: share(y.iter().map(|&y| y != 0.0)),
            window: share(window.iter().map(|&w| w != 0.0)),
            states,
        })
    }

    /// Forward and backward to the input and all parameters, from a gradient of ones of the output.
    pub fn train(&self, execution: Execution) -> Result<Trained, BenchError> {
        self.train_with(execution, |y| y)
    }

    /// [`train`](Self::train) with a loss of the output, or the output itself, to go back from.
    fn train_with(
        &self,
        execution: Execution,
        loss: impl FnOnce(Tensor<3>) -> Tensor<3>,
    ) -> Result<Trained, BenchError> {
        let i = self.inputs.clone();
        let leaves = EgruInputs {
            x: i.x.autodiff().require_grad(),
            w: i.w.autodiff().require_grad(),
            r: i.r.autodiff().require_grad(),
            bias_w: i.bias_w.autodiff().require_grad(),
            bias_r: i.bias_r.autodiff().require_grad(),
            theta: i.theta.autodiff().require_grad(),
            state: EgruState {
                c: i.state.c.autodiff(),
                y: i.state.y.autodiff(),
                trace: i.state.trace.autodiff(),
            },
            x_needs_grad: i.x_needs_grad.map(Tensor::autodiff),
            ..i
        };
        let run = egru_sequence(leaves.clone(), &self.params, execution);
        let y = run.map_err(self.error())?.0.y;
        let gradients = loss(y.clone()).backward();
        Ok(Trained { y: y.inner(), leaves, gradients })
    }

    /// The output of inference.
    pub fn forward_outcome(&self, execution: Execution) -> Result<Outcome, BenchError> {
        Ok(Outcome::of_output(self.forward(execution)?.y.try_to_vec_as()?))
    }

    /// The output and all gradients of a training step from a random gradient of the output, which is zero for the
    /// samples that are not `kept`; that of the input where it is wanted.
    pub fn train_outcome(
        &self,
        execution: Execution,
        kept: &[bool],
    ) -> Result<Outcome, BenchError> {
        let of = &self.cotangent;
        let factors: Vec<f32> = kept.iter().map(|&kept| if kept { 1.0 } else { 0.0 }).collect();
        let factors = TensorData::new(factors, [1, kept.len(), 1]);
        let factors = Tensor::<3>::from_data(factors, (&of.device(), of.dtype()));
        let cotangent = (of.clone() * factors).autodiff();
        let Trained { y, leaves, gradients } = self.train_with(execution, |y| y * cotangent)?;
        let needs = leaves.x_needs_grad.map(Tensor::inner);
        let mut outcome = Outcome::of_output(y.try_to_vec_as()?);
        outcome.tensors.extend([
            wanted_gradient(&leaves.x, needs.as_ref(), &gradients)?,
            gradient(&leaves.w, &gradients)?,
            gradient(&leaves.r, &gradients)?,
            gradient(&leaves.bias_w, &gradients)?,
            gradient(&leaves.bias_r, &gradients)?,
            gradient(&leaves.theta, &gradients)?,
        ]);
        Ok(outcome)
    }

    /// The same sequence, one step at a time.
    pub fn stepwise(self) -> Result<Stepwise, BenchError> {
        let x = &self.inputs.x;
        let [time, batch, channels] = x.dims();
        // Copies: a slice may be a view, which each step would then make contiguous.
        let step = |t: usize| {
            let step = x.clone().slice([t..t + 1]).reshape([1, batch, channels]);
            Ok(Tensor::from_data(step.try_into_data()?, (&x.device(), x.dtype())))
        };
        let steps = (0..time).map(step).collect::<Result<_, BenchError>>()?;
        Ok(Stepwise { steps, sequence: self })
    }
}

/// A layer on a stream: one step after the other, each from the state that the last one left.
pub(crate) struct Stepwise {
    sequence: Sequence,
    steps: Vec<Tensor<3>>,
}

impl Stepwise {
    /// Takes all steps, from the initial state; `see` is given the state after each.
    pub fn run(
        &self,
        execution: Execution,
        mut see: impl FnMut(&EgruState) -> Result<(), BenchError>,
    ) -> Result<(), BenchError> {
        let Sequence { inputs, params, .. } = &self.sequence;
        let mut state = inputs.state.clone();
        for x in &self.steps {
            let inputs = EgruInputs { x: x.clone(), state, x_needs_grad: None, ..inputs.clone() };
            let (outputs, _) =
                egru_step(inputs, params, execution).map_err(self.sequence.error())?;
            state = outputs.state;
            see(&state)?;
        }
        Ok(())
    }

    /// The outputs of all steps.
    pub fn outcome(&self, execution: Execution) -> Result<Outcome, BenchError> {
        let mut output = Vec::new();
        self.run(execution, |state| {
            output.extend(state.y.try_to_vec_as::<f64>()?);
            Ok(())
        })?;
        Ok(Outcome::of_output(output))
    }
}
