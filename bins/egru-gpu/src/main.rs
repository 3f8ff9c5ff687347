//! The egru command line on GPUs. `egru-gpu help` lists the commands, `egru-gpu devices` what it can run on.

mod adapters;
mod cuda;
mod metal;
mod rocm;
mod vulkan;
mod wgpu;

use std::process::ExitCode;

use egru_cli::Registry;
use mimalloc::MiMalloc;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    let backends = [cuda::ENTRY, rocm::ENTRY, metal::ENTRY, vulkan::ENTRY, wgpu::ENTRY];
    egru_cli::run(Registry::default(), &backends, std::env::args_os())
}
