//! Sigmoid and tanh in single precision, on registers.
//!
//! Both stay within 2e-7 (absolute) of the exact value over the whole range (tested) and pass NaN on.
//! Double precision uses the standard library.

use pulp::Simd;

/// `x`, or the nearest number of magnitude 87; NaN passes.
#[inline(always)]
fn limit<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let (low, high) = (simd.splat_f32s(-87.0), simd.splat_f32s(87.0));
    if S::IS_SCALAR {
        // Where one of two numbers is NaN, a scalar minimum is the other one.
        let x = simd.select_f32s(simd.greater_than_f32s(x, high), high, x);
        return simd.select_f32s(simd.less_than_f32s(x, low), low, x);
    }
    // In registers it is NaN, or on x86 the second one.
    simd.max_f32s(low, simd.min_f32s(high, x))
}

/// `exp(x)`, with `x` limited to where the result is a normal number.
#[inline(always)]
fn exp<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    // 2^23 * 1.5: adding it leaves the nearest integer in the low bits of the sum.
    const ROUND: f32 = 12_582_912.0;
    // 1 + x + ..., the coefficients from the square on chosen for the smallest relative error where |x| <= ln(2)/2: 3e-9.
    const SERIES: [f32; 6] = [8.368_711e-3, 4.166_838_7e-2, 1.666_652e-1, 4.999_999_3e-1, 1.0, 1.0];
    let splat = |value| simd.splat_f32s(value);
    let x = limit(simd, x);
    let shifted = simd.mul_add_e_f32s(x, splat(std::f32::consts::LOG2_E), splat(ROUND));
    let n = simd.sub_f32s(shifted, splat(ROUND));
    let rest = simd.mul_add_e_f32s(n, splat(-std::f32::consts::LN_2), x);
    let mut series = splat(1.381_461e-3);
    for term in SERIES {
        series = simd.mul_add_e_f32s(series, rest, splat(term));
    }
    let bias = simd.splat_u32s(127_u32.wrapping_sub(ROUND.to_bits()));
    let exponent = simd.add_u32s(simd.transmute_u32s_f32s(shifted), bias);
    let power = simd.wrapping_dyn_shl_u32s(exponent, simd.splat_u32s(23));
    simd.mul_f32s(series, simd.transmute_f32s_u32s(power))
}

/// `1 / (1 + exp(-x))`.
#[inline(always)]
pub(crate) fn sigmoid<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let one = simd.splat_f32s(1.0);
    simd.div_f32s(one, simd.add_f32s(one, exp(simd, simd.neg_f32s(x))))
}

/// Hyperbolic tangent.
#[inline(always)]
pub(crate) fn tanh<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let one = simd.splat_f32s(1.0);
    let exp = exp(simd, simd.add_f32s(x, x));
    simd.sub_f32s(one, simd.div_f32s(simd.splat_f32s(2.0), simd.add_f32s(exp, one)))
}

#[cfg(test)]
mod tests {
    use pulp::WithSimd;

    use super::*;
    use crate::Float;
    use crate::simd::{dispatch, set_simd_level, simd_levels};

    /// Sigmoid and tanh of every value.
    struct Both<'a>(&'a [f32]);

    impl WithSimd for Both<'_> {
        type Output = [Vec<f32>; 2];

        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) -> Self::Output {
            let mut results = [self.0.to_vec(), self.0.to_vec()];
            for (result, function) in results.iter_mut().zip([sigmoid::<S>, tanh::<S>]) {
                let (vectors, rest) = f32::vectors_mut::<S>(result);
                for value in vectors {
                    *value = function(simd, *value);
                }
                for value in rest {
                    let mut one = [*value];
                    let result = function(simd, f32::partial_load(simd, &one));
                    f32::partial_store(simd, &mut one, result);
                    *value = one[0];
                }
            }
            results
        }
    }

    /// Calls `check` on every instruction set of the machine.
    fn on_every_level(check: impl Fn(&dyn Fn(&[f32]) -> [Vec<f32>; 2])) {
        for level in simd_levels() {
            assert!(set_simd_level(level));
            check(&|values| dispatch(Both(values)));
        }
    }

    #[test]
    fn errors_stay_within_the_stated_bound() {
        let values: Vec<f32> = (-2_000_000..=2_000_000).map(|i| i as f32 * 5e-5).collect();
        on_every_level(|both| {
            let [sigmoids, tanhs] = both(&values);
            let mut worst = [0.0_f64; 2];
            for ((&x, &sigmoid), &tanh) in values.iter().zip(&sigmoids).zip(&tanhs) {
                let exact = f64::from(x);
                worst[0] = worst[0].max((f64::from(sigmoid) - 1.0 / (1.0 + (-exact).exp())).abs());
                worst[1] = worst[1].max((f64::from(tanh) - exact.tanh()).abs());
            }
            assert!(worst.iter().all(|&error| error <= 2e-7), "{worst:?}");
        });
    }

    #[test]
    fn limits_and_nan() {
        on_every_level(|both| {
            let [sigmoids, tanhs] =
                both(&[f32::INFINITY, 0.0, f32::NEG_INFINITY, f32::NAN, f32::MAX, f32::MIN]);
            assert_eq!((sigmoids[0], tanhs[0]), (1.0, 1.0));
            assert_eq!((sigmoids[1], tanhs[1]), (0.5, 0.0));
            assert!(sigmoids[2] < 1e-37 && sigmoids[5] < 1e-37);
            assert_eq!((tanhs[2], tanhs[4], tanhs[5]), (-1.0, 1.0, -1.0));
            assert!(sigmoids[3].is_nan() && tanhs[3].is_nan());
        });
    }
}
