//! Whether results that should be equal to rounding are.

use serde::Serialize;

/// Largest relative difference that passes, per tensor: `|a - b| / |b|` in the Euclidean norm. Single
/// precision gives about 1e-6 per product, and a sequence adds up thousands.
const TOLERANCE: f64 = 1e-3;

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
    pub(crate) fn of(results: &[Vec<f32>], reference: &[Vec<f32>]) -> Self {
        let same_kind = results.len() == reference.len();
        let differences = results.iter().zip(reference).map(|(a, b)| relative_difference(a, b));
        let max = differences.fold(0.0, f64::max);
        Self { passed: same_kind && max <= TOLERANCE, max_relative_difference: max }
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
fn relative_difference(a: &[f32], b: &[f32]) -> f64 {
    let square = |x: f64| x * x;
    let differences = a.iter().zip(b).map(|(&a, &b)| square(f64::from(a) - f64::from(b)));
    let difference = differences.sum::<f64>().sqrt();
    let scale = b.iter().map(|&b| square(f64::from(b))).sum::<f64>().sqrt();
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
        assert_eq!(relative_difference(&[3.0, 4.0], &[3.0, 4.0]), 0.0);
        assert_eq!(relative_difference(&[6.0, 8.0], &[3.0, 4.0]), 1.0);
        assert_eq!(relative_difference(&[0.0], &[0.0]), 0.0);
        assert_eq!(relative_difference(&[1.0], &[0.0]), f64::INFINITY);
        assert_eq!(relative_difference(&[f32::NAN], &[1.0]), f64::INFINITY);
        assert_eq!(relative_difference(&[1.0], &[]), f64::INFINITY);
    }

    #[test]
    fn one_wrong_tensor_fails_the_check() {
        let reference = [vec![1.0, 2.0], vec![0.0]];
        assert!(Check::of(&reference, &reference).passed);
        let wrong = [vec![1.0, 2.01], vec![0.0]];
        let check = Check::of(&wrong, &reference);
        assert!(!check.passed && check.max_relative_difference > 1e-3);
        assert!(!Check::of(&reference[..1], &reference).passed, "a result is missing");
        assert!(!check.and(Check::of(&reference, &reference)).passed);
    }
}
