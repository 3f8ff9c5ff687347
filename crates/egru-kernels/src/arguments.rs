//! Checks of a sequence's arguments.

use crate::error::{check, check_option, volume};
use crate::events::CHUNK;
use crate::steps::GRAIN;
use crate::{Dims, Float, Inputs, ShapeError, Zoneout};

/// Checks every array of `inputs` against `dims`.
pub(crate) fn check_inputs<F: Float>(dims: Dims, inputs: &Inputs<F>) -> Result<(), ShapeError> {
    let Dims { time, batch, input, hidden } = dims;
    let state = volume("state", &[batch, hidden])?;
    volume("tape", &[time, batch, 4, hidden])?;
    // Twice, a chunk for each grain at worst, of events that take two values.
    volume("event lists", &[4, batch, hidden.div_ceil(GRAIN), CHUNK])?;
    let x = volume("x", &[time, batch, input])?;
    check("x", inputs.x.len(), x)?;
    check("y0", inputs.y0.len(), state)?;
    check("c0", inputs.c0.len(), state)?;
    check("trace0", inputs.trace0.len(), state)?;
    check("w", inputs.w.len(), volume("w", &[input, 3, hidden])?)?;
    check("r", inputs.r.len(), volume("r", &[hidden, 3, hidden])?)?;
    check("bias_w", inputs.bias_w.len(), 3 * hidden)?;
    check("bias_r", inputs.bias_r.len(), 3 * hidden)?;
    check("theta", inputs.theta.len(), hidden)?;
    check_option("x_needs_grad", inputs.x_needs_grad, x)?;
    if let Zoneout::Mask(mask) = inputs.zoneout {
        check("zoneout", mask.len(), time * state)?;
    }
    if let Some(lengths) = inputs.lengths {
        check("lengths", lengths.len(), batch)?;
        if let Some(sample) = lengths.iter().position(|&length| length > time) {
            return Err(ShapeError::SampleLength { sample, given: lengths[sample], time });
        }
    }
    Ok(())
}
