//! What goes into the operation and comes out of it.

use burn::tensor::Tensor;

/// The state of a layer between two steps, each `[B, H]`.
#[derive(Clone, Debug)]
pub struct EgruState {
    /// State after the reset.
    pub c: Tensor<2>,
    /// Event output.
    pub y: Tensor<2>,
    /// Decaying average of the event output.
    pub trace: Tensor<2>,
}

/// How the pre-event state mixes with the state before: `u = m*u + (1-m)*c_{t-1}`.
#[derive(Clone, Debug)]
pub enum Zoneout {
    /// No zoneout.
    Off,
    /// Training: a 0/1 mask `[T, B, H]`, fresh for every step; 1 takes the new state.
    Mask(Tensor<3>),
    /// Evaluation: the share of the new state, `1 - p`.
    Keep(f64),
}

/// Which series come back beside `y`. Each costs memory of the size of `y`, and the time to write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep {
    /// The state after the reset.
    pub c: bool,
    /// The events.
    pub o: bool,
    /// The decaying average of `y`.
    pub trace: bool,
    /// Where a gradient of `y` has any effect.
    pub window: bool,
}

impl Keep {
    /// All of them.
    pub const ALL: Self = Self { c: true, o: true, trace: true, window: true };
    /// None: the output and the last state are enough.
    pub const OUTPUT: Self = Self { c: false, o: false, trace: false, window: false };
}

impl Default for Keep {
    fn default() -> Self {
        Self::ALL
    }
}

impl From<Keep> for egru_kernels::Keep {
    fn from(keep: Keep) -> Self {
        let Keep { c, o, trace, window } = keep;
        Self { c, o, trace, window, tape: false }
    }
}

/// Inputs of [`egru_sequence()`](super::egru_sequence()); gate order update `z`, reset `r`, candidate `g`.
#[derive(Clone, Debug)]
pub struct EgruInputs {
    /// Input `[T, B, C]`; exact zeros are skipped where that pays.
    pub x: Tensor<3>,
    /// Input weights `[C, 3H]`.
    pub w: Tensor<2>,
    /// Recurrent weights `[H, 3H]`, one row per source unit.
    pub r: Tensor<2>,
    /// Input bias `[3H]`.
    pub bias_w: Tensor<1>,
    /// Recurrent bias `[3H]`.
    pub bias_r: Tensor<1>,
    /// Threshold `[H]`, used as given.
    pub theta: Tensor<1>,
    /// State before the first step.
    pub state: EgruState,
    /// Zoneout.
    pub zoneout: Zoneout,
    /// Steps of each sample, `B` values `<= T`; `None`: all `T`.
    pub lengths: Option<Vec<usize>>,
    /// Non-zero where the gradient of `x` is wanted, `[T, B, C]`; elsewhere the fused form leaves it zero.
    /// For the events of a layer below this is that layer's [`EgruOutputs::window`], and exact.
    pub x_needs_grad: Option<Tensor<3>>,
    /// Which series come back beside `y`.
    pub keep: Keep,
}

/// Outputs of [`egru_sequence()`](super::egru_sequence()), the series each `[T, B, H]`, `None` where not kept. Past a sample's length
/// `y` and `o` are zero, `c` and `trace` hold their last value, and no gradient enters.
#[derive(Clone, Debug)]
pub struct EgruOutputs {
    /// Event output `o * u`.
    pub y: Tensor<3>,
    /// State after the reset.
    pub c: Option<Tensor<3>>,
    /// Events, 0 or 1, with the surrogate gradient.
    pub o: Option<Tensor<3>>,
    /// Decaying average of `y`.
    pub trace: Option<Tensor<3>>,
    /// 1 where a gradient of `y` has any effect (active, or `|v| < 1/eps`), else 0. Not differentiable.
    pub window: Option<Tensor<3>>,
    /// The state after each sample's last step; that before the first of a sample of length 0.
    pub state: EgruState,
}

/// Outputs of [`egru_step`](super::egru_step), each `[B, H]`, `None` where not kept.
#[derive(Clone, Debug)]
pub struct EgruStepOutputs {
    /// State after the step; its `y` is the event output.
    pub state: EgruState,
    /// Events, 0 or 1.
    pub o: Option<Tensor<2>>,
    /// 1 where a gradient of `y` has any effect.
    pub window: Option<Tensor<2>>,
}
