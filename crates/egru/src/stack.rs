//! Layers on top of each other, with variational dropout between them.

use burn::{
    module::Module,
    tensor::{Device, Tensor},
};
use egru_ops::{Execution, FormReport, Keep};

use crate::{
    Cell, CellError, Layer, SequenceOptions, SequenceOutput, StackState, StepOutput, dropout,
    error::{check_drop, or_panic},
    sequence::union,
};

/// A stack of layers of one kind of cell; the output of each is the input of the next.
///
/// Where a layer emits events, the next one executes only their products, and its gradient by them is
/// computed only where it has any effect.
#[derive(Module, Debug)]
pub struct Stack<C: Cell> {
    /// The layers, bottom first.
    pub layers: Vec<Layer<C>>,
    dropout: f64,
}

/// The random masks of one sequence.
#[derive(Clone, Debug)]
pub struct StackDraws<D> {
    /// Of each cell.
    pub cells: Vec<D>,
    /// On each layer's input `[B, C]`; the first is `None`.
    pub dropout: Vec<Option<Tensor<2>>>,
}

/// What a stack gives for a batch of sequences.
#[derive(Clone, Debug)]
pub struct StackOutput<S> {
    /// The output of each layer, bottom first, before dropout, with the series that were asked for.
    pub layers: Vec<SequenceOutput>,
    /// The state after each sample's last step.
    pub state: StackState<S>,
    /// Which form of the operations ran in the top layer.
    pub form: FormReport,
}

impl<S> StackOutput<S> {
    /// The output of the last layer.
    pub fn top(&self) -> &SequenceOutput {
        &self.layers[self.layers.len() - 1]
    }
}

impl<C: Cell> Stack<C> {
    /// A stack with `layers` units per layer, bottom first, and variational dropout of the given
    /// probability between layers.
    ///
    /// # Errors
    /// [`CellError::Config`] for a value out of range or no layers.
    pub fn init(
        cell: &C::Config,
        input: usize,
        layers: &[usize],
        dropout: f64,
        device: &Device,
    ) -> Result<Self, CellError> {
        check_drop("dropout", dropout)?;
        if layers.is_empty() {
            return Err(CellError::config("layers", "[]", "units per layer, e.g. [128]"));
        }
        let inputs = std::iter::once(input).chain(layers.iter().copied());
        let layers =
            inputs.zip(layers).map(|(input, &hidden)| Layer::init(cell, input, hidden, device));
        Ok(Self { layers: layers.collect::<Result<_, _>>()?, dropout })
    }

    /// Input channels of the first layer.
    pub fn input_size(&self) -> usize {
        self.layers[0].cell.size().input
    }

    /// Units of the last layer.
    pub fn output_size(&self) -> usize {
        self.layers[self.layers.len() - 1].cell.size().hidden
    }

    /// Where the parameters are. Training means an autodiff device.
    pub fn device(&self) -> Device {
        self.layers[0].cell.device()
    }

    /// The state before the first step of `batch` samples.
    pub fn zero_state(&self, batch: usize) -> StackState<C::State> {
        StackState {
            layers: self.layers.iter().map(|layer| layer.cell.zero_state(batch)).collect(),
        }
    }

    /// Draws the random masks of one sequence; in evaluation nothing is dropped.
    pub fn draw(&self, steps: usize, batch: usize) -> StackDraws<C::Draws> {
        let device = self.device();
        let drop = if device.is_autodiff() { self.dropout } else { 0.0 };
        let mask = |(k, layer): (usize, &Layer<C>)| {
            let drop = if k == 0 { 0.0 } else { drop };
            dropout::variational_mask(drop, batch, layer.cell.size().input, &device)
        };
        StackDraws {
            cells: self.layers.iter().map(|layer| layer.draw(steps, batch)).collect(),
            dropout: self.layers.iter().enumerate().map(mask).collect(),
        }
    }

    /// Runs a batch of sequences `[T, B, C]`, with fresh draws, from `state` or from the zero state: the output of
    /// the last layer `[T, B, H]`, and the state after the last step.
    ///
    /// # Panics
    /// Where [`forward_with`](Self::forward_with) gives an error, with its message.
    pub fn forward(
        &self,
        x: Tensor<3>,
        state: Option<StackState<C::State>>,
    ) -> (Tensor<3>, StackState<C::State>) {
        let [steps, batch, _] = x.dims();
        let draws = self.draw(steps, batch);
        let out = or_panic(self.forward_with(x, state, &draws, &SequenceOptions::default()));
        (out.top().y.clone(), out.state)
    }

