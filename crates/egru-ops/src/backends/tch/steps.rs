//! The operations as libtorch's own, over all steps: in place, on memory made once, without ever asking the device
//! for a value, so that on CUDA the host runs ahead.
//!
//! What does not depend on the step before is computed for all steps at once. Equations: `docs/src/maths.md`.

use burn::backend::{LibTorch, libtorch::TchTensor};
use egru_kernels::{LinearWanted, Wanted};
use tch::{Kind, Tensor, no_grad_guard};

use crate::egru_sequence::{
    SequenceCotangents, SequenceGradients, SequenceInputs, SequenceOutputs, SequenceSettings,
    SequenceTape,
};
use crate::event_linear::{LinearGradients, LinearInputs};
use crate::maybe::Maybe;

fn option(tensor: Maybe<LibTorch>) -> Option<Tensor> {
    tensor.into_option().map(|tensor| tensor.tensor)
}

fn maybe(given: bool, tensor: impl FnOnce() -> Tensor) -> Maybe<LibTorch> {
    Maybe::when(given, || TchTensor::new(tensor()))
}

/// Sizes of a call, as libtorch counts.
struct Dims {
    time: i64,
    batch: i64,
    input: i64,
    hidden: i64,
}

fn dims(i: &SequenceInputs<LibTorch>) -> Dims {
    let (time, batch, input) = i.x.tensor.size3().expect("checked by the dispatch");
    Dims { time, batch, input, hidden: i.theta.tensor.size()[0] }
}

/// How the new state mixes with the one before, and which samples a step belongs to.
struct Mixing {
    /// Share of the new state: a mask for each step, one number, or all of it.
    mask: Option<Tensor>,
    share: f64,
    /// `[B]` of the samples, if they end early.
    lengths: Option<Tensor>,
}

impl Mixing {
    fn new(zoneout: Maybe<LibTorch>, settings: &SequenceSettings, like: &Tensor) -> Self {
        let lengths = settings.lengths.as_ref().map(|lengths| {
            let lengths: Vec<i64> = lengths.iter().map(|&n| n as i64).collect();
            Tensor::from_slice(&lengths).to_device(like.device()).unsqueeze(1)
        });
        Self { mask: option(zoneout), share: settings.new_share, lengths }
    }

    /// 1 for the samples `[B, 1]` that step `t` belongs to; `None`: all of them.
    fn live(&self, t: i64) -> Option<Tensor> {
        self.lengths.as_ref().map(|lengths| lengths.gt(t))
    }

    /// Leaves `new` where zoneout takes it and puts `before` elsewhere.
    fn mix(&self, t: i64, new: &Tensor, before: &Tensor) {
        match &self.mask {
            Some(mask) => drop(before.lerp_tensor_out(new, new, &mask.get(t))),
            None if self.share == 1.0 => {}
            None => drop(before.lerp_scalar_out(new, new, self.share)),
        }
    }

    /// The parts of a gradient that go through the new state, and past it to the state before.
    fn split(&self, t: i64, gradient: Tensor) -> (Tensor, Option<Tensor>) {
        match &self.mask {
            Some(mask) => {
                let through = &gradient * mask.get(t);
                let past = &gradient - &through;
                (through, Some(past))
            }
            None if self.share == 1.0 => (gradient, None),
            None => (&gradient * self.share, Some(gradient * (1.0 - self.share))),
        }
    }
}

