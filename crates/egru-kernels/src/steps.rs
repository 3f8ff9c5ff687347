//! What the steps of both passes over a sequence share: who computes which units, and which steps a sample has.

use std::borrow::Cow;
use std::ops::Range;

use pulp::Simd;

use crate::lanes::load;
use crate::team;
use crate::{Dims, Float, Inputs, Zoneout};

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
pub(crate) const GRAIN: usize = 16;

/// The units that each member of the team computes, for the whole sequence.
pub(crate) fn units_of_members(dims: Dims) -> Vec<Range<usize>> {
    let Dims { time, batch, hidden, .. } = dims;
    let products = (batch * hidden).saturating_mul(3 * hidden);
    let threads = team::threads_for_steps(time, products);
    let units = |grains: Range<usize>| grains.start * GRAIN..(grains.end * GRAIN).min(hidden);
    team::shares(hidden.div_ceil(GRAIN), threads).map(units).collect()
}
