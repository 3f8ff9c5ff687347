//! Warnings, of this program and of the libraries below it: lines on standard error.

use std::io::Write as _;

use env_logger::{Builder, Env};
use log::Level;

/// Without `RUST_LOG`: warnings, but for those of drivers and shader compilers about what they do without.
const USUAL: &str = "warn,wgpu_core=error,wgpu_hal=error,naga=error";
/// With `--quiet`: what goes wrong.
const QUIET: &str = "error";

/// Shows what is logged from here on: what `RUST_LOG` asks for, else warnings, unless `quiet`.
pub(crate) fn start(quiet: bool) {
    let usual = if quiet { QUIET } else { USUAL };
    let mut builder = Builder::from_env(Env::default().default_filter_or(usual));
    builder.format(|line, record| {
        let label = match record.level() {
            Level::Warn => "warning".to_owned(),
            level => level.as_str().to_lowercase(),
        };
        writeln!(line, "{label}: {}", record.args())
    });
    // A program that runs several commands has a logger already.
    let _ = builder.try_init();
}
