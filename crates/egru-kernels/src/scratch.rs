//! Working memory.

use crate::Float;

/// `len` values of which each must be written before it is read: NaN in debug builds, so that a test
/// sees the mistake, and zero (which the operating system gives for nothing) in release builds.
pub(crate) fn scratch<F: Float>(len: usize) -> Vec<F> {
    if cfg!(debug_assertions) { vec![F::NAN; len] } else { zeros(len) }
}

/// `len` zeros.
pub(crate) fn zeros<F: Float>(len: usize) -> Vec<F> {
    vec![F::ZERO; len]
}
