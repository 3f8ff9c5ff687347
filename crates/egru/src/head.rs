//! The head of a network: the linear map from what is read to logits.

use burn::{
    module::{Module, Param},
    tensor::{Device, Tensor},
};
use serde::{Deserialize, Serialize};

use crate::{CellError, cells::gated::xavier_normal};

/// Where a [`Head`] has its weights from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HeadKind {
    /// Its own.
    #[default]
    Linear,
    /// Those of the embedding, transposed: one parameter with two uses (Press & Wolf 2017).
    Tied,
}

/// The linear map from what is read to logits.
#[derive(Module, Debug)]
pub struct Head {
    /// Weights `[H, K]`; `None`: tied to the embedding.
    pub weight: Option<Param<Tensor<2>>>,
    /// Bias `[K]`.
    pub bias: Param<Tensor<1>>,
}

impl Head {
    /// A head with its own weights, Xavier-normal, and a bias of zero.
    pub fn linear(input: usize, output: usize, device: &Device) -> Self {
        let weight = Param::from_tensor(xavier_normal(input, output, 1.0, device));
        Self { weight: Some(weight), ..Self::tied(output, device) }
    }

    /// A head without weights, and a bias of zero.
    pub fn tied(output: usize, device: &Device) -> Self {
        Self { weight: None, bias: Param::from_tensor(Tensor::zeros([output], device)) }
    }

    /// The weights `[H, K]`: its own, or those of an embedding `[K, H]`.
    ///
    /// # Errors
    /// [`CellError::Config`] if the head is tied and there is no embedding.
    pub fn weight(&self, embedding: Option<&Param<Tensor<2>>>) -> Result<Tensor<2>, CellError> {
        match (&self.weight, embedding) {
            (Some(weight), _) => Ok(weight.val()),
            (None, Some(embedding)) => Ok(embedding.val().transpose()),
            (None, None) => Err(nothing_to_tie_to()),
        }
    }
}

pub(crate) fn nothing_to_tie_to() -> CellError {
    CellError::config("head", "tied", "`linear`, or the encoder `embedding` to tie it to")
}