pub(super) fn sequence_forward(
    i: SequenceInputs<LibTorch>,
    settings: &SequenceSettings,
) -> SequenceOutputs<LibTorch> {
    let _no_grad = no_grad_guard();
    let Dims { time, batch, input, hidden } = dims(&i);
    let x = &i.x.tensor;
    let (keep, alpha) = (settings.keep, settings.params.alpha);
    let mixing = Mixing::new(i.zoneout, settings, x);
    let theta = &i.theta.tensor;
    let minus_theta = -theta;
    let sums = i.bias_w.tensor.addmm(&x.reshape([-1, input]), &i.w.tensor).view([time, batch, -1]);

    let options = (x.kind(), x.device());
    let series = |width: i64| Tensor::empty([time, batch, width], options);
    let kept = |kept: bool, width: i64| kept.then(|| series(width));
    let y_all = series(hidden);
    let (c_all, o_all) = (kept(keep.c, hidden), kept(keep.o, hidden));
    let (trace_all, window_all) = (kept(keep.trace, hidden), kept(keep.window, hidden));
    let (u_all, gates_all) = (kept(keep.tape, hidden), kept(keep.tape, 4 * hidden));
    let one = |width: i64| Tensor::empty([batch, width], options);
    let (h, o_one, u_one, gates_one) = (one(3 * hidden), one(hidden), one(hidden), one(4 * hidden));
    // Where a step's values go; those that are not kept are overwritten by the next step's.
    let place = |all: &Option<Tensor>, one: &Tensor, t: i64| {
        all.as_ref().map_or_else(|| one.shallow_clone(), |all| all.get(t))
    };

    let mut c = i.c0.tensor.copy();
    let mut y = i.y0.tensor.copy();
    let mut trace = i.trace0.tensor.copy();
    for t in 0..time {
        let _ = i.bias_r.tensor.addmm_out(&h, &y, &i.r.tensor);
        let sums = sums.get(t);
        let gates = place(&gates_all, &gates_one, t);
        let mut update_reset = gates.narrow(1, 0, 2 * hidden);
        let _ = sums.narrow(1, 0, 2 * hidden).add_out(&update_reset, &h.narrow(1, 0, 2 * hidden));
        let _ = update_reset.sigmoid_();
        let (z, r) = (gates.narrow(1, 0, hidden), gates.narrow(1, hidden, hidden));
        let mut g = gates.narrow(1, 2 * hidden, hidden);
        let h_g = h.narrow(1, 2 * hidden, hidden);
        let _ = sums.narrow(1, 2 * hidden, hidden).addcmul_out(&g, &r, &h_g);
        let _ = g.tanh_();
        if keep.tape {
            gates.narrow(1, 3 * hidden, hidden).copy_(&h_g);
        }
        let u = place(&u_all, &u_one, t);
        let _ = g.lerp_tensor_out(&u, &c, &z);
        mixing.mix(t, &u, &c);
        let mut o = place(&o_all, &o_one, t);
        let _ = u.gt_tensor_out(&o, theta);
        let mut y_now = y_all.get(t);
        let _ = o.mul_out(&y_now, &u);
        let mut c_now = u.addcmul(&o, &minus_theta);
        let mut trace_now = trace.lerp(&y_now, 1.0 - alpha);
        let mut window = window_all.as_ref().map(|window_all| {
            let near = (&u - theta).abs().lt(1.0 / settings.params.eps);
            let mut window = window_all.get(t);
            window.copy_(&near.logical_or(&u.gt_tensor(theta)));
            window
        });
        if let Some(live) = mixing.live(t) {
            c_now = c_now.where_self(&live, &c);
            trace_now = trace_now.where_self(&live, &trace);
            y = y_now.where_self(&live, &y);
            let past_end = live.logical_not();
            for series in [Some(&mut y_now), Some(&mut o), window.as_mut()].into_iter().flatten() {
                let _ = series.masked_fill_(&past_end, 0.0);
            }
        } else {
            y = y_now;
        }
        (c, trace) = (c_now, trace_now);
        for (all, now) in [(&c_all, &c), (&trace_all, &trace)] {
            if let Some(all) = all {
                all.get(t).copy_(now);
            }
        }
    }
    let given = |tensor: Option<Tensor>| Maybe::from(tensor.map(TchTensor::new));
    SequenceOutputs {
        y: TchTensor::new(y_all),
        c: given(c_all),
        o: given(o_all),
        trace: given(trace_all),
        window: given(window_all),
        last_c: TchTensor::new(c),
        // A copy, since `y` may be the last step of the series, and Burn takes every tensor for memory of its own.
        last_y: TchTensor::new(y.copy()),
        last_trace: TchTensor::new(trace),
        tape_u: given(u_all),
        tape_gates: given(gates_all),
    }
}

