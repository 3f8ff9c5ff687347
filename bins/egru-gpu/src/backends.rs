//! The GPU backends: what each is, what to do where it finds no device, and the device to take when none is named.

use crate::adapters::gpu;

/// For whatever reaches a GPU through Vulkan.
#[cfg(feature = "wgpu")]
const VULKAN: &str = "install the driver of your GPU, or software Vulkan (Debian, Ubuntu: apt-get install mesa-vulkan-drivers)";

gpu! {
    /// NVIDIA GPUs, with kernels compiled at run time.
    CUDA = "cuda", "NVIDIA GPUs through CUDA", Cuda, cuda(0),
        "install NVIDIA's driver and the CUDA toolkit (its nvrtc library)";
    /// AMD GPUs, with kernels compiled at run time.
    ROCM = "rocm", "AMD GPUs through ROCm", Rocm, rocm(0), "install AMD's ROCm";
    /// Apple GPUs through wgpu.
    METAL = "metal", "Apple GPUs", Metal, metal(Default::default()), "it needs macOS on an Apple GPU";
    /// GPUs with Vulkan drivers, with shaders compiled straight to SPIR-V.
    VULKAN_SPIRV = "vulkan", "Vulkan, compiled to SPIR-V", Vulkan, vulkan(Default::default()), VULKAN;
    /// Any GPU through wgpu: Vulkan, Metal, DirectX 12 or OpenGL, with shaders in WGSL.
    WGPU = "wgpu", "any GPU through wgpu (WGSL shaders)", Wgpu, wgpu(Default::default()), VULKAN;
}
