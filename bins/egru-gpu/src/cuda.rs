//! NVIDIA GPUs, with kernels compiled at run time.

use crate::adapters::gpu;

/// The backend as `--backend cuda`.
pub(crate) const ENTRY: egru_cli::BackendEntry =
    gpu("cuda", "NVIDIA GPUs through CUDA", cfg!(feature = "cuda"), device, devices);

#[cfg(feature = "cuda")]
fn device(index: &str) -> Result<egru_cli::Device, String> {
    const REMEDY: &str = "install NVIDIA's driver and the CUDA toolkit (its nvrtc library)";
    crate::adapters::pick(burn::tensor::DeviceType::Cuda, index, REMEDY, || {
        Ok(egru_cli::Device::cuda(0))
    })
}

#[cfg(feature = "cuda")]
fn devices() -> Vec<(String, String)> {
    crate::adapters::list(burn::tensor::DeviceType::Cuda)
}

#[cfg(not(feature = "cuda"))]
fn device(_index: &str) -> Result<egru_cli::Device, String> {
    Err("it is not compiled in".to_owned())
}

#[cfg(not(feature = "cuda"))]
fn devices() -> Vec<(String, String)> {
    Vec::new()
}