    /// Runs a batch of sequences `[T, B, C]` with the given draws, from `state` or from the zero state.
    ///
    /// # Errors
    /// [`CellError`] when shapes or lengths do not fit, or an operation refuses.
    pub fn forward_with(
        &self,
        x: Tensor<3>,
        state: Option<StackState<C::State>>,
        draws: &StackDraws<C::Draws>,
        options: &SequenceOptions,
    ) -> Result<StackOutput<C::State>, CellError> {
        self.forward_for(x, state, draws, options, Keep::OUTPUT)
    }

    /// [`forward_with`](Self::forward_with) for a reader of the last layer, who needs these series of it too.
    pub(crate) fn forward_for(
        &self,
        x: Tensor<3>,
        state: Option<StackState<C::State>>,
        draws: &StackDraws<C::Draws>,
        options: &SequenceOptions,
        reader: Keep,
    ) -> Result<StackOutput<C::State>, CellError> {
        let state = state.unwrap_or_else(|| self.zero_state(x.dims()[1]));
        self.check_state(&state)?;
        // The windows between layers spare gradients, of which there are none in evaluation.
        let between =
            Keep { window: x.is_autodiff() || self.device().is_autodiff(), ..Keep::OUTPUT };
        let last = self.layers.len() - 1;
        let mut input = x;
        let mut needs_grad = options.x_needs_grad.clone();
        let (mut outputs, mut states, mut form) = (Vec::new(), Vec::new(), None);
        for (k, (layer, state)) in self.layers.iter().zip(state.layers).enumerate() {
            let mask = draws.dropout[k].as_ref();
            let above = if k == last { reader } else { between };
            let layer_options = SequenceOptions {
                lengths: options.lengths.clone(),
                // A dropped event has no effect above, hence no gradient from there.
                x_needs_grad: needs_grad.map(|needs| dropout::apply(needs, mask)),
                execution: options.execution,
                keep: union(options.keep, above),
            };
            let dropped = dropout::apply(input, mask);
            let out = layer.forward_with(dropped, Some(state), &draws.cells[k], &layer_options)?;
            input = out.output.y.clone();
            needs_grad = if k == last { None } else { out.output.window() };
            let kept = if k == last { layer_options.keep } else { options.keep };
            outputs.push(out.output.only(kept));
            states.push(out.state);
            form = Some(out.form);
        }
        let form = form.expect("a stack has at least one layer");
        Ok(StackOutput { layers: outputs, state: StackState { layers: states }, form })
    }

    /// One step of one batch, `[B, C]`, for streaming: the outputs of each layer, bottom first, and the state
    /// after the step. `t` picks the step in `draws`. Step after step, it gives what
    /// [`forward_with`](Self::forward_with) gives.
    ///
    /// # Errors
    /// As [`forward_with`](Self::forward_with).
    pub fn step(
        &self,
        x: Tensor<2>,
        state: StackState<C::State>,
        draws: &StackDraws<C::Draws>,
        t: usize,
        execution: Execution,
    ) -> Result<(Vec<StepOutput>, StackState<C::State>), CellError> {
        self.check_state(&state)?;
        let mut input = x;
        let (mut outputs, mut states) = (Vec::new(), Vec::new());
        for (k, (layer, state)) in self.layers.iter().zip(state.layers).enumerate() {
            let dropped = match &draws.dropout[k] {
                None => input,
                Some(mask) => input * mask.clone(),
            };
            let (output, state) = layer.step(dropped, state, &draws.cells[k], t, execution)?;
            input = output.y.clone();
            outputs.push(output);
            states.push(state);
        }
        Ok((outputs, StackState { layers: states }))
    }

    /// The thresholds of each layer `[H]` as the forward pass uses them; `None` of dense cells.
    pub fn thresholds(&self) -> Vec<Option<Tensor<1>>> {
        self.layers.iter().map(|layer| layer.cell.threshold()).collect()
    }

    /// Moves parameters back into their allowed range; to be called after every optimiser step.
    pub fn constrain(self) -> Self {
        Self { layers: self.layers.into_iter().map(Layer::constrain).collect(), ..self }
    }

    fn check_state(&self, state: &StackState<C::State>) -> Result<(), CellError> {
        if state.layers.len() == self.layers.len() {
            return Ok(());
        }
        Err(CellError::State {
            got: vec![format!("{} layers", state.layers.len())],
            expected: vec![format!("{} layers", self.layers.len())],
        })
    }
}
