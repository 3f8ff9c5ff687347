//! What the backends of the CPU share: each has one device.

use egru_cli::BackendEntry;

/// A CPU backend; it has one device, of index 0.
pub(crate) const fn entry(
    name: &'static str,
    description: &'static str,
    compiled: bool,
    device: fn(&str) -> Result<egru_cli::Device, String>,
) -> BackendEntry {
    let devices = || vec![("0".to_owned(), "the CPU".to_owned())];
    BackendEntry::new(name, description, compiled, device, devices)
}

/// `device`, if `index` names the only one there is.
pub(crate) fn only(
    index: &str,
    device: fn() -> egru_cli::Device,
) -> Result<egru_cli::Device, String> {
    match index {
        "" | "0" => Ok(device()),
        _ => Err("a CPU is one device, of index 0".to_owned()),
    }
}
