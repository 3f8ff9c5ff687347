//! Any GPU through wgpu: Vulkan, Metal, DirectX 12 or OpenGL, with shaders in WGSL.

use crate::adapters::gpu;

/// The backend as `--backend wgpu`.
pub(crate) const ENTRY: egru_cli::BackendEntry =
    gpu("wgpu", "any GPU through wgpu (WGSL shaders)", cfg!(feature = "wgpu"), device, devices);

#[cfg(feature = "wgpu")]
fn device(index: &str) -> Result<egru_cli::Device, String> {
    const REMEDY: &str = "install the driver of your GPU, or software Vulkan (Debian, Ubuntu: apt-get install mesa-vulkan-drivers)";
    crate::adapters::pick(burn::tensor::DeviceType::Wgpu, index, REMEDY, || {
        Ok(egru_cli::Device::wgpu(Default::default()))
    })
}

#[cfg(feature = "wgpu")]
fn devices() -> Vec<(String, String)> {
    crate::adapters::list(burn::tensor::DeviceType::Wgpu)
}

#[cfg(not(feature = "wgpu"))]
fn device(_index: &str) -> Result<egru_cli::Device, String> {
    Err("it is not compiled in".to_owned())
}

#[cfg(not(feature = "wgpu"))]
fn devices() -> Vec<(String, String)> {
    Vec::new()
}
