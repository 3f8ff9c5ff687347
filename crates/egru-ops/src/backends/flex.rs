//! Slices of burn-flex.

use burn::backend::{DispatchDevice, Flex, flex::FlexTensor, tensor::FloatTensor};
use burn::tensor::TensorData;

use super::cpu::{CpuBackend, CpuFloat, cpu_backend};

pub(super) fn owns(device: &DispatchDevice) -> bool {
    matches!(device, DispatchDevice::Flex(_))
}

impl CpuBackend for Flex {
    fn contiguous(tensor: FloatTensor<Self>) -> FloatTensor<Self> {
        tensor.to_contiguous()
    }

    fn slice<F: CpuFloat>(tensor: &FloatTensor<Self>) -> &[F] {
        tensor.as_slice().expect("a contiguous tensor of the call's type")
    }

    fn tensor(data: TensorData) -> FloatTensor<Self> {
        FlexTensor::from_data(data)
    }
}

cpu_backend!(Flex);
