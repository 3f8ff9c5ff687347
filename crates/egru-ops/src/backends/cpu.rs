//! What the CPU backends share: tensors become slices for `egru-kernels`, vectors become tensors.

use burn::backend::{Backend, TensorMetadata, tensor::FloatTensor};
use burn::tensor::{DType, Element};
use egru_kernels as kernels;
use kernels::{
    Cotangents, Dims, Inputs, LastCotangents, Linear, LinearWanted, Sequence, Wanted, Zoneout,
};

use crate::egru_sequence::{
    EgruSequenceBackend, SequenceCotangents, SequenceGradients, SequenceInputs, SequenceOutputs,
    SequenceSettings, SequenceTape,
};
use crate::event_linear::{LinearGradients, LinearInputs};
use crate::maybe::Maybe;

/// A number type of the kernels.
pub(super) trait CpuFloat: kernels::Element + Element + bytemuck::Pod {}
impl<F: kernels::Element + Element + bytemuck::Pod> CpuFloat for F {}

/// A backend whose tensors are memory of this process.
pub(super) trait CpuBackend: Backend {
    /// What the kernels write their results to.
    type Memory<F: CpuFloat>: kernels::Memory<F>;

    /// Row-major without gaps; no copy if it is so already.
    fn contiguous(tensor: FloatTensor<Self>) -> FloatTensor<Self>;

    /// The values of a contiguous tensor.
    fn slice<F: CpuFloat>(tensor: &FloatTensor<Self>) -> &[F];

    /// A tensor of these values, without a copy.
    fn tensor<F: CpuFloat>(values: Self::Memory<F>, shape: &[usize]) -> FloatTensor<Self>;

    /// The values of a tensor, to write to; without a copy if nobody else has them.
    fn memory<F: CpuFloat>(tensor: FloatTensor<Self>) -> Self::Memory<F>;
}

/// Implements the fused operations for a [`CpuBackend`].
#[cfg(any(feature = "flex", feature = "ndarray"))]
macro_rules! cpu_backend {
    ($backend:ty) => {
        impl crate::egru_sequence::EgruSequenceBackend for $backend {
            fn egru_sequence_forward(
                inputs: crate::egru_sequence::SequenceInputs<Self>,
                settings: crate::egru_sequence::SequenceSettings,
            ) -> crate::egru_sequence::SequenceOutputs<Self> {
                super::cpu::sequence_forward(inputs, &settings)
            }
        }

        impl crate::egru_sequence::EgruSequenceGrad for $backend {
            fn egru_sequence_backward(
                inputs: crate::egru_sequence::SequenceInputs<Self>,
                tape: crate::egru_sequence::SequenceTape<Self>,
                cotangents: crate::egru_sequence::SequenceCotangents<Self>,
                wanted: egru_kernels::Wanted,
                settings: crate::egru_sequence::SequenceSettings,
            ) -> crate::egru_sequence::SequenceGradients<Self> {
                super::cpu::sequence_backward(inputs, tape, cotangents, wanted, &settings)
            }
        }

        impl crate::event_linear::EventLinearBackend for $backend {
            fn event_linear_forward(
                inputs: crate::event_linear::LinearInputs<Self>,
                execution: crate::Execution,
            ) -> burn::backend::tensor::FloatTensor<Self> {
                super::cpu::linear_forward(inputs, execution.products)
            }
        }

        impl crate::event_linear::EventLinearGrad for $backend {
            fn event_linear_backward(
                inputs: crate::event_linear::LinearInputs<Self>,
                cotangent: burn::backend::tensor::FloatTensor<Self>,
                wanted: egru_kernels::LinearWanted,
                execution: crate::Execution,
            ) -> crate::event_linear::LinearGradients<Self> {
                super::cpu::linear_backward(inputs, cotangent, wanted, execution.products)
            }
        }
    };
}
#[cfg(any(feature = "flex", feature = "ndarray"))]
pub(super) use cpu_backend;

/// Calls the function for the tensor's number type. The dispatch has refused all others.
macro_rules! by_dtype {
    ($tensor:expr, $function:ident::<$backend:ident>($($argument:expr),*)) => {
        match $tensor.dtype() {
            DType::F64 => $function::<$backend, f64>($($argument),*),
            _ => $function::<$backend, f32>($($argument),*),
        }
    };
}

pub(super) fn sequence_forward<B: CpuBackend + EgruSequenceBackend>(
    inputs: SequenceInputs<B>,
    settings: &SequenceSettings,
) -> SequenceOutputs<B> {
    by_dtype!(inputs.x, forward_as::<B>(inputs, settings))
}

