//! The fused operation as Burn sees it.
#![allow(deprecated)] // the list of backends names burn-ndarray, which upstream has deprecated

use std::sync::Arc;

use burn::backend::{Backend, Dispatch, ExtensionType, tensor::FloatTensor};
use burn::tensor::Tensor;
use egru_kernels::{EgruParams, Keep, Wanted};

use super::types::{EgruInputs, EgruOutputs, EgruState, Zoneout};
use crate::Execution;
use crate::maybe::Maybe;
use crate::routes::with_kernels;

/// Tensors of one call; shapes as in [`EgruInputs`].
#[derive(ExtensionType, Clone)]
#[extension_type(fusion: cfg(feature = "fusion"))]
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

impl<B: Backend> SequenceInputs<B> {
    /// All tensors through a function.
    pub(crate) fn map(self, change: impl Fn(FloatTensor<B>) -> FloatTensor<B>) -> Self {
        Self {
            x: change(self.x),
            w: change(self.w),
            r: change(self.r),
            bias_w: change(self.bias_w),
            bias_r: change(self.bias_r),
            theta: change(self.theta),
            c0: change(self.c0),
            y0: change(self.y0),
            trace0: change(self.trace0),
            zoneout: self.zoneout.map(&change),
            x_needs_grad: self.x_needs_grad.map(&change),
        }
    }
}

/// Tensors that come out of the forward pass; shapes as in [`EgruOutputs`]. Absent where not kept.
#[derive(ExtensionType, Clone)]
#[extension_type(fusion: cfg(feature = "fusion"))]
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
#[derive(ExtensionType, Clone)]
#[extension_type(fusion: cfg(feature = "fusion"))]
pub struct SequenceTape<B: Backend> {
    pub(crate) y: FloatTensor<B>,
    pub(crate) u: FloatTensor<B>,
    pub(crate) gates: FloatTensor<B>,
}

/// Gradients of the outputs; absent where the loss does not use it.
#[derive(ExtensionType)]
#[extension_type(fusion: cfg(feature = "fusion"))]
pub struct SequenceCotangents<B: Backend> {
    #[extension_type]
    pub(crate) y: Maybe<B>,
    #[extension_type]
    pub(crate) c: Maybe<B>,
    #[extension_type]
    pub(crate) o: Maybe<B>,
    #[extension_type]
    pub(crate) trace: Maybe<B>,
    #[extension_type]
    pub(crate) last_c: Maybe<B>,
    #[extension_type]
    pub(crate) last_y: Maybe<B>,
    #[extension_type]
    pub(crate) last_trace: Maybe<B>,
}

impl<B: Backend> SequenceCotangents<B> {
    /// All tensors through a function.
    pub(crate) fn map(self, change: impl Fn(FloatTensor<B>) -> FloatTensor<B>) -> Self {
        Self {
            y: self.y.map(&change),
            c: self.c.map(&change),
            o: self.o.map(&change),
            trace: self.trace.map(&change),
            last_c: self.last_c.map(&change),
            last_y: self.last_y.map(&change),
            last_trace: self.last_trace.map(&change),
        }
    }
}

/// Gradients of the inputs, absent where not wanted.
#[derive(ExtensionType)]
#[extension_type(fusion: cfg(feature = "fusion"))]
pub struct SequenceGradients<B: Backend> {
    #[extension_type]
    pub(crate) x: Maybe<B>,
    #[extension_type]
    pub(crate) w: Maybe<B>,
    #[extension_type]
    pub(crate) r: Maybe<B>,
    #[extension_type]
    pub(crate) bias_w: Maybe<B>,
    #[extension_type]
    pub(crate) bias_r: Maybe<B>,
    #[extension_type]
    pub(crate) theta: Maybe<B>,
    #[extension_type]
    pub(crate) c0: Maybe<B>,
    #[extension_type]
    pub(crate) y0: Maybe<B>,
    #[extension_type]
    pub(crate) trace0: Maybe<B>,
}

