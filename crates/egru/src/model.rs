//! A whole network: a stack of layers, a read-out and a linear head.

use burn::{
    module::{Module, Param},
    tensor::{Device, Tensor},
};
use egru_ops::{Execution, PathReport, event_linear};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    Cell, CellConfig, CellError, SequenceOptions, SequenceOutput, Stack, StackDraws, StackState,
    StepOutput, cells::gated::xavier_normal, dropout, error::check_drop, readout::Readout,
};

/// The architecture of a [`SequenceModel`]; `K` is the cell's own configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[serde(bound(deserialize = "K: DeserializeOwned + Default"))]
pub struct ModelConfig<K> {
    /// Units per layer, bottom first.
    pub layers: Vec<usize>,
    /// Probability of variational dropout between layers.
    pub dropout: f64,
    /// Probability of dropout on what the head reads.
    pub head_dropout: f64,
    /// What the head reads.
    pub readout: Readout,
    /// The cell.
    pub cell: K,
}

impl<K: Default> Default for ModelConfig<K> {
    fn default() -> Self {
        Self {
            layers: vec![128],
            dropout: 0.0,
            head_dropout: 0.0,
            readout: Readout::default(),
            cell: K::default(),
        }
    }
}

/// The linear map from what is read to logits.
#[derive(Module, Debug)]
pub struct Head {
    /// Weights `[H, K]`.
    pub weight: Param<Tensor<2>>,
    /// Bias `[K]`.
    pub bias: Param<Tensor<1>>,
}

/// A stack of layers of one kind of cell with a read-out and a linear head.
///
/// ```
/// use burn::tensor::{Device, Distribution, Tensor};
/// use egru::{ModelConfig, Readout, SequenceModel, cells::Egru};
///
/// let device = Device::flex();
/// device.seed(1);
/// let config = ModelConfig { layers: vec![32, 16], readout: Readout::LastTrace, ..Default::default() };
/// let model = SequenceModel::<Egru>::init(&config, 4, 10, &device)?;
/// let x = Tensor::random([20, 3, 4], Distribution::Normal(0.0, 2.0), &device);
/// let out = model.forward(x.clone(), None, &Default::default())?;
/// assert_eq!(out.logits.dims(), [3, 10]);
/// // The rest of the sequence continues from the state.
/// let more = model.forward(x, Some(out.state.detach()), &Default::default())?;
/// assert_eq!(more.layers[1].y.dims(), [20, 3, 16]);
/// # Ok::<(), egru::CellError>(())
/// ```
#[derive(Module, Debug)]
pub struct SequenceModel<C: Cell> {
    /// The recurrent layers, time-first.
    pub stack: Stack<C>,
    /// The head.
    pub head: Head,
    #[module(skip)]
    readout: Readout,
    head_dropout: f64,
}

/// The random masks of one batch of sequences.
#[derive(Clone, Debug)]
pub struct ModelDraws<D> {
    /// Those of the stack.
    pub stack: StackDraws<D>,
    /// On what the head reads, `[B, H]`.
    pub head: Option<Tensor<2>>,
}

/// What a model gives for a batch of sequences.
#[derive(Clone, Debug)]
pub struct ModelOutput<S> {
    /// `[B, K]`; with [`Readout::PerStep`] `[T*B, K]`, row `t*B + b`.
    pub logits: Tensor<2>,
    /// The output of each layer, bottom first, `[T, B, H]`.
    pub layers: Vec<SequenceOutput>,
    /// The state after each sample's last step.
    pub state: StackState<S>,
    /// Which form of the recurrent operation ran.
    pub path: PathReport,
    /// What the head read, `[N, H]`, after dropout.
    pub read: Tensor<2>,
}

/// What a model gives for one step.
#[derive(Clone, Debug)]
pub struct ModelStep<S> {
    /// `[B, K]`: the logits of this step; with [`Readout::MeanLogits`] their mean over the steps so far is the
    /// sequence's.
    pub logits: Tensor<2>,
    /// The output of each layer, bottom first, `[B, H]`.
    pub layers: Vec<StepOutput>,
    /// The state after the step.
    pub state: StackState<S>,
}

