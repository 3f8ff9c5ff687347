//! Weights in the layout of PyTorch's `torch.nn.GRU`.
//!
//! PyTorch stores `weight_ih [3H, C]`, `weight_hh [3H, H]` (one row per gate's unit) with the gates in the order
//! reset, update, new; here a matrix has one row per source and the order is update, reset, candidate. The
//! sense of the update gate is the same, `h' = (1-z)*n + z*h`, so that the conversion only moves numbers
//! and is exact both ways.
//!
//! ```
//! use burn::tensor::Device;
//! use egru::{Cell, cells::{Egru, Gru}, torch::TorchGru};
//!
//! let device = Device::flex();
//! let egru = Egru::init(&Default::default(), 3, 4, &device)?;
//! let dense = Gru::init(&Default::default(), 3, 4, &device)?;
//! let weights = TorchGru::from_weights(&egru.weights)?;
//! assert_eq!(weights.weight_ih.dims(), [12, 3]);
//! let dense = Gru { weights: weights.into_weights(dense.weights)? };
//! assert_eq!(dense.weights.w.val().into_data(), egru.weights.w.val().into_data());
//! # Ok::<(), egru::CellError>(())
//! ```

use burn::{module::Param, tensor::Tensor};

use crate::{CellError, CellSize, cells::GatedWeights};

/// The parameters of one layer and direction of a `torch.nn.GRU`; gate order reset, update, new.
#[derive(Clone, Debug)]
pub struct TorchGru {
    /// `weight_ih_l0` `[3H, C]`.
    pub weight_ih: Tensor<2>,
    /// `weight_hh_l0` `[3H, H]`.
    pub weight_hh: Tensor<2>,
    /// `bias_ih_l0` `[3H]`.
    pub bias_ih: Tensor<1>,
    /// `bias_hh_l0` `[3H]`.
    pub bias_hh: Tensor<1>,
}

impl TorchGru {
    /// The weights of an [`Egru`](crate::cells::Egru) or a [`Gru`](crate::cells::Gru). Thresholds have no place
    /// in them.
    ///
    /// # Errors
    /// [`CellError::Config`] unless the cell has three gates.
    pub fn from_weights(weights: &GatedWeights) -> Result<Self, CellError> {
        check_gates(weights)?;
        Ok(Self {
            weight_ih: swap_gates(weights.w.val().transpose().detach()),
            weight_hh: swap_gates(weights.r.val().transpose().detach()),
            bias_ih: swap_gates(weights.bias_w.val().detach()),
            bias_hh: swap_gates(weights.bias_r.val().detach()),
        })
    }

    /// `weights` with these values; everything else, the device and what is trained stay.
    ///
    /// # Errors
    /// [`CellError`] unless the cell has three gates and the shapes fit.
    pub fn into_weights(self, weights: GatedWeights) -> Result<GatedWeights, CellError> {
        check_gates(&weights)?;
        let CellSize { input, hidden, .. } = weights.size();
        let gates = ("3H", 3 * hidden);
        CellError::check_shape("weight_ih", self.weight_ih.dims(), [gates, ("C", input)])?;
        CellError::check_shape("weight_hh", self.weight_hh.dims(), [gates, ("H", hidden)])?;
        CellError::check_shape("bias_ih", self.bias_ih.dims(), [gates])?;
        CellError::check_shape("bias_hh", self.bias_hh.dims(), [gates])?;
        Ok(GatedWeights {
            w: replace(weights.w, swap_gates(self.weight_ih).transpose()),
            r: replace(weights.r, swap_gates(self.weight_hh).transpose()),
            bias_w: replace(weights.bias_w, swap_gates(self.bias_ih)),
            bias_r: replace(weights.bias_r, swap_gates(self.bias_hh)),
            ..weights
        })
    }
}

fn check_gates(weights: &GatedWeights) -> Result<(), CellError> {
    match weights.size().gates {
        3 => Ok(()),
        gates => Err(CellError::config("gates", gates, "3, as an EGRU or a GRU has")),
    }
}

/// Exchanges the first two of three blocks along the first axis.
fn swap_gates<const D: usize>(tensor: Tensor<D>) -> Tensor<D> {
    let hidden = tensor.dims()[0] / 3;
    let block = |k: usize| tensor.clone().narrow(0, k * hidden, hidden);
    Tensor::cat(vec![block(1), block(0), block(2)], 0)
}

fn replace<const D: usize>(param: Param<Tensor<D>>, value: Tensor<D>) -> Param<Tensor<D>> {
    param.map(|old| {
        Tensor::from_data(value.into_data(), &old.device()).set_require_grad(old.is_require_grad())
    })
}
