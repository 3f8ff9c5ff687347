//! What a device tells of itself.

use burn::tensor::{DType, Device};

/// Whether the device computes with numbers of this type, all operations that are needed here included.
pub(crate) fn computes(device: &Device, dtype: DType) -> bool {
    // wgpu's shaders have f64, but their exponential and tanh of it are undefined, and gave wrong numbers where tried.
    let half_known = dtype == DType::F64 && ["wgpu", "vulkan", "metal"].contains(&&*name(device));
    device.supports_dtype(dtype) && !half_known
}

/// The name of the device's backend, by its feature.
pub(crate) fn name(device: &Device) -> String {
    let shown = format!("{:?}", device.clone().inner().as_dispatch()).to_lowercase();
    let mut words = shown.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let first = words.next().unwrap_or_default();
    // Of a GPU Burn tells the library, then the backend; ROCm by the name of its interface.
    match first {
        "cube" => words.next().unwrap_or(first).replace("hip", "rocm"),
        "libtorch" => "tch".to_owned(),
        other => other.to_owned(),
    }
}
