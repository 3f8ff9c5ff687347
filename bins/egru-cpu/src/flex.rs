//! burn-flex, Burn's portable CPU backend.

use crate::cpu;

/// The backend as `--backend flex`.
pub(crate) const ENTRY: egru_cli::BackendEntry =
    cpu::entry("flex", "pure-Rust CPU (burn-flex)", cfg!(feature = "flex"), device);

#[cfg(feature = "flex")]
fn device(index: &str) -> Result<egru_cli::Device, String> {
    cpu::only(index, egru_cli::Device::flex)
}

#[cfg(not(feature = "flex"))]
fn device(_index: &str) -> Result<egru_cli::Device, String> {
    Err("it is not compiled in".to_owned())
}
