//! The allocator of the programs: [mimalloc](https://microsoft.github.io/mimalloc), which keeps the pages it has.
//!
//! Every step of training makes and drops tensors of megabytes. An allocator that gives their pages back has the
//! kernel clear and map them anew in the next step: a third of a small step's time with the system's allocator,
//! which gives back at once, and up to a quarter of a step of WikiText-2's size with mimalloc as it comes, which
//! waits for a second.
//!
//! A program that uses this crate is allocated for by it, and says as the first thing in `main`:
//!
//! ```
//! egru_alloc::keep_pages();
//! ```
//!
//! Libraries do not use it: the allocator is the program's choice.

use std::ffi::c_long;
use std::sync::Once;

use libmimalloc_sys::{mi_option_set_default, mi_option_t};
use mimalloc::MiMalloc;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// `mi_option_purge_delay`, which the binding does not name.
const PURGE_DELAY: mi_option_t = 15;
/// Milliseconds that stand for "never".
const NEVER: c_long = -1;

/// Never gives pages back to the system, so that what a step of training has used serves the next one. The memory
/// of the process stays at its highest level.
///
/// The environment variable `MIMALLOC_PURGE_DELAY`, in milliseconds, says otherwise.
pub fn keep_pages() {
    static ONCE: Once = Once::new();
    // SAFETY: mimalloc checks the index, and writes one aligned word, which its other functions only read; two
    // callers would write at the same time, which `ONCE` excludes.
    ONCE.call_once(|| unsafe { mi_option_set_default(PURGE_DELAY, NEVER) });
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use libmimalloc_sys::mi_option_get;

    use super::*;

    const VARIABLE: &str = "MIMALLOC_PURGE_DELAY";

    /// The index is that of the variable, which the allocator reads by its name: in a process of its own, where the
    /// variable wins. Then without one.
    #[test]
    fn pages_are_kept_unless_the_environment_says_otherwise() {
        // SAFETY: mimalloc checks the index, and nothing writes options now.
        let delay = || unsafe { mi_option_get(PURGE_DELAY) };
        keep_pages();
        if let Ok(wanted) = std::env::var(VARIABLE) {
            assert_eq!(wanted, delay().to_string());
            return;
        }
        assert_eq!(delay(), NEVER);
        let itself = std::env::current_exe().unwrap();
        let status = Command::new(itself).env(VARIABLE, "77").status().unwrap();
        assert!(status.success());
    }
}
