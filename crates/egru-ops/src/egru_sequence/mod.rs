//! The EGRU over all time steps.

mod backward;
mod naive;
mod op;

pub use op::{EgruSequenceBackend, EgruSequenceGrad};
#[cfg(any(feature = "flex", feature = "ndarray", feature = "tch", feature = "cube"))]
pub(crate) use op::{
    SequenceCotangents, SequenceGradients, SequenceInputs, SequenceOutputs, SequenceSettings,
    SequenceTape,
};

use burn::tensor::Tensor;
use egru_kernels::EgruParams;

use crate::{Execution, OpError, Path, PathReport, check::Check};

const OPERATION: &str = "egru_sequence";

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

/// Inputs of [`egru_sequence()`]; gate order update `z`, reset `r`, candidate `g`.
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

/// Outputs of [`egru_sequence()`], the series each `[T, B, H]`, `None` where not kept. Past a sample's length
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

/// Outputs of [`egru_step`], each `[B, H]`, `None` where not kept.
#[derive(Clone, Debug)]
pub struct EgruStepOutputs {
    /// State after the step; its `y` is the event output.
    pub state: EgruState,
    /// Events, 0 or 1.
    pub o: Option<Tensor<2>>,
    /// 1 where a gradient of `y` has any effect.
    pub window: Option<Tensor<2>>,
}

/// Runs an EGRU layer over a sequence (Subramoney et al. 2023, eqs. 1-4, in the parity form of the
/// authors' code):
///
/// ```text
/// a = x_t W + b_W        h = y_{t-1} R + b_R
/// z = sigmoid(a_z + h_z) r = sigmoid(a_r + h_r)   g = tanh(a_g + r*h_g)
/// u = z*c_{t-1} + (1-z)*g, with zoneout           v = u - theta    o = 1 if v > 0 else 0
/// y_t = o*u              c_t = u - o*theta        trace_t = alpha*trace_{t-1} + (1-alpha)*y_t
/// ```
///
/// All outputs, the last state included, but `window` are differentiable by all tensors of [`EgruInputs`] but the masks.
///
/// # Errors
/// [`OpError`] when shapes or types do not fit, a length exceeds `T`, or the fused form is asked for where
/// there is none.
pub fn egru_sequence(
    inputs: EgruInputs,
    params: &EgruParams,
    execution: Execution,
) -> Result<(EgruOutputs, PathReport), OpError> {
    validate(&inputs, params)?;
    let report = execution.resolve(OPERATION, &inputs.x.device(), inputs.x.dtype())?;
    let outputs = match report.path {
        Path::Naive => naive::egru_sequence(inputs, params),
        Path::Fused => op::egru_sequence(inputs, params, execution),
    };
    Ok((outputs, report))
}

/// One step of [`egru_sequence()`], for streaming: `x` is `[1, B, C]`, the state comes from the inputs; of the
/// series to keep, `c` and `trace` are the state anyway.
///
/// # Errors
/// As [`egru_sequence()`].
pub fn egru_step(
    inputs: EgruInputs,
    params: &EgruParams,
    execution: Execution,
) -> Result<(EgruStepOutputs, PathReport), OpError> {
    let steps = inputs.x.dims()[0];
    if steps != 1 {
        return Err(OpError::Argument {
            operation: "egru_step",
            argument: "x.dims()[0]",
            got: steps.to_string(),
            expected: "1 time step".into(),
        });
    }
    let (out, report) = egru_sequence(inputs, params, execution)?;
    let flat = |series: Option<Tensor<3>>| series.map(|series| series.squeeze_dim::<2>(0));
    Ok((EgruStepOutputs { state: out.state, o: flat(out.o), window: flat(out.window) }, report))
}

fn validate(i: &EgruInputs, params: &EgruParams) -> Result<(), OpError> {
    let check = Check { operation: OPERATION, dtype: i.x.dtype() };
    let [t, b, c] = i.x.dims();
    let [h] = i.theta.dims();
    let axis = |name, size| (name, size);
    let (time, batch, input) = (axis("T", t), axis("B", b), axis("C", c));
    let (hidden, gates) = (axis("H", h), axis("3H", 3 * h));
    check.tensor("w", &i.w, [input, gates])?;
    check.tensor("r", &i.r, [hidden, gates])?;
    check.tensor("bias_w", &i.bias_w, [gates])?;
    check.tensor("bias_r", &i.bias_r, [gates])?;
    check.tensor("theta", &i.theta, [hidden])?;
    check.tensor("state.c", &i.state.c, [batch, hidden])?;
    check.tensor("state.y", &i.state.y, [batch, hidden])?;
    check.tensor("state.trace", &i.state.trace, [batch, hidden])?;
    match &i.zoneout {
        Zoneout::Off => {}
        Zoneout::Mask(mask) => check.tensor("zoneout", mask, [time, batch, hidden])?,
        Zoneout::Keep(keep) if (0.0..=1.0).contains(keep) => {}
        Zoneout::Keep(keep) => return Err(argument("zoneout", keep, "a share between 0 and 1")),
    }
    if let Some(needs) = &i.x_needs_grad {
        check.tensor("x_needs_grad", needs, [time, batch, input])?;
    }
    if let Some(lengths) = &i.lengths {
        if lengths.len() != b {
            return Err(argument("lengths.len()", lengths.len(), format!("one per sample, {b}")));
        }
        if let Some(length) = lengths.iter().find(|&&length| length > t) {
            return Err(argument("lengths", length, format!("at most the {t} steps of `x`")));
        }
    }
    for (name, size) in [("T", t), ("B", b), ("C", c), ("H", h)] {
        if size == 0 {
            return Err(argument(name, 0, "at least 1"));
        }
    }
    if !(0.0..=1.0).contains(&params.alpha) {
        return Err(argument("alpha", params.alpha, "a decay between 0 and 1"));
    }
    for (name, value) in [("gamma", params.gamma), ("eps", params.eps)] {
        if !(value.is_finite() && value > 0.0) {
            return Err(argument(name, value, "a positive number"));
        }
    }
    Ok(())
}

fn argument(argument: &'static str, got: impl ToString, expected: impl Into<String>) -> OpError {
    OpError::Argument {
        operation: OPERATION,
        argument,
        got: got.to_string(),
        expected: expected.into(),
    }
}
