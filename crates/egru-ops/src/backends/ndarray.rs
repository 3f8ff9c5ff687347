//! Slices of burn-ndarray.
#![allow(deprecated)] // upstream has deprecated the whole backend

use burn::backend::{DispatchDevice, NdArray, ndarray::NdArrayTensor, tensor::FloatTensor};
use burn::tensor::TensorData;

use super::cpu::{CpuBackend, CpuFloat, cpu_backend, into_vec};

pub(super) fn owns(device: &DispatchDevice) -> bool {
    matches!(device, DispatchDevice::NdArray(_))
}

/// Copies a strided tensor into standard layout, leaves others alone.
macro_rules! standard_layout {
    ($storage:expr) => {
        match $storage.view().to_slice() {
            Some(_) => NdArrayTensor::from($storage.into_shared()),
            None => {
                let owned = $storage.into_shared().as_standard_layout().into_owned();
                NdArrayTensor::from(owned.into_shared())
            }
        }
    };
}

impl CpuBackend for NdArray {
    type Memory<F: CpuFloat> = Vec<F>;

    fn contiguous(tensor: FloatTensor<Self>) -> FloatTensor<Self> {
        match tensor {
            NdArrayTensor::F32(storage) => standard_layout!(storage),
            NdArrayTensor::F64(storage) => standard_layout!(storage),
            other => other,
        }
    }

    fn slice<F: CpuFloat>(tensor: &FloatTensor<Self>) -> &[F] {
        let bytes: Option<&[u8]> = match tensor {
            NdArrayTensor::F32(storage) => storage.view().to_slice().map(bytemuck::cast_slice),
            NdArrayTensor::F64(storage) => storage.view().to_slice().map(bytemuck::cast_slice),
            _ => None,
        };
        bytemuck::cast_slice(bytes.expect("a contiguous tensor of the call's type"))
    }

    fn tensor<F: CpuFloat>(values: Vec<F>, shape: &[usize]) -> FloatTensor<Self> {
        NdArrayTensor::from_data(TensorData::new(values, shape))
    }

    fn memory<F: CpuFloat>(tensor: FloatTensor<Self>) -> Vec<F> {
        into_vec::<Self, F>(tensor)
    }
}

cpu_backend!(NdArray);
