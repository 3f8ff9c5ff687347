//! GPUs: the operations as CubeCL kernels, one source for wgpu, Vulkan, Metal, CUDA and ROCm.
//!
//! | file | what |
//! |---|---|
//! | `unit.rs` | the equations of one unit and one step, forward and backward |
//! | `lists.rs` | lists of events and of wanted gradients; dot products for the latter |
//! | `walk.rs` | event-driven form: a cube walks all steps of a sample |
//! | `step.rs` | dense form: a product of the library and a kernel for each step |
//! | `product.rs` | products with a sparse operand |
//! | `sequence.rs`, `linear.rs` | the operations: which kernels, on which memory |
//! | `plan.rs` | the choice between the forms, and the sizes of cubes |

mod linear;
mod lists;
mod plan;
mod product;
mod sequence;
mod step;
mod unit;
mod walk;

use burn::backend::{
    DispatchDevice, TensorMetadata, cubecl::dtype_to_storage_type, ops::FloatTensorOps,
};
use burn::tensor::Shape;
use burn_cubecl::{
    CubeBackend,
    kernel::{self, into_contiguous},
    tensor::CubeTensor,
};
use cubecl::prelude::*;
use egru_kernels::{LinearWanted, Wanted};

use super::Maybe;
use crate::egru_sequence::{
    EgruSequenceBackend, EgruSequenceGrad, SequenceCotangents, SequenceGradients, SequenceInputs,
    SequenceOutputs, SequenceSettings, SequenceTape,
};
use crate::event_linear::{EventLinearBackend, EventLinearGrad, LinearGradients, LinearInputs};
use crate::{Execution, Weights};

pub(super) fn owns(device: &DispatchDevice) -> bool {
    matches!(device, DispatchDevice::Cube(_))
}

impl EgruSequenceBackend for CubeBackend {
    fn egru_sequence_forward(
        inputs: SequenceInputs<Self>,
        settings: SequenceSettings,
    ) -> SequenceOutputs<Self> {
        sequence::forward(inputs, &settings)
    }
}

impl EgruSequenceGrad for CubeBackend {
    fn egru_sequence_backward(
        inputs: SequenceInputs<Self>,
        tape: SequenceTape<Self>,
        cotangents: SequenceCotangents<Self>,
        wanted: Wanted,
        settings: SequenceSettings,
    ) -> SequenceGradients<Self> {
        sequence::backward(inputs, tape, cotangents, wanted, &settings)
    }
}

impl EventLinearBackend for CubeBackend {
    fn event_linear_forward(inputs: LinearInputs<Self>, execution: Execution) -> CubeTensor {
        linear::forward(inputs, execution)
    }
}

impl EventLinearGrad for CubeBackend {
    fn event_linear_backward(
        inputs: LinearInputs<Self>,
        cotangent: CubeTensor,
        wanted: LinearWanted,
        execution: Execution,
    ) -> LinearGradients<Self> {
        linear::backward(inputs, cotangent, wanted, execution)
    }
}

/// The number type of a tensor, as kernels are told it.
fn element(tensor: &CubeTensor) -> ElemType {
    dtype_to_storage_type(tensor.dtype)
}

/// Memory for values that a kernel will write, on the device of `like` and of its type.
fn empty(like: &CubeTensor, shape: &[usize]) -> CubeTensor {
    let shape = Shape::from(shape.to_vec());
    let memory = like.client.empty(shape.num_elements() * like.dtype.size());
    CubeTensor::new_contiguous(like.client.clone(), like.device.clone(), shape, memory, like.dtype)
}

/// A buffer of a tensor's values, row by row.
fn buffer(tensor: &CubeTensor) -> BufferArg {
    tensor.clone().into_buffer_arg()
}

/// The same for a tensor that may be absent: `nothing` stands for it, of which kernels know not to use it.
fn buffer_maybe(tensor: &Maybe<CubeBackend>, nothing: &CubeTensor) -> BufferArg {
    match tensor {
        Maybe::Present(tensor) => buffer(tensor),
        Maybe::Absent => buffer(nothing),
    }
}

fn is_present(tensor: &Maybe<CubeBackend>) -> bool {
    matches!(tensor, Maybe::Present(_))
}

/// A matrix of all steps and samples `[T, B, N]`, one row each.
fn rows(series: CubeTensor) -> CubeTensor {
    let [time, batch, width] = series.shape().dims();
    reshape(series, &[time * batch, width])
}

fn reshape(tensor: CubeTensor, shape: &[usize]) -> CubeTensor {
    burn_cubecl::ops::reshape(tensor, Shape::from(shape.to_vec()))
}

/// A weight matrix in the number type in which kernels shall read it.
fn narrowed(weight: CubeTensor, weights: Weights) -> CubeTensor {
    let weight = into_contiguous(weight);
    match weights.dtype() {
        Some(dtype) => into_contiguous(kernel::cast(weight, dtype)),
        None => weight,
    }
}

/// The same for the products of the library, which take both sides in one type: rounded, but as wide as before.
fn rounded(weight: CubeTensor, weights: Weights) -> CubeTensor {
    let wide = weight.dtype;
    kernel::cast(narrowed(weight, weights), wide)
}

/// The sum of all rows `[N, M]` as a vector, by a product with ones: of Burn's own sum, 0.22.1, rows from the 65537th on were
/// missing on wgpu.
fn sum_rows(rows: CubeTensor) -> CubeTensor {
    let [n, m] = rows.meta.shape().dims();
    let ones = CubeBackend::float_ones([1, n].into(), &rows.device, rows.dtype.into());
    into_contiguous(reshape(CubeBackend::float_matmul(ones, rows), &[m]))
}
