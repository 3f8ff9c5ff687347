//! EGRU: a GRU that is silent until its state crosses a threshold.
//!
//! ```text
//! a = x_t W + b_W          h = y_{t-1} R + b_R              gates: update z, reset r, candidate g
//! z = sigmoid(a_z + h_z)   r = sigmoid(a_r + h_r)           g = tanh(a_g + r*h_g)
//! u = z*c_{t-1} + (1-z)*g, with zoneout                     then the event part on u
//! ```
//!
//! Subramoney, Nazeer, Schöne, Mayr, Kappel: Efficient recurrent architectures through activity sparsity and
//! sparse back-propagation through time, ICLR 2023, eqs. 1-4, in the parity form of the authors' code. The
//! event part is [`crate::events`]; the whole sequence runs as one operation, [`egru_ops::egru_sequence()`].

use burn::{
    module::Module,
    tensor::{Device, Tensor},
};
use egru_ops::{EgruInputs, EgruState, Execution, FormChoice, FormReport, Keep, Zoneout};

use super::{EventConfig, GatedDraws, GatedWeights};
use crate::{
    Cell, CellError, CellSize, SequenceOptions, SequenceOutput, StepOutput,
    events::Threshold,
    sequence::{EventOutput, EventSeries, kept, plain_tape},
};

const KEPT: &str = "asked for by `step`";

crate::cell_state!(EgruState { c, y, trace });

/// The EGRU cell; parameters in the gate order `z, r, g`.
#[derive(Module, Debug)]
pub struct Egru {
    /// Weights and biases.
    pub weights: GatedWeights,
    /// Threshold.
    pub threshold: Threshold,
}

impl Egru {
    /// The operation's inputs for `x` `[T, B, C]`: every sample runs to the end, and all gradients are wanted.
    fn inputs(
        &self,
        x: Tensor<3>,
        state: EgruState,
        draws: &GatedDraws,
        zoneout: Zoneout,
        keep: Keep,
    ) -> EgruInputs {
        EgruInputs {
            x,
            w: self.weights.w.val(),
            r: self.weights.recurrent(draws),
            bias_w: self.weights.bias_w.val(),
            bias_r: self.weights.bias_r.val(),
            theta: self.threshold.value(),
            state,
            zoneout,
            lengths: None,
            x_needs_grad: None,
            keep,
        }
    }
}

impl Cell for Egru {
    const NAME: &'static str = "egru";
    type Config = EventConfig;
    type State = EgruState;
    type Draws = GatedDraws;

    fn init(
        config: &EventConfig,
        input: usize,
        hidden: usize,
        device: &Device,
    ) -> Result<Self, CellError> {
        Ok(Self {
            weights: GatedWeights::init(&config.gated(), 3, input, hidden, device)?,
            threshold: Threshold::init(config.threshold_mean, config.params(), hidden, device)?,
        })
    }

    fn size(&self) -> CellSize {
        self.weights.size()
    }

    fn device(&self) -> Device {
        self.weights.device()
    }

    fn zero_state(&self, batch: usize) -> EgruState {
        let zeros = self.weights.zeros(batch);
        EgruState { c: zeros.clone(), y: zeros.clone(), trace: zeros }
    }

    fn draw(&self, steps: usize, batch: usize, training: bool) -> GatedDraws {
        self.weights.draw(steps, batch, training)
    }

    fn step(
        &self,
        x: Tensor<2>,
        state: EgruState,
        draws: &GatedDraws,
        t: usize,
        execution: Execution,
    ) -> Result<(StepOutput, EgruState), CellError> {
        // The state after the step has the others.
        let keep = Keep { o: true, window: true, ..Keep::OUTPUT };
        let inputs = self.inputs(x.unsqueeze_dim(0), state, draws, draws.zoneout_at(t), keep);
        let (out, _) = egru_ops::egru_step(inputs, self.threshold.params(), execution)?;
        let state = out.state.clone();
        let events = EventOutput {
            o: out.o.expect(KEPT),
            trace: out.state.trace,
            window: out.window.expect(KEPT),
        };
        Ok((StepOutput { y: out.state.y, c: out.state.c, events: Some(events) }, state))
    }

    fn sequence(
        &self,
        x: Tensor<3>,
        state: EgruState,
        draws: &GatedDraws,
        options: &SequenceOptions,
    ) -> Result<(SequenceOutput, EgruState, FormReport), CellError> {
        let inputs = EgruInputs {
            lengths: options.lengths.clone(),
            x_needs_grad: options.x_needs_grad.clone(),
            ..self.inputs(x, state, draws, draws.zoneout.clone(), options.keep)
        };
        let (out, form) =
            egru_ops::egru_sequence(inputs, self.threshold.params(), options.execution)?;
        let events = EventSeries { o: out.o, trace: out.trace, window: out.window };
        let output = SequenceOutput { y: out.y, c: out.c, events: Some(events) };
        Ok((output, out.state, form))
    }

    fn tape(&self, execution: Execution, keep: Keep) -> usize {
        match execution.form {
            FormChoice::Naive => plain_tape(self.size().gates, keep),
            // `y`, the state before the reset, the gates, `h_g`; on the way back the gradient of `y` and room to add it up.
            FormChoice::Auto | FormChoice::Fused => 8 + kept(keep),
        }
    }

    fn constrain(self) -> Self {
        Self { threshold: self.threshold.constrain(), ..self }
    }

    fn threshold(&self) -> Option<Tensor<1>> {
        Some(self.threshold.value())
    }
}
