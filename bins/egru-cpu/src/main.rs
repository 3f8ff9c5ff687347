//! The egru command line on the CPU backends. `egru-cpu help` lists the commands.

use std::process::ExitCode;

use egru_cli::Registry;

fn main() -> ExitCode {
    egru_alloc::keep_pages();
    egru_cli::run(Registry::default(), &egru_cpu::BACKENDS, std::env::args_os())
}
