//! Apple GPUs through wgpu.

use crate::adapters::gpu;

/// The backend as `--backend metal`.
pub(crate) const ENTRY: egru_cli::BackendEntry =
    gpu("metal", "Apple GPUs", cfg!(feature = "metal"), device, devices);

#[cfg(feature = "metal")]
fn device(index: &str) -> Result<egru_cli::Device, String> {
    const REMEDY: &str = "it needs macOS on an Apple GPU";
    crate::adapters::pick(burn::tensor::DeviceType::Metal, index, REMEDY, || {
        Ok(egru_cli::Device::metal(Default::default()))
    })
}

#[cfg(feature = "metal")]
fn devices() -> Vec<(String, String)> {
    crate::adapters::list(burn::tensor::DeviceType::Metal)
}

#[cfg(not(feature = "metal"))]
fn device(_index: &str) -> Result<egru_cli::Device, String> {
    Err("it is not compiled in".to_owned())
}

#[cfg(not(feature = "metal"))]
fn devices() -> Vec<(String, String)> {
    Vec::new()
}
