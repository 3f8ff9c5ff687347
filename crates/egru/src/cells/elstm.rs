//! ELSTM: an LSTM that is silent until its memory crosses a threshold.
//!
//! ```text
//! a = x_t W + b_W + y_{t-1} R + b_R        gates: input i, forget f, candidate g, output q
//! i, f, q = sigmoid(a_i), sigmoid(a_f), sigmoid(a_q)        g = tanh(a_g)
//! u = f*c_{t-1} + i*g, with zoneout        pre-event memory
//! e, o, c_t = event part on u              e = o*u, c_t = u - o*theta
//! y = q * tanh(e)                          exactly 0 where silent
//! ```
//!
//! The event mechanism of Subramoney et al. 2023 is not tied to the GRU: here it acts on the memory of an
//! [`Lstm`](super::Lstm) as it acts on the state of a GRU in the [`Egru`](super::Egru), and the output gate
//! grades what is sent. This choice of equations is this project's. With a gradient of `y` multiplied by
//! `o` or by the surrogate on every way back, the window of the event part holds for `y` too.
//!
//! Built from the reusable pieces alone: [`Threshold`] for the events, and [`egru_ops::event_linear()`] for both
//! products, so that events are skipped forward and backward.

use burn::{
    module::Module,
    tensor::{Device, Tensor},
};
use egru_ops::{Execution, FormReport, event_linear};

use super::{EventConfig, GatedDraws, GatedWeights, lstm::memory};
use crate::{
    Cell, CellError, CellSize, SequenceOptions, StepOutput, events::Threshold,
    sequence::EventOutput,
};

/// The state of an [`Elstm`], each `[B, H]`.
#[derive(Clone, Debug)]
pub struct ElstmState {
    /// Memory after the reset.
    pub c: Tensor<2>,
    /// Event output.
    pub y: Tensor<2>,
    /// Decaying average of the event output.
    pub trace: Tensor<2>,
    /// 0 where no gradient of `y` has any effect.
    pub window: Tensor<2>,
}

crate::cell_state!(ElstmState { c, y, trace, window });

/// The ELSTM cell; parameters in the gate order `i, f, g, q`.
#[derive(Module, Debug)]
pub struct Elstm {
    /// Weights and biases.
    pub weights: GatedWeights,
    /// Threshold of the memory.
    pub threshold: Threshold,
}

impl Cell for Elstm {
    const NAME: &'static str = "elstm";
    type Config = EventConfig;
    type State = ElstmState;
    type Draws = GatedDraws;

    fn init(
        config: &EventConfig,
        input: usize,
        hidden: usize,
        device: &Device,
    ) -> Result<Self, CellError> {
        Ok(Self {
            weights: GatedWeights::init(&config.gated(), 4, input, hidden, device)?,
            threshold: Threshold::init(config.threshold_mean, config.params(), hidden, device)?,
        })
    }

    fn size(&self) -> CellSize {
        self.weights.size()
    }

    fn device(&self) -> Device {
        self.weights.device()
    }

    fn zero_state(&self, batch: usize) -> ElstmState {
        let zeros = self.weights.zeros(batch);
        // A first output that no cell has computed may be anything, so that its gradient is wanted.
        let window = zeros.ones_like();
        ElstmState { c: zeros.clone(), y: zeros.clone(), trace: zeros, window }
    }

    fn draw(&self, steps: usize, batch: usize, training: bool) -> GatedDraws {
        self.weights.draw(steps, batch, training)
    }

    fn project(
        &self,
        x: Tensor<3>,
        options: &SequenceOptions,
    ) -> Result<(Tensor<3>, FormReport), CellError> {
        let [steps, batch, channels] = x.dims();
        let flat = |series: Tensor<3>| series.reshape([steps * batch, channels]);
        let needs_grad = options.x_needs_grad.clone().map(flat);
        let (a, form) = event_linear(
            flat(x),
            self.weights.w.val(),
            Some(self.weights.bias_w.val()),
            needs_grad,
            options.execution,
        )?;
        Ok((a.reshape([steps as i64, batch as i64, -1]), form))
    }

    fn step(
        &self,
        a: Tensor<2>,
        state: ElstmState,
        draws: &GatedDraws,
        t: usize,
        execution: Execution,
    ) -> Result<(StepOutput, ElstmState), CellError> {
        let (fed_back, _) = event_linear(
            state.y,
            self.weights.recurrent(draws),
            Some(self.weights.bias_r.val()),
            Some(state.window),
            execution,
        )?;
        let (u, output) = memory(&(a + fed_back), state.c.clone());
        let fired = self.threshold.fire(draws.zone_out(t, u, state.c));
        let y = output * fired.y.tanh();
        let trace = self.threshold.trace(state.trace, y.clone());
        let window = fired.window;
        let state =
            ElstmState { c: fired.c, y: y.clone(), trace: trace.clone(), window: window.clone() };
        let events = EventOutput { o: fired.o, trace, window };
        Ok((StepOutput { y, c: state.c.clone(), events: Some(events) }, state))
    }

    fn constrain(self) -> Self {
        Self { threshold: self.threshold.constrain(), ..self }
    }

    fn threshold(&self) -> Option<Tensor<1>> {
        Some(self.threshold.value())
    }
}
