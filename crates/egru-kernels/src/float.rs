//! The two element types.

use std::fmt::Debug;
use std::ops::{Add, AddAssign, Mul, Neg, Sub, SubAssign};

use pulp::Simd;

use crate::math;

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
}

/// `f32` or `f64`.
///
/// Sealed: the kernels rely on both being plain numbers of which all-zero bits are `0`.
pub trait Float:
    sealed::Sealed
    + Copy
    + Debug
    + Default
    + PartialEq
    + PartialOrd
    + Send
    + Sync
    + Add<Output = Self>
    + AddAssign
    + Sub<Output = Self>
    + SubAssign
    + Mul<Output = Self>
    + Neg<Output = Self>
    + 'static
{
    /// 0.
    const ZERO: Self;
    /// 1.
    const ONE: Self;
    /// Not a number.
    const NAN: Self;

    /// A register of these on instruction set `S`.
    #[doc(hidden)]
    type Vector<S: Simd>: Copy;

    /// The nearest value.
    fn from_f64(value: f64) -> Self;

    /// Absolute value.
    fn abs(self) -> Self;

    /// `1 / (1 + exp(-x))`; in `f32` within 2e-7, in `f64` as the standard library.
    fn sigmoid(self) -> Self;

    /// Hyperbolic tangent; in `f32` within 2e-7, in `f64` as the standard library.
    fn tanh(self) -> Self;

    /// The same value in every lane.
    #[doc(hidden)]
    fn splat<S: Simd>(simd: S, value: Self) -> Self::Vector<S>;

    /// `a * b + c`, fused where the machine can.
    #[doc(hidden)]
    fn mul_add<S: Simd>(
        simd: S,
        a: Self::Vector<S>,
        b: Self::Vector<S>,
        c: Self::Vector<S>,
    ) -> Self::Vector<S>;

    /// Sum of the lanes.
    #[doc(hidden)]
    fn reduce_sum<S: Simd>(simd: S, value: Self::Vector<S>) -> Self;

    /// Whole registers of `values`, and the rest.
    #[doc(hidden)]
    fn vectors<S: Simd>(values: &[Self]) -> (&[Self::Vector<S>], &[Self]);

    /// Whole registers of `values`, and the rest.
    #[doc(hidden)]
    fn vectors_mut<S: Simd>(values: &mut [Self]) -> (&mut [Self::Vector<S>], &mut [Self]);
}

macro_rules! float {
    ($type:ident, $vector:ident, $splat:ident, $mul_add:ident, $sum:ident, $split:ident,
     $split_mut:ident, $sigmoid:expr, $tanh:expr) => {
        impl Float for $type {
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;
            const NAN: Self = $type::NAN;
            type Vector<S: Simd> = S::$vector;

            #[inline(always)]
            fn from_f64(value: f64) -> Self {
                value as $type
            }

            #[inline(always)]
            fn abs(self) -> Self {
                $type::abs(self)
            }

            #[inline(always)]
            fn sigmoid(self) -> Self {
                $sigmoid(self)
            }

            #[inline(always)]
            fn tanh(self) -> Self {
                $tanh(self)
            }

            #[inline(always)]
            fn splat<S: Simd>(simd: S, value: Self) -> S::$vector {
                simd.$splat(value)
            }

            #[inline(always)]
            fn mul_add<S: Simd>(
                simd: S,
                a: S::$vector,
                b: S::$vector,
                c: S::$vector,
            ) -> S::$vector {
                simd.$mul_add(a, b, c)
            }

            #[inline(always)]
            fn reduce_sum<S: Simd>(simd: S, value: S::$vector) -> Self {
                simd.$sum(value)
            }

            #[inline(always)]
            fn vectors<S: Simd>(values: &[Self]) -> (&[S::$vector], &[Self]) {
                S::$split(values)
            }

            #[inline(always)]
            fn vectors_mut<S: Simd>(values: &mut [Self]) -> (&mut [S::$vector], &mut [Self]) {
                S::$split_mut(values)
            }
        }
    };
}

float!(
    f32,
    f32s,
    splat_f32s,
    mul_add_e_f32s,
    reduce_sum_f32s,
    as_simd_f32s,
    as_mut_simd_f32s,
    math::sigmoid,
    math::tanh
);
float!(
    f64,
    f64s,
    splat_f64s,
    mul_add_e_f64s,
    reduce_sum_f64s,
    as_simd_f64s,
    as_mut_simd_f64s,
    |x: f64| 1.0 / (1.0 + (-x).exp()),
    f64::tanh
);
