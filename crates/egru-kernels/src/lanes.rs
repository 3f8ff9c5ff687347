//! The registers of a slice one at a time, the last one partial.

use pulp::Simd;

use crate::Float;
use crate::product::lanes;

/// Registers of `width` values.
#[inline(always)]
pub(crate) const fn registers<S: Simd, F: Float>(width: usize) -> usize {
    width.div_ceil(lanes::<S, F>())
}

/// One register of `values`; zero beyond the end.
#[inline(always)]
pub(crate) fn load<S: Simd, F: Float>(simd: S, values: &[F], register: usize) -> F::Vector<S> {
    let (whole, rest) = F::vectors::<S>(values);
    match whole.get(register) {
        Some(&vector) => vector,
        None => F::partial_load(simd, rest),
    }
}

/// Writes one register of `values`; what is beyond the end is dropped.
#[inline(always)]
pub(crate) fn store<S: Simd, F: Float>(
    simd: S,
    values: &mut [F],
    register: usize,
    value: F::Vector<S>,
) {
    let (whole, rest) = F::vectors_mut::<S>(values);
    match whole.get_mut(register) {
        Some(vector) => *vector = value,
        None => F::partial_store(simd, rest, value),
    }
}

/// One register of `values` plus `value`.
#[inline(always)]
pub(crate) fn accumulate<S: Simd, F: Float>(
    simd: S,
    values: &mut [F],
    register: usize,
    value: F::Vector<S>,
) {
    let before = load(simd, values, register);
    store(simd, values, register, F::plus(simd, before, value));
}
