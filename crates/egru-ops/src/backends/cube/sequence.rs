//! The EGRU over all time steps: which kernels run, on which memory.

use burn::backend::ops::FloatTensorOps;
use burn::tensor::Shape;
use burn_cubecl::{
    CubeBackend,
    kernel::{self, into_contiguous},
    tensor::CubeTensor,
};
use cubecl::prelude::*;
use cubecl::server::Handle;
use egru_kernels::{Keep, LinearWanted, Wanted};

use super::plan::{self, Form};
use super::tensors::{
    buffer, buffer_maybe, element, empty, is_present, narrowed, reshape, rows, sum_rows,
};
use super::unit::{
    CotangentsLaunch, Given, GradientsLaunch, Kept, LayerLaunch, OutputsLaunch, TapeLaunch,
};
use super::{linear, step, walk};
use crate::egru_sequence::{
    SequenceCotangents, SequenceGradients, SequenceInputs, SequenceOutputs, SequenceSettings,
    SequenceTape,
};
use crate::event_linear::LinearInputs;
use crate::maybe::Maybe;

/// Sizes of a call.
#[derive(Clone, Copy)]
struct Dims {
    time: usize,
    batch: usize,
    input: usize,
    hidden: usize,
}

/// What both passes hand to the kernels.
struct Call<'a> {
    inputs: SequenceInputs<CubeBackend>,
    settings: &'a SequenceSettings,
    dims: Dims,
    /// Lengths of the samples on the device, and how many; one that is not read where all samples have all steps.
    lengths: (Handle, usize),
    form: Form,
    /// One element, in place of tensors that are absent.
    nothing: CubeTensor,
}

impl<'a> Call<'a> {
    fn new(i: SequenceInputs<CubeBackend>, settings: &'a SequenceSettings) -> Self {
        let i = i.map(into_contiguous);
        let inputs = SequenceInputs { r: narrowed(i.r, settings.execution.weights), ..i };
        let client = &inputs.x.client;
        let [time, batch, input] = inputs.x.meta.shape().dims();
        let [hidden] = inputs.theta.meta.shape().dims();
        let lengths = match &settings.lengths {
            Some(lengths) => {
                let values: Vec<u32> = lengths.iter().map(|&n| n as u32).collect();
                (client.create_from_slice(bytemuck::cast_slice(&values)), values.len())
            }
            None => (client.empty(size_of::<u32>()), 1),
        };
        let number = inputs.x.dtype.size();
        Self {
            form: plan::form(client, settings.execution.products, [batch, hidden], number),
            lengths,
            dims: Dims { time, batch, input, hidden },
            nothing: empty(&inputs.x, &[1]),
            inputs,
            settings,
        }
    }

    fn client(&self) -> &cubecl::client::Client {
        &self.inputs.x.client
    }

    fn element(&self) -> ElemType {
        element(&self.inputs.x)
    }

    fn layer<F: Float>(&self) -> LayerLaunch<F> {
        let number = |value: f64| InputScalar::new(value, self.element());
        let params = &self.settings.params;
        let Dims { time, batch, hidden, .. } = self.dims;
        let (lengths, count) = self.lengths.clone();
        LayerLaunch::new(
            buffer(&self.inputs.theta),
            buffer_maybe(&self.inputs.zoneout, &self.nothing),
            // SAFETY: the memory was made of that many numbers of the type that the kernels read.
            unsafe { BufferArg::from_raw_parts(lengths, count) },
            number(params.alpha),
            number(self.settings.new_share),
            number(params.gamma),
            number(params.eps),
            time,
            batch,
            hidden,
            is_present(&self.inputs.zoneout),
            self.settings.lengths.is_some(),
        )
    }

    fn series(&self, width: usize) -> CubeTensor {
        empty(&self.inputs.x, &[self.dims.time, self.dims.batch, width])
    }

    /// The recurrent weights for the products of the library.
    fn wide_r(&self) -> CubeTensor {
        kernel::cast(self.inputs.r.clone(), self.inputs.x.dtype)
    }

    /// The products with the input: its weight, and the choice of the caller.
    fn input_product(&self) -> LinearInputs<CubeBackend> {
        LinearInputs {
            events: rows(self.inputs.x.clone()),
            weight: self.inputs.w.clone(),
            bias: self.inputs.bias_w.clone(),
            needs_grad: self.inputs.x_needs_grad.clone().map(rows),
        }
    }
}

