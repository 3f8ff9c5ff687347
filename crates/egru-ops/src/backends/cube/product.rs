//! Products with a sparse operand `[N, K]`, and with its gradient.

use cubecl::prelude::*;

use super::lists::{DOTS, dots, list_events};

/// Sources that are listed at a time.
pub(super) const CHUNK: usize = 1024;
/// Columns of the product that a unit computes.
pub(super) const COLUMNS: usize = 4;

/// `events @ weight + bias` with `weight` `[K, M]`: a cube owns a row and a block of columns, and reads the
/// rows of `weight` of non-zero events only.
#[cube(launch)]
pub(super) fn event_product<F: Float, W: Float>(
    events: &[F],
    weight: &[W],
    bias: &[F],
    out: &mut [F],
    n: usize,
    k: usize,
    m: usize,
    #[comptime] biased: bool,
    #[comptime] units: usize,
    #[define(F, W)] _types: [ElemType; 2],
) {
    // Rows may be more than there are cubes along one axis.
    let row = CUBE_POS_Z as usize * CUBE_COUNT_X as usize + CUBE_POS_X as usize;
    if row >= n {
        terminate!();
    }
    let first = CUBE_POS_Y as usize * units * COLUMNS + UNIT_POS_X as usize;
    let mut sources = Shared::<[u32]>::new_slice(CHUNK);
    let mut sent = Shared::<[F]>::new_slice(CHUNK);
    let mut counts = Shared::<[u32]>::new_slice(units);
    let mut sums = Array::<F>::new(COLUMNS);
    #[unroll]
    for i in 0..COLUMNS {
        sums[i] = F::new(0.0_f32);
    }

    let mut begin = 0usize;
    while begin < k {
        let mut len = k - begin;
        if len > CHUNK {
            len = CHUNK;
        }
        let count =
            list_events::<F>(events, row * k + begin, len, &mut sources, &mut sent, &mut counts);
        for event in 0..count {
            let value = sent[event];
            let source = (begin + sources[event] as usize) * m;
            #[unroll]
            for i in 0..COLUMNS {
                let column = first + i * units;
                if column < m {
                    sums[i] += value * F::cast_from(weight[source + column]);
                }
            }
        }
        sync_cube();
        begin += CHUNK;
    }
    #[unroll]
    for i in 0..COLUMNS {
        let column = first + i * units;
        if column < m {
            let mut sum = sums[i];
            if comptime!(biased) {
                sum += bias[column];
            }
            out[row * m + column] = sum;
        }
    }
}

/// `gradient @ weight^T` where `needs` `[N, K]` is not zero, and zero elsewhere: a cube owns a row.
#[cube(launch)]
pub(super) fn wanted_product<F: Float, W: Float>(
    gradient: &[F],
    weight: &[W],
    needs: &[F],
    out: &mut [F],
    n: usize,
    k: usize,
    m: usize,
    #[comptime] units: usize,
    #[define(F, W)] _types: [ElemType; 2],
) {
    // Rows may be more than there are cubes along one axis.
    let row = CUBE_POS_Z as usize * CUBE_COUNT_X as usize + CUBE_POS_X as usize;
    if row >= n {
        terminate!();
    }
    let me = UNIT_POS_X as usize;
    let zero = F::new(0.0_f32);
    let mut targets = Shared::<[u32]>::new_slice(CHUNK);
    let mut sent = Shared::<[F]>::new_slice(CHUNK);
    let mut counts = Shared::<[u32]>::new_slice(units);
    let mut parts = Shared::<[F]>::new_slice(DOTS * units);
    let mut begin = 0usize;
    while begin < k {
        let mut len = k - begin;
        if len > CHUNK {
            len = CHUNK;
        }
        let here = row * k + begin;
        let mut column = me;
        while column < len {
            if needs[here + column] == zero {
                out[here + column] = zero;
            }
            column += units;
        }
        let count = list_events::<F>(needs, here, len, &mut targets, &mut sent, &mut counts);
        dots::<F, W>(gradient, row * m, m, weight, begin, &targets, count, &mut parts, out, here);
        begin += CHUNK;
    }
}

/// Clears what is not needed.
#[cube(launch)]
pub(super) fn clear_unwanted<F: Float>(
    needs: &[F],
    values: &mut [F],
    places: usize,
    #[define(F)] _type: ElemType,
) {
    let here = ABSOLUTE_POS;
    if here >= places {
        terminate!();
    }
    let zero = F::new(0.0_f32);
    if needs[here] == zero {
        values[here] = zero;
    }
}
