//! One register of a slice at a time, the last one partial.

use pulp::Simd;

use crate::Float;
use crate::product::lanes;

/// The register of `values` that starts at `first`; zero beyond the end.
#[inline(always)]
pub(crate) fn load<S: Simd, F: Float>(simd: S, values: &[F], first: usize) -> F::Vector<S> {
    let rest = &values[first..];
    match F::vectors::<S>(rest).0.first() {
        Some(&vector) => vector,
        None => F::partial_load(simd, rest),
    }
}

/// Writes the register of `values` that starts at `first`; what is beyond the end is dropped.
#[inline(always)]
pub(crate) fn store<S: Simd, F: Float>(
    simd: S,
    values: &mut [F],
    first: usize,
    value: F::Vector<S>,
) {
    let rest = &mut values[first..];
    if rest.len() >= lanes::<S, F>() {
        F::vectors_mut::<S>(rest).0[0] = value;
    } else {
        F::partial_store(simd, rest, value);
    }
}

/// `values[first..] += value`, one register.
#[inline(always)]
pub(crate) fn accumulate<S: Simd, F: Float>(
    simd: S,
    values: &mut [F],
    first: usize,
    value: F::Vector<S>,
) {
    let before = load(simd, values, first);
    store(simd, values, first, F::plus(simd, before, value));
}
