//! One layer: a cell with checked shapes.

use burn::{
    module::Module,
    tensor::{Device, Tensor},
};
use egru_ops::{Execution, FormReport};

use crate::{
    Cell, CellError, CellState, SequenceOptions, SequenceOutput, StepOutput, error::or_panic,
    lengths,
};

/// A recurrent layer.
///
/// ```
/// use burn::tensor::{Device, Distribution, Tensor};
/// use egru::{EgruConfig, Keep, SequenceOptions};
///
/// let device = Device::flex();
/// let layer = EgruConfig::new(3, 8).with_eps(2.0).init(&device);
/// let x = Tensor::random([5, 2, 3], Distribution::Default, &device);
/// let (y, state) = layer.forward(x.clone(), None);
/// assert_eq!(y.dims(), [5, 2, 8]);
/// assert_eq!(state.c.dims(), [2, 8]);
///
/// // The rest of the sequence continues from the state; samples may end earlier, and more may be asked for.
/// let draws = layer.draw(5, 2);
/// let options = SequenceOptions { keep: Keep::ALL, ..SequenceOptions::with_lengths([5, 4]) };
/// let out = layer.forward_with(x, Some(state), &draws, &options)?;
/// assert_eq!(out.output.c.expect("kept").dims(), [5, 2, 8]);
/// # Ok::<(), egru::CellError>(())
/// ```
#[derive(Module, Debug)]
pub struct Layer<C: Cell> {
    /// The cell.
    pub cell: C,
}

/// What a layer gives for a batch of sequences.
#[derive(Clone, Debug)]
pub struct LayerOutput<S> {
    /// The output, with the series that were asked for.
    pub output: SequenceOutput,
    /// The state after each sample's last step.
    pub state: S,
    /// Which form of the operations ran.
    pub form: FormReport,
}

impl<C: Cell> Layer<C> {
    /// A layer of a new cell; for the cells of this crate [`LayerConfig`](crate::LayerConfig) reads better.
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

    /// A layer of this cell.
    pub fn new(cell: C) -> Self {
        Self { cell }
    }

    /// Draws the random masks of one sequence. Training means that the parameters are on an autodiff device.
    pub fn draw(&self, steps: usize, batch: usize) -> C::Draws {
        self.cell.draw(steps, batch, self.cell.device().is_autodiff())
    }

    /// Runs a batch of sequences `[T, B, C]`, with fresh draws, from `state` or from the zero state: the output
    /// `[T, B, H]` and the state after the last step.
    ///
    /// # Panics
    /// Where [`forward_with`](Self::forward_with) gives an error, with its message.
    pub fn forward(&self, x: Tensor<3>, state: Option<C::State>) -> (Tensor<3>, C::State) {
        let [steps, batch, _] = x.dims();
        let draws = self.draw(steps, batch);
        let out = or_panic(self.forward_with(x, state, &draws, &SequenceOptions::default()));
        (out.output.y, out.state)
    }

    /// Runs a batch of sequences `[T, B, C]` with the given draws, from `state` or from the zero state.
    ///
    /// # Errors
    /// [`CellError`] when shapes or lengths do not fit; else as [`Cell::sequence`].
    pub fn forward_with(
        &self,
        x: Tensor<3>,
        state: Option<C::State>,
        draws: &C::Draws,
        options: &SequenceOptions,
    ) -> Result<LayerOutput<C::State>, CellError> {
        let [steps, batch, channels] = x.dims();
        for (field, size) in [("steps", steps), ("batch", batch)] {
            if size == 0 {
                return Err(CellError::config(field, size, "at least 1"));
            }
        }
        let input = self.cell.size().input;
        CellError::check_shape("x", x.dims(), [("T", steps), ("B", batch), ("C", input)])?;
        lengths::check(options.lengths.as_deref(), steps, batch)?;
        let state = state.unwrap_or_else(|| self.cell.zero_state(batch));
        self.check_state(&state, batch)?;
        if let Some(needs) = &options.x_needs_grad {
            let expected = [("T", steps), ("B", batch), ("C", channels)];
            CellError::check_shape("x_needs_grad", needs.dims(), expected)?;
        }
        let (output, state, form) = self.cell.sequence(x, state, draws, options)?;
        Ok(LayerOutput { output: output.only(options.keep), state, form })
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
        Self { cell: self.cell.constrain() }
    }

    fn check_state(&self, state: &C::State, batch: usize) -> Result<(), CellError> {
        let expected = [("B", batch), ("H", self.cell.size().hidden)];
        for (name, tensor) in C::State::NAMES.iter().zip(state.clone().into_tensors()) {
            CellError::check_shape(&format!("state.{name}"), tensor.dims(), expected)?;
        }
        Ok(())
    }
}
