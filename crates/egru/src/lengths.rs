//! Batches of sequences that end at different steps.

use burn::tensor::{Bool, Device, Int, Tensor, TensorData};

use crate::CellError;

/// Checks that there is one length per sample, each at least 1 and at most `steps`.
///
/// # Errors
/// [`CellError::Lengths`] if not.
pub fn check(lengths: Option<&[usize]>, steps: usize, batch: usize) -> Result<(), CellError> {
    let Some(lengths) = lengths else { return Ok(()) };
    if lengths.len() != batch {
        return Err(CellError::Lengths {
            got: format!("{} values", lengths.len()),
            expected: format!("one per sample, {batch}"),
        });
    }
    match lengths.iter().position(|length| !(1..=steps).contains(length)) {
        None => Ok(()),
        Some(sample) => Err(CellError::Lengths {
            got: format!("{} steps for sample {sample}", lengths[sample]),
            expected: format!("1 to {steps}, the steps of the input"),
        }),
    }
}

/// 1 up to each sample's end and 0 past it, `[T, B, 1]`.
pub fn valid_steps(lengths: &[usize], steps: usize, device: &Device) -> Tensor<3> {
    let valid: Vec<f32> = (0..steps)
        .flat_map(|t| lengths.iter().map(move |&length| if t < length { 1.0 } else { 0.0 }))
        .collect();
    Tensor::from_data(TensorData::new(valid, [steps, lengths.len(), 1]), device)
}

/// True for the samples that have ended before step `t`, `[B, 1]`; `None` if there are none.
pub(crate) fn over_at(
    lengths: Option<&[usize]>,
    t: usize,
    device: &Device,
) -> Option<Tensor<2, Bool>> {
    let lengths = lengths?;
    let over: Vec<bool> = lengths.iter().map(|&length| t >= length).collect();
    over.contains(&true)
        .then(|| Tensor::from_data(TensorData::new(over, [lengths.len(), 1]), device))
}

/// Each sample's value at its own last step, `[T, B, H]` to `[B, H]`.
pub fn at_last_step(series: Tensor<3>, lengths: Option<&[usize]>) -> Tensor<2> {
    let [steps, batch, hidden] = series.dims();
    let Some(lengths) = lengths else {
        return series.narrow(0, steps - 1, 1).squeeze_dim(0);
    };
    let last: Vec<i64> = lengths.iter().map(|&length| length.saturating_sub(1) as i64).collect();
    let last = Tensor::<1, Int>::from_ints(last.as_slice(), &series.device())
        .reshape([1, batch, 1])
        .expand([1, batch, hidden]);
    series.gather(0, last).squeeze_dim(0)
}

/// Sum over a sample's steps, divided by their number, `[T, B, H]` to `[B, H]`. What lies past a sample's
/// end must be zero.
pub(crate) fn mean_over_steps(series: Tensor<3>, lengths: Option<&[usize]>) -> Tensor<2> {
    let [steps, batch, _] = series.dims();
    let device = series.device();
    let sum = series.sum_dim(0).squeeze_dim::<2>(0);
    match lengths {
        None => sum / steps as f64,
        Some(lengths) => {
            let lengths: Vec<f32> = lengths.iter().map(|&length| length as f32).collect();
            sum / Tensor::<2>::from_data(TensorData::new(lengths, [batch, 1]), &device)
        }
    }
}
