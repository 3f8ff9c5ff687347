//! The memory of libtorch's tensors on the CPU, as slices.

use std::marker::PhantomData;

use burn::backend::libtorch::TchTensor;
use tch::{Device, Kind, Tensor};

use crate::backends::cpu::CpuFloat;

/// How libtorch calls the number type `F`.
fn kind<F: CpuFloat>() -> Kind {
    match F::dtype() {
        burn::tensor::DType::F64 => Kind::Double,
        _ => Kind::Float,
    }
}

/// Whether a tensor is numbers of type `F` in this process's memory, without gaps.
fn is_slice<F: CpuFloat>(tensor: &Tensor) -> bool {
    tensor.kind() == kind::<F>() && tensor.is_contiguous() && tensor.device() == Device::Cpu
}

/// The values of a contiguous tensor.
pub(super) fn values<F: CpuFloat>(tensor: &Tensor) -> &[F] {
    assert!(
        is_slice::<F>(tensor),
        "a contiguous tensor of the call's type, in this process's memory"
    );
    if tensor.numel() == 0 {
        // An empty tensor has no address.
        return &[];
    }
    // SAFETY: the tensor is `numel` numbers of type `F` without gaps, as just asserted; it is borrowed for as long as
    // the slice, and nobody writes to it meanwhile: Burn's operations on a tensor that is in use elsewhere make a
    // new one.
    unsafe { std::slice::from_raw_parts(tensor.data_ptr().cast(), tensor.numel()) }
}

/// A tensor that nobody else has, for the kernels to write to: numbers of type `F` in this process's memory, without
/// gaps.
pub(in crate::backends) struct Memory<F> {
    tensor: Tensor,
    number: PhantomData<F>,
}

impl<F: CpuFloat> Memory<F> {
    /// The values of a tensor, which is copied if anybody else has it.
    pub(super) fn of(tensor: TchTensor) -> Self {
        let alone = tensor.can_mut() && is_slice::<F>(&tensor.tensor);
        let tensor = if alone { tensor.tensor } else { tensor.tensor.contiguous().copy() };
        Self::alone(tensor)
    }

    fn alone(tensor: Tensor) -> Self {
        assert!(is_slice::<F>(&tensor), "a tensor of the call's type, in this process's memory");
        Self { tensor, number: PhantomData }
    }

    /// The values as a tensor of this shape.
    pub(super) fn into_tensor(self, shape: &[usize]) -> TchTensor {
        let shape: Vec<i64> = shape.iter().map(|&size| size as i64).collect();
        TchTensor::new(self.tensor.view(shape.as_slice()))
    }
}

impl<F: CpuFloat> AsRef<[F]> for Memory<F> {
    fn as_ref(&self) -> &[F] {
        values(&self.tensor)
    }
}

impl<F: CpuFloat> AsMut<[F]> for Memory<F> {
    fn as_mut(&mut self) -> &mut [F] {
        if self.tensor.numel() == 0 {
            return &mut [];
        }
        // SAFETY: `numel` numbers of type `F` without gaps, asserted when the value was made; the tensor is this value's
        // alone, which is borrowed for as long as the slice.
        unsafe {
            std::slice::from_raw_parts_mut(self.tensor.data_ptr().cast(), self.tensor.numel())
        }
    }
}

impl<F: CpuFloat> egru_kernels::Memory<F> for Memory<F> {
    unsafe fn unwritten(len: usize) -> Self {
        let mut tensor = Tensor::empty([len as i64], (kind::<F>(), Device::Cpu));
        if cfg!(debug_assertions) {
            // So that the tests see a value that is read before it is written.
            let _ = tensor.fill_(f64::NAN);
        }
        Self::alone(tensor)
    }

    fn zeros(len: usize) -> Self {
        Self::alone(Tensor::zeros([len as i64], (kind::<F>(), Device::Cpu)))
    }
}

#[cfg(test)]
mod tests {
    use egru_kernels::Memory as _;

    use super::*;

    #[test]
    fn only_a_tensor_of_others_is_copied() {
        let mut memory = Memory::<f32>::zeros(6);
        memory.as_mut()[4] = 2.0;
        let address = memory.as_ref().as_ptr();
        let tensor = memory.into_tensor(&[2, 3]);
        let memory = Memory::<f32>::of(tensor);
        assert_eq!(
            (memory.as_ref().as_ptr(), memory.as_ref()),
            (address, &[0., 0., 0., 0., 2., 0.][..])
        );
        let tensor = memory.into_tensor(&[6]);
        let other = Memory::<f32>::of(tensor.clone());
        assert_ne!(other.as_ref().as_ptr(), address);
        assert_eq!(other.as_ref(), values::<f32>(&tensor.tensor));
        assert!(Memory::<f64>::zeros(0).as_mut().is_empty());
    }
}
