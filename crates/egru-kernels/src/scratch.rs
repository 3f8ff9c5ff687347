//! Working memory, and the memory of results.

use std::ops::{Deref, DerefMut};

use crate::Float;

/// `len` values of which each must be written before it is read: NaN in debug builds, so that a test
/// sees the mistake, and whatever lies there in release builds, because clearing takes time.
pub(crate) fn scratch<F: Float>(len: usize) -> Vec<F> {
    if cfg!(debug_assertions) {
        return vec![F::NAN; len];
    }
    let mut values = Vec::with_capacity(len);
    // SAFETY: the capacity is there, and the values are plain numbers, which the callers write before
    // anything reads them (the tests run with NaN in their place).
    #[allow(clippy::uninit_vec)]
    unsafe {
        values.set_len(len);
    }
    values
}

/// Memory that results are written to: a `Vec`, or a caller's own, so that nothing has to be copied there.
pub trait Memory<F: Float>: AsRef<[F]> + AsMut<[F]> {
    /// `len` values, each of which is written before it is read: what they are until then does not matter.
    fn unwritten(len: usize) -> Self;

    /// `len` zeros.
    fn zeros(len: usize) -> Self;
}

impl<F: Float> Memory<F> for Vec<F> {
    fn unwritten(len: usize) -> Self {
        scratch(len)
    }

    fn zeros(len: usize) -> Self {
        zeros(len)
    }
}

/// A copy of `values` as a result.
pub(crate) fn copied<F: Float, M: Memory<F>>(values: &[F]) -> M {
    let mut memory = M::unwritten(values.len());
    memory.as_mut().copy_from_slice(values);
    memory
}

/// `len` zeros.
pub(crate) fn zeros<F: Float>(len: usize) -> Vec<F> {
    vec![F::ZERO; len]
}

/// Values of a cache line of 64 bytes.
pub(crate) const fn line<F>() -> usize {
    LINE / size_of::<F>()
}

const LINE: usize = 64;

/// [`scratch`] that starts on a cache line: a register loaded across two lines costs two accesses, which
/// halves the speed of everything that is limited by loads.
#[derive(Debug)]
pub(crate) struct Aligned<F> {
    values: Vec<F>,
    start: usize,
    len: usize,
}

impl<F: Float> Aligned<F> {
    /// `len` values, each to be written before it is read.
    pub fn new(len: usize) -> Self {
        let values: Vec<F> = scratch(len + line::<F>());
        let start = values.as_ptr().align_offset(LINE).min(line::<F>());
        Self { values, start, len }
    }
}

impl<F> Deref for Aligned<F> {
    type Target = [F];

    #[inline(always)]
    fn deref(&self) -> &[F] {
        &self.values[self.start..self.start + self.len]
    }
}

impl<F> DerefMut for Aligned<F> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [F] {
        &mut self.values[self.start..self.start + self.len]
    }
}