/// What a step backward takes and does not depend on the steps after it, for all steps `[T, B, H]`.
struct Factors {
    u: Tensor,
    /// Events, 0 or 1.
    o: Tensor,
    /// Surrogate slope.
    slope: Tensor,
    z: Tensor,
    r: Tensor,
    /// Of the gradient of the new state: what reaches the sums of z and of g,
    to_z: Tensor,
    to_g: Tensor,
    /// and of the gradient of the sum of g: what reaches that of r.
    g_to_r: Tensor,
}

impl Factors {
    fn new(u: Tensor, gates: &Tensor, c0: &Tensor, theta: &Tensor, gamma: f64, eps: f64) -> Self {
        let (time, _, hidden) = u.size3().expect("a series");
        let gate = |k: i64| gates.narrow(2, k * hidden, hidden);
        let (z, r, g, h_g) = (gate(0), gate(1), gate(2), gate(3));
        let v = &u - theta;
        let o = v.gt(0.0).to_kind(u.kind());
        let slope = ((v.abs() * -eps) + 1.0).clamp_min(0.0) * gamma;
        let c = &u - &o * theta;
        let before = Tensor::cat(&[c0.unsqueeze(0), c.narrow(0, 0, time - 1)], 0);
        let rest = 1.0 - &z;
        let to_z = (before - &g) * &z * &rest;
        let to_g = (1.0 - &g * &g) * rest;
        let g_to_r = (1.0 - &r) * &r * h_g;
        Self { u, o, slope, z, r, to_z, to_g, g_to_r }
    }
}

