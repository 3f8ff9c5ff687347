//! What the integration tests share: a straightforward reference in `f64` and random problems.
#![allow(dead_code)]

use egru_kernels::*;
use rand_like::Random;

/// A small deterministic generator, so that the tests need no other crate.
pub mod rand_like {
    /// SplitMix64.
    pub struct Random(pub u64);

    impl Random {
        /// Uniform in [0, 1).
        pub fn unit(&mut self) -> f64 {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = self.0;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
        }

        /// Uniform in [-scale, scale).
        pub fn values(&mut self, count: usize, scale: f64) -> Vec<f64> {
            (0..count).map(|_| (self.unit() * 2.0 - 1.0) * scale).collect()
        }

        /// [`Random::values`] of which a share `keep` is not zero.
        pub fn sparse(&mut self, count: usize, scale: f64, keep: f64) -> Vec<f64> {
            let mut values = self.values(count, scale);
            values.iter_mut().for_each(|value| {
                if self.unit() >= keep {
                    *value = 0.0;
                }
            });
            values
        }
    }
}

/// Zoneout of a [`Problem`].
#[derive(Clone, Debug)]
pub enum Zone {
    Off,
    Mask(Vec<f64>),
    Keep(f64),
}

/// One sequence with its cotangents, owned.
#[derive(Clone, Debug)]
pub struct Problem {
    pub dims: Dims,
    pub params: EgruParams,
    pub x: Vec<f64>,
    pub y0: Vec<f64>,
    pub c0: Vec<f64>,
    pub trace0: Vec<f64>,
    pub w: Vec<f64>,
    pub r: Vec<f64>,
    pub bias_w: Vec<f64>,
    pub bias_r: Vec<f64>,
    pub theta: Vec<f64>,
    pub zone: Zone,
    pub lengths: Option<Vec<usize>>,
    pub x_needs_grad: Option<Vec<f64>>,
    pub dy: Vec<f64>,
    pub dc: Vec<f64>,
    pub do_: Vec<f64>,
    pub dtrace: Vec<f64>,
    /// Cotangents of the last state's `c`, `y` and `trace`.
    pub dlast: [Vec<f64>; 3],
}

impl Problem {
    /// A random problem with non-zero initial states. A threshold of -5 makes all units active, 1e30 none.
    pub fn random(dims: Dims, theta: f64, seed: u64) -> Self {
        let Dims { time, batch, input, hidden } = dims;
        let mut random = Random(seed);
        let (state, size) = (batch * hidden, time * batch * hidden);
        let scale = |count: usize| (3.0 / count.max(1) as f64).sqrt();
        Self {
            dims,
            params: EgruParams { alpha: 0.9, gamma: 0.7, eps: 1.7 },
            x: random.values(time * batch * input, 1.5),
            y0: random.sparse(state, 1.0, 0.5),
            c0: random.values(state, 1.0),
            trace0: random.values(state, 1.0),
            w: random.values(input * 3 * hidden, scale(input)),
            r: random.values(hidden * 3 * hidden, scale(hidden)),
            bias_w: random.values(3 * hidden, 0.3),
            bias_r: random.values(3 * hidden, 0.3),
            theta: random.values(hidden, 0.2).iter().map(|offset| theta + offset).collect(),
            zone: Zone::Off,
            lengths: None,
            x_needs_grad: None,
            dy: random.values(size, 1.0),
            dc: random.values(size, 1.0),
            do_: random.values(size, 1.0),
            dtrace: random.values(size, 1.0),
            dlast: [(); 3].map(|()| random.values(state, 1.0)),
        }
    }

    /// Per-step zoneout masks with a share `keep` of ones.
    pub fn with_mask(mut self, keep: f64) -> Self {
        let Dims { time, batch, hidden, .. } = self.dims;
        let mut random = Random(77);
        let mask = (0..time * batch * hidden).map(|_| f64::from(random.unit() < keep)).collect();
        self.zone = Zone::Mask(mask);
        self
    }

