//! The two element types, and arithmetic on registers of them.

use std::fmt::Debug;
use std::ops::{Add, AddAssign, Mul, Neg, Sub, SubAssign};

use pulp::{Simd, cast};

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

    /// The outcome of a comparison of registers.
    #[doc(hidden)]
    type Mask<S: Simd>: Copy;

    /// The nearest value.
    fn from_f64(value: f64) -> Self;

    /// Absolute value.
    fn magnitude(self) -> Self;

    /// The same value in every lane.
    #[doc(hidden)]
    fn splat<S: Simd>(simd: S, value: Self) -> Self::Vector<S>;

    /// `a + b`.
    #[doc(hidden)]
    fn plus<S: Simd>(simd: S, a: Self::Vector<S>, b: Self::Vector<S>) -> Self::Vector<S>;

    /// `a - b`.
    #[doc(hidden)]
    fn minus<S: Simd>(simd: S, a: Self::Vector<S>, b: Self::Vector<S>) -> Self::Vector<S>;

    /// `a * b`.
    #[doc(hidden)]
    fn times<S: Simd>(simd: S, a: Self::Vector<S>, b: Self::Vector<S>) -> Self::Vector<S>;

    /// `a * b + c`, fused where the machine can.
    #[doc(hidden)]
    fn mul_add<S: Simd>(
        simd: S,
        a: Self::Vector<S>,
        b: Self::Vector<S>,
        c: Self::Vector<S>,
    ) -> Self::Vector<S>;

    /// Absolute value.
    #[doc(hidden)]
    fn abs<S: Simd>(simd: S, value: Self::Vector<S>) -> Self::Vector<S>;

    /// `a > b`; false where either is NaN.
    #[doc(hidden)]
    fn greater<S: Simd>(simd: S, a: Self::Vector<S>, b: Self::Vector<S>) -> Self::Mask<S>;

    /// `a <= b`; false where either is NaN.
    #[doc(hidden)]
    fn at_most<S: Simd>(simd: S, a: Self::Vector<S>, b: Self::Vector<S>) -> Self::Mask<S>;

    /// `a` where the mask is set, else `b`.
    #[doc(hidden)]
    fn select<S: Simd>(
        simd: S,
        mask: Self::Mask<S>,
        a: Self::Vector<S>,
        b: Self::Vector<S>,
    ) -> Self::Vector<S>;

    /// `1 / (1 + exp(-x))`; in `f32` within 2e-7, in `f64` as the standard library.
    #[doc(hidden)]
    fn sigmoid<S: Simd>(simd: S, value: Self::Vector<S>) -> Self::Vector<S>;

    /// Hyperbolic tangent; in `f32` within 2e-7, in `f64` as the standard library.
    #[doc(hidden)]
    fn tanh<S: Simd>(simd: S, value: Self::Vector<S>) -> Self::Vector<S>;

    /// Sum of the lanes.
    #[doc(hidden)]
    fn reduce_sum<S: Simd>(simd: S, value: Self::Vector<S>) -> Self;

    /// Fewer values than lanes, then zeros.
    #[doc(hidden)]
    fn partial_load<S: Simd>(simd: S, values: &[Self]) -> Self::Vector<S>;

    /// The first lanes of `value`, as many as fit.
    #[doc(hidden)]
    fn partial_store<S: Simd>(simd: S, values: &mut [Self], value: Self::Vector<S>);

    /// Whole registers of `values`, and the rest.
    #[doc(hidden)]
    fn vectors<S: Simd>(values: &[Self]) -> (&[Self::Vector<S>], &[Self]);

    /// Whole registers of `values`, and the rest.
    #[doc(hidden)]
    fn vectors_mut<S: Simd>(values: &mut [Self]) -> (&mut [Self::Vector<S>], &mut [Self]);
}

