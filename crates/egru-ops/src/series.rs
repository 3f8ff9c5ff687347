//! Series taken apart along time.

use burn::tensor::Tensor;

/// The steps of a series `[T, B, C]`, each `[B, C]`; none of an empty one.
///
/// By halves rather than one slice per step: the gradient of a slice is as large as what it was cut
/// from, so that `T` slices of the whole would cost `T^2` backward; halves cost `T log T`.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use burn::tensor::{Device, Tensor};
/// let series = Tensor::<3>::from_floats([[[1.0, 2.0]], [[3.0, 4.0]], [[5.0, 6.0]]], &Device::flex());
/// let steps = egru_ops::unstack(series);
/// assert_eq!(steps[2].clone().into_data().try_to_vec::<f32>().unwrap(), [5.0, 6.0]);
/// # }
/// ```
pub fn unstack(series: Tensor<3>) -> Vec<Tensor<2>> {
    let [steps, batch, channels] = series.dims();
    match steps {
        0 => Vec::new(),
        1 => vec![series.reshape([batch, channels])],
        _ => {
            let half = steps / 2;
            let mut out = unstack(series.clone().slice([0..half]));
            out.extend(unstack(series.slice([half..steps])));
            out
        }
    }
}