    /// Lengths that include 0 and `T`.
    pub fn with_lengths(mut self) -> Self {
        let Dims { time, batch, .. } = self.dims;
        self.lengths = Some((0..batch).map(|b| b * 7 % (time + 1)).collect());
        self
    }

    /// Inputs with a share `keep` of non-zero values, whose gradient is wanted there and here and there.
    pub fn with_sparse_input(mut self, keep: f64) -> Self {
        let mut random = Random(78);
        self.x = random.sparse(self.x.len(), 1.5, keep);
        let needs = self.x.iter().map(|&x| f64::from(x != 0.0 || random.unit() < 0.2)).collect();
        self.x_needs_grad = Some(needs);
        self
    }
}

/// Everything that both passes compute, in `f64`.
pub struct Results {
    pub outputs: Outputs<Vec<f64>>,
    pub gradients: Gradients<Vec<f64>>,
}

impl Results {
    /// All tensors by name.
    pub fn named(&self) -> Vec<(&'static str, &[f64])> {
        let (o, g) = (&self.outputs, &self.gradients);
        vec![
            ("y", &o.y),
            ("c", &o.c),
            ("o", &o.o),
            ("trace", &o.trace),
            ("window", &o.window),
            ("last c", &o.last.c),
            ("last y", &o.last.y),
            ("last trace", &o.last.trace),
            ("dx", &g.x),
            ("dy0", &g.y0),
            ("dc0", &g.c0),
            ("dtrace0", &g.trace0),
            ("dW", &g.w),
            ("dR", &g.r),
            ("dbW", &g.bias_w),
            ("dbR", &g.bias_r),
            ("dtheta", &g.theta),
        ]
    }
}

/// All gradients.
pub const ALL: Wanted = Wanted { x: true, w: true, r: true, theta: true, state: true };

/// Runs the kernels in precision `F`.
pub fn run<F: Element + Into<f64>>(problem: &Problem, products: Products) -> Results {
    let cast = |values: &[f64]| values.iter().map(|&v| F::from_f64(v)).collect::<Vec<F>>();
    let p = problem;
    let x = cast(&p.x);
    let (y0, c0, trace0) = (cast(&p.y0), cast(&p.c0), cast(&p.trace0));
    let (w, r, bias_w, bias_r) = (cast(&p.w), cast(&p.r), cast(&p.bias_w), cast(&p.bias_r));
    let theta = cast(&p.theta);
    let mask = if let Zone::Mask(mask) = &p.zone { cast(mask) } else { vec![] };
    let needs = p.x_needs_grad.as_deref().map(cast);
    let inputs = Inputs {
        x: &x,
        y0: &y0,
        c0: &c0,
        trace0: &trace0,
        w: &w,
        r: &r,
        bias_w: &bias_w,
        bias_r: &bias_r,
        theta: &theta,
        zoneout: match p.zone {
            Zone::Off => Zoneout::Off,
            Zone::Mask(_) => Zoneout::Mask(&mask),
            Zone::Keep(keep) => Zoneout::Keep(F::from_f64(keep)),
        },
        lengths: p.lengths.as_deref(),
        x_needs_grad: needs.as_deref(),
    };
    let sequence = Sequence { dims: p.dims, params: p.params, inputs, products };
    let out = egru_forward::<F, Vec<F>>(&sequence, Keep::ALL).expect("shapes fit");
    let (dy, dc, do_, dtrace) = (cast(&p.dy), cast(&p.dc), cast(&p.do_), cast(&p.dtrace));
    let [last_c, last_y, last_trace] = [0, 1, 2].map(|i| cast(&p.dlast[i]));
    let last = LastCotangents { c: Some(&last_c), y: Some(&last_y), trace: Some(&last_trace) };
    let grads =
        Cotangents { y: Some(&dy), c: Some(&dc), o: Some(&do_), trace: Some(&dtrace), last };
    let g = egru_backward(&sequence, &out.y, out.tape, &grads, ALL).expect("shapes fit");
    let back = |values: &[F]| values.iter().map(|&v| v.into()).collect::<Vec<f64>>();
    Results {
        outputs: Outputs {
            y: back(&out.y),
            c: back(&out.c),
            o: back(&out.o),
            trace: back(&out.trace),
            window: back(&out.window),
            last: State {
                c: back(&out.last.c),
                y: back(&out.last.y),
                trace: back(&out.last.trace),
            },
            tape: Tape { u: vec![], gates: vec![] },
        },
        gradients: Gradients {
            x: back(&g.x),
            y0: back(&g.y0),
            c0: back(&g.c0),
            trace0: back(&g.trace0),
            w: back(&g.w),
            r: back(&g.r),
            bias_w: back(&g.bias_w),
            bias_r: back(&g.bias_r),
            theta: back(&g.theta),
        },
    }
}

