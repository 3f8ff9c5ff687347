//! AMD GPUs, with kernels compiled at run time.

use crate::adapters::gpu;

/// The backend as `--backend rocm`.
pub(crate) const ENTRY: egru_cli::BackendEntry =
    gpu("rocm", "AMD GPUs through ROCm", cfg!(feature = "rocm"), device, devices);

#[cfg(feature = "rocm")]
fn device(index: &str) -> Result<egru_cli::Device, String> {
    const REMEDY: &str = "install AMD's ROCm";
    crate::adapters::pick(burn::tensor::DeviceType::Rocm, index, REMEDY, || {
        Ok(egru_cli::Device::rocm(0))
    })
}

#[cfg(feature = "rocm")]
fn devices() -> Vec<(String, String)> {
    crate::adapters::list(burn::tensor::DeviceType::Rocm)
}

#[cfg(not(feature = "rocm"))]
fn device(_index: &str) -> Result<egru_cli::Device, String> {
    Err("it is not compiled in".to_owned())
}

#[cfg(not(feature = "rocm"))]
fn devices() -> Vec<(String, String)> {
    Vec::new()
}
