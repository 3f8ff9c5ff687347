//! The egru command line on libtorch. `egru-tch help` lists the commands.

mod tch;

use std::process::ExitCode;

use egru_cli::Registry;

fn main() -> ExitCode {
    egru_alloc::keep_pages();
    egru_cli::run(Registry::default(), &[tch::ENTRY], std::env::args_os())
}
