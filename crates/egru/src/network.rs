//! A whole network: an encoder, a stack of layers, a read-out and a head. It knows parameters, not losses.

use burn::{
    module::{Module, Param},
    tensor::{Device, Tensor},
};
use egru_ops::{Execution, FormReport};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    Cell, CellConfig, CellError, Encoder, EncoderConfig, EncoderDraws, Head, HeadKind, Input,
    InputShape, Reading, SequenceOptions, SequenceOutput, Stack, StackDraws, StackState,
    StepOutput, dropout,
    error::{check_drop, or_panic},
    head::nothing_to_tie_to,
    readout::Readout,
};

/// The architecture of a [`Network`]; `K` is the cell's own configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[serde(bound(deserialize = "K: DeserializeOwned + Default"))]
pub struct NetworkConfig<K> {
    /// What the stack reads of the input.
    pub encoder: EncoderConfig,
    /// Units per layer, bottom first.
    pub layers: Vec<usize>,
    /// Probability of variational dropout between layers.
    pub dropout: f64,
    /// Where the head has its weights from.
    pub head: HeadKind,
    /// Probability of dropout on what the head reads.
    pub head_dropout: f64,
    /// What the head reads.
    pub readout: Readout,
    /// The cell.
    pub cell: K,
}

impl<K: Default> Default for NetworkConfig<K> {
    fn default() -> Self {
        Self {
            encoder: EncoderConfig::default(),
            layers: vec![128],
            dropout: 0.0,
            head: HeadKind::default(),
            head_dropout: 0.0,
            readout: Readout::default(),
            cell: K::default(),
        }
    }
}

/// An encoder, a stack of layers of one kind of cell, a read-out and a head.
///
/// ```
/// use burn::tensor::{Device, Distribution, Tensor};
/// use egru::{InputShape, Network, NetworkConfig, Readout, cells::Egru};
///
/// let device = Device::flex();
/// device.seed(1);
/// let config =
///     NetworkConfig { layers: vec![32, 16], readout: Readout::LastTrace, ..Default::default() };
/// let network = Network::<Egru>::init(&config, InputShape::Values { channels: 4 }, 10, &device)?;
/// let x = Tensor::<3>::random([20, 3, 4], Distribution::Normal(0.0, 2.0), &device);
/// let (logits, state) = network.forward(x.clone(), None);
/// assert_eq!(logits.dims(), [3, 10]);
/// // The rest of the sequence continues from the state.
/// let (logits, _) = network.forward(x, Some(state.detach()));
/// assert_eq!(logits.dims(), [3, 10]);
/// # Ok::<(), egru::CellError>(())
/// ```
#[derive(Module, Debug)]
pub struct Network<C: Cell> {
    /// From the input to what the stack reads.
    pub encoder: Encoder,
    /// The recurrent layers.
    pub stack: Stack<C>,
    /// The head.
    pub head: Head,
    #[module(skip)]
    readout: Readout,
    head_dropout: f64,
}

/// The random masks of one batch of sequences.
#[derive(Clone, Debug)]
pub struct NetworkDraws<D> {
    /// Those of the encoder.
    pub encoder: EncoderDraws,
    /// Those of the stack.
    pub stack: StackDraws<D>,
    /// On what the head reads, `[B, H]`.
    pub head: Option<Tensor<2>>,
}

/// What a network gives for a batch of sequences.
#[derive(Clone, Debug)]
pub struct NetworkOutput<S> {
    /// What the head reads, with the head: logits, or a loss.
    pub reading: Reading,
    /// The output of each layer, bottom first, with the series that were asked for.
    pub layers: Vec<SequenceOutput>,
    /// The state after each sample's last step.
    pub state: StackState<S>,
    /// Which form of the recurrent operation ran.
    pub form: FormReport,
    /// What the stack read, `[T, B, C]`.
    pub encoded: Tensor<3>,
}

