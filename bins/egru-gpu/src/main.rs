//! The egru command line on GPUs. `egru-gpu help` lists the commands, `egru-gpu devices` what it can run on.

mod adapters;
mod backends;

use std::process::ExitCode;

use backends::{CUDA, METAL, ROCM, VULKAN_SPIRV, WGPU};
use egru_cli::Registry;

fn main() -> ExitCode {
    egru_alloc::keep_pages();
    let backends = [CUDA, ROCM, METAL, VULKAN_SPIRV, WGPU];
    egru_cli::run(Registry::default(), &backends, std::env::args_os())
}
