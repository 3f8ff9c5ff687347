//! The fused operation as Burn sees it.
#![allow(deprecated)] // the list of backends names burn-ndarray, which upstream has deprecated

use burn::backend::{Backend, Dispatch, ExtensionType, tensor::FloatTensor};
use burn::tensor::Tensor;
use egru_kernels::{LinearWanted, Products};

use crate::backends::{Maybe, with_kernels};

/// Tensors of one call; shapes as in [`event_linear`](super::event_linear()).
#[derive(ExtensionType, Clone)]
pub struct LinearInputs<B: Backend> {
    pub(crate) events: FloatTensor<B>,
    pub(crate) weight: FloatTensor<B>,
    pub(crate) bias: FloatTensor<B>,
    #[extension_type]
    pub(crate) needs_grad: Maybe<B>,
}

/// Gradients of the inputs, where wanted.
pub struct LinearGradients<B: Backend> {
    pub(crate) events: Option<FloatTensor<B>>,
    pub(crate) weight: Option<FloatTensor<B>>,
    pub(crate) bias: Option<FloatTensor<B>>,
}

with_kernels! {
    /// A backend with a fused forward pass.
    pub trait EventLinearBackend: Backend {
        /// `events @ weight + bias`.
        fn event_linear_forward(
            #[extension_type] inputs: LinearInputs<Self>,
            products: Products,
        ) -> FloatTensor<Self>;
    }
}

/// A backend with a fused backward pass.
pub trait EventLinearGrad: EventLinearBackend {
    /// Gradients of the inputs from that of the output.
    fn event_linear_backward(
        inputs: LinearInputs<Self>,
        cotangent: FloatTensor<Self>,
        wanted: LinearWanted,
        products: Products,
    ) -> LinearGradients<Self>;
}

pub(super) fn event_linear(
    events: Tensor<2>,
    weight: Tensor<2>,
    bias: Option<Tensor<1>>,
    needs_grad: Option<Tensor<2>>,
    products: Products,
) -> Tensor<2> {
    let bias = bias
        .unwrap_or_else(|| Tensor::zeros([weight.dims()[1]], (&weight.device(), weight.dtype())));
    let inputs = LinearInputs {
        events: events.into_dispatch(),
        weight: weight.into_dispatch(),
        bias: bias.into_dispatch(),
        needs_grad: needs_grad.map(Tensor::into_dispatch).into(),
    };
    Tensor::from_dispatch(<Dispatch as EventLinearBackend>::event_linear_forward(inputs, products))
}
