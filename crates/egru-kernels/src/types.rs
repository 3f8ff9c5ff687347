//! What goes into and comes out of one EGRU sequence.

use crate::Products;

/// Sizes of one sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dims {
    /// Time steps `T`.
    pub time: usize,
    /// Samples `B`.
    pub batch: usize,
    /// Input channels `C`.
    pub input: usize,
    /// Units `H`.
    pub hidden: usize,
}

/// Constants of the cell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EgruParams {
    /// Decay of the output trace, per step (paper: 0.9).
    pub alpha: f64,
    /// Height of the triangular surrogate at the threshold.
    pub gamma: f64,
    /// Inverse half-width of the surrogate: zero for `|v| >= 1/eps`.
    pub eps: f64,
}

impl Default for EgruParams {
    fn default() -> Self {
        Self { alpha: 0.9, gamma: 0.7, eps: 1.0 }
    }
}

/// How the pre-event state mixes with the state before: `u = m*u + (1-m)*c_{t-1}`.
#[derive(Clone, Copy, Debug)]
pub enum Zoneout<'a, F> {
    /// No zoneout.
    Off,
    /// Training: a 0/1 mask `[T, B, H]`, 1 takes the new state.
    Mask(&'a [F]),
    /// Evaluation: the same share of the new state everywhere, `1 - p`.
    Keep(F),
}

/// Inputs of one sequence, the same for the forward and the backward pass.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a, F> {
    /// Input `[T, B, C]`; exact zeros are skipped where that pays.
    pub x: &'a [F],
    /// Event output before the first step `[B, H]`.
    pub y0: &'a [F],
    /// Initial state `[B, H]`.
    pub c0: &'a [F],
    /// Initial trace `[B, H]`.
    pub trace0: &'a [F],
    /// Input weights `[C, 3H]`.
    pub w: &'a [F],
    /// Recurrent weights `[H, 3H]`, one row per source unit.
    pub r: &'a [F],
    /// Input bias `[3H]`.
    pub bias_w: &'a [F],
    /// Recurrent bias `[3H]`.
    pub bias_r: &'a [F],
    /// Threshold `[H]`, used as given.
    pub theta: &'a [F],
    /// Zoneout.
    pub zoneout: Zoneout<'a, F>,
    /// Steps of each sample, `B` values `<= T`; `None`: all `T`. Past its end a sample holds `c` and
    /// `trace`, emits nothing and receives no gradient.
    pub lengths: Option<&'a [usize]>,
    /// Non-zero where the gradient of `x` is wanted, `[T, B, C]`; elsewhere it is zero. `None`: everywhere.
    /// The `window` of the layer below, if `x` is its event output. Only the backward pass reads it.
    pub x_needs_grad: Option<&'a [F]>,
}

/// One sequence: what both passes over it are told.
#[derive(Clone, Copy, Debug)]
pub struct Sequence<'a, F> {
    /// Its sizes.
    pub dims: Dims,
    /// Constants of the cell.
    pub params: EgruParams,
    /// Its arrays.
    pub inputs: Inputs<'a, F>,
    /// Which products are executed.
    pub products: Products,
}

/// Which series the forward pass keeps beside `y`. Each costs memory and the time to write it; what is
/// not kept comes back empty.
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
    /// What the backward pass needs.
    pub tape: bool,
}

impl Keep {
    /// The output alone: inference.
    pub const OUTPUT: Self = Self { c: false, o: false, trace: false, window: false, tape: false };
    /// Everything.
    pub const ALL: Self = Self { c: true, o: true, trace: true, window: true, tape: true };
}

/// Outputs of one sequence in memory `M`, each `[T, B, H]`; empty where not kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Outputs<M> {
    /// Event output `o * u`.
    pub y: M,
    /// State after the reset.
    pub c: M,
    /// Events, 0 or 1.
    pub o: M,
    /// Decaying average of `y`.
    pub trace: M,
    /// 1 where a gradient of `y` has any effect (active, or `|v| < 1/eps`), else 0; 0 past a sample's end.
    pub window: M,
    /// The state after each sample's last step.
    pub last: State<M>,
    /// What the backward pass needs.
    pub tape: Tape<M>,
}

/// The state between two steps in memory `M`, each `[B, H]`.
#[derive(Clone, Debug, PartialEq)]
pub struct State<M> {
    /// State after the reset.
    pub c: M,
    /// Event output.
    pub y: M,
    /// Decaying average of the event output.
    pub trace: M,
}

/// What the backward pass takes from the forward pass, beside `y`, in memory `M`: empty if not kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Tape<M> {
    /// The state before the reset, `u`, `[T, B, H]`.
    pub u: M,
    /// The gates `z`, `r` and `g` and the recurrent part of the candidate, `h_g`: `[T, B, 4, H]`. The
    /// backward pass writes its gradients over them, so that it needs no further memory of this size.
    pub gates: M,
}

/// Gradients of the loss by the outputs, each `[T, B, H]`; `None` is zero.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cotangents<'a, F> {
    /// By `y`.
    pub y: Option<&'a [F]>,
    /// By `c`.
    pub c: Option<&'a [F]>,
    /// By `o`.
    pub o: Option<&'a [F]>,
    /// By `trace`.
    pub trace: Option<&'a [F]>,
    /// By the state after each sample's last step, `[B, H]`.
    pub last: LastCotangents<'a, F>,
}

/// Gradients of the loss by [`Outputs::last`], each `[B, H]`; `None` is zero.
#[derive(Clone, Copy, Debug, Default)]
pub struct LastCotangents<'a, F> {
    /// By the state.
    pub c: Option<&'a [F]>,
    /// By the event output.
    pub y: Option<&'a [F]>,
    /// By the trace.
    pub trace: Option<&'a [F]>,
}

/// Which gradients are wanted; the others come back empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Of the input.
    pub x: bool,
    /// Of the input weights and bias.
    pub w: bool,
    /// Of the recurrent weights and bias.
    pub r: bool,
    /// Of the threshold.
    pub theta: bool,
    /// Of `y0`, `c0` and `trace0`.
    pub state: bool,
}

/// Gradients of the loss by the inputs in memory `M`, shaped as those; empty where not wanted.
#[derive(Clone, Debug, PartialEq)]
pub struct Gradients<M> {
    /// By the input, `[T, B, C]`.
    pub x: M,
    /// By the initial event output, `[B, H]`.
    pub y0: M,
    /// By the initial state, `[B, H]`.
    pub c0: M,
    /// By the initial trace, `[B, H]`.
    pub trace0: M,
    /// By the input weights, `[C, 3H]`.
    pub w: M,
    /// By the recurrent weights, `[H, 3H]`.
    pub r: M,
    /// By the input bias, `[3H]`.
    pub bias_w: M,
    /// By the recurrent bias, `[3H]`.
    pub bias_r: M,
    /// By the threshold, `[H]`.
    pub theta: M,
}