/// What a call needs beyond tensors.
#[derive(Clone, Debug)]
pub struct SequenceSettings {
    pub(crate) params: EgruParams,
    pub(crate) execution: Execution,
    /// Zoneout in evaluation: the share of the new state; 1 where a mask is given or zoneout is off.
    pub(crate) new_share: f64,
    pub(crate) lengths: Option<Arc<[usize]>>,
    /// What comes back beside `y`; the tape if a backward pass will follow.
    pub(crate) keep: Keep,
}

with_kernels! {
    Autodiff =>
    /// A backend with a fused forward pass.
    pub trait EgruSequenceBackend: Backend {
        /// Runs the sequence.
        #[fusion(meta = fused::outputs)]
        fn egru_sequence_forward(
            #[extension_type] inputs: SequenceInputs<Self>,
            settings: SequenceSettings,
        ) -> SequenceOutputs<Self>;
    }
}

with_kernels! {
    /// A backend with a fused backward pass.
    pub trait EgruSequenceGrad: EgruSequenceBackend {
        /// Gradients of the inputs from those of the outputs.
        #[fusion(meta = fused::gradients)]
        fn egru_sequence_backward(
            #[extension_type] inputs: SequenceInputs<Self>,
            #[extension_type] tape: SequenceTape<Self>,
            #[extension_type] cotangents: SequenceCotangents<Self>,
            wanted: Wanted,
            settings: SequenceSettings,
        ) -> SequenceGradients<Self>;
    }
}

/// What Burn's fusion wants to know before an operation runs: the shapes that will come out.
#[cfg(feature = "fusion")]
mod fused {
    use burn::backend::fusion::custom::TensorSpec;

    use super::*;
    use crate::maybe::MaybeMetadata;

    fn given(is: bool, spec: TensorSpec) -> MaybeMetadata {
        if is { MaybeMetadata::Present(spec) } else { MaybeMetadata::Absent }
    }

    pub(super) fn outputs(
        inputs: &SequenceInputsMetadata,
        settings: &SequenceSettings,
    ) -> SequenceOutputsMetadata {
        let (time, state) = (inputs.x.shape[0], &inputs.c0);
        let series = |width: usize| {
            let shape = [time, state.shape[0], width * state.shape[1]];
            TensorSpec::new(shape.into(), state.dtype)
        };
        let keep = settings.keep;
        SequenceOutputsMetadata {
            y: series(1),
            c: given(keep.c, series(1)),
            o: given(keep.o, series(1)),
            trace: given(keep.trace, series(1)),
            window: given(keep.window, series(1)),
            last_c: state.clone(),
            last_y: state.clone(),
            last_trace: state.clone(),
            tape_u: given(keep.tape, series(1)),
            tape_gates: given(keep.tape, series(4)),
        }
    }

    pub(super) fn gradients(
        inputs: &SequenceInputsMetadata,
        _tape: &SequenceTapeMetadata,
        _cotangents: &SequenceCotangentsMetadata,
        wanted: &Wanted,
        _settings: &SequenceSettings,
    ) -> SequenceGradientsMetadata {
        SequenceGradientsMetadata {
            x: given(wanted.x, inputs.x.clone()),
            w: given(wanted.w, inputs.w.clone()),
            r: given(wanted.r, inputs.r.clone()),
            bias_w: given(wanted.w, inputs.bias_w.clone()),
            bias_r: given(wanted.r, inputs.bias_r.clone()),
            theta: given(wanted.theta, inputs.theta.clone()),
            c0: given(wanted.state, inputs.c0.clone()),
            y0: given(wanted.state, inputs.y0.clone()),
            trace0: given(wanted.state, inputs.trace0.clone()),
        }
    }
}

pub(super) fn egru_sequence(
    inputs: EgruInputs,
    params: &EgruParams,
    execution: Execution,
) -> EgruOutputs {
    let (zoneout, new_share) = match inputs.zoneout {
        Zoneout::Off => (None, 1.0),
        Zoneout::Mask(mask) => (Some(mask), 1.0),
        Zoneout::Keep(keep) => (None, keep),
    };
    let settings = SequenceSettings {
        params: *params,
        execution,
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