pub(super) fn sequence_backward(
    i: SequenceInputs<LibTorch>,
    tape: SequenceTape<LibTorch>,
    cotangents: SequenceCotangents<LibTorch>,
    wanted: Wanted,
    settings: &SequenceSettings,
) -> SequenceGradients<LibTorch> {
    let _no_grad = no_grad_guard();
    let Dims { time, batch, input, hidden } = dims(&i);
    let (alpha, theta) = (settings.params.alpha, &i.theta.tensor);
    let mixing = Mixing::new(i.zoneout, settings, &i.x.tensor);
    let f = Factors::new(
        tape.u.tensor,
        &tape.gates.tensor,
        &i.c0.tensor,
        theta,
        settings.params.gamma,
        settings.params.eps,
    );
    let [by_y, by_c, by_o, by_trace, last_c, last_y, last_trace] = [
        cotangents.y,
        cotangents.c,
        cotangents.o,
        cotangents.trace,
        cotangents.last_c,
        cotangents.last_y,
        cotangents.last_trace,
    ]
    .map(option);
    let transposed = i.r.tensor.tr();
    let start = |given: Option<Tensor>| match given {
        Some(gradient) => gradient.copy(),
        None => i.c0.tensor.zeros_like(),
    };
    let (mut dc, mut dtrace) = (start(last_c), start(last_trace));
    let mut dtheta = i.c0.tensor.zeros_like();
    let options = (i.x.tensor.kind(), i.x.tensor.device());
    let p = Tensor::empty([time, batch, 3 * hidden], options);
    let q = Tensor::empty([time, batch, 3 * hidden], options);
    let mut dy = match (&last_y, &mixing.lengths) {
        (Some(last_y), None) => last_y.copy(),
        _ => i.c0.tensor.zeros_like(),
    };
    for t in (0..time).rev() {
        let live = mixing.live(t);
        // What a sample past its end hands on; copies, since the rest of the step works in place.
        let held = live.as_ref().map(|_| (dc.copy(), dtrace.copy()));
        if let Some(by_trace) = &by_trace {
            let _ = dtrace.g_add_(&by_trace.get(t));
        }
        let _ = dy.g_add_(&(&dtrace * (1.0 - alpha)));
        if let Some(by_y) = &by_y {
            let _ = dy.g_add_(&by_y.get(t));
        }
        if let (Some(last_y), Some(lengths)) = (&last_y, &mixing.lengths) {
            let _ = dy.g_add_(&(last_y * lengths.eq(t + 1).to_kind(options.0)));
        }
        if let Some(by_c) = &by_c {
            let _ = dc.g_add_(&by_c.get(t));
        }
        let o = f.o.get(t);
        let mut by_event = f.u.get(t) * &dy - theta * &dc;
        if let Some(by_o) = &by_o {
            let _ = by_event.g_add_(&by_o.get(t));
        }
        let dv = by_event * f.slope.get(t);
        let mut du = &dc + &dv;
        let _ = du.addcmul_(&o, &dy);
        let mut lost = dv.addcmul(&o, &dc);
        if let Some(live) = &live {
            let live = live.to_kind(options.0);
            let _ = du.g_mul_(&live);
            let _ = lost.g_mul_(&live);
        }
        let _ = dtheta.g_sub_(&lost);
        let (through, past) = mixing.split(t, du);
        let (p, q) = (p.get(t), q.get(t));
        let gate = |all: &Tensor, k: i64| all.narrow(1, k * hidden, hidden);
        let (p_z, p_r, p_g) = (gate(&p, 0), gate(&p, 1), gate(&p, 2));
        let _ = through.mul_out(&p_z, &f.to_z.get(t));
        let _ = through.mul_out(&p_g, &f.to_g.get(t));
        let _ = p_g.mul_out(&p_r, &f.g_to_r.get(t));
        q.narrow(1, 0, 2 * hidden).copy_(&p.narrow(1, 0, 2 * hidden));
        let _ = p_g.mul_out(&gate(&q, 2), &f.r.get(t));
        dc = through * f.z.get(t);
        if let Some(past) = past {
            let _ = dc.g_add_(&past);
        }
        let _ = dtrace.g_mul_scalar_(alpha);
        if let (Some(live), Some((dc_held, dtrace_held))) = (&live, held) {
            dc = dc.where_self(live, &dc_held);
            dtrace = dtrace.where_self(live, &dtrace_held);
        }
        dy = q.matmul(&transposed);
    }
    if let (Some(last_y), Some(lengths)) = (&last_y, &mixing.lengths) {
        let _ = dy.g_add_(&(last_y * lengths.eq(0).to_kind(options.0)));
    }

    let (p, q) = (p.view([-1, 3 * hidden]), q.view([-1, 3 * hidden]));
    let before = || {
        let y = tape.y.tensor.narrow(0, 0, time - 1);
        Tensor::cat(&[i.y0.tensor.unsqueeze(0), y], 0).reshape([-1, hidden])
    };
    let x = i.x.tensor.reshape([-1, input]);
    let needs = option(i.x_needs_grad);
    SequenceGradients {
        x: maybe(wanted.x, || masked(p.matmul(&i.w.tensor.tr()).view_as(&i.x.tensor), needs)),
        w: maybe(wanted.w, || x.tr().matmul(&p)),
        r: maybe(wanted.r, || before().tr().matmul(&q)),
        bias_w: maybe(wanted.w, || sum_rows(&p)),
        bias_r: maybe(wanted.r, || sum_rows(&q)),
        theta: maybe(wanted.theta, || sum_rows(&dtheta)),
        c0: maybe(wanted.state, || dc),
        y0: maybe(wanted.state, || dy),
        trace0: maybe(wanted.state, || dtrace),
    }
}

fn sum_rows(tensor: &Tensor) -> Tensor {
    tensor.sum_dim_intlist([0i64].as_slice(), false, None::<Kind>)
}

/// Zero where the gradient is not needed.
fn masked(gradient: Tensor, needs: Option<Tensor>) -> Tensor {
    match needs {
        Some(needs) => gradient.masked_fill(&needs.eq(0.0), 0.0),
        None => gradient,
    }
}

pub(super) fn linear_forward(i: LinearInputs<LibTorch>) -> TchTensor {
    let _no_grad = no_grad_guard();
    TchTensor::new(i.bias.tensor.addmm(&i.events.tensor, &i.weight.tensor))
}

pub(super) fn linear_backward(
    i: LinearInputs<LibTorch>,
    cotangent: TchTensor,
    wanted: LinearWanted,
) -> LinearGradients<LibTorch> {
    let _no_grad = no_grad_guard();
    let by = &cotangent.tensor;
    let needs = option(i.needs_grad);
    LinearGradients {
        events: maybe(wanted.operand, || masked(by.matmul(&i.weight.tensor.tr()), needs)),
        weight: maybe(wanted.weight, || i.events.tensor.tr().matmul(by)),
        bias: maybe(wanted.bias, || sum_rows(by)),
    }
}
