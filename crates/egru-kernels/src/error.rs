//! The one error of this crate: arrays that do not fit together.

/// Arguments whose sizes do not fit together.
///
/// ```
/// use egru_kernels::{Linear, Products, ShapeError, event_linear_forward};
///
/// let (events, weight) = (&[1.0_f32, 0.0], &[0.0; 5]);
/// let linear = Linear { n: 1, k: 2, m: 3, events, weight, products: Products::Auto };
/// let error = event_linear_forward::<_, Vec<_>>(&linear, None);
/// assert_eq!(error, Err(ShapeError::Length { name: "weight", expected: 6, given: 5 }));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShapeError {
    /// An array has the wrong number of values.
    #[error("`{name}` has {given} values, but the given sizes ask for {expected}")]
    Length {
        /// The argument.
        name: &'static str,
        /// Values that the sizes ask for.
        expected: usize,
        /// Values that it has.
        given: usize,
    },
    /// A sample is longer than the sequence.
    #[error(
        "`lengths[{sample}]` is {given}, but the sequence has only {time} steps; \
         give a value from 0 to {time}"
    )]
    SampleLength {
        /// Index of the sample.
        sample: usize,
        /// Its length.
        given: usize,
        /// Steps of the sequence.
        time: usize,
    },
    /// The sizes multiply to more values than can be addressed.
    #[error("`{name}` would have more values than can be addressed; use smaller sizes")]
    TooLarge {
        /// The array.
        name: &'static str,
    },
}

/// The product of `sizes`, or an error that names the array.
pub(crate) fn volume(name: &'static str, sizes: &[usize]) -> Result<usize, ShapeError> {
    sizes
        .iter()
        .try_fold(1_usize, |total, &size| total.checked_mul(size))
        // Slices hold at most `isize::MAX` bytes, and event lists index with 32 bits.
        .filter(|&total| total <= isize::MAX as usize / 8)
        .filter(|_| sizes.iter().all(|&size| u32::try_from(size).is_ok()))
        .ok_or(ShapeError::TooLarge { name })
}

/// Checks the number of values of one array.
pub(crate) fn check(name: &'static str, given: usize, expected: usize) -> Result<(), ShapeError> {
    if given == expected { Ok(()) } else { Err(ShapeError::Length { name, expected, given }) }
}

/// [`check`] for an array that may be left out.
pub(crate) fn check_option<F>(
    name: &'static str,
    array: Option<&[F]>,
    expected: usize,
) -> Result<(), ShapeError> {
    array.map_or(Ok(()), |array| check(name, array.len(), expected))
}