/// The equations of the crate, one scalar at a time, every product executed.
pub fn reference(p: &Problem) -> Results {
    let Dims { time, batch, input, hidden: h } = p.dims;
    let size = time * batch * h;
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    let live = |t: usize, b: usize| p.lengths.as_ref().is_none_or(|lengths| t < lengths[b]);
    let keep = |at: usize| match &p.zone {
        Zone::Off => 1.0,
        Zone::Mask(mask) => mask[at],
        Zone::Keep(keep) => *keep,
    };
    let empty = || vec![0.0; size];
    let mut out = Outputs {
        y: empty(),
        c: empty(),
        o: empty(),
        trace: empty(),
        window: empty(),
        last: State { c: p.c0.clone(), y: p.y0.clone(), trace: p.trace0.clone() },
        tape: Tape { u: vec![], gates: vec![] },
    };
    let [mut z, mut r, mut g, mut h_g, mut u] = [(); 5].map(|()| empty());
    for t in 0..time {
        for b in 0..batch {
            for j in 0..h {
                let at = (t * batch + b) * h + j;
                let before = |now: &[f64], initial: &[f64]| {
                    if t == 0 { initial[b * h + j] } else { now[at - batch * h] }
                };
                let (c_before, trace_before) =
                    (before(&out.c, &p.c0), before(&out.trace, &p.trace0));
                if !live(t, b) {
                    (out.c[at], out.trace[at]) = (c_before, trace_before);
                    continue;
                }
                let (mut a, mut rec) = ([0.0; 3], [0.0; 3]);
                for gate in 0..3 {
                    let column = gate * h + j;
                    a[gate] = p.bias_w[column];
                    for i in 0..input {
                        a[gate] += p.x[(t * batch + b) * input + i] * p.w[i * 3 * h + column];
                    }
                    rec[gate] = p.bias_r[column];
                    for i in 0..h {
                        let y = if t == 0 {
                            p.y0[b * h + i]
                        } else {
                            out.y[((t - 1) * batch + b) * h + i]
                        };
                        rec[gate] += y * p.r[i * 3 * h + column];
                    }
                }
                z[at] = sigmoid(a[0] + rec[0]);
                r[at] = sigmoid(a[1] + rec[1]);
                h_g[at] = rec[2];
                g[at] = (a[2] + r[at] * rec[2]).tanh();
                let new = z[at] * c_before + (1.0 - z[at]) * g[at];
                u[at] = keep(at) * new + (1.0 - keep(at)) * c_before;
                let v = u[at] - p.theta[j];
                out.o[at] = f64::from(v > 0.0);
                out.y[at] = out.o[at] * u[at];
                out.c[at] = u[at] - out.o[at] * p.theta[j];
                out.trace[at] = p.params.alpha * trace_before + (1.0 - p.params.alpha) * out.y[at];
                let near = 1.0 - p.params.eps * v.abs() > 0.0;
                out.window[at] = f64::from(near || out.o[at] == 1.0);
                out.last.c[b * h + j] = out.c[at];
                out.last.y[b * h + j] = out.y[at];
                out.last.trace[b * h + j] = out.trace[at];
            }
        }
    }

    let state = batch * h;
    // They enter after each sample's last step.
    let [last_c, last_y, last_trace] = p.dlast.clone();
    let mut grad = Gradients {
        x: vec![0.0; time * batch * input],
        y0: last_y,
        c0: last_c,
        trace0: last_trace,
        w: vec![0.0; input * 3 * h],
        r: vec![0.0; h * 3 * h],
        bias_w: vec![0.0; 3 * h],
        bias_r: vec![0.0; 3 * h],
        theta: vec![0.0; h],
    };
    // y0, c0 and trace0 carry the gradients from step to step.
    for t in (0..time).rev() {
        let mut dy_before = vec![0.0; state];
        for b in 0..batch {
            if !live(t, b) {
                dy_before[b * h..][..h].copy_from_slice(&grad.y0[b * h..][..h]);
                continue;
            }
            for j in 0..h {
                let at = (t * batch + b) * h + j;
                let own = b * h + j;
                let c_before = if t == 0 { p.c0[own] } else { out.c[at - state] };
                let dtrace = p.dtrace[at] + grad.trace0[own];
                let dy = p.dy[at] + grad.y0[own] + (1.0 - p.params.alpha) * dtrace;
                let dc = p.dc[at] + grad.c0[own];
                grad.trace0[own] = p.params.alpha * dtrace;
                let d_o = p.do_[at] + u[at] * dy - p.theta[j] * dc;
                let v = u[at] - p.theta[j];
                let dv = p.params.gamma * (1.0 - p.params.eps * v.abs()).max(0.0) * d_o;
                grad.theta[j] -= dv + out.o[at] * dc;
                let du = out.o[at] * dy + dv + dc;
                let new = keep(at) * du;
                let dz = (c_before - g[at]) * new;
                let dg = (1.0 - z[at]) * new;
                grad.c0[own] = (1.0 - keep(at)) * du + z[at] * new;
                let p_g = (1.0 - g[at] * g[at]) * dg;
                let q_g = p_g * r[at];
                let p_r = r[at] * (1.0 - r[at]) * p_g * h_g[at];
                let p_z = z[at] * (1.0 - z[at]) * dz;
                for (gate, (p_gate, q_gate)) in
                    [(p_z, p_z), (p_r, p_r), (p_g, q_g)].into_iter().enumerate()
                {
                    let column = gate * h + j;
                    grad.bias_w[column] += p_gate;
                    grad.bias_r[column] += q_gate;
                    for i in 0..input {
                        let x = (t * batch + b) * input + i;
                        grad.w[i * 3 * h + column] += p.x[x] * p_gate;
                        grad.x[x] += p_gate * p.w[i * 3 * h + column];
                    }
                    for i in 0..h {
                        let y = if t == 0 { p.y0[b * h + i] } else { out.y[at - j + i - state] };
                        grad.r[i * 3 * h + column] += y * q_gate;
                        dy_before[b * h + i] += q_gate * p.r[i * 3 * h + column];
                    }
                }
            }
        }
        grad.y0 = dy_before;
    }
    if let Some(needs) = &p.x_needs_grad {
        for (value, &need) in grad.x.iter_mut().zip(needs) {
            *value = if need == 0.0 { 0.0 } else { *value };
        }
    }
    Results { outputs: out, gradients: grad }
}

/// `|got - expected| / |expected|` in the Euclidean norm; the absolute one where nothing is expected.
pub fn distance(got: &[f64], expected: &[f64]) -> f64 {
    assert_eq!(got.len(), expected.len());
    let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>().sqrt();
    let error = norm(&mut got.iter().zip(expected).map(|(a, b)| a - b));
    let size = norm(&mut expected.iter().copied());
    if size > 0.0 { error / size } else { error }
}

/// Asserts that every tensor is within `bound`.
pub fn assert_close(got: &Results, expected: &Results, bound: f64, context: &str) {
    for ((name, got), (_, expected)) in got.named().into_iter().zip(expected.named()) {
        let error = distance(got, expected);
        assert!(error <= bound, "{context}: {name} is off by {error:e}");
    }
}

/// Asserts that every tensor has the same bits.
pub fn assert_same(got: &Results, expected: &Results, context: &str) {
    for ((name, got), (_, expected)) in got.named().into_iter().zip(expected.named()) {
        let same = got.iter().zip(expected).all(|(a, b)| a.to_bits() == b.to_bits());
        assert!(same, "{context}: {name} differs");
    }
}
