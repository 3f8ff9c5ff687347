//! The dense form: a step's product with R is the library's, the rest of the step one kernel over all samples.

use cubecl::prelude::*;

use super::unit::{
    Cotangents, Gradients, Layer, Outputs, Sums, Tape, advance, hold, no_sums, read_sums, rest,
    retreat, steps_of, write_sums,
};

/// Step `t` forward; `input` `[T, B, 3H]` are the sums with the input weights, `product` `[B, 3H]` is `y R`.
#[cube(launch)]
pub(super) fn step_forward<F: Float>(
    input: &[F],
    product: &[F],
    bias_r: &[F],
    layer: Layer<F>,
    mut out: Outputs<F>,
    t: usize,
    #[define(F)] _type: ElemType,
) {
    let hidden = layer.hidden;
    let here = ABSOLUTE_POS;
    if here >= layer.batch * hidden {
        terminate!();
    }
    let sample = here / hidden;
    let unit = here % hidden;
    if t < steps_of::<F>(&layer, sample) {
        let sums = (t * layer.batch + sample) * 3usize * hidden + unit;
        let a = read_sums::<F>(input, sums, hidden);
        let y_r = read_sums::<F>(product, sample * 3usize * hidden + unit, hidden);
        let bias = read_sums::<F>(bias_r, unit, hidden);
        let h = Sums::<F> { z: y_r.z + bias.z, r: y_r.r + bias.r, g: y_r.g + bias.g };
        advance::<F>(&layer, a, h, &mut out, t, sample, unit);
    } else {
        hold::<F>(&layer, &mut out, t, sample, unit);
    }
}

/// Step `t` backward: from `dy` `[B, H]`, the gradient of the output through the steps after it, to `q`
/// `[B, 3H]`, that of the recurrent sums of this step.
#[cube(launch)]
pub(super) fn step_backward<F: Float>(
    dy: &[F],
    q: &mut [F],
    layer: Layer<F>,
    tape: Tape<F>,
    cotangents: Cotangents<F>,
    mut grads: Gradients<F>,
    t: usize,
    #[define(F)] _type: ElemType,
) {
    let hidden = layer.hidden;
    let here = ABSOLUTE_POS;
    if here >= layer.batch * hidden {
        terminate!();
    }
    let sample = here / hidden;
    let unit = here % hidden;
    let sums = sample * 3usize * hidden + unit;
    if t < steps_of::<F>(&layer, sample) {
        let by_h = retreat::<F>(&layer, &tape, &cotangents, &mut grads, dy[here], t, sample, unit);
        write_sums::<F>(q, sums, hidden, by_h);
    } else {
        rest::<F>(&layer, &mut grads, t, sample, unit);
        write_sums::<F>(q, sums, hidden, no_sums::<F>());
    }
}