pub(super) fn sequence_backward<B: CpuBackend>(
    inputs: SequenceInputs<B>,
    tape: SequenceTape<B>,
    cotangents: SequenceCotangents<B>,
    wanted: Wanted,
    settings: &SequenceSettings,
) -> SequenceGradients<B> {
    by_dtype!(inputs.x, backward_as::<B>(inputs, tape, cotangents, wanted, settings))
}

pub(super) fn linear_forward<B: CpuBackend>(
    inputs: LinearInputs<B>,
    products: kernels::Products,
) -> FloatTensor<B> {
    by_dtype!(inputs.events, linear_forward_as::<B>(inputs, products))
}

pub(super) fn linear_backward<B: CpuBackend>(
    inputs: LinearInputs<B>,
    cotangent: FloatTensor<B>,
    wanted: LinearWanted,
    products: kernels::Products,
) -> LinearGradients<B> {
    by_dtype!(inputs.events, linear_backward_as::<B>(inputs, cotangent, wanted, products))
}

const CHECKED: &str = "the dispatch has checked the shapes";

fn slice_maybe<B: CpuBackend, F: CpuFloat>(tensor: &Maybe<B>) -> Option<&[F]> {
    match tensor {
        Maybe::Absent => None,
        Maybe::Present(tensor) => Some(B::slice(tensor)),
    }
}

fn dims<B: Backend>(i: &SequenceInputs<B>) -> Dims {
    let x = i.x.shape();
    Dims { time: x[0], batch: x[1], input: x[2], hidden: i.theta.shape()[0] }
}

fn sequence<'a, B: CpuBackend, F: CpuFloat>(
    i: &'a SequenceInputs<B>,
    settings: &'a SequenceSettings,
) -> Sequence<'a, F> {
    let zoneout = match slice_maybe(&i.zoneout) {
        Some(mask) => Zoneout::Mask(mask),
        None if settings.new_share == 1.0 => Zoneout::Off,
        None => Zoneout::Keep(F::from_f64(settings.new_share)),
    };
    let inputs = Inputs {
        x: B::slice(&i.x),
        y0: B::slice(&i.y0),
        c0: B::slice(&i.c0),
        trace0: B::slice(&i.trace0),
        w: B::slice(&i.w),
        r: B::slice(&i.r),
        bias_w: B::slice(&i.bias_w),
        bias_r: B::slice(&i.bias_r),
        theta: B::slice(&i.theta),
        zoneout,
        lengths: settings.lengths.as_deref(),
        x_needs_grad: slice_maybe(&i.x_needs_grad),
    };
    let SequenceSettings { params, execution, .. } = settings;
    Sequence { dims: dims(i), params: *params, inputs, products: execution.products }
}

fn forward_as<B: CpuBackend, F: CpuFloat>(
    inputs: SequenceInputs<B>,
    settings: &SequenceSettings,
) -> SequenceOutputs<B> {
    let inputs = inputs.map(B::contiguous);
    let sequence = sequence::<B, F>(&inputs, settings);
    let keep = settings.keep;
    let out: kernels::Outputs<B::Memory<F>> =
        kernels::egru_forward(&sequence, keep).expect(CHECKED);
    let Dims { time, batch, hidden, .. } = sequence.dims;
    let series = |kept: bool, values, width: usize| {
        Maybe::when(kept, || B::tensor(values, &[time, batch, width]))
    };
    let state = |values| B::tensor(values, &[batch, hidden]);
    SequenceOutputs {
        y: B::tensor(out.y, &[time, batch, hidden]),
        c: series(keep.c, out.c, hidden),
        o: series(keep.o, out.o, hidden),
        trace: series(keep.trace, out.trace, hidden),
        window: series(keep.window, out.window, hidden),
        last_c: state(out.last.c),
        last_y: state(out.last.y),
        last_trace: state(out.last.trace),
        tape_u: series(keep.tape, out.tape.u, hidden),
        tape_gates: series(keep.tape, out.tape.gates, 4 * hidden),
    }
}

/// A backend's [`CpuBackend::memory`] where tensors are made of vectors.
#[cfg(any(feature = "flex", feature = "ndarray"))]
pub(super) fn into_vec<B: Backend, F: CpuFloat>(tensor: FloatTensor<B>) -> Vec<F> {
    let data =
        burn::tensor::try_read_sync(B::float_into_data(tensor)).expect("memory of this process");
    data.expect("memory of this process").try_into_vec().expect("a tensor of the call's type")
}

