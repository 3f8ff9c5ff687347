//! Which instruction set the kernels run on.

use std::sync::atomic::{AtomicU8, Ordering};

use pulp::{Scalar, Simd, WithSimd};

/// An instruction set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum SimdLevel {
    /// What every machine of this architecture has.
    Portable = 1,
    /// 128-bit vectors of 64-bit ARM.
    Neon = 2,
    /// 256-bit vectors with fused multiply-add (x86-64-v3).
    Avx2 = 3,
    /// 512-bit vectors (x86-64-v4).
    Avx512 = 4,
}

/// The level in use, 0 as long as nobody asked.
static LEVEL: AtomicU8 = AtomicU8::new(0);

/// The levels of this machine, lowest first.
pub fn simd_levels() -> Vec<SimdLevel> {
    #[allow(unused_mut)]
    let mut levels = vec![SimdLevel::Portable];
    #[cfg(target_arch = "aarch64")]
    if pulp::aarch64::Neon::try_new().is_some() {
        levels.push(SimdLevel::Neon);
    }
    #[cfg(target_arch = "x86_64")]
    {
        if pulp::x86::V3::try_new().is_some() {
            levels.push(SimdLevel::Avx2);
        }
        if pulp::x86::V4::try_new().is_some() {
            levels.push(SimdLevel::Avx512);
        }
    }
    levels
}

/// The level in use: the highest of the machine unless [`set_simd_level`] chose another.
pub fn simd_level() -> SimdLevel {
    match LEVEL.load(Ordering::Relaxed) {
        1 => SimdLevel::Portable,
        2 => SimdLevel::Neon,
        3 => SimdLevel::Avx2,
        4 => SimdLevel::Avx512,
        _ => {
            let best = simd_levels().into_iter().max().unwrap_or(SimdLevel::Portable);
            LEVEL.store(best as u8, Ordering::Relaxed);
            best
        }
    }
}

/// Chooses the level for this process, for tests and comparisons; `false` (and no change) where the
/// machine lacks it. Dense products, which the `gemm` crate executes, are not affected.
pub fn set_simd_level(level: SimdLevel) -> bool {
    let available = simd_levels().contains(&level);
    if available {
        LEVEL.store(level as u8, Ordering::Relaxed);
    }
    available
}

/// Runs `op` compiled for the level in use.
pub(crate) fn dispatch<Op: WithSimd>(op: Op) -> Op::Output {
    match simd_level() {
        #[cfg(target_arch = "x86_64")]
        SimdLevel::Avx512 => match pulp::x86::V4::try_new() {
            Some(simd) => Simd::vectorize(simd, op),
            None => Simd::vectorize(Scalar, op),
        },
        #[cfg(target_arch = "x86_64")]
        SimdLevel::Avx2 => match pulp::x86::V3::try_new() {
            Some(simd) => Simd::vectorize(simd, op),
            None => Simd::vectorize(Scalar, op),
        },
        #[cfg(target_arch = "aarch64")]
        SimdLevel::Neon => match pulp::aarch64::Neon::try_new() {
            Some(simd) => Simd::vectorize(simd, op),
            None => Simd::vectorize(Scalar, op),
        },
        _ => Simd::vectorize(Scalar, op),
    }
}
