//! The one place that calls `event_linear`.

use burn::tensor::{DType, Device, ExecutionError, Gradients, Tensor, TensorData};
use egru::Execution;
use egru_ops::event_linear;

use crate::error::BenchError;
use crate::numbers::{SEED, Stream, normal, xavier};
use crate::outcome::{Outcome, gradient, read, read_gradient, wanted_gradient};
use crate::problem::Problem;
use crate::workload::Shape;

/// A product of events and weights: tensors of the plain device, which a training step takes to the autodiff
/// device.
pub(crate) struct Linear {
    workload: &'static str,
    events: Tensor<2>,
    weight: Tensor<2>,
    needs_grad: Option<Tensor<2>>,
    cotangent: Tensor<2>,
}

/// A training step: the output, the leaves, and their gradients.
pub(crate) struct Trained {
    out: Tensor<2>,
    events: Tensor<2>,
    weight: Tensor<2>,
    gradients: Gradients,
}

impl Trained {
    /// Waits for all results.
    pub fn read(self) -> Result<(), ExecutionError> {
        read_gradient(&self.events, &self.gradients)?;
        read_gradient(&self.weight, &self.gradients)?;
        read(self.out)
    }
}

impl Linear {
    /// Draws the first rows of the problem's product: weights Xavier-normal, no bias.
    pub fn new(problem: &Problem, rows: usize, device: &Device, dtype: DType) -> Self {
        let Shape::Linear { input, output, .. } = problem.workload.shape else {
            unreachable!("a layer is not a linear product");
        };
        let matrix = |values: Vec<f32>, shape: [usize; 2]| {
            Tensor::<2>::from_data(TensorData::new(values, shape), (device, dtype))
        };
        let drawn = problem.input(rows * input, SEED);
        let weight = normal(SEED, Stream::InputWeights, input * output, xavier(input, output));
        let cotangent = normal(SEED, Stream::Cotangent, rows * output, 1.0);
        Self {
            workload: problem.workload.name,
            events: matrix(drawn.values, [rows, input]),
            weight: matrix(weight, [input, output]),
            needs_grad: drawn.needs_grad.map(|needs| matrix(needs, [rows, input])),
            cotangent: matrix(cotangent, [rows, output]),
        }
    }

    fn product(
        &self,
        events: Tensor<2>,
        weight: Tensor<2>,
        needs_grad: Option<Tensor<2>>,
        execution: Execution,
    ) -> Result<Tensor<2>, BenchError> {
        let run = event_linear(events, weight, None, needs_grad, execution);
        run.map(|(out, _)| out).map_err(|source| BenchError::Op { workload: self.workload, source })
    }

    /// Inference.
    pub fn forward(&self, execution: Execution) -> Result<Tensor<2>, BenchError> {
        self.product(self.events.clone(), self.weight.clone(), self.needs_grad.clone(), execution)
    }

    /// Forward and backward to the events and the weights, from a gradient of ones of the output.
    pub fn train(&self, execution: Execution) -> Result<Trained, BenchError> {
        self.train_with(execution, |out| out)
    }

    /// [`train`](Self::train) with a loss of the output, or the output itself, to go back from.
    fn train_with(
        &self,
        execution: Execution,
        loss: impl FnOnce(Tensor<2>) -> Tensor<2>,
    ) -> Result<Trained, BenchError> {
        let events = self.events.clone().autodiff().require_grad();
        let weight = self.weight.clone().autodiff().require_grad();
        let needs_grad = self.needs_grad.clone().map(Tensor::autodiff);
        let out = self.product(events.clone(), weight.clone(), needs_grad, execution)?;
        let gradients = loss(out.clone()).backward();
        Ok(Trained { out: out.inner(), events, weight, gradients })
    }

    /// The output of inference.
    pub fn forward_outcome(&self, execution: Execution) -> Result<Outcome, BenchError> {
        Ok(Outcome::of_output(self.forward(execution)?.try_to_vec_as()?))
    }

    /// The output and the gradients of a training step from a random gradient of the output; that of the events
    /// where it is wanted.
    pub fn train_outcome(&self, execution: Execution) -> Result<Outcome, BenchError> {
        let cotangent = self.cotangent.clone().autodiff();
        let Trained { out, events, weight, gradients } =
            self.train_with(execution, |out| out * cotangent)?;
        let mut outcome = Outcome::of_output(out.try_to_vec_as()?);
        outcome.tensors.extend([
            wanted_gradient(&events, self.needs_grad.as_ref(), &gradients)?,
            gradient(&weight, &gradients)?,
        ]);
        Ok(outcome)
    }
}
