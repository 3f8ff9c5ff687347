//! Whether results that should be equal to rounding are.

use serde::Serialize;

/// Largest relative difference of single precision that passes, per tensor: `|a - b| / |b|` in the Euclidean
/// norm. It gives about 1e-6 per product, and a sequence adds up thousands.
pub(crate) const TOLERANCE: f64 = 1e-3;

/// The outcome of a comparison of results.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Check {
    /// Whether every result agrees with its reference.
    pub passed: bool,
    /// The largest relative difference, over all tensors.
    pub max_relative_difference: f64,
}

impl Check {
    /// Nothing compared yet, nothing wrong.
    pub(crate) const PASSED: Self = Self { passed: true, max_relative_difference: 0.0 };

    /// Compares results tensor by tensor with their reference.
    pub(crate) fn of<F: Copy + Into<f64>>(
        results: &[Vec<F>],
        reference: &[Vec<F>],
        tolerance: f64,
    ) -> Self {
        let same_kind = results.len() == reference.len();
        let differences = results.iter().zip(reference).map(|(a, b)| relative_difference(a, b));
        let max = differences.fold(0.0, f64::max);
        Self { passed: same_kind && max <= tolerance, max_relative_difference: max }
    }

    /// Passed if both are; the larger difference.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            passed: self.passed && other.passed,
            max_relative_difference: self
                .max_relative_difference
                .max(other.max_relative_difference),
        }
    }
}

/// `|a - b| / |b|`; infinite when the lengths differ or anything is not a number.
fn relative_difference<F: Copy + Into<f64>>(a: &[F], b: &[F]) -> f64 {
    let square = |x: f64| x * x;
    let differences = a.iter().zip(b).map(|(&a, &b)| square(a.into() - b.into()));
    let difference = differences.sum::<f64>().sqrt();
    let scale = b.iter().map(|&b| square(b.into())).sum::<f64>().sqrt();
    match difference / scale {
        _ if a.len() != b.len() => f64::INFINITY,
        _ if difference == 0.0 => 0.0,
        ratio if ratio.is_nan() => f64::INFINITY,
        ratio => ratio,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_relative_to_the_reference() {
        assert_eq!(relative_difference(&[3.0_f64, 4.0], &[3.0, 4.0]), 0.0);
        assert_eq!(relative_difference(&[6.0_f64, 8.0], &[3.0, 4.0]), 1.0);
        assert_eq!(relative_difference(&[0.0_f64], &[0.0]), 0.0);
        assert_eq!(relative_difference(&[1.0_f64], &[0.0]), f64::INFINITY);
        assert_eq!(relative_difference(&[f32::NAN], &[1.0]), f64::INFINITY);
        assert_eq!(relative_difference(&[1.0_f64], &[]), f64::INFINITY);
    }

    #[test]
    fn one_wrong_tensor_fails_the_check() {
        let reference = [vec![1.0_f32, 2.0], vec![0.0]];
        let check = |results: &[Vec<f32>]| Check::of(results, &reference, TOLERANCE);
        assert!(check(&reference).passed);
        let wrong = check(&[vec![1.0, 2.01], vec![0.0]]);
        assert!(!wrong.passed && wrong.max_relative_difference > 1e-3);
        assert!(!check(&reference[..1]).passed, "a result is missing");
        assert!(!wrong.and(check(&reference)).passed);
    }
}
