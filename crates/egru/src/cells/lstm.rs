//! LSTM: the dense cell that the ELSTM is measured against.
//!
//! ```text
//! a = x_t W + b_W + h_{t-1} R + b_R        gates: input i, forget f, candidate g, output q
//! i, f, q = sigmoid(a_i), sigmoid(a_f), sigmoid(a_q)        g = tanh(a_g)
//! c_t = f*c_{t-1} + i*g, with zoneout      h_t = q * tanh(c_t)        y = h
//! ```
//!
//! Hochreiter & Schmidhuber: Long short-term memory, 1997; with the forget gate of Gers et al. 2000.

use burn::{
    module::Module,
    tensor::{Device, Tensor, activation::sigmoid},
};
use egru_ops::{Execution, FormReport};

use super::{GatedConfig, GatedDraws, GatedWeights, gated::gate};
use crate::{Cell, CellError, CellSize, SequenceOptions, StepOutput, sequence::plain_form};

/// The state of an [`Lstm`], each `[B, H]`.
#[derive(Clone, Debug)]
pub struct LstmState {
    /// Output of the step before.
    pub h: Tensor<2>,
    /// Memory.
    pub c: Tensor<2>,
}

crate::cell_state!(LstmState { h, c });

/// The LSTM cell; parameters in the gate order `i, f, g, q`.
#[derive(Module, Debug)]
pub struct Lstm {
    /// Weights and biases.
    pub weights: GatedWeights,
}

/// The new memory and the open output gate, from the sum `a` of all shares of the gates `[B, 4H]`.
pub(super) fn memory(a: &Tensor<2>, previous: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
    let hidden = previous.dims()[1];
    let input = sigmoid(gate(a, 0, hidden));
    let forget = sigmoid(gate(a, 1, hidden));
    let candidate = gate(a, 2, hidden).tanh();
    (forget * previous + input * candidate, sigmoid(gate(a, 3, hidden)))
}

impl Cell for Lstm {
    const NAME: &'static str = "lstm";
    type Config = GatedConfig;
    type State = LstmState;
    type Draws = GatedDraws;

    fn init(
        config: &GatedConfig,
        input: usize,
        hidden: usize,
        device: &Device,
    ) -> Result<Self, CellError> {
        Ok(Self { weights: GatedWeights::init(config, 4, input, hidden, device)? })
    }

    fn size(&self) -> CellSize {
        self.weights.size()
    }

    fn device(&self) -> Device {
        self.weights.device()
    }

    fn zero_state(&self, batch: usize) -> LstmState {
        let zeros = self.weights.zeros(batch);
        LstmState { h: zeros.clone(), c: zeros }
    }

    fn draw(&self, steps: usize, batch: usize, training: bool) -> GatedDraws {
        self.weights.draw(steps, batch, training)
    }

    fn project(
        &self,
        x: Tensor<3>,
        _: &SequenceOptions,
    ) -> Result<(Tensor<3>, FormReport), CellError> {
        let form = plain_form(&x);
        Ok((self.weights.project(x), form))
    }

    fn step(
        &self,
        a: Tensor<2>,
        state: LstmState,
        draws: &GatedDraws,
        t: usize,
        _: Execution,
    ) -> Result<(StepOutput, LstmState), CellError> {
        let a = a + self.weights.feed_back(state.h, draws);
        let (c, output) = memory(&a, state.c.clone());
        let c = draws.zone_out(t, c, state.c);
        let h = output * c.clone().tanh();
        Ok((StepOutput { y: h.clone(), c: c.clone(), events: None }, LstmState { h, c }))
    }
}
