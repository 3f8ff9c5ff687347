//! What the event-driven kernels share: lists of the few units that matter, made by all units of a cube together,
//! always in the same order.

use cubecl::prelude::*;

/// Units that share one dot product.
pub(super) const LANES: usize = 32;
/// Dot products that they work on at a time: one reading of the operand serves all of them.
pub(super) const DOTS: usize = 4;

/// The place of this unit's first entry in a list of which it adds `mine`: after those of all units before
/// it. Afterwards the last of `counts` is the length of the list. Every unit of the cube must come here.
#[cube]
pub(super) fn place(mine: u32, counts: &mut Shared<[u32]>) -> u32 {
    let me = UNIT_POS_X as usize;
    counts[me] = mine;
    sync_cube();
    // An inclusive scan, in steps of doubled reach.
    let mut reach = 1usize;
    while reach < CUBE_DIM_X as usize {
        let mut below = 0u32;
        if me >= reach {
            below = counts[me - reach];
        }
        sync_cube();
        counts[me] += below;
        sync_cube();
        reach *= 2usize;
    }
    counts[me] - mine
}

/// Lists the non-zero ones of `len` values from `start` on, with their places. Returns how many.
#[cube]
pub(super) fn list_events<F: Float>(
    values: &[F],
    start: usize,
    len: usize,
    sources: &mut Shared<[u32]>,
    sent: &mut Shared<[F]>,
    counts: &mut Shared<[u32]>,
) -> usize {
    let units = CUBE_DIM_X as usize;
    let zero = F::new(0.0_f32);
    let mut mine = 0u32;
    let mut k = UNIT_POS_X as usize;
    while k < len {
        if values[start + k] != zero {
            mine += 1u32;
        }
        k += units;
    }
    let mut at = place(mine, counts) as usize;
    let total = counts[units - 1usize] as usize;
    k = UNIT_POS_X as usize;
    while k < len {
        let value = values[start + k];
        if value != zero {
            sources[at] = k as u32;
            sent[at] = value;
            at += 1usize;
        }
        k += units;
    }
    sync_cube();
    total
}

/// `out[to + i] = by[start..start + len] . row from + i of weight`, a row `len` long, for each target `i`. `LANES`
/// units together work on `DOTS` rows. `parts` has room for `DOTS` numbers of each unit.
#[cube]
pub(super) fn dots<F: Float, W: Float>(
    by: &[F],
    start: usize,
    len: usize,
    weight: &[W],
    from: usize,
    targets: &Shared<[u32]>,
    count: usize,
    parts: &mut Shared<[F]>,
    out: &mut [F],
    to: usize,
) {
    let zero = F::new(0.0_f32);
    let lane = UNIT_POS_X as usize % LANES;
    let first = UNIT_POS_X as usize / LANES * DOTS;
    let together = CUBE_DIM_X as usize / LANES * DOTS;
    let mut done = 0usize;
    while done < count {
        let begin = done + first;
        if begin < count {
            let row_0 = row_of(targets, begin, count, from, len);
            let row_1 = row_of(targets, begin + 1usize, count, from, len);
            let row_2 = row_of(targets, begin + 2usize, count, from, len);
            let row_3 = row_of(targets, begin + 3usize, count, from, len);
            let mut sum_0 = zero;
            let mut sum_1 = zero;
            let mut sum_2 = zero;
            let mut sum_3 = zero;
            let mut column = lane;
            while column < len {
                let factor = by[start + column];
                sum_0 += factor * F::cast_from(weight[row_0 + column]);
                sum_1 += factor * F::cast_from(weight[row_1 + column]);
                sum_2 += factor * F::cast_from(weight[row_2 + column]);
                sum_3 += factor * F::cast_from(weight[row_3 + column]);
                column += LANES;
            }
            parts[first * LANES + lane] = sum_0;
            parts[(first + 1usize) * LANES + lane] = sum_1;
            parts[(first + 2usize) * LANES + lane] = sum_2;
            parts[(first + 3usize) * LANES + lane] = sum_3;
        }
        sync_cube();
        if lane < DOTS && begin + lane < count {
            let mut sum = zero;
            for part in 0..LANES {
                sum += parts[(first + lane) * LANES + part];
            }
            out[to + targets[begin + lane] as usize] = sum;
        }
        sync_cube();
        done += together;
    }
}

/// Where the row of a target begins; of the last one, past the end of the list.
#[cube]
fn row_of(targets: &Shared<[u32]>, at: usize, count: usize, from: usize, len: usize) -> usize {
    let mut there = at;
    if there >= count {
        there = count - 1usize;
    }
    (from + targets[there] as usize) * len
}
