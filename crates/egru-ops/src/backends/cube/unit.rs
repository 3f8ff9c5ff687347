//! One unit, one step: the equations of the EGRU and of its gradient, for all forms of the operation.
//!
//! Series are `[T, B, H]` and lie one after the other in memory; `at` is a place in them. Values for each sample and unit that
//! belong together share a buffer, since a kernel may have few: 16 with OpenGL, one of them CubeCL's own.

use cubecl::prelude::*;

/// What both passes know of a layer.
#[derive(CubeLaunch, CubeType)]
pub(super) struct Layer<F: Float> {
    /// Thresholds `[H]`.
    pub theta: Box<[F]>,
    /// The mask `[T, B, H]`, if `masked`.
    pub zoneout: Box<[F]>,
    /// Steps of each sample `[B]`, if `cut`.
    pub lengths: Box<[u32]>,
    pub alpha: InputScalar,
    /// Zoneout without a mask: the share of the new state.
    pub new_share: InputScalar,
    pub gamma: InputScalar,
    pub eps: InputScalar,
    pub time: usize,
    pub batch: usize,
    pub hidden: usize,
    #[cube(comptime)]
    pub masked: bool,
    #[cube(comptime)]
    pub cut: bool,
}

/// What the forward pass writes; a series that is not kept has one element and is not written.
#[derive(CubeLaunch, CubeType)]
pub(super) struct Outputs<F: Float> {
    pub y: Box<[F]>,
    pub c: Box<[F]>,
    pub o: Box<[F]>,
    pub trace: Box<[F]>,
    pub window: Box<[F]>,
    /// The output before the step, then that after it `[B, H]`,
    pub last_y: Box<[F]>,
    /// and the same of c and the trace `[2, B, H]`.
    pub state: Box<[F]>,
    pub tape_u: Box<[F]>,
    /// `[T, B, 4H]`: z, r, g, and the recurrent part of g before the reset gate.
    pub tape_gates: Box<[F]>,
    #[cube(comptime)]
    pub kept: Kept,
}

/// Which series are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Kept {
    pub c: bool,
    pub o: bool,
    pub trace: bool,
    pub window: bool,
    pub tape: bool,
}

/// Gradients of the outputs; one that is not given has one element and is not read.
#[derive(CubeLaunch, CubeType)]
pub(super) struct Cotangents<F: Float> {
    pub y: Box<[F]>,
    pub c: Box<[F]>,
    pub o: Box<[F]>,
    pub trace: Box<[F]>,
    #[cube(comptime)]
    pub given: Given,
}

/// Which gradients are given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Given {
    pub y: bool,
    pub c: bool,
    pub o: bool,
    pub trace: bool,
}

/// What the forward pass left.
#[derive(CubeLaunch, CubeType)]
pub(super) struct Tape<F: Float> {
    pub u: Box<[F]>,
    pub gates: Box<[F]>,
    /// State before the first step `[B, H]`.
    pub c0: Box<[F]>,
}

/// What the backward pass writes.
#[derive(CubeLaunch, CubeType)]
pub(super) struct Gradients<F: Float> {
    /// Of the sums with the input weights `[T, B, 3H]`,
    pub p: Box<[F]>,
    /// and with the recurrent weights `[T, B, 3H]`.
    pub q: Box<[F]>,
    /// `[4, B, H]`: of c and of the trace, those after the step, then those before it; of the thresholds, a part for each
    /// sample; of the last output, then of the one before the first step.
    pub state: Box<[F]>,
}

/// The sums of one unit's gates.
#[derive(CubeType, Clone, Copy)]
pub(super) struct Sums<F: Float> {
    pub z: F,
    pub r: F,
    pub g: F,
}

/// The sums of the unit whose first one lies at `at`.
#[cube]
pub(super) fn read_sums<F: Float>(all: &[F], at: usize, hidden: usize) -> Sums<F> {
    Sums::<F> { z: all[at], r: all[at + hidden], g: all[at + 2usize * hidden] }
}

/// Writes them there.
#[cube]
pub(super) fn write_sums<F: Float>(all: &mut [F], at: usize, hidden: usize, sums: Sums<F>) {
    all[at] = sums.z;
    all[at + hidden] = sums.r;
    all[at + 2usize * hidden] = sums.g;
}

