//! Working memory, and the memory of results.

use std::ops::{Deref, DerefMut};

use crate::Float;

/// `len` values: NaN in debug builds, so that a test sees what is read too early, and whatever lies there in release
/// builds, because clearing takes time.
///
/// # Safety
/// Each value must be written before it is read.
unsafe fn scratch<F: Float>(len: usize) -> Vec<F> {
    if cfg!(debug_assertions) {
        return vec![F::NAN; len];
    }
    let mut values = Vec::with_capacity(len);
    // SAFETY: the capacity is there, and the values are plain numbers, which nobody reads before they are written, as
    // the caller promises (the tests run with NaN in their place).
    #[allow(clippy::uninit_vec)]
    unsafe {
        values.set_len(len);
    }
    values
}

/// Memory that results are written to: a `Vec`, or a caller's own, so that nothing has to be copied there.
///
/// Both functions give memory whose `as_ref` and `as_mut` are the same `len` values every time.
///
/// ```
/// use egru_kernels::Memory;
///
/// let mut memory: Vec<f32> = Memory::zeros(3);
/// memory.as_mut_slice()[1] = 2.0;
/// assert_eq!(memory, [0.0, 2.0, 0.0]);
/// ```
pub trait Memory<F: Float>: AsRef<[F]> + AsMut<[F]> {
    /// `len` values of any kind: the memory need not be cleared.
    ///
    /// # Safety
    /// Each value must be written, through `as_mut`, before it is read: until then it may be uninitialised.
    unsafe fn unwritten(len: usize) -> Self;

    /// `len` zeros.
    fn zeros(len: usize) -> Self;
}

impl<F: Float> Memory<F> for Vec<F> {
    unsafe fn unwritten(len: usize) -> Self {
        // SAFETY: promised by the caller.
        unsafe { scratch(len) }
    }

    fn zeros(len: usize) -> Self {
        zeros(len)
    }
}

/// A copy of `values` as a result.
pub(crate) fn copied<F: Float, M: Memory<F>>(values: &[F]) -> M {
    // SAFETY: all of it is written next; it would panic if it were not as long as `values`.
    let mut memory = unsafe { M::unwritten(values.len()) };
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

/// Memory that starts on a cache line: a register loaded across two lines costs two accesses, which
/// halves the speed of everything that is limited by loads.
#[derive(Debug)]
pub(crate) struct Aligned<F> {
    values: Vec<F>,
    start: usize,
    len: usize,
}

impl<F: Float> Aligned<F> {
    /// `len` values of any kind, as [`Memory::unwritten`].
    ///
    /// # Safety
    /// Each value must be written before it is read.
    pub unsafe fn unwritten(len: usize) -> Self {
        // SAFETY: promised by the caller; what is beside the values is never read.
        let values: Vec<F> = unsafe { scratch(len + line::<F>()) };
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
