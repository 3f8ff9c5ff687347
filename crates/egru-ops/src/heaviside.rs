//! The threshold with a surrogate gradient.

use burn::tensor::Tensor;

/// Heaviside step `o = 1 if v > 0 else 0` with the triangular surrogate gradient
/// `dH/dv = gamma * max(0, 1 - eps*|v|)` (Subramoney et al. 2023, eq. 4; Bellec et al. 2018).
///
/// `v` is the distance to the threshold in the unit of the state, `gamma` the height of the surrogate and
/// `eps` its inverse half-width. The building block of an event-based cell written in tensor operations.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use burn::tensor::{Device, Tensor};
/// let device = Device::flex().autodiff();
/// let v = Tensor::<1>::from_floats([-2.0, -0.5, 0.0, 0.5], &device).require_grad();
/// let o = egru_ops::heaviside(v.clone(), 0.7, 1.0);
/// let grads = o.clone().sum().backward();
/// assert_eq!(o.into_data().try_to_vec::<f32>().unwrap(), [0.0, 0.0, 0.0, 1.0]);
/// assert_eq!(v.grad(&grads).unwrap().into_data().try_to_vec::<f32>().unwrap(), [0.0, 0.35, 0.7, 0.35]);
/// # }
/// ```
pub fn heaviside<const D: usize>(v: Tensor<D>, gamma: f64, eps: f64) -> Tensor<D> {
    let dtype = v.dtype();
    let fixed = v.clone().detach();
    let step = fixed.clone().greater_elem(0.0).float().cast(dtype);
    let slope = fixed.clone().abs().mul_scalar(-eps).add_scalar(1.0).clamp_min(0.0) * gamma;
    // `v - fixed` is exactly zero, so that the value is the step and only the slope reaches `v`.
    step + (v - fixed) * slope
}
