//! The fused operation as Burn sees it.
#![allow(deprecated)] // the list of backends names burn-ndarray, which upstream has deprecated

use burn::backend::{Backend, Dispatch, ExtensionType, tensor::FloatTensor};
use burn::tensor::Tensor;
use egru_kernels::LinearWanted;

use crate::Execution;
use crate::maybe::Maybe;
use crate::routes::with_kernels;

/// Tensors of one call; shapes as in [`event_linear`](super::event_linear()).
#[derive(ExtensionType, Clone)]
#[extension_type(fusion: cfg(feature = "fusion"))]
pub struct LinearInputs<B: Backend> {
    pub(crate) events: FloatTensor<B>,
    pub(crate) weight: FloatTensor<B>,
    pub(crate) bias: FloatTensor<B>,
    #[extension_type]
    pub(crate) needs_grad: Maybe<B>,
}

/// Gradients of the inputs, absent where not wanted.
#[derive(ExtensionType)]
#[extension_type(fusion: cfg(feature = "fusion"))]
pub struct LinearGradients<B: Backend> {
    #[extension_type]
    pub(crate) events: Maybe<B>,
    #[extension_type]
    pub(crate) weight: Maybe<B>,
    #[extension_type]
    pub(crate) bias: Maybe<B>,
}

with_kernels! {
    Autodiff =>
    /// A backend with a fused forward pass.
    pub trait EventLinearBackend: Backend {
        /// `events @ weight + bias`.
        #[fusion(meta = fused::output)]
        fn event_linear_forward(
            #[extension_type] inputs: LinearInputs<Self>,
            execution: Execution,
        ) -> FloatTensor<Self>;
    }
}

with_kernels! {
    /// A backend with a fused backward pass.
    pub trait EventLinearGrad: EventLinearBackend {
        /// Gradients of the inputs from that of the output.
        #[fusion(meta = fused::gradients)]
        fn event_linear_backward(
            #[extension_type] inputs: LinearInputs<Self>,
            cotangent: FloatTensor<Self>,
            wanted: LinearWanted,
            execution: Execution,
        ) -> LinearGradients<Self>;
    }
}

/// What Burn's fusion wants to know before an operation runs: the shapes that will come out.
#[cfg(feature = "fusion")]
mod fused {
    use burn::backend::fusion::custom::TensorSpec;

    use super::*;
    use crate::maybe::MaybeMetadata;

    pub(super) fn output(inputs: &LinearInputsMetadata, _execution: &Execution) -> TensorSpec {
        let shape = [inputs.events.shape[0], inputs.weight.shape[1]];
        TensorSpec::new(shape.into(), inputs.events.dtype)
    }

    pub(super) fn gradients(
        inputs: &LinearInputsMetadata,
        _cotangent: &TensorSpec,
        wanted: &LinearWanted,
        _execution: &Execution,
    ) -> LinearGradientsMetadata {
        let given = |is: bool, like: &TensorSpec| match is {
            true => MaybeMetadata::Present(like.clone()),
            false => MaybeMetadata::Absent,
        };
        LinearGradientsMetadata {
            events: given(wanted.operand, &inputs.events),
            weight: given(wanted.weight, &inputs.weight),
            bias: given(wanted.bias, &inputs.bias),
        }
    }
}

pub(super) fn event_linear(
    events: Tensor<2>,
    weight: Tensor<2>,
    bias: Option<Tensor<1>>,
    needs_grad: Option<Tensor<2>>,
    execution: Execution,
) -> Tensor<2> {
    let bias = bias
        .unwrap_or_else(|| Tensor::zeros([weight.dims()[1]], (&weight.device(), weight.dtype())));
    let inputs = LinearInputs {
        events: events.into_dispatch(),
        weight: weight.into_dispatch(),
        bias: bias.into_dispatch(),
        needs_grad: needs_grad.map(Tensor::into_dispatch).into(),
    };
    Tensor::from_dispatch(<Dispatch as EventLinearBackend>::event_linear_forward(inputs, execution))
}
