//! The fused operation as Burn sees it.
#![allow(deprecated)] // the list of backends names burn-ndarray, which upstream has deprecated

use std::sync::Arc;

use burn::backend::{Backend, Dispatch, ExtensionType, tensor::FloatTensor};
use burn::tensor::Tensor;
use egru_kernels::{EgruParams, Keep, Products, Wanted};

use super::{EgruInputs, EgruOutputs, EgruState, Zoneout};
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

/// Tensors that come out of the forward pass; shapes as in [`EgruOutputs`]. Absent where not kept.
#[derive(ExtensionType, Clone)]
pub struct SequenceOutputs<B: Backend> {
    pub(crate) y: FloatTensor<B>,
    #[extension_type]
    pub(crate) c: Maybe<B>,
    #[extension_type]
    pub(crate) o: Maybe<B>,
    #[extension_type]
    pub(crate) trace: Maybe<B>,
    #[extension_type]
    pub(crate) window: Maybe<B>,
    pub(crate) last_c: FloatTensor<B>,
    pub(crate) last_y: FloatTensor<B>,
    pub(crate) last_trace: FloatTensor<B>,
    /// The tape: the state before the reset `[T, B, H]`,
    #[extension_type]
    pub(crate) tape_u: Maybe<B>,
    /// and the gates `[T, B, 4H]`.
    #[extension_type]
    pub(crate) tape_gates: Maybe<B>,
}

/// What the backward pass takes from the forward pass: the output, and the tape, which it uses up.
#[derive(Clone)]
pub struct SequenceTape<B: Backend> {
    pub(crate) y: FloatTensor<B>,
    pub(crate) u: Maybe<B>,
    pub(crate) gates: Maybe<B>,
}

/// Gradients of the outputs; what the loss does not use is `None`.
pub struct SequenceCotangents<B: Backend> {
    pub(crate) y: Option<FloatTensor<B>>,
    pub(crate) c: Option<FloatTensor<B>>,
    pub(crate) o: Option<FloatTensor<B>>,
    pub(crate) trace: Option<FloatTensor<B>>,
    pub(crate) last_c: Option<FloatTensor<B>>,
    pub(crate) last_y: Option<FloatTensor<B>>,
    pub(crate) last_trace: Option<FloatTensor<B>>,
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
    /// Zoneout in evaluation: the share of the new state; 1 where a mask is given or zoneout is off.
    pub(crate) new_share: f64,
    pub(crate) lengths: Option<Arc<[usize]>>,
    /// What comes back beside `y`; the tape if a backward pass will follow.
    pub(crate) keep: Keep,
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
        tape: SequenceTape<Self>,
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
    let (zoneout, new_share) = match inputs.zoneout {
        Zoneout::Off => (None, 1.0),
        Zoneout::Mask(mask) => (Some(mask), 1.0),
        Zoneout::Keep(keep) => (None, keep),
    };
    let settings = SequenceSettings {
        params: *params,
        products,
        new_share,
        lengths: inputs.lengths.map(Into::into),
        keep: inputs.keep.into(),
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
    let series = |series: Maybe<Dispatch>| series.into_option().map(Tensor::from_dispatch);
    EgruOutputs {
        y: Tensor::from_dispatch(out.y),
        c: series(out.c),
        o: series(out.o),
        trace: series(out.trace),
        window: series(out.window),
        state: EgruState {
            c: Tensor::from_dispatch(out.last_c),
            y: Tensor::from_dispatch(out.last_y),
            trace: Tensor::from_dispatch(out.last_trace),
        },
    }
}