/// Sums of nothing.
#[cube]
pub(super) fn no_sums<F: Float>() -> Sums<F> {
    let zero = F::new(0.0_f32);
    Sums::<F> { z: zero, r: zero, g: zero }
}

/// Steps of a sample.
#[cube]
pub(super) fn steps_of<F: Float>(layer: &Layer<F>, sample: usize) -> usize {
    let mut steps = layer.time;
    if comptime!(layer.cut) {
        steps = layer.lengths[sample] as usize;
    }
    steps
}

#[cube]
fn sigmoid<F: Float>(x: F) -> F {
    let one = F::new(1.0_f32);
    one / (one + (-x).exp())
}

/// Through the exponential of a number that is not positive: some drivers' own overflows.
#[cube]
fn tanh<F: Float>(x: F) -> F {
    let one = F::new(1.0_f32);
    let two = F::new(2.0_f32);
    let shrunk = (-two * x.abs()).exp();
    let mut out = (one - shrunk) / (one + shrunk);
    if x < F::new(0.0_f32) {
        out = -out;
    }
    out
}

/// The share of the new state in a step.
#[cube]
fn new_share<F: Float>(layer: &Layer<F>, at: usize) -> F {
    let mut share = layer.new_share.get::<F>();
    if comptime!(layer.masked) {
        share = layer.zoneout[at];
    }
    share
}

/// A step of one unit: `input` are its sums with the input weights, `h` those with the recurrent weights.
#[cube]
pub(super) fn advance<F: Float>(
    layer: &Layer<F>,
    input: Sums<F>,
    h: Sums<F>,
    out: &mut Outputs<F>,
    t: usize,
    sample: usize,
    unit: usize,
) {
    let zero = F::new(0.0_f32);
    let one = F::new(1.0_f32);
    let state = sample * layer.hidden + unit;
    let row = t * layer.batch + sample;
    let at = row * layer.hidden + unit;
    let state_trace = layer.batch * layer.hidden + state;
    let c_before = out.state[state];
    let theta = layer.theta[unit];

    let z = sigmoid::<F>(input.z + h.z);
    let r = sigmoid::<F>(input.r + h.r);
    let g = tanh::<F>(input.g + r * h.g);
    let mut u = z * c_before + (one - z) * g;
    let share = new_share::<F>(layer, at);
    u = share * u + (one - share) * c_before;

    let v = u - theta;
    let mut o = zero;
    if v > zero {
        o = one;
    }
    let y = o * u;
    let c = u - o * theta;
    let alpha = layer.alpha.get::<F>();
    let trace = alpha * out.state[state_trace] + (one - alpha) * y;

    out.y[at] = y;
    out.last_y[state] = y;
    out.state[state] = c;
    out.state[state_trace] = trace;
    if comptime!(out.kept.c) {
        out.c[at] = c;
    }
    if comptime!(out.kept.o) {
        out.o[at] = o;
    }
    if comptime!(out.kept.trace) {
        out.trace[at] = trace;
    }
    if comptime!(out.kept.window) {
        let mut window = o;
        if v.abs() * layer.eps.get::<F>() < one {
            window = one;
        }
        out.window[at] = window;
    }
    if comptime!(out.kept.tape) {
        out.tape_u[at] = u;
        let gates = row * 4usize * layer.hidden + unit;
        out.tape_gates[gates] = z;
        out.tape_gates[gates + layer.hidden] = r;
        out.tape_gates[gates + 2usize * layer.hidden] = g;
        out.tape_gates[gates + 3usize * layer.hidden] = h.g;
    }
}

/// A step past the end of a sample: it holds its state and sends nothing.
#[cube]
pub(super) fn hold<F: Float>(
    layer: &Layer<F>,
    out: &mut Outputs<F>,
    t: usize,
    sample: usize,
    unit: usize,
) {
    let zero = F::new(0.0_f32);
    let state = sample * layer.hidden + unit;
    let at = (t * layer.batch + sample) * layer.hidden + unit;
    out.y[at] = zero;
    if comptime!(out.kept.c) {
        out.c[at] = out.state[state];
    }
    if comptime!(out.kept.o) {
        out.o[at] = zero;
    }
    if comptime!(out.kept.trace) {
        out.trace[at] = out.state[layer.batch * layer.hidden + state];
    }
    if comptime!(out.kept.window) {
        out.window[at] = zero;
    }
}