/// What a network gives for one step.
#[derive(Clone, Debug)]
pub struct NetworkStep<S> {
    /// `[B, K]`: the logits of this step; with [`Readout::MeanLogits`] their mean over the steps so far is the
    /// sequence's.
    pub logits: Tensor<2>,
    /// The output of each layer, bottom first, `[B, H]`.
    pub layers: Vec<StepOutput>,
    /// The state after the step.
    pub state: StackState<S>,
}

impl<C: Cell> Network<C> {
    /// A network from such inputs to `outputs` logits. Random initial values come from the device's generator, in the
    /// order encoder, stack, head: [`Device::seed`] before makes them reproducible.
    ///
    /// # Errors
    /// [`CellError::Config`] for a value out of range, an encoder that does not take such inputs, or a tied head whose
    /// sizes are not those of the embedding.
    pub fn init(
        config: &NetworkConfig<C::Config>,
        input: InputShape,
        outputs: usize,
        device: &Device,
    ) -> Result<Self, CellError> {
        config.cell.validate()?;
        check_drop("head_dropout", config.head_dropout)?;
        if outputs == 0 {
            return Err(CellError::config("output", outputs, "at least 1 logit"));
        }
        let encoder = Encoder::init(&config.encoder, input, device)?;
        let channels = encoder.output_size();
        let stack =
            Stack::<C>::init(&config.cell, channels, &config.layers, config.dropout, device)?;
        let head = match config.head {
            HeadKind::Linear => Head::linear(stack.output_size(), outputs, device),
            HeadKind::Tied => {
                let embedding = encoder.embedding.as_ref().ok_or_else(nothing_to_tie_to)?;
                check_tied(embedding.weight.dims(), &config.layers, outputs)?;
                Head::tied(outputs, device)
            }
        };
        let (readout, head_dropout) = (config.readout, config.head_dropout);
        Ok(Self { encoder, stack, head, readout, head_dropout })
    }

    /// What the head reads.
    pub fn readout(&self) -> Readout {
        self.readout
    }

    /// Channels that the stack reads.
    pub fn input_size(&self) -> usize {
        self.stack.input_size()
    }

    /// Logits.
    pub fn output_size(&self) -> usize {
        self.head.bias.dims()[0]
    }

    /// Where the parameters are. Training means an autodiff device.
    pub fn device(&self) -> Device {
        self.stack.device()
    }

    /// The thresholds of each layer `[H]` as the forward pass uses them; `None` of dense cells.
    pub fn thresholds(&self) -> Vec<Option<Tensor<1>>> {
        self.stack.thresholds()
    }

    /// Runs a batch of sequences, with fresh draws, from `state` or from the zero state: the logits (`[B, K]`; with
    /// [`Readout::PerStep`] `[T*B, K]`, row `t*B + b`), and the state after the last step.
    ///
    /// # Panics
    /// Where [`forward_with`](Self::forward_with) gives an error, with its message.
    pub fn forward(
        &self,
        x: impl Into<Input>,
        state: Option<StackState<C::State>>,
    ) -> (Tensor<2>, StackState<C::State>) {
        let x = x.into();
        let draws = self.draw(x.steps(), x.batch());
        let out = or_panic(self.forward_with(x, state, &draws, &SequenceOptions::default()));
        (or_panic(out.reading.logits()), out.state)
    }

