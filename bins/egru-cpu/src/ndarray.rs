//! burn-ndarray, deprecated upstream in favour of burn-flex: to drop it, delete this file and its
//! mentions in `lib.rs` and `Cargo.toml`.

use crate::cpu;

/// The backend as `--backend ndarray`.
pub(crate) const ENTRY: egru_cli::BackendEntry =
    cpu::entry("ndarray", "pure-Rust CPU (burn-ndarray)", cfg!(feature = "ndarray"), device);

#[cfg(feature = "ndarray")]
#[allow(deprecated)]
fn device(index: &str) -> Result<egru_cli::Device, String> {
    cpu::only(index, egru_cli::Device::ndarray)
}

#[cfg(not(feature = "ndarray"))]
fn device(_index: &str) -> Result<egru_cli::Device, String> {
    Err("it is not compiled in".to_owned())
}