/// All steps forward.
pub(super) fn forward(
    inputs: SequenceInputs<CubeBackend>,
    settings: &SequenceSettings,
) -> SequenceOutputs<CubeBackend> {
    let call = Call::new(inputs, settings);
    let Dims { time, batch, hidden, .. } = call.dims;
    let keep = settings.keep;
    let series = |kept: bool, width: usize| Maybe::when(kept, || call.series(width));
    let input = linear::forward(call.input_product(), settings.execution);
    let out = SequenceOutputs::<CubeBackend> {
        y: call.series(hidden),
        c: series(keep.c, hidden),
        o: series(keep.o, hidden),
        trace: series(keep.trace, hidden),
        window: series(keep.window, hidden),
        last_c: call.inputs.c0.clone(),
        // It begins as the output before, and the kernels write over it.
        last_y: call.inputs.y0.copy(),
        last_trace: call.inputs.trace0.clone(),
        tape_u: series(keep.tape, hidden),
        tape_gates: series(keep.tape, 4 * hidden),
    };
    // The same of c and the trace.
    let state = stack(vec![call.inputs.c0.clone(), call.inputs.trace0.clone()]);
    let (client, bias_r) = (call.client(), &call.inputs.bias_r);
    match call.form {
        Form::Walk { units } => walk::walk_forward::launch(
            client,
            CubeCount::Static(batch as u32, 1, 1),
            CubeDim::new_1d(units as u32),
            buffer(&input),
            buffer(&call.inputs.r),
            buffer(bias_r),
            call.layer(),
            outputs(&out, keep, &state, &call.nothing),
            hidden,
            units,
            [call.element(), element(&call.inputs.r)],
        ),
        Form::Steps => {
            let (count, dim) = plan::cover(client, batch * hidden);
            let r = call.wide_r();
            for t in 0..time {
                let before = out.last_y.clone();
                let product = CubeBackend::float_matmul(before, r.clone());
                step::step_forward::launch(
                    client,
                    count.clone(),
                    dim,
                    buffer(&input),
                    buffer(&into_contiguous(product)),
                    buffer(bias_r),
                    call.layer(),
                    outputs(&out, keep, &state, &call.nothing),
                    t,
                    call.element(),
                );
            }
        }
    }
    SequenceOutputs { last_c: part(&state, 0), last_trace: part(&state, 1), ..out }
}

/// Tensors `[B, H]` in one buffer.
fn stack(parts: Vec<CubeTensor>) -> CubeTensor {
    let rows = |tensor: CubeTensor| {
        let [batch, hidden] = tensor.meta.shape().dims();
        reshape(tensor, &[1, batch, hidden])
    };
    into_contiguous(CubeBackend::float_cat(parts.into_iter().map(rows).collect(), 0))
}

/// One of the tensors of a [`stack`].
fn part(stack: &CubeTensor, index: usize) -> CubeTensor {
    let [_, batch, hidden] = stack.meta.shape().dims();
    let slices = [burn::tensor::Slice::from(index..index + 1)];
    let slice = into_contiguous(CubeBackend::float_slice(stack.clone(), &slices));
    reshape(slice, &[batch, hidden])
}

/// The outputs, as kernels are told them.
fn outputs<F: Float>(
    out: &SequenceOutputs<CubeBackend>,
    keep: Keep,
    state: &CubeTensor,
    nothing: &CubeTensor,
) -> OutputsLaunch<F> {
    let Keep { c, o, trace, window, tape } = keep;
    OutputsLaunch::new(
        buffer(&out.y),
        buffer_maybe(&out.c, nothing),
        buffer_maybe(&out.o, nothing),
        buffer_maybe(&out.trace, nothing),
        buffer_maybe(&out.window, nothing),
        buffer(&out.last_y),
        buffer(state),
        buffer_maybe(&out.tape_u, nothing),
        buffer_maybe(&out.tape_gates, nothing),
        Kept { c, o, trace, window, tape },
    )
}

/// What the steps backward read and write.
struct Way {
    tape: SequenceTape<CubeBackend>,
    cotangents: SequenceCotangents<CubeBackend>,
    c_first: CubeTensor,
    nothing: CubeTensor,
    /// Gradients of the sums with the input weights, and with the recurrent weights.
    p: CubeTensor,
    q: CubeTensor,
    /// Those of c, the trace, the thresholds and y.
    state: CubeTensor,
}

impl Way {
    fn tape<F: Float>(&self) -> TapeLaunch<F> {
        TapeLaunch::new(buffer(&self.tape.u), buffer(&self.tape.gates), buffer(&self.c_first))
    }

    fn cotangents<F: Float>(&self) -> CotangentsLaunch<F> {
        let (by, nothing) = (&self.cotangents, &self.nothing);
        CotangentsLaunch::new(
            buffer_maybe(&by.y, nothing),
            buffer_maybe(&by.c, nothing),
            buffer_maybe(&by.o, nothing),
            buffer_maybe(&by.trace, nothing),
            Given {
                y: is_present(&by.y),
                c: is_present(&by.c),
                o: is_present(&by.o),
                trace: is_present(&by.trace),
            },
        )
    }

    fn gradients<F: Float>(&self) -> GradientsLaunch<F> {
        GradientsLaunch::new(buffer(&self.p), buffer(&self.q), buffer(&self.state))
    }
}

