//! The backends that have kernels: one file each, so that a backend goes by deleting its file.

#[cfg(any(feature = "flex", feature = "ndarray", feature = "tch"))]
mod cpu;
#[cfg(feature = "cube")]
mod cube;
#[cfg(feature = "flex")]
mod flex;
#[cfg(feature = "ndarray")]
mod ndarray;
#[cfg(feature = "tch")]
mod tch;

use burn::backend::DispatchDevice;
use burn::tensor::{DType, Device};

use crate::device;

/// Why the device's backend has no kernels for tensors of this type, if it has none.
pub(crate) fn no_kernels(device: &Device, dtype: DType) -> Option<String> {
    let owners: &[fn(&DispatchDevice) -> bool] = &[
        #[cfg(feature = "flex")]
        flex::owns,
        #[cfg(feature = "ndarray")]
        ndarray::owns,
        #[cfg(feature = "cube")]
        cube::owns,
        #[cfg(feature = "tch")]
        tch::owns,
    ];
    let device = device.clone().inner();
    match (owners.iter().any(|owns| owns(device.as_dispatch())), dtype) {
        (false, _) => {
            Some(format!("`{}` has no kernels for this operation", device::name(&device)))
        }
        (true, DType::F32 | DType::F64) => None,
        (true, other) => Some(format!("the kernels take f32 and f64, not {other:?}")),
    }
}

/// Whether the kernels of the device can read weights in this type.
pub(crate) fn narrows_weights(device: &Device, dtype: DType) -> bool {
    let readers: &[fn(&DispatchDevice) -> bool] = &[
        #[cfg(feature = "cube")]
        cube::owns,
    ];
    let device = device.clone().inner();
    device.supports_dtype(dtype) && readers.iter().any(|owns| owns(device.as_dispatch()))
}