    /// Runs a batch of sequences with the given draws, from `state` or from the zero state; nothing else in it is
    /// random. `options.x_needs_grad` is about what the stack reads, `[T, B, C]`.
    ///
    /// # Errors
    /// [`CellError`] when kind, shapes or lengths of the input do not fit, or an operation refuses.
    pub fn forward_with(
        &self,
        x: impl Into<Input>,
        state: Option<StackState<C::State>>,
        draws: &NetworkDraws<C::Draws>,
        options: &SequenceOptions,
    ) -> Result<NetworkOutput<C::State>, CellError> {
        let encoded = self.encoder.forward(x.into(), &draws.encoder)?;
        let mut stack_options = options.clone();
        if let (None, Some(mask)) = (&options.x_needs_grad, &draws.encoder.output) {
            // A dropped input has no effect above, hence no gradient from there.
            stack_options.x_needs_grad =
                Some(mask.clone().unsqueeze_dim::<3>(0).expand(encoded.dims()));
        }
        let reader = self.readout.keep(self.device().is_autodiff());
        let out =
            self.stack.forward_for(encoded.clone(), state, &draws.stack, &stack_options, reader)?;
        let features = self.readout.read(out.top(), options.lengths.as_deref())?;
        let [_, batch, hidden] = out.top().y.dims();
        let [rows, _] = features.values.dims();
        let masked = |values: Tensor<2>| {
            let series = values.reshape([rows / batch, batch, hidden]);
            dropout::apply(series, draws.head.as_ref()).reshape([rows, hidden])
        };
        let reading = self
            .reading(masked(features.values))?
            .with_needs_grad(features.needs_grad.map(masked))
            .with_execution(options.execution);
        let layers = out.layers.into_iter().map(|layer| layer.only(options.keep)).collect();
        Ok(NetworkOutput { reading, layers, state: out.state, form: out.form, encoded })
    }

    /// Draws the random masks of one batch of sequences; in evaluation nothing is dropped.
    pub fn draw(&self, steps: usize, batch: usize) -> NetworkDraws<C::Draws> {
        let device = self.device();
        let drop = if device.is_autodiff() { self.head_dropout } else { 0.0 };
        // The order of the draws is part of what a seed means.
        let encoder = self.encoder.draw(batch);
        let stack = self.stack.draw(steps, batch);
        let head = dropout::variational_mask(drop, batch, self.stack.output_size(), &device);
        NetworkDraws { encoder, stack, head }
    }

    /// One step of one batch, an input of one step, for streaming; `t` picks the step in `draws`. Nothing is dropped
    /// at the head.
    ///
    /// # Errors
    /// [`CellError::Config`] for an input of several steps; else as [`forward_with`](Self::forward_with).
    pub fn step(
        &self,
        x: impl Into<Input>,
        state: StackState<C::State>,
        draws: &NetworkDraws<C::Draws>,
        t: usize,
        execution: Execution,
    ) -> Result<NetworkStep<C::State>, CellError> {
        let x = x.into();
        if x.steps() != 1 {
            return Err(CellError::config("steps", x.steps(), "1, the step that is run"));
        }
        let encoded = self.encoder.forward(x, &draws.encoder)?.squeeze_dim(0);
        let (layers, state) = self.stack.step(encoded, state, &draws.stack, t, execution)?;
        let read = self.readout.read_step(&layers[layers.len() - 1])?;
        let logits = self.reading(read)?.with_execution(execution).logits()?;
        Ok(NetworkStep { logits, layers, state })
    }

    /// Moves parameters back into their allowed range; to be called after every optimiser step.
    pub fn constrain(self) -> Self {
        Self { stack: self.stack.constrain(), ..self }
    }

    /// The head over these values.
    fn reading(&self, values: Tensor<2>) -> Result<Reading, CellError> {
        let embedding: Option<&Param<Tensor<2>>> =
            self.encoder.embedding.as_ref().map(|embedding| &embedding.weight);
        Ok(Reading::new(values, self.head.weight(embedding)?, self.head.bias.val()))
    }
}

/// Whether an embedding of these sizes can be the head's weights.
fn check_tied(
    [vocabulary, size]: [usize; 2],
    layers: &[usize],
    outputs: usize,
) -> Result<(), CellError> {
    if layers.last() != Some(&size) {
        let expected = format!("a last layer of {size} units, the size of the tied embedding");
        return Err(CellError::config("layers", format!("{layers:?}"), expected));
    }
    if outputs != vocabulary {
        let expected = format!("{vocabulary}, the vocabulary of the tied embedding");
        return Err(CellError::config("output", outputs, expected));
    }
    Ok(())
}