fn backward_as<B: CpuBackend, F: CpuFloat>(
    inputs: SequenceInputs<B>,
    tape: SequenceTape<B>,
    cotangents: SequenceCotangents<B>,
    wanted: Wanted,
    settings: &SequenceSettings,
) -> SequenceGradients<B> {
    let inputs = inputs.map(B::contiguous);
    let sequence = sequence::<B, F>(&inputs, settings);
    let cotangents = cotangents.map(B::contiguous);
    let steps = kernels::egru_backward_steps(
        &sequence,
        kernels::Tape { u: B::memory::<F>(tape.u), gates: B::memory::<F>(tape.gates) },
        &Cotangents {
            y: slice_maybe(&cotangents.y),
            c: slice_maybe(&cotangents.c),
            o: slice_maybe(&cotangents.o),
            trace: slice_maybe(&cotangents.trace),
            last: LastCotangents {
                c: slice_maybe(&cotangents.last_c),
                y: slice_maybe(&cotangents.last_y),
                trace: slice_maybe(&cotangents.last_trace),
            },
        },
    )
    .expect(CHECKED);
    // As large as the gradients that follow.
    drop(cotangents);
    let y = B::contiguous(tape.y);
    let g = steps.finish(&sequence, B::slice(&y), wanted).expect(CHECKED);
    let Dims { time, batch, input, hidden } = sequence.dims;
    let give = |wanted: bool, values, shape: &[usize]| {
        Maybe::when(wanted, || B::tensor::<F>(values, shape))
    };
    SequenceGradients {
        x: give(wanted.x, g.x, &[time, batch, input]),
        w: give(wanted.w, g.w, &[input, 3 * hidden]),
        r: give(wanted.r, g.r, &[hidden, 3 * hidden]),
        bias_w: give(wanted.w, g.bias_w, &[3 * hidden]),
        bias_r: give(wanted.r, g.bias_r, &[3 * hidden]),
        theta: give(wanted.theta, g.theta, &[hidden]),
        c0: give(wanted.state, g.c0, &[batch, hidden]),
        y0: give(wanted.state, g.y0, &[batch, hidden]),
        trace0: give(wanted.state, g.trace0, &[batch, hidden]),
    }
}

fn contiguous_linear<B: CpuBackend>(i: LinearInputs<B>) -> LinearInputs<B> {
    LinearInputs {
        events: B::contiguous(i.events),
        weight: B::contiguous(i.weight),
        bias: B::contiguous(i.bias),
        needs_grad: i.needs_grad.map(B::contiguous),
    }
}

fn linear<B: CpuBackend, F: CpuFloat>(
    i: &LinearInputs<B>,
    products: kernels::Products,
) -> Linear<'_, F> {
    let (events, weight) = (i.events.shape(), i.weight.shape());
    Linear {
        n: events[0],
        k: events[1],
        m: weight[1],
        events: B::slice(&i.events),
        weight: B::slice(&i.weight),
        products,
    }
}

fn linear_forward_as<B: CpuBackend, F: CpuFloat>(
    inputs: LinearInputs<B>,
    products: kernels::Products,
) -> FloatTensor<B> {
    let i = contiguous_linear(inputs);
    let linear = linear::<B, F>(&i, products);
    let out = kernels::event_linear_forward(&linear, Some(B::slice(&i.bias)));
    B::tensor::<F>(out.expect(CHECKED), &[linear.n, linear.m])
}

fn linear_backward_as<B: CpuBackend, F: CpuFloat>(
    inputs: LinearInputs<B>,
    cotangent: FloatTensor<B>,
    wanted: LinearWanted,
    products: kernels::Products,
) -> LinearGradients<B> {
    let i = contiguous_linear(inputs);
    let cotangent = B::contiguous(cotangent);
    let linear = linear::<B, F>(&i, products);
    let (needs, cotangent) = (slice_maybe(&i.needs_grad), B::slice(&cotangent));
    let g = kernels::event_linear_backward(&linear, needs, cotangent, wanted).expect(CHECKED);
    let Linear { n, k, m, .. } = linear;
    LinearGradients {
        events: Maybe::when(wanted.operand, || B::tensor::<F>(g.operand, &[n, k])),
        weight: Maybe::when(wanted.weight, || B::tensor::<F>(g.weight, &[k, m])),
        bias: Maybe::when(wanted.bias, || B::tensor::<F>(g.bias, &[m])),
    }
}