impl<C: Cell> SequenceModel<C> {
    /// A model from `input` channels to `output` logits. Random initial values come from the device's
    /// generator: [`Device::seed`] before makes them reproducible.
    ///
    /// # Errors
    /// [`CellError::Config`] for a value out of range.
    pub fn init(
        config: &ModelConfig<C::Config>,
        input: usize,
        output: usize,
        device: &Device,
    ) -> Result<Self, CellError> {
        config.cell.validate()?;
        check_drop("head_dropout", config.head_dropout)?;
        if output == 0 {
            return Err(CellError::config("output", output, "at least 1 logit"));
        }
        let stack = Stack::<C>::init(&config.cell, input, &config.layers, config.dropout, device)?;
        let head = Head {
            weight: Param::from_tensor(xavier_normal(stack.output_size(), output, 1.0, device)),
            bias: Param::from_tensor(Tensor::zeros([output], device)),
        };
        Ok(Self { stack, head, readout: config.readout, head_dropout: config.head_dropout })
    }

    /// What the head reads.
    pub fn readout(&self) -> Readout {
        self.readout
    }

    /// Input channels.
    pub fn input_size(&self) -> usize {
        self.stack.input_size()
    }

    /// Logits.
    pub fn output_size(&self) -> usize {
        self.head.bias.dims()[0]
    }

    /// Runs a batch of sequences `[T, B, C]`, with fresh draws, from `state` or from the zero state.
    ///
    /// # Errors
    /// [`CellError`] when shapes or lengths do not fit, or an operation refuses.
    pub fn forward(
        &self,
        x: Tensor<3>,
        state: Option<StackState<C::State>>,
        options: &SequenceOptions,
    ) -> Result<ModelOutput<C::State>, CellError> {
        let [steps, batch, _] = x.dims();
        self.forward_with(x, state, &self.draw(steps, batch), options)
    }

    /// Runs a batch of sequences with the given draws; nothing else in it is random.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn forward_with(
        &self,
        x: Tensor<3>,
        state: Option<StackState<C::State>>,
        draws: &ModelDraws<C::Draws>,
        options: &SequenceOptions,
    ) -> Result<ModelOutput<C::State>, CellError> {
        let state = state.unwrap_or_else(|| self.stack.zero_state(x.dims()[1]));
        let out = self.stack.forward_with(x, state, &draws.stack, options)?;
        let top = &out.layers[out.layers.len() - 1];
        let features = self.readout.read(top, options.lengths.as_deref())?;
        let [_, batch, hidden] = top.y.dims();
        let [rows, _] = features.values.dims();
        let masked = |values: Tensor<2>| {
            let series = values.reshape([rows / batch, batch, hidden]);
            dropout::apply(series, draws.head.as_ref()).reshape([rows, hidden])
        };
        let read = masked(features.values);
        let needs_grad = features.needs_grad.map(masked);
        let logits = self.head(read.clone(), needs_grad, options.execution)?;
        Ok(ModelOutput { logits, layers: out.layers, state: out.state, path: out.path, read })
    }

    /// Draws the random masks of one batch of sequences; in evaluation nothing is dropped.
    pub fn draw(&self, steps: usize, batch: usize) -> ModelDraws<C::Draws> {
        let device = self.stack.device();
        let drop = if device.is_autodiff() { self.head_dropout } else { 0.0 };
        // The order of the draws is part of what a seed means.
        let stack = self.stack.draw(steps, batch);
        let head = dropout::variational_mask(drop, batch, self.stack.output_size(), &device);
        ModelDraws { stack, head }
    }

    /// One step of one batch, `[B, C]`, for streaming; `t` picks the step in `draws`. Nothing is dropped at
    /// the head.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn step(
        &self,
        x: Tensor<2>,
        state: StackState<C::State>,
        draws: &ModelDraws<C::Draws>,
        t: usize,
        execution: Execution,
    ) -> Result<ModelStep<C::State>, CellError> {
        let (layers, state) = self.stack.step(x, state, &draws.stack, t, execution)?;
        let read = self.readout.read_step(&layers[layers.len() - 1])?;
        let logits = self.head(read, None, execution)?;
        Ok(ModelStep { logits, layers, state })
    }

    /// Moves parameters back into their allowed range; to be called after every optimiser step.
    pub fn constrain(self) -> Self {
        Self { stack: self.stack.constrain(), ..self }
    }

    fn head(
        &self,
        read: Tensor<2>,
        needs_grad: Option<Tensor<2>>,
        execution: Execution,
    ) -> Result<Tensor<2>, CellError> {
        let Head { weight, bias } = &self.head;
        let (logits, _) =
            event_linear(read, weight.val(), Some(bias.val()), needs_grad, execution)?;
        Ok(logits)
    }
}