macro_rules! float {
    ($type:ident, $vector:ident, $mask:ident, $splat:ident, $add:ident, $sub:ident, $mul:ident,
     $mul_add:ident, $abs:ident, $greater:ident, $at_most:ident, $select:ident, $sum:ident,
     $partial_load:ident, $partial_store:ident, $split:ident, $split_mut:ident,
     $sigmoid:expr, $tanh:expr) => {
        impl Float for $type {
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;
            const NAN: Self = $type::NAN;
            type Vector<S: Simd> = S::$vector;
            type Mask<S: Simd> = S::$mask;

            #[inline(always)]
            fn from_f64(value: f64) -> Self {
                value as $type
            }

            #[inline(always)]
            fn magnitude(self) -> Self {
                self.abs()
            }

            #[inline(always)]
            fn splat<S: Simd>(simd: S, value: Self) -> S::$vector {
                simd.$splat(value)
            }

            #[inline(always)]
            fn plus<S: Simd>(simd: S, a: S::$vector, b: S::$vector) -> S::$vector {
                simd.$add(a, b)
            }

            #[inline(always)]
            fn minus<S: Simd>(simd: S, a: S::$vector, b: S::$vector) -> S::$vector {
                simd.$sub(a, b)
            }

            #[inline(always)]
            fn times<S: Simd>(simd: S, a: S::$vector, b: S::$vector) -> S::$vector {
                simd.$mul(a, b)
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
            fn abs<S: Simd>(simd: S, value: S::$vector) -> S::$vector {
                simd.$abs(value)
            }

            #[inline(always)]
            fn greater<S: Simd>(simd: S, a: S::$vector, b: S::$vector) -> S::$mask {
                simd.$greater(a, b)
            }

            #[inline(always)]
            fn at_most<S: Simd>(simd: S, a: S::$vector, b: S::$vector) -> S::$mask {
                simd.$at_most(a, b)
            }

            #[inline(always)]
            fn select<S: Simd>(
                simd: S,
                mask: S::$mask,
                a: S::$vector,
                b: S::$vector,
            ) -> S::$vector {
                simd.$select(mask, a, b)
            }

            #[inline(always)]
            fn sigmoid<S: Simd>(simd: S, value: S::$vector) -> S::$vector {
                $sigmoid(simd, value)
            }

            #[inline(always)]
            fn tanh<S: Simd>(simd: S, value: S::$vector) -> S::$vector {
                $tanh(simd, value)
            }

            #[inline(always)]
            fn reduce_sum<S: Simd>(simd: S, value: S::$vector) -> Self {
                simd.$sum(value)
            }

            #[inline(always)]
            fn partial_load<S: Simd>(simd: S, values: &[Self]) -> S::$vector {
                simd.$partial_load(values)
            }

            #[inline(always)]
            fn partial_store<S: Simd>(simd: S, values: &mut [Self], value: S::$vector) {
                simd.$partial_store(values, value);
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
    m32s,
    splat_f32s,
    add_f32s,
    sub_f32s,
    mul_f32s,
    mul_add_e_f32s,
    abs_f32s,
    greater_than_f32s,
    less_than_or_equal_f32s,
    select_f32s,
    reduce_sum_f32s,
    partial_load_f32s,
    partial_store_f32s,
    as_simd_f32s,
    as_mut_simd_f32s,
    math::sigmoid,
    math::tanh
);
float!(
    f64,
    f64s,
    m64s,
    splat_f64s,
    add_f64s,
    sub_f64s,
    mul_f64s,
    mul_add_e_f64s,
    abs_f64s,
    greater_than_f64s,
    less_than_or_equal_f64s,
    select_f64s,
    reduce_sum_f64s,
    partial_load_f64s,
    partial_store_f64s,
    as_simd_f64s,
    as_mut_simd_f64s,
    |_: S, x| lanes_f64::<S>(x, |x| 1.0 / (1.0 + (-x).exp())),
    |_: S, x| lanes_f64::<S>(x, f64::tanh)
);

/// A function of every lane.
#[inline(always)]
fn lanes_f64<S: Simd>(mut value: S::f64s, function: impl Fn(f64) -> f64) -> S::f64s {
    let lanes: &mut [f64] = pulp::bytemuck::cast_slice_mut(std::slice::from_mut(&mut value));
    for lane in lanes {
        *lane = function(*lane);
    }
    cast(value)
}
