//! Tensors on the device, as kernels take them.

use burn::backend::{TensorMetadata, cubecl::dtype_to_storage_type, ops::FloatTensorOps};
use burn::tensor::Shape;
use burn_cubecl::{
    CubeBackend,
    kernel::{self, into_contiguous},
    tensor::CubeTensor,
};
use cubecl::prelude::*;

use crate::WeightType;
use crate::maybe::Maybe;

/// The number type of a tensor, as kernels are told it.
pub(super) fn element(tensor: &CubeTensor) -> ElemType {
    dtype_to_storage_type(tensor.dtype)
}

/// Memory for values that a kernel will write, on the device of `like` and of its type.
pub(super) fn empty(like: &CubeTensor, shape: &[usize]) -> CubeTensor {
    let shape = Shape::from(shape.to_vec());
    let memory = like.client.empty(shape.num_elements() * like.dtype.size());
    CubeTensor::new_contiguous(like.client.clone(), like.device.clone(), shape, memory, like.dtype)
}

/// A buffer of a tensor's values, row by row.
pub(super) fn buffer(tensor: &CubeTensor) -> BufferArg {
    tensor.clone().into_buffer_arg()
}

/// [`buffer`] of a tensor that may be absent: `nothing` stands in for it, and kernels do not read it.
pub(super) fn buffer_maybe(tensor: &Maybe<CubeBackend>, nothing: &CubeTensor) -> BufferArg {
    match tensor {
        Maybe::Present(tensor) => buffer(tensor),
        Maybe::Absent => buffer(nothing),
    }
}

pub(super) fn is_present(tensor: &Maybe<CubeBackend>) -> bool {
    matches!(tensor, Maybe::Present(_))
}

/// A matrix of all steps and samples `[T, B, N]`, one row each.
pub(super) fn rows(series: CubeTensor) -> CubeTensor {
    let [time, batch, width] = series.shape().dims();
    reshape(series, &[time * batch, width])
}

pub(super) fn reshape(tensor: CubeTensor, shape: &[usize]) -> CubeTensor {
    burn_cubecl::ops::reshape(tensor, Shape::from(shape.to_vec()))
}

/// A weight matrix in the number type in which kernels shall read it.
pub(super) fn narrowed(weight: CubeTensor, weights: WeightType) -> CubeTensor {
    let weight = into_contiguous(weight);
    match weights.dtype() {
        Some(dtype) => into_contiguous(kernel::cast(weight, dtype)),
        None => weight,
    }
}

/// [`narrowed`] for the products of the library, which take both sides in one type: rounded, but as wide as before.
pub(super) fn rounded(weight: CubeTensor, weights: WeightType) -> CubeTensor {
    let wide = weight.dtype;
    kernel::cast(narrowed(weight, weights), wide)
}

/// The sum of all rows `[N, M]` as a vector, by a product with ones: of Burn's own sum, 0.22.1, rows from the 65537th on were
/// missing on wgpu.
pub(super) fn sum_rows(rows: CubeTensor) -> CubeTensor {
    let [n, m] = rows.meta.shape().dims();
    let ones = CubeBackend::float_ones([1, n].into(), &rows.device, rows.dtype.into());
    into_contiguous(reshape(CubeBackend::float_matmul(ones, rows), &[m]))
}
