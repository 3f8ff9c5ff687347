//! The event-driven form: a cube owns a sample and walks all its steps, reading the rows of R of active units only.
//!
//! No cube waits for another, so that any device can run it; what a step hands to the next stays in shared memory.

use cubecl::prelude::*;

use super::lists::{DOTS, dots, list_events, place};
use super::unit::{
    Cotangents, Gradients, Layer, Outputs, Sums, Tape, advance, hold, read_sums, rest, retreat,
    steps_of, wanted, write_sums,
};

/// All steps forward; `input` `[T, B, 3H]` are the sums with the input weights. One cube for each sample.
#[cube(launch)]
pub(super) fn walk_forward<F: Float, W: Float>(
    input: &[F],
    r: &[W],
    bias_r: &[F],
    layer: Layer<F>,
    mut out: Outputs<F>,
    #[comptime] room: usize,
    #[comptime] units: usize,
    #[define(F, W)] _types: [ElemType; 2],
) {
    let sample = CUBE_POS_X as usize;
    let hidden = layer.hidden;
    let mut sources = Shared::<[u32]>::new_slice(room);
    let mut sent = Shared::<[F]>::new_slice(room);
    let mut counts = Shared::<[u32]>::new_slice(units);

    let start = sample * hidden;
    let steps = steps_of::<F>(&layer, sample);
    let mut count =
        list_events::<F>(&out.last_y, start, hidden, &mut sources, &mut sent, &mut counts);
    for t in 0..steps {
        let mut unit = UNIT_POS_X as usize;
        while unit < hidden {
            let mut h_z = bias_r[unit];
            let mut h_r = bias_r[hidden + unit];
            let mut h_g = bias_r[2usize * hidden + unit];
            for event in 0..count {
                let value = sent[event];
                let row = sources[event] as usize * 3usize * hidden + unit;
                h_z += value * F::cast_from(r[row]);
                h_r += value * F::cast_from(r[row + hidden]);
                h_g += value * F::cast_from(r[row + 2usize * hidden]);
            }
            let sums = (t * layer.batch + sample) * 3usize * hidden + unit;
            let a = read_sums::<F>(input, sums, hidden);
            let h = Sums::<F> { z: h_z, r: h_r, g: h_g };
            advance::<F>(&layer, a, h, &mut out, t, sample, unit);
            unit += units;
        }
        // Nobody reads the list any more, and the next one is made of what each unit itself has written.
        sync_cube();
        count = list_events::<F>(&out.last_y, start, hidden, &mut sources, &mut sent, &mut counts);
    }
    for t in steps..layer.time {
        let mut unit = UNIT_POS_X as usize;
        while unit < hidden {
            hold::<F>(&layer, &mut out, t, sample, unit);
            unit += units;
        }
    }
}

/// All steps backward, to the output before the first one, if `to_y0`.
#[cube(launch)]
pub(super) fn walk_backward<F: Float, W: Float>(
    r: &[W],
    layer: Layer<F>,
    tape: Tape<F>,
    cotangents: Cotangents<F>,
    mut grads: Gradients<F>,
    #[comptime] to_y0: bool,
    #[comptime] room: usize,
    #[comptime] units: usize,
    #[define(F, W)] _types: [ElemType; 2],
) {
    let sample = CUBE_POS_X as usize;
    let me = UNIT_POS_X as usize;
    let hidden = layer.hidden;
    let zero = F::new(0.0_f32);
    let mut dy = Shared::<[F]>::new_slice(room);
    let mut q = Shared::<[F]>::new_slice(3 * room);
    let mut targets = Shared::<[u32]>::new_slice(room);
    let mut counts = Shared::<[u32]>::new_slice(units);
    let mut parts = Shared::<[F]>::new_slice(DOTS * units);

    let steps = steps_of::<F>(&layer, sample);
    let mut unit = me;
    while unit < hidden {
        dy[unit] = zero;
        unit += units;
    }
    for back in 0..steps {
        let t = steps - 1usize - back;
        unit = me;
        while unit < hidden {
            let by_h =
                retreat::<F>(&layer, &tape, &cotangents, &mut grads, dy[unit], t, sample, unit);
            write_sums::<F>(&mut q, unit, hidden, by_h);
            dy[unit] = zero;
            unit += units;
        }

        // The outputs before this step of which the gradient has an effect.
        let mut mine = 0u32;
        unit = me;
        while unit < hidden {
            if wanted_before::<F>(&layer, &tape, t, sample, unit, to_y0) {
                mine += 1u32;
            }
            unit += units;
        }
        let mut at = place(mine, &mut counts) as usize;
        let count = counts[units - 1usize] as usize;
        unit = me;
        while unit < hidden {
            if wanted_before::<F>(&layer, &tape, t, sample, unit, to_y0) {
                targets[at] = unit as u32;
                at += 1usize;
            }
            unit += units;
        }
        sync_cube();

        let row = 3usize * hidden;
        dots::<F, W>(&q, 0usize, row, r, 0usize, &targets, count, &mut parts, &mut dy, 0usize);
    }
    unit = me;
    while unit < hidden {
        // Of a sample of no steps the last output is the one before the first.
        if steps > 0usize {
            grads.state[(3usize * layer.batch + sample) * hidden + unit] = dy[unit];
        }
        for t in steps..layer.time {
            rest::<F>(&layer, &mut grads, t, sample, unit);
        }
        unit += units;
    }
}

/// Whether the gradient of the output before step `t` is wanted.
#[cube]
fn wanted_before<F: Float>(
    layer: &Layer<F>,
    tape: &Tape<F>,
    t: usize,
    sample: usize,
    unit: usize,
    #[comptime] to_y0: bool,
) -> bool {
    let mut is_wanted = to_y0.runtime();
    if t > 0usize {
        let at = ((t - 1usize) * layer.batch + sample) * layer.hidden + unit;
        is_wanted = wanted::<F>(layer, tape, at, unit);
    }
    is_wanted
}
