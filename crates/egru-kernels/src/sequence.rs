//! What the two passes over a sequence share: checked arguments, and who computes which units.

use std::borrow::Cow;
use std::ops::Range;

use pulp::Simd;

use crate::error::{check, check_option, volume};
use crate::events::CHUNK;
use crate::lanes::load;
use crate::team;
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

/// The input with zeros past the end of each sample, so that nothing of what lies there, NaN
/// included, takes part in a product.
pub(crate) fn live_input<'a, F: Float>(dims: Dims, inputs: &Inputs<'a, F>) -> Cow<'a, [F]> {
    let Some(lengths) = inputs.lengths.filter(|_| dims.input > 0) else {
        return Cow::Borrowed(inputs.x);
    };
    let mut x = inputs.x.to_vec();
    for (row, values) in x.chunks_exact_mut(dims.input).enumerate() {
        if row / dims.batch >= lengths[row % dims.batch] {
            values.fill(F::ZERO);
        }
    }
    Cow::Owned(x)
}

/// Values per step and sample of [`Tape::gates`]: the three gates and the recurrent part of the candidate.
pub(crate) fn tape_width(hidden: usize) -> usize {
    4 * hidden
}

/// Steps of one sample.
#[inline(always)]
pub(crate) fn length<F>(dims: Dims, inputs: &Inputs<F>, sample: usize) -> usize {
    inputs.lengths.map_or(dims.time, |lengths| lengths[sample])
}

/// The share of the new state in one register of the units `at`; `None` without zoneout.
#[inline(always)]
pub(crate) fn share_of_new<S: Simd, F: Float>(
    simd: S,
    zoneout: &Zoneout<'_, F>,
    at: Range<usize>,
    register: usize,
) -> Option<F::Vector<S>> {
    match *zoneout {
        Zoneout::Off => None,
        Zoneout::Mask(mask) => Some(load(simd, &mask[at], register)),
        Zoneout::Keep(share) => Some(F::splat(simd, share)),
    }
}

/// Units that are not divided between members: whole registers of all kinds, so that which units are left
/// over beside whole registers does not depend on the number of threads.
const GRAIN: usize = 16;

/// The units that each member of the team computes, for the whole sequence.
pub(crate) fn units_of_members(dims: Dims) -> Vec<Range<usize>> {
    let Dims { time, batch, hidden, .. } = dims;
    let products = (batch * hidden).saturating_mul(3 * hidden);
    let threads = team::threads_for_steps(time, products);
    let units = |grains: Range<usize>| grains.start * GRAIN..(grains.end * GRAIN).min(hidden);
    team::shares(hidden.div_ceil(GRAIN), threads).map(units).collect()
}
