//! What the two passes over a sequence share: checked arguments, and who computes which units.

use std::borrow::Cow;
use std::ops::Range;

use pulp::Simd;

use crate::error::{check, check_option, volume};
use crate::events::CHUNK;
use crate::lanes::load;
use crate::product::tile_units;
use crate::team;
use crate::{Dims, Float, Inputs, ShapeError, Zoneout};

/// Checks every array of `inputs` against `dims`.
pub(crate) fn check_inputs<F: Float>(dims: Dims, inputs: &Inputs<F>) -> Result<(), ShapeError> {
    let Dims { time, batch, input, hidden } = dims;
    let state = volume("state", &[batch, hidden])?;
    volume("tape", &[time, batch, 4, hidden])?;
    volume("event lists", &[4, batch, hidden.next_multiple_of(CHUNK)])?;
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

/// Steps of one sample.
#[inline(always)]
pub(crate) fn length<F>(dims: Dims, inputs: &Inputs<F>, sample: usize) -> usize {
    inputs.lengths.map_or(dims.time, |lengths| lengths[sample])
}

/// The share of the new state in one register of units, of which `left` are left from `at` on; `None` without zoneout.
#[inline(always)]
pub(crate) fn share_of_new<S: Simd, F: Float>(
    simd: S,
    zoneout: &Zoneout<'_, F>,
    at: usize,
    left: usize,
) -> Option<F::Vector<S>> {
    match *zoneout {
        Zoneout::Off => None,
        Zoneout::Mask(mask) => Some(load(simd, &mask[at..at + left], 0)),
        Zoneout::Keep(share) => Some(F::splat(simd, share)),
    }
}

/// The blocks of units that each member of the team computes, for the whole sequence. The blocks do not
/// depend on the number of threads.
pub(crate) fn blocks_of_members(dims: Dims) -> Vec<Range<usize>> {
    let Dims { time, batch, hidden, .. } = dims;
    let products = (batch * hidden).saturating_mul(3 * hidden);
    team::shares(hidden.div_ceil(CHUNK), team::threads_for_steps(time, products)).collect()
}

/// The units of a run of blocks.
pub(crate) fn units(hidden: usize, blocks: &Range<usize>) -> Range<usize> {
    blocks.start * CHUNK..(blocks.end * CHUNK).min(hidden)
}

/// The units of one tile of a member that owns `units`.
#[inline(always)]
pub(crate) fn tile<F>(units: &Range<usize>, index: usize) -> Range<usize> {
    let start = units.start + index * tile_units::<F>();
    start..(start + tile_units::<F>()).min(units.end)
}
