//! Clipping of gradients by their global norm.
//!
//! All the gradients are taken as one long vector: when it is longer than `max_norm`, every gradient
//! is scaled by `max_norm / norm`, which keeps the direction of the step (Pascanu, Mikolov & Bengio
//! 2013). Burn's own clipping works tensor by tensor.

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Tensor, TensorReadError};

/// Scales `gradients` of `module` down to a global norm of `max_norm`, if they are longer, and
/// returns their norm from before. With a `max_norm` of 0 the norm is only measured. A norm that is
/// not finite leaves the gradients as they are: it is for the caller to stop.
///
/// # Errors
/// The norm cannot be read from the device.
///
/// ```
/// # use burn::{module::Module, nn::LinearConfig, optim::GradientsParams, tensor::{Device, Tensor}};
/// # fn example(device: &Device) {
/// let layer = LinearConfig::new(2, 1).with_bias(false).init(&device.clone().autodiff());
/// let x = Tensor::<2>::from_floats([[3.0, 4.0]], &device.clone().autodiff());
/// let mut gradients = GradientsParams::from_grads(layer.forward(x).sum().backward(), &layer);
///
/// assert_eq!(egru_train::clip::clip_global_norm(&layer, &mut gradients, 1.0).unwrap(), 5.0);
/// let after = gradients.get::<2>(layer.weight.id).unwrap().try_to_vec_as::<f32>().unwrap();
/// assert!((after[0] - 0.6).abs() < 1e-6 && (after[1] - 0.8).abs() < 1e-6);
/// # }
/// # example(&Device::flex());
/// ```
pub fn clip_global_norm<M: Module>(
    module: &M,
    gradients: &mut GradientsParams,
    max_norm: f64,
) -> Result<f64, TensorReadError> {
    let norm = match sum_of_squares(module, gradients) {
        Some(total) => total.try_into_scalar::<f64>()?.sqrt(),
        None => 0.0,
    };
    clip(module, gradients, norm, max_norm);
    Ok(norm)
}

/// Scales `gradients` of `module`, whose norm is known, down to `max_norm`, as [`clip_global_norm`] does.
pub(crate) fn clip<M: Module>(
    module: &M,
    gradients: &mut GradientsParams,
    norm: f64,
    max_norm: f64,
) {
    if max_norm > 0.0 && norm.is_finite() && norm > max_norm {
        scale(module, gradients, max_norm / norm);
    }
}

/// The square of the global norm, `[1]`, still on the device; `None` without any gradient.
pub(crate) fn sum_of_squares<M: Module>(
    module: &M,
    gradients: &GradientsParams,
) -> Option<Tensor<1>> {
    let mut squares = SumOfSquares { gradients, total: None };
    module.visit(&mut squares);
    squares.total
}

/// Multiplies all `gradients` of `module` by `factor`.
pub(crate) fn scale<M: Module>(module: &M, gradients: &mut GradientsParams, factor: f64) {
    module.visit(&mut Scale { gradients, factor });
}

/// Sums the squares of all the gradients on the device, in the order of the module's parameters, so
/// that the same gradients always give the same bits.
struct SumOfSquares<'a> {
    gradients: &'a GradientsParams,
    total: Option<Tensor<1>>,
}

impl ModuleVisitor for SumOfSquares<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.gradients.get::<D>(param.id) {
            let squares = gradient.square().sum();
            self.total = Some(match self.total.take() {
                Some(total) => total + squares,
                None => squares,
            });
        }
    }
}

struct Scale<'a> {
    gradients: &'a mut GradientsParams,
    factor: f64,
}

impl ModuleVisitor for Scale<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.gradients.remove::<D>(param.id) {
            self.gradients.register(param.id, gradient.mul_scalar(self.factor));
        }
    }
}

#[cfg(test)]
mod tests {
    use burn::nn::{Linear, LinearConfig};
    use burn::tensor::{Device, TensorData};

    use super::*;

    /// A layer with two parameters, and gradients for them of norm 13.
    fn fixture() -> (Linear, GradientsParams) {
        let device = Device::flex();
        let layer = LinearConfig::new(2, 1).init(&device.clone().autodiff());
        let mut gradients = GradientsParams::new();
        let weight = Tensor::<2>::from_floats([[3.0], [4.0]], &device);
        gradients.register(layer.weight.id, weight);
        let bias = layer.bias.as_ref().expect("the layer has a bias").id;
        gradients.register(bias, Tensor::<1>::from_floats([12.0], &device));
        (layer, gradients)
    }

    fn values(layer: &Linear, gradients: &GradientsParams) -> Vec<f32> {
        let read = |data: TensorData| data.try_to_vec::<f32>().expect("f32 gradients");
        let bias = layer.bias.as_ref().expect("the layer has a bias").id;
        let mut all = read(gradients.get::<2>(layer.weight.id).expect("registered").into_data());
        all.extend(read(gradients.get::<1>(bias).expect("registered").into_data()));
        all
    }

    #[test]
    fn one_factor_for_all_parameters() {
        let (layer, mut gradients) = fixture();
        let norm = clip_global_norm(&layer, &mut gradients, 1.3).unwrap();
        assert_eq!(norm, 13.0);
        for (value, expected) in values(&layer, &gradients).iter().zip([0.3, 0.4, 1.2]) {
            assert!((value - expected).abs() < 1e-6, "{value} is not {expected}");
        }
    }

    #[test]
    fn short_gradients_and_no_limit_change_nothing() {
        for limit in [13.0, 20.0, 0.0] {
            let (layer, mut gradients) = fixture();
            assert_eq!(clip_global_norm(&layer, &mut gradients, limit).unwrap(), 13.0);
            assert_eq!(values(&layer, &gradients), [3.0, 4.0, 12.0]);
        }
    }

    #[test]
    fn no_gradients_have_norm_zero() {
        let (layer, _) = fixture();
        assert_eq!(clip_global_norm(&layer, &mut GradientsParams::new(), 1.0).unwrap(), 0.0);
    }

    #[test]
    fn a_norm_that_is_not_finite_is_reported() {
        for poison in [f32::NAN, f32::INFINITY] {
            let (layer, mut gradients) = fixture();
            let bias = layer.bias.as_ref().expect("the layer has a bias").id;
            gradients.register(bias, Tensor::<1>::from_floats([poison], &Device::flex()));
            assert!(!clip_global_norm(&layer, &mut gradients, 1.0).unwrap().is_finite());
            assert_eq!(values(&layer, &gradients)[..2], [3.0, 4.0]);
        }
    }
}
