//! The egru command line on the CPU backends. `egru-cpu help` lists the commands.

mod flex;
mod ndarray;

use std::process::ExitCode;

use egru_cli::{BackendEntry, Registry};

fn main() -> ExitCode {
    egru_alloc::keep_pages();
    egru_cli::run(Registry::default(), &[flex::ENTRY, ndarray::ENTRY], std::env::args_os())
}

/// A CPU backend; it has one device, of index 0.
const fn cpu(
    name: &'static str,
    description: &'static str,
    compiled: bool,
    device: fn(&str) -> Result<egru_cli::Device, String>,
) -> BackendEntry {
    let devices = || vec![("0".to_owned(), "the CPU".to_owned())];
    BackendEntry::new(name, description, compiled, device, devices)
}

/// `device`, if `index` names the only one there is.
fn only(index: &str, device: fn() -> egru_cli::Device) -> Result<egru_cli::Device, String> {
    match index {
        "" | "0" => Ok(device()),
        _ => Err("a CPU is one device, of index 0".to_owned()),
    }
}
