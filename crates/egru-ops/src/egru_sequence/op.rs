//! The fused operation as Burn sees it.
#![allow(deprecated)] // the list of backends names burn-ndarray, which upstream has deprecated

use std::sync::Arc;

use burn::backend::{Backend, Dispatch, ExtensionType, tensor::FloatTensor};
use burn::tensor::Tensor;
use egru_kernels::{EgruParams, Products, Wanted};

use super::{EgruInputs, EgruOutputs, Zoneout};
use crate::backends::{Maybe, with_kernels};

/// Tensors of one call; shapes as in [`EgruInputs`].
#[derive(ExtensionType, Clone)]
pub struct SequenceInputs<B: Backend> {
    pub(crate) x: FloatTensor<B>,
    pub(crate) w: FloatTensor<B>,
    pub(crate) r: FloatTensor<B>,
    pub(crate) bias_w: FloatTensor<B>,
    pub(crate) bias_r: FloatTensor<B>,
    pub(crate) theta: FloatTensor<B>,
    pub(crate) c0: FloatTensor<B>,
    pub(crate) y0: FloatTensor<B>,
    pub(crate) trace0: FloatTensor<B>,
    #[extension_type]
    pub(crate) zoneout: Maybe<B>,
    #[extension_type]
    pub(crate) x_needs_grad: Maybe<B>,
}

/// Tensors that come out of the forward pass; shapes as in [`EgruOutputs`], the tape `[T, B, K]`.
#[derive(ExtensionType, Clone)]
pub struct SequenceOutputs<B: Backend> {
    pub(crate) y: FloatTensor<B>,
    pub(crate) c: FloatTensor<B>,
    pub(crate) o: FloatTensor<B>,
    pub(crate) trace: FloatTensor<B>,
    pub(crate) window: FloatTensor<B>,
    #[extension_type]
    pub(crate) tape: Maybe<B>,
}

/// Gradients of the outputs; what the loss does not use is `None`.
pub struct SequenceCotangents<B: Backend> {
    pub(crate) y: Option<FloatTensor<B>>,
    pub(crate) c: Option<FloatTensor<B>>,
    pub(crate) o: Option<FloatTensor<B>>,
    pub(crate) trace: Option<FloatTensor<B>>,
}

/// Gradients of the inputs, where wanted.
pub struct SequenceGradients<B: Backend> {
    pub(crate) x: Option<FloatTensor<B>>,
    pub(crate) w: Option<FloatTensor<B>>,
    pub(crate) r: Option<FloatTensor<B>>,
    pub(crate) bias_w: Option<FloatTensor<B>>,
    pub(crate) bias_r: Option<FloatTensor<B>>,
    pub(crate) theta: Option<FloatTensor<B>>,
    pub(crate) c0: Option<FloatTensor<B>>,
    pub(crate) y0: Option<FloatTensor<B>>,
    pub(crate) trace0: Option<FloatTensor<B>>,
}

/// What a call needs beyond tensors.
#[derive(Clone, Debug)]
pub struct SequenceSettings {
    pub(crate) params: EgruParams,
    pub(crate) products: Products,
    /// Zoneout in evaluation; 1 where a mask is given or zoneout is off.
    pub(crate) keep: f64,
    pub(crate) lengths: Option<Arc<[usize]>>,
    /// Whether a backward pass will follow.
    pub(crate) save_tape: bool,
}

with_kernels! {
    /// A backend with a fused forward pass.
    pub trait EgruSequenceBackend: Backend {
        /// Runs the sequence.
        fn egru_sequence_forward(
            #[extension_type] inputs: SequenceInputs<Self>,
            settings: SequenceSettings,
        ) -> SequenceOutputs<Self>;
    }
}

/// A backend with a fused backward pass.
pub trait EgruSequenceGrad: EgruSequenceBackend {
    /// Gradients of the inputs from those of the outputs.
    fn egru_sequence_backward(
        inputs: SequenceInputs<Self>,
        outputs: SequenceOutputs<Self>,
        cotangents: SequenceCotangents<Self>,
        wanted: Wanted,
        settings: SequenceSettings,
    ) -> SequenceGradients<Self>;
}

pub(super) fn egru_sequence(
    inputs: EgruInputs,
    params: &EgruParams,
    products: Products,
) -> EgruOutputs {
    let (zoneout, keep) = match inputs.zoneout {
        Zoneout::Off => (None, 1.0),
        Zoneout::Mask(mask) => (Some(mask), 1.0),
        Zoneout::Keep(keep) => (None, keep),
    };
    let settings = SequenceSettings {
        params: *params,
        products,
        keep,
        lengths: inputs.lengths.map(Into::into),
        save_tape: false,
    };
    let out = <Dispatch as EgruSequenceBackend>::egru_sequence_forward(
        SequenceInputs {
            x: inputs.x.into_dispatch(),
            w: inputs.w.into_dispatch(),
            r: inputs.r.into_dispatch(),
            bias_w: inputs.bias_w.into_dispatch(),
            bias_r: inputs.bias_r.into_dispatch(),
            theta: inputs.theta.into_dispatch(),
            c0: inputs.state.c.into_dispatch(),
            y0: inputs.state.y.into_dispatch(),
            trace0: inputs.state.trace.into_dispatch(),
            zoneout: zoneout.map(Tensor::into_dispatch).into(),
            x_needs_grad: inputs.x_needs_grad.map(Tensor::into_dispatch).into(),
        },
        settings,
    );
    EgruOutputs {
        y: Tensor::from_dispatch(out.y),
        c: Tensor::from_dispatch(out.c),
        o: Tensor::from_dispatch(out.o),
        trace: Tensor::from_dispatch(out.trace),
        window: Tensor::from_dispatch(out.window),
    }
}
