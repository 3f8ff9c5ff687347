//! The egru command line on libtorch. `egru-tch help` lists the commands.

mod tch;

use std::process::ExitCode;

use egru_cli::Registry;
use mimalloc::MiMalloc;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    egru_cli::run(Registry::default(), &[tch::ENTRY], std::env::args_os())
}
