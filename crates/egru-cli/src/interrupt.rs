//! Ctrl-C: the first asks the run to stop at a checkpoint, the second ends the program at once.

use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context as _;

/// Exit status of a program that was interrupted.
pub(crate) const INTERRUPTED: u8 = 130;

static ASKED: AtomicBool = AtomicBool::new(false);

/// Calls `stop` at the first Ctrl-C (or polite request to terminate), and ends the program at the second.
pub(crate) fn on_interrupt(stop: impl Fn() + Send + 'static) -> anyhow::Result<()> {
    ctrlc::set_handler(move || {
        if ASKED.swap(true, Ordering::SeqCst) {
            std::process::exit(i32::from(INTERRUPTED));
        }
        stop();
    })
    .context("cannot listen for Ctrl-C")
}