/// Whether a gradient of the unit's output has any effect: it was active, or within reach of its threshold.
#[cube]
pub(super) fn wanted<F: Float>(layer: &Layer<F>, tape: &Tape<F>, at: usize, unit: usize) -> bool {
    let v = tape.u[at] - layer.theta[unit];
    v > F::new(0.0_f32) || v.abs() * layer.eps.get::<F>() < F::new(1.0_f32)
}

/// The gradient of [`advance`]; `dy` is that of the output through the steps after this one. Returns the
/// gradients by the recurrent sums.
#[cube]
pub(super) fn retreat<F: Float>(
    layer: &Layer<F>,
    tape: &Tape<F>,
    cotangents: &Cotangents<F>,
    grads: &mut Gradients<F>,
    dy_after: F,
    t: usize,
    sample: usize,
    unit: usize,
) -> Sums<F> {
    let zero = F::new(0.0_f32);
    let one = F::new(1.0_f32);
    let hidden = layer.hidden;
    let state = sample * hidden + unit;
    let row = t * layer.batch + sample;
    let at = row * hidden + unit;
    let part = layer.batch * hidden;
    let theta = layer.theta[unit];
    let alpha = layer.alpha.get::<F>();
    let eps = layer.eps.get::<F>();

    let mut dtrace = grads.state[part + state];
    if comptime!(cotangents.given.trace) {
        dtrace += cotangents.trace[at];
    }
    let mut dy = dy_after + (one - alpha) * dtrace;
    if comptime!(cotangents.given.y) {
        dy += cotangents.y[at];
    }
    if t + 1usize == steps_of::<F>(layer, sample) {
        dy += grads.state[3usize * part + state];
    }
    let mut dc = grads.state[state];
    if comptime!(cotangents.given.c) {
        dc += cotangents.c[at];
    }

    let u = tape.u[at];
    let v = u - theta;
    let mut o = zero;
    if v > zero {
        o = one;
    }
    let mut d_o = u * dy - theta * dc;
    if comptime!(cotangents.given.o) {
        d_o += cotangents.o[at];
    }
    let mut slope = one - eps * v.abs();
    if slope < zero {
        slope = zero;
    }
    let dv = layer.gamma.get::<F>() * slope * d_o;
    grads.state[2usize * part + state] -= dv + o * dc;
    let du = o * dy + dv + dc;

    let mut c_before = tape.c0[state];
    if t > 0usize {
        let u_before = tape.u[at - layer.batch * hidden];
        c_before = u_before;
        if u_before > theta {
            c_before = u_before - theta;
        }
    }
    let share = new_share::<F>(layer, at);
    let du_new = share * du;
    let gates = row * 4usize * hidden + unit;
    let z = tape.gates[gates];
    let r = tape.gates[gates + hidden];
    let g = tape.gates[gates + 2usize * hidden];
    let h_g = tape.gates[gates + 3usize * hidden];
    let p_g = (one - g * g) * (one - z) * du_new;
    let p_r = r * (one - r) * p_g * h_g;
    let p_z = z * (one - z) * (c_before - g) * du_new;
    let q_g = p_g * r;
    grads.state[state] = z * du_new + (one - share) * du;
    grads.state[part + state] = alpha * dtrace;

    let sums = row * 3usize * hidden + unit;
    write_sums::<F>(&mut grads.p, sums, hidden, Sums::<F> { z: p_z, r: p_r, g: p_g });
    write_sums::<F>(&mut grads.q, sums, hidden, Sums::<F> { z: p_z, r: p_r, g: q_g });
    Sums::<F> { z: p_z, r: p_r, g: q_g }
}

/// No gradient enters past the end of a sample.
#[cube]
pub(super) fn rest<F: Float>(
    layer: &Layer<F>,
    grads: &mut Gradients<F>,
    t: usize,
    sample: usize,
    unit: usize,
) {
    let sums = (t * layer.batch + sample) * 3usize * layer.hidden + unit;
    write_sums::<F>(&mut grads.p, sums, layer.hidden, no_sums::<F>());
    write_sums::<F>(&mut grads.q, sums, layer.hidden, no_sums::<F>());
}
