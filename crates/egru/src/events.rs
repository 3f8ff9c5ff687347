//! The event part of a cell: threshold, surrogate gradient, reset and trace.
//!
//! A gated cell computes a pre-event state `u`. The event part turns it into events (Subramoney et al.
//! 2023, eqs. 2-4):
//!
//! ```text
//! v = u - theta        o = 1 if v > 0 else 0        y = o*u        c = u - o*theta
//! trace_t = alpha*trace_{t-1} + (1-alpha)*y_t       dH/dv = gamma * max(0, 1 - eps*|v|)
//! ```
//!
//! Any cell becomes event-based by passing its state through [`Threshold::fire`] and feeding back what
//! comes out instead of the state itself; [`cells::elstm`](crate::cells::elstm) shows how.
//!
//! ```
//! use burn::tensor::{Device, Tensor};
//! use egru::events::{EgruParams, fire};
//!
//! let device = Device::flex();
//! let u = Tensor::<2>::from_floats([[0.75, 0.25, -2.0]], &device);
//! let theta = Tensor::<1>::from_floats([0.5, 0.5, 0.5], &device);
//! let fired = fire(u, theta, &EgruParams::default());
//! assert_eq!(fired.y.into_data().to_vec::<f32>().unwrap(), [0.75, 0.0, 0.0]);
//! assert_eq!(fired.c.into_data().to_vec::<f32>().unwrap(), [0.25, 0.25, -2.0]);
//! assert_eq!(fired.window.into_data().to_vec::<f32>().unwrap(), [1.0, 1.0, 0.0]);
//! ```

use burn::{
    module::{Module, Param},
    tensor::{Device, Distribution, Tensor, TensorData},
};
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
use rand_distr::{Beta, Distribution as _};

use crate::{CellError, error::check_positive};

pub use egru_ops::{EgruParams, heaviside};

/// What [`fire`] returns, each `[B, H]`.
#[derive(Clone, Debug)]
pub struct Fired {
    /// The state where it crossed the threshold, else 0.
    pub y: Tensor<2>,
    /// The state after the reset by subtraction.
    pub c: Tensor<2>,
    /// Events, 0 or 1, with the surrogate gradient.
    pub o: Tensor<2>,
    /// 1 where a gradient of `y` has any effect (active, or `|v| < 1/eps`), else 0. Not differentiable.
    pub window: Tensor<2>,
}

/// Compares the pre-event state `u` `[B, H]` with the threshold `theta` `[H]`. A state that equals the
/// threshold is silent.
pub fn fire(u: Tensor<2>, theta: Tensor<1>, params: &EgruParams) -> Fired {
    let theta = theta.unsqueeze::<2>();
    let v = u.clone() - theta.clone();
    let in_reach = v.clone().detach().abs().lower_elem(1.0 / params.eps);
    let o = heaviside(v, params.gamma, params.eps);
    Fired {
        y: o.clone() * u.clone(),
        c: u - o.clone() * theta,
        window: o.clone().detach().mask_fill(in_reach, 1.0),
        o,
    }
}

/// The decaying average of the output, a smooth read-out of events: `[B, H]` each.
pub fn trace(previous: Tensor<2>, y: Tensor<2>, params: &EgruParams) -> Tensor<2> {
    previous * params.alpha + y * (1.0 - params.alpha)
}

/// Checks the constants of the event part.
///
/// # Errors
/// [`CellError::Config`] unless `0 <= alpha < 1`, `gamma > 0` and `eps > 0`.
pub fn validate(params: &EgruParams) -> Result<(), CellError> {
    if !(0.0..1.0).contains(&params.alpha) {
        return Err(CellError::config("alpha", params.alpha, "a decay in [0, 1)"));
    }
    check_positive("gamma", params.gamma)?;
    check_positive("eps", params.eps)
}

/// The learned threshold of a layer, one value in `[0, 1]` per unit, and the constants beside it.
#[derive(Module, Debug)]
pub struct Threshold {
    /// The threshold `[H]`. Exclude it from weight decay by its path, which ends in `theta`.
    pub theta: Param<Tensor<1>>,
    #[module(skip)]
    params: EgruParams,
}

impl Threshold {
    /// Draws thresholds from `Beta(3m/(1-m), 3)`, whose mean is `m = mean` (as in the paper's code), from the
    /// device's generator.
    ///
    /// # Errors
    /// [`CellError::Config`] unless `0 < mean < 1` and the constants are [valid](validate).
    pub fn init(
        mean: f64,
        params: EgruParams,
        hidden: usize,
        device: &Device,
    ) -> Result<Self, CellError> {
        validate(&params)?;
        let refused = || CellError::config("threshold_mean", mean, "a mean above 0 and below 1");
        if !(mean > 0.0 && mean < 1.0) {
            return Err(refused());
        }
        let beta = Beta::new(3.0 * mean / (1.0 - mean), 3.0).map_err(|_| refused())?;
        let mut rng = host_generator(device);
        let theta: Vec<f64> = (0..hidden).map(|_| beta.sample(&mut rng)).collect();
        let theta = Tensor::from_data(TensorData::new(theta, [hidden]), device);
        Ok(Self { theta: Param::from_tensor(theta), params })
    }

    /// The threshold with these values `[H]`.
    pub fn from_values(theta: Tensor<1>, params: EgruParams) -> Self {
        Self { theta: Param::from_tensor(theta), params }
    }

    /// The constants.
    pub fn params(&self) -> &EgruParams {
        &self.params
    }

    /// The threshold `[H]`, clamped to `[0, 1]`. The gradient passes as if it were not: a threshold that an
    /// optimiser pushed out of the range finds back.
    pub fn value(&self) -> Tensor<1> {
        let theta = self.theta.val();
        // Not `detach`, which leaves a parameter tracked.
        let free = theta.clone().set_require_grad(false);
        theta + (free.clone().clamp(0.0, 1.0) - free)
    }

    /// The threshold with its stored values moved into `[0, 1]`.
    pub fn constrain(self) -> Self {
        let clamp = |theta: Tensor<1>| {
            let tracked = theta.is_require_grad();
            theta.set_require_grad(false).clamp(0.0, 1.0).set_require_grad(tracked)
        };
        Self { theta: self.theta.map(clamp), params: self.params }
    }

    /// [`fire`] with this threshold.
    pub fn fire(&self, u: Tensor<2>) -> Fired {
        fire(u, self.value(), &self.params)
    }

    /// [`trace`] with this decay.
    pub fn trace(&self, previous: Tensor<2>, y: Tensor<2>) -> Tensor<2> {
        trace(previous, y, &self.params)
    }
}

/// A generator on the host seeded by the device's, for distributions that the device does not have.
fn host_generator(device: &Device) -> ChaCha8Rng {
    let draw = Tensor::<1>::random([8], Distribution::Uniform(0.0, 65536.0), device);
    let seed =
        draw.into_data().iter::<f32>().fold(0u64, |seed, draw| seed.rotate_left(16) ^ draw as u64);
    ChaCha8Rng::seed_from_u64(seed)
}
