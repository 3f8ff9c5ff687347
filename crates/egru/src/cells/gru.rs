//! GRU: the dense cell that the EGRU is measured against.
//!
//! ```text
//! a = x_t W + b_W          k = h_{t-1} R + b_R              gates: update z, reset r, candidate g
//! z = sigmoid(a_z + k_z)   r = sigmoid(a_r + k_r)           g = tanh(a_g + r*k_g)
//! h_t = z*h_{t-1} + (1-z)*g, with zoneout                   y = c = h
//! ```
//!
//! Cho et al.: Learning phrase representations using RNN encoder-decoder, 2014; the reset gate acts after the
//! product, as in cuDNN and `torch.nn.GRU`.

use burn::{
    module::Module,
    tensor::{Device, Tensor, activation::sigmoid},
};
use egru_ops::{Execution, FormReport};

use super::{GatedConfig, GatedDraws, GatedWeights, gated::gate};
use crate::{Cell, CellError, CellSize, SequenceOptions, StepOutput, sequence::plain_form};

/// The state of a [`Gru`], `[B, H]`.
#[derive(Clone, Debug)]
pub struct GruState {
    /// Output of the step before.
    pub h: Tensor<2>,
}

crate::cell_state!(GruState { h });

/// The GRU cell; parameters in the gate order `z, r, g`.
#[derive(Module, Debug)]
pub struct Gru {
    /// Weights and biases.
    pub weights: GatedWeights,
}

impl Cell for Gru {
    const NAME: &'static str = "gru";
    type Config = GatedConfig;
    type State = GruState;
    type Draws = GatedDraws;

    fn init(
        config: &GatedConfig,
        input: usize,
        hidden: usize,
        device: &Device,
    ) -> Result<Self, CellError> {
        Ok(Self { weights: GatedWeights::init(config, 3, input, hidden, device)? })
    }

    fn size(&self) -> CellSize {
        self.weights.size()
    }

    fn device(&self) -> Device {
        self.weights.device()
    }

    fn zero_state(&self, batch: usize) -> GruState {
        GruState { h: self.weights.zeros(batch) }
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
        state: GruState,
        draws: &GatedDraws,
        t: usize,
        _: Execution,
    ) -> Result<(StepOutput, GruState), CellError> {
        let hidden = self.weights.size().hidden;
        let k = self.weights.feed_back(state.h.clone(), draws);
        let z = sigmoid(gate(&a, 0, hidden) + gate(&k, 0, hidden));
        let r = sigmoid(gate(&a, 1, hidden) + gate(&k, 1, hidden));
        let g = (gate(&a, 2, hidden) + r * gate(&k, 2, hidden)).tanh();
        let h = z.clone() * (state.h.clone() - g.clone()) + g;
        let h = draws.zone_out(t, h, state.h);
        Ok((StepOutput { y: h.clone(), c: h.clone(), events: None }, GruState { h }))
    }
}