/// All steps backward, then the weights.
pub(super) fn backward(
    inputs: SequenceInputs<CubeBackend>,
    tape: SequenceTape<CubeBackend>,
    cotangents: SequenceCotangents<CubeBackend>,
    wanted: Wanted,
    settings: &SequenceSettings,
) -> SequenceGradients<CubeBackend> {
    let call = Call::new(inputs, settings);
    let Dims { time, batch, input, hidden } = call.dims;
    let cot = cotangents.map(into_contiguous);
    let tape = SequenceTape::<CubeBackend> {
        y: into_contiguous(tape.y),
        u: into_contiguous(tape.u),
        gates: into_contiguous(tape.gates),
    };
    let like = &call.inputs.theta;
    let zeros = |shape: &[usize]| {
        CubeBackend::float_zeros(Shape::from(shape.to_vec()), &like.device, like.dtype.into())
    };
    let start = |given: &Maybe<CubeBackend>| match given {
        Maybe::Present(tensor) => tensor.clone(),
        Maybe::Absent => zeros(&[batch, hidden]),
    };
    let way = Way {
        // They begin as the gradients of the last state, and the kernels write over them.
        state: stack(vec![
            start(&cot.last_c),
            start(&cot.last_trace),
            zeros(&[batch, hidden]),
            start(&cot.last_y),
        ]),
        p: call.series(3 * hidden),
        q: call.series(3 * hidden),
        c_first: call.inputs.c0.clone(),
        nothing: call.nothing.clone(),
        cotangents: cot,
        tape,
    };
    let client = call.client();
    let y0 = match call.form {
        Form::Walk { units } => {
            walk::walk_backward::launch(
                client,
                CubeCount::Static(batch as u32, 1, 1),
                CubeDim::new_1d(units as u32),
                buffer(&call.inputs.r),
                call.layer(),
                way.tape(),
                way.cotangents(),
                way.gradients(),
                wanted.state,
                hidden,
                units,
                [call.element(), element(&call.inputs.r)],
            );
            part(&way.state, 3)
        }
        Form::Steps => {
            let (count, dim) = plan::cover(client, batch * hidden);
            let transposed = CubeBackend::float_swap_dims(call.wide_r(), 0, 1);
            let mut dy = zeros(&[batch, hidden]);
            for t in (0..time).rev() {
                let step_q = empty(like, &[batch, 3 * hidden]);
                step::step_backward::launch(
                    client,
                    count.clone(),
                    dim,
                    buffer(&dy),
                    buffer(&step_q),
                    call.layer(),
                    way.tape(),
                    way.cotangents(),
                    way.gradients(),
                    t,
                    call.element(),
                );
                if t > 0 || wanted.state {
                    dy = into_contiguous(CubeBackend::float_matmul(step_q, transposed.clone()));
                }
            }
            add_of_empty(dy, &way.cotangents.last_y, settings)
        }
    };

    let Way { tape, p, q, state, .. } = way;
    let (p, q) = (rows(p), rows(q));
    let of_input = linear::backward(
        call.input_product(),
        p,
        LinearWanted { operand: wanted.x, weight: wanted.w, bias: wanted.w },
        settings.execution,
    );
    let before = outputs_before(&tape.y, &call.inputs.y0, call.dims);
    let r =
        wanted.r.then(|| linear::weight_gradient(before, q.clone(), settings.execution.products));
    SequenceGradients {
        x: of_input.events.map(|x| reshape(x, &[time, batch, input])),
        w: of_input.weight,
        r: r.into(),
        bias_w: of_input.bias,
        bias_r: Maybe::when(wanted.r, || sum_rows(q)),
        theta: Maybe::when(wanted.theta, || sum_rows(part(&state, 2))),
        c0: Maybe::when(wanted.state, || part(&state, 0)),
        y0: Maybe::when(wanted.state, || y0),
        trace0: Maybe::when(wanted.state, || part(&state, 1)),
    }
}

/// The last output of a sample of no steps is the one that it began with.
fn add_of_empty(
    dy: CubeTensor,
    last_y: &Maybe<CubeBackend>,
    settings: &SequenceSettings,
) -> CubeTensor {
    let (Maybe::Present(last_y), Some(lengths)) = (last_y, &settings.lengths) else { return dy };
    if !lengths.contains(&0) {
        return dy;
    }
    let empty: Vec<f32> = lengths.iter().map(|&n| if n == 0 { 1.0 } else { 0.0 }).collect();
    let data = burn::tensor::TensorData::new(empty, [lengths.len(), 1]).convert_dtype(dy.dtype);
    let empty = CubeBackend::float_from_data(data, &dy.device);
    CubeBackend::float_add(dy, CubeBackend::float_mul(last_y.clone(), empty))
}

/// The output before each step, `[T * B, H]`: `y0`, then all of `y` but the last.
fn outputs_before(y: &CubeTensor, y0: &CubeTensor, dims: Dims) -> CubeTensor {
    let Dims { time, batch, hidden, .. } = dims;
    let first = reshape(y0.clone(), &[1, batch, hidden]);
    let all = match time {
        1 => first,
        _ => {
            let slices = [burn::tensor::Slice::from(0..time - 1)];
            let rest = CubeBackend::float_slice(y.clone(), &slices);
            CubeBackend::float_cat(vec![first, rest], 0)
        }
    };
    rows(all)
}
