//! Slices of burn-flex.

use burn::backend::{DispatchDevice, Flex, flex::FlexTensor, tensor::FloatTensor};
use burn::tensor::TensorData;

use super::cpu::{CpuBackend, CpuFloat, cpu_backend, into_vec};

pub(super) fn owns(device: &DispatchDevice) -> bool {
    matches!(device, DispatchDevice::Flex(_))
}

impl CpuBackend for Flex {
    type Memory<F: CpuFloat> = Vec<F>;

    fn contiguous(tensor: FloatTensor<Self>) -> FloatTensor<Self> {
        tensor.to_contiguous()
    }

    fn slice<F: CpuFloat>(tensor: &FloatTensor<Self>) -> &[F] {
        tensor.as_slice().expect("a contiguous tensor of the call's type")
    }

    fn tensor<F: CpuFloat>(values: Vec<F>, shape: &[usize]) -> FloatTensor<Self> {
        FlexTensor::from_data(TensorData::new(values, shape))
    }

    fn memory<F: CpuFloat>(tensor: FloatTensor<Self>) -> Vec<F> {
        into_vec::<Self, F>(tensor)
    }
}

cpu_backend!(Flex);
