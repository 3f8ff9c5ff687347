//! One layer: a cell with checked shapes and a choice of the input's order.

use burn::{
    module::Module,
    tensor::{Device, Tensor},
};
use egru_ops::{Execution, PathReport};
use serde::{Deserialize, Serialize};

use crate::{Cell, CellError, CellState, SequenceOptions, SequenceOutput, StepOutput, lengths};

/// Which axis of a batch of sequences comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// `[T, B, C]`: the order that cells compute in.
    #[default]
    TimeFirst,
    /// `[B, T, C]`.
    BatchFirst,
}

impl Order {
    /// From this order to time-first, or back.
    pub fn swap(self, series: Tensor<3>) -> Tensor<3> {
        match self {
            Self::TimeFirst => series,
            Self::BatchFirst => series.swap_dims(0, 1),
        }
    }

    pub(crate) fn swap_output(self, output: SequenceOutput) -> SequenceOutput {
        match self {
            Self::TimeFirst => output,
            Self::BatchFirst => output.swap_order(),
        }
    }
}

/// A recurrent layer.
///
/// ```
/// use burn::tensor::{Device, Distribution, Tensor};
/// use egru::{Layer, Order, SequenceOptions, cells::Egru};
///
/// let device = Device::flex();
/// let layer = Layer::<Egru>::init(&Default::default(), 3, 8, &device)?.with_order(Order::BatchFirst);
/// let x = Tensor::random([2, 5, 3], Distribution::Default, &device);
/// let (output, state, _) = layer.forward(x, None, &SequenceOptions::with_lengths([5, 4]))?;
/// assert_eq!(output.y.dims(), [2, 5, 8]);
/// assert_eq!(state.c.dims(), [2, 8]);
/// # Ok::<(), egru::CellError>(())
/// ```
#[derive(Module, Debug)]
pub struct Layer<C: Cell> {
    /// The cell.
    pub cell: C,
    #[module(skip)]
    order: Order,
}

impl<C: Cell> Layer<C> {
    /// A time-first layer of a new cell.
    ///
    /// # Errors
    /// As [`Cell::init`].
    pub fn init(
        config: &C::Config,
        input: usize,
        hidden: usize,
        device: &Device,
    ) -> Result<Self, CellError> {
        Ok(Self::new(C::init(config, input, hidden, device)?))
    }

    /// A time-first layer of this cell.
    pub fn new(cell: C) -> Self {
        Self { cell, order: Order::TimeFirst }
    }

    /// The layer with inputs and outputs in another order.
    pub fn with_order(self, order: Order) -> Self {
        Self { order, ..self }
    }

    /// Draws the random masks of one sequence. Training means that the parameters are on an autodiff device.
    pub fn draw(&self, steps: usize, batch: usize) -> C::Draws {
        self.cell.draw(steps, batch, self.cell.device().is_autodiff())
    }

    /// Runs a batch of sequences, with fresh draws, from `state` or from the zero state. All tensors are in the
    /// layer's order, `options.x_needs_grad` too.
    ///
    /// # Errors
    /// [`CellError`] when shapes or lengths do not fit; else as [`Cell::sequence`].
    pub fn forward(
        &self,
        x: Tensor<3>,
        state: Option<C::State>,
        options: &SequenceOptions,
    ) -> Result<(SequenceOutput, C::State, PathReport), CellError> {
        let [steps, batch, _] = self.order.swap(x.clone()).dims();
        let state = state.unwrap_or_else(|| self.cell.zero_state(batch));
        self.forward_with(x, state, &self.draw(steps, batch), options)
    }

    /// Runs a batch of sequences with the given draws.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn forward_with(
        &self,
        x: Tensor<3>,
        state: C::State,
        draws: &C::Draws,
        options: &SequenceOptions,
    ) -> Result<(SequenceOutput, C::State, PathReport), CellError> {
        let x = self.order.swap(x);
        let [steps, batch, channels] = x.dims();
        for (field, size) in [("steps", steps), ("batch", batch)] {
            if size == 0 {
                return Err(CellError::config(field, size, "at least 1"));
            }
        }
        let input = self.cell.size().input;
        CellError::check_shape("x", x.dims(), [("T", steps), ("B", batch), ("C", input)])?;
        lengths::check(options.lengths.as_deref(), steps, batch)?;
        self.check_state(&state, batch)?;
        let mut options = options.clone();
        if let Some(needs) = options.x_needs_grad.take() {
            let needs = self.order.swap(needs);
            let expected = [("T", steps), ("B", batch), ("C", channels)];
            CellError::check_shape("x_needs_grad", needs.dims(), expected)?;
            options.x_needs_grad = Some(needs);
        }
        let (output, state, path) = self.cell.sequence(x, state, draws, &options)?;
        Ok((self.order.swap_output(output), state, path))
    }

    /// One step of one batch, `[B, C]`, for streaming; `t` picks the step in `draws`. Step after step, it gives
    /// what [`forward_with`](Self::forward_with) gives.
    ///
    /// # Errors
    /// [`CellError`] when shapes do not fit; else as [`Cell::step`].
    pub fn step(
        &self,
        x: Tensor<2>,
        state: C::State,
        draws: &C::Draws,
        t: usize,
        execution: Execution,
    ) -> Result<(StepOutput, C::State), CellError> {
        let batch = x.dims()[0];
        CellError::check_shape("x", x.dims(), [("B", batch), ("C", self.cell.size().input)])?;
        self.check_state(&state, batch)?;
        let options = SequenceOptions { execution, ..SequenceOptions::default() };
        let (x, _) = self.cell.project(x.unsqueeze_dim(0), &options)?;
        self.cell.step(x.squeeze_dim(0), state, draws, t, execution)
    }

    /// The layer with its cell [constrained](Cell::constrain).
    pub fn constrain(self) -> Self {
        Self { cell: self.cell.constrain(), ..self }
    }

    fn check_state(&self, state: &C::State, batch: usize) -> Result<(), CellError> {
        let expected = [("B", batch), ("H", self.cell.size().hidden)];
        for (name, tensor) in C::State::NAMES.iter().zip(state.clone().into_tensors()) {
            CellError::check_shape(&format!("state.{name}"), tensor.dims(), expected)?;
        }
        Ok(())
    }
}
