//! GPUs with Vulkan drivers, with shaders compiled straight to SPIR-V.

use crate::adapters::gpu;

/// The backend as `--backend vulkan`.
pub(crate) const ENTRY: egru_cli::BackendEntry =
    gpu("vulkan", "Vulkan, compiled to SPIR-V", cfg!(feature = "vulkan"), device, devices);

#[cfg(feature = "vulkan")]
fn device(index: &str) -> Result<egru_cli::Device, String> {
    const REMEDY: &str = "install the driver of your GPU, or software Vulkan (Debian, Ubuntu: apt-get install mesa-vulkan-drivers)";
    crate::adapters::pick(burn::tensor::DeviceType::Vulkan, index, REMEDY, || {
        Ok(egru_cli::Device::vulkan(Default::default()))
    })
}

#[cfg(feature = "vulkan")]
fn devices() -> Vec<(String, String)> {
    crate::adapters::list(burn::tensor::DeviceType::Vulkan)
}

#[cfg(not(feature = "vulkan"))]
fn device(_index: &str) -> Result<egru_cli::Device, String> {
    Err("it is not compiled in".to_owned())
}

#[cfg(not(feature = "vulkan"))]
fn devices() -> Vec<(String, String)> {
    Vec::new()
}
