//! The EGRU over all time steps.

mod backward;
mod naive;
mod op;
mod types;

pub use op::{EgruSequenceBackend, EgruSequenceGrad};
#[cfg(any(feature = "flex", feature = "ndarray", feature = "tch", feature = "cube"))]
pub(crate) use op::{
    SequenceCotangents, SequenceGradients, SequenceInputs, SequenceOutputs, SequenceSettings,
    SequenceTape,
};
pub use types::{EgruInputs, EgruOutputs, EgruState, EgruStepOutputs, Keep, Zoneout};

use burn::tensor::Tensor;
use egru_kernels::EgruParams;

use crate::check::Check;
use crate::choice::choose;
use crate::{Execution, Form, FormReport, OpError};

const OPERATION: &str = "egru_sequence";

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
) -> Result<(EgruOutputs, FormReport), OpError> {
    validate(&inputs, params)?;
    let report = choose(execution, OPERATION, &inputs.x.device(), inputs.x.dtype())?;
    let outputs = match report.form {
        Form::Naive => naive::egru_sequence(inputs, params),
        Form::Fused => op::egru_sequence(inputs, params, execution),
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
) -> Result<(EgruStepOutputs, FormReport), OpError> {
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
