//! The steps of one sequence, from the last to the first.
//!
//! A team of threads walks them; each member owns a run of units, takes the gradient that reaches their
//! outputs through the recurrent weights, only where the surrogate or an event lets it have an effect, and
//! computes the gradients of their gates. One barrier ends a step.

use std::ops::Range;

use pulp::{Simd, WithSimd};

use crate::choice::Product;
use crate::dense::{self, Store, transposed};
use crate::events::CHUNK;
use crate::lanes::{accumulate, load, registers, store};
use crate::masked::{FEW_ROWS, Panels, add_wanted_singly, workspace};
use crate::phases::{Clock, Phase};
use crate::plan::{Plan, Wants};
use crate::scratch::{Aligned, zeros};
use crate::steps::{length, share_of_new, units_of_members};
use crate::team::{self, Barrier, Shared};
use crate::view::{View, ViewMut};
use crate::{Cotangents, Dims, Float, Inputs, Products, Sequence, simd};

/// What the walk finds, beside the gradients by the gates before their nonlinearity, which it leaves in
/// [`Tape::gates`](crate::Tape::gates), in the order `z`, `r`, `q_g`, `p_g`, so that the recurrent ones lie side by side.
pub struct Walk<F> {
    /// `[4, H]`: the sum of the gates' gradients over steps and samples.
    pub sums: Vec<F>,
    /// `[H]`: gradient by the threshold.
    pub theta: Vec<F>,
    /// `[B, H]`: gradient by the initial state.
    pub c0: Vec<F>,
    /// `[B, H]`: gradient by the initial trace.
    pub trace0: Vec<F>,
}

/// Walks the steps, from checked arguments of [`egru_backward`](crate::egru_backward).
pub(crate) fn walk<F: Float>(
    sequence: &Sequence<'_, F>,
    u: &[F],
    gates: &mut [F],
    grads: &Cotangents<'_, F>,
) -> Walk<F> {
    let &Sequence { dims, ref params, ref inputs, products } = sequence;
    let Dims { batch, hidden, .. } = dims;
    // They enter at the last step of each sample: the steps after it leave them alone.
    let start = |last: Option<&[F]>| last.map_or_else(|| zeros(batch * hidden), <[F]>::to_vec);
    let mut found = Walk {
        sums: zeros(4 * hidden),
        theta: zeros(hidden),
        c0: start(grads.last.c),
        trace0: start(grads.last.trace),
    };
    let members = units_of_members(dims);
    let barrier = Barrier::new(members.len());
    let pass = Backward {
        dims,
        inputs: *inputs,
        grads: *grads,
        products,
        alpha: F::from_f64(params.alpha),
        gamma: F::from_f64(params.gamma),
        eps: F::from_f64(params.eps),
        u,
        gates: Shared::new(gates),
        sums: Shared::new(&mut found.sums),
        theta: Shared::new(&mut found.theta),
        c0: Shared::new(&mut found.c0),
        trace0: Shared::new(&mut found.trace0),
        barrier: &barrier,
    };
    let last = members.len() - 1;
    let members = members.into_iter().enumerate().collect();
    team::for_each(members, |(rank, own)| {
        simd::dispatch(Member { pass: &pass, own, calling_thread: rank == last });
    });
    found
}

/// What the members of the team share.
struct Backward<'a, F> {
    dims: Dims,
    inputs: Inputs<'a, F>,
    grads: Cotangents<'a, F>,
    products: Products,
    alpha: F,
    gamma: F,
    eps: F,
    /// `[T, B, H]`: the state before the reset.
    u: &'a [F],
    /// `[T, B, 4, H]`: what the forward pass left; from the present step on, the gradients.
    gates: Shared<'a, F>,
    sums: Shared<'a, F>,
    theta: Shared<'a, F>,
    /// These two carry the gradients from step to step.
    c0: Shared<'a, F>,
    trace0: Shared<'a, F>,
    barrier: &'a Barrier,
}

/// One member with its units.
///
/// SAFETY, for all blocks below: of the shared arrays, a member writes only the columns of its own units,
/// of `gates` in the rows of the present step; it reads rows of `gates` of the step after, which nobody
/// writes any more and which the barrier at the end of that step has made visible.
struct Member<'a, F> {
    pass: &'a Backward<'a, F>,
    own: Range<usize>,
    calling_thread: bool,
}

impl<F: Float> WithSimd for Member<'_, F> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let pass = self.pass;
        let Dims { time, batch, hidden, .. } = pass.dims;
        let _guard = pass.barrier.guard();
        let mut clock = Clock::start(self.calling_thread);
        let own = self.own;
        // The rows of the own units: where the gradients of all units arrive.
        let table = View::new(pass.inputs.r, hidden, 3 * hidden).slice(own.clone());
        let mut recurrent = Recurrent {
            own: own.clone(),
            table,
            panels: None,
            wants: Wants::default(),
            plan: Plan::default(),
            panel: workspace(),
            targets: Vec::new(),
            dy: zeros(batch * own.len()),
        };
        for step in (0..time).rev() {
            if step + 1 < time {
                recurrent.compute(simd, pass, step);
                clock.lap(Phase::RecurrentGradient);
            }
            for sample in 0..batch {
                if step < length(pass.dims, &pass.inputs, sample) {
                    let dy = &recurrent.dy[sample * own.len()..][..own.len()];
                    for (start, dy) in own.clone().step_by(CHUNK).zip(dy.chunks(CHUNK)) {
                        // A known width spares the checks for a last, partial register.
                        if dy.len() == CHUNK {
                            pass.cell(simd, step, sample, start, CHUNK, dy);
                        } else {
                            pass.cell(simd, step, sample, start, dy.len(), dy);
                        }
                    }
                } else {
                    pass.skip(step, sample, &own);
                }
            }
            clock.lap(Phase::Pointwise);
            pass.barrier.wait();
            clock.lap(Phase::Waiting);
        }
    }
}

/// The gradient that one member's units receive through the recurrent weights.
struct Recurrent<'a, F> {
    own: Range<usize>,
    /// The rows of `R` of the own units.
    table: View<'a, F>,
    /// The same, cut when first needed.
    panels: Option<Panels<F>>,
    wants: Wants,
    plan: Plan,
    panel: Aligned<F>,
    targets: Vec<u32>,
    /// `[B, own]`: the result.
    dy: Vec<F>,
}

impl<F: Float> Recurrent<'_, F> {
    /// `dy = q_{t+1} R^T`, where it has an effect.
    #[inline(always)]
    fn compute<S: Simd>(&mut self, simd: S, pass: &Backward<'_, F>, step: usize) {
        let Dims { batch, hidden, .. } = pass.dims;
        let own = self.own.len();
        // SAFETY: rows of the step after (see `Member`).
        let gates = unsafe {
            let size = batch * 4 * hidden;
            pass.gates.get((step + 1) * size, size)
        };
        let q = View::new(gates, batch, 4 * hidden).columns(0..3 * hidden);
        if pass.products != Products::Dense {
            pass.fill(step, &self.own, &mut self.wants);
        }
        let (wanted, all) = (self.wants.total(), batch * own);
        let out = ViewMut::new(&mut self.dy, batch, own);
        if !Product::StepOperand.takes_events(pass.products, wanted, all) {
            dense::product(out, Store::Replace, q, transposed(self.table), 1);
            for (sample, dy) in self.dy.chunks_exact_mut(own.max(1)).enumerate() {
                if step + 1 >= length(pass.dims, &pass.inputs, sample) {
                    dy.fill(F::ZERO);
                }
            }
            return;
        }
        self.dy.fill(F::ZERO);
        let mut out = ViewMut::new(&mut self.dy, batch, own);
        if batch <= FEW_ROWS {
            add_wanted_singly(simd, q, self.table, &self.wants, &mut self.targets, &mut out);
        } else {
            let panels = self.panels.get_or_insert_with(|| Panels::cut(self.table));
            self.plan.make(panels.block_rows(), &self.wants);
            panels.add_wanted(simd, q, &self.plan, &mut self.panel, &mut out);
        }
    }
}

impl<'a, F: Float> Backward<'a, F> {
    /// Finds the own units where the gradient of the output has an effect, at the step before the one that
    /// sends it.
    #[inline(always)]
    fn fill(&self, step: usize, own: &Range<usize>, wants: &mut Wants) {
        let Dims { batch, hidden, .. } = self.dims;
        wants.reset(batch, own.len());
        let theta = &self.inputs.theta[own.clone()];
        for sample in 0..batch {
            if step + 1 < length(self.dims, &self.inputs, sample) {
                let u = &self.u[(step * batch + sample) * hidden..][own.clone()];
                wants.set(sample, |unit| {
                    let v = u[unit] - theta[unit];
                    let near = F::ONE - self.eps * v.magnitude();
                    // Not `near > 0`: a NaN has an effect.
                    let far = near <= F::ZERO;
                    v > F::ZERO || !far
                });
            }
        }
    }

    /// The own units of one gate's gradient.
    ///
    /// # Safety
    /// See `Member`; each part is taken once per step.
    #[inline(always)]
    #[allow(clippy::mut_from_ref)]
    unsafe fn gate(
        &self,
        step: usize,
        sample: usize,
        start: usize,
        width: usize,
        gate: usize,
    ) -> &mut [F] {
        let row = (step * self.dims.batch + sample) * 4 + gate;
        // SAFETY: promised by the caller.
        unsafe { self.gates.get_mut(row * self.dims.hidden + start, width) }
    }

    /// A step past the end of a sample.
    #[inline(always)]
    fn skip(&self, step: usize, sample: usize, units: &Range<usize>) {
        for gate in 0..4 {
            // SAFETY: own units of the present step (see `Member`).
            unsafe { self.gate(step, sample, units.start, units.len(), gate) }.fill(F::ZERO);
        }
    }

    /// The cell of some units of one sample; `dy` holds what came through the recurrent weights.
    #[inline(always)]
    fn cell<S: Simd>(
        &self,
        simd: S,
        step: usize,
        sample: usize,
        start: usize,
        width: usize,
        dy: &[F],
    ) {
        let Dims { batch, hidden, .. } = self.dims;
        let at = (step * batch + sample) * hidden + start;
        let state = sample * hidden + start;
        let dy = &dy[..width];
        let external = |array: Option<&'a [F]>| array.map(|array| &array[at..][..width]);
        let ends = step + 1 == length(self.dims, &self.inputs, sample);
        let last_y = self.grads.last.y.filter(|_| ends).map(|last| &last[state..][..width]);
        let (grad_y, grad_c) = (external(self.grads.y), external(self.grads.c));
        let (grad_o, grad_trace) = (external(self.grads.o), external(self.grads.trace));
        let (theta, u) = (&self.inputs.theta[start..][..width], &self.u[at..][..width]);
        let (from, first) = match step {
            0 => (&self.inputs.c0[state..][..width], true),
            _ => (&self.u[at - batch * hidden..][..width], false),
        };
        // SAFETY: own units, of the present step where they have one; the parts do not overlap (see
        // `Member`).
        let (carried_c, carried_trace, dtheta, sums, gates) = unsafe {
            (
                self.c0.get_mut(state, width),
                self.trace0.get_mut(state, width),
                self.theta.get_mut(start, width),
                [
                    self.sums.get_mut(start, width),
                    self.sums.get_mut(hidden + start, width),
                    self.sums.get_mut(2 * hidden + start, width),
                    self.sums.get_mut(3 * hidden + start, width),
                ],
                [
                    self.gate(step, sample, start, width, 0),
                    self.gate(step, sample, start, width, 1),
                    self.gate(step, sample, start, width, 2),
                    self.gate(step, sample, start, width, 3),
                ],
            )
        };
        let splat = |value| F::splat(simd, value);
        let (zero, one) = (splat(F::ZERO), splat(F::ONE));
        let (alpha, rest) = (splat(self.alpha), splat(F::ONE - self.alpha));
        let (eps, gamma) = (splat(self.eps), splat(self.gamma));

        for k in 0..registers::<S, F>(width) {
            let with = |value, array: Option<&[F]>| match array {
                Some(array) => F::plus(simd, value, load(simd, array, k)),
                None => value,
            };
            let threshold = load(simd, theta, k);
            let u = load(simd, u, k);
            let v = F::minus(simd, u, threshold);
            let fired = F::greater(simd, v, zero);
            let event = F::select(simd, fired, one, zero);
            let near = F::minus(simd, one, F::times(simd, eps, F::abs(simd, v)));
            // Not `near > 0`: a NaN has an effect.
            let far = F::at_most(simd, near, zero);
            let slope = F::select(simd, far, zero, F::times(simd, gamma, near));

            let dtrace = with(load(simd, carried_trace, k), grad_trace);
            store(simd, carried_trace, k, F::times(simd, alpha, dtrace));
            let dy = with(F::mul_add(simd, rest, dtrace, load(simd, dy, k)), grad_y);
            let dy = with(dy, last_y);
            let dc = with(load(simd, carried_c, k), grad_c);
            let by_event = F::minus(simd, F::times(simd, u, dy), F::times(simd, threshold, dc));
            let dv = F::times(simd, slope, with(by_event, grad_o));
            let lost = F::mul_add(simd, event, dc, dv);
            store(simd, dtheta, k, F::minus(simd, load(simd, dtheta, k), lost));
            let du = F::plus(simd, F::mul_add(simd, event, dy, dv), dc);
            let (du, held) = match share_of_new(simd, &self.inputs.zoneout, at..at + width, k) {
                None => (du, zero),
                Some(m) => (F::times(simd, m, du), F::times(simd, F::minus(simd, one, m), du)),
            };

            let (z, r) = (load(simd, gates[0], k), load(simd, gates[1], k));
            let (g, h_g) = (load(simd, gates[2], k), load(simd, gates[3], k));
            let before = load(simd, from, k);
            let before = if first {
                before
            } else {
                // The state after the reset of the step before.
                let v = F::minus(simd, before, threshold);
                let reset = F::select(simd, F::greater(simd, v, zero), threshold, zero);
                F::minus(simd, before, reset)
            };
            let complement = |value| F::minus(simd, one, value);
            let slope_z = F::times(simd, z, complement(z));
            let slope_r = F::times(simd, r, complement(r));
            let slope_g = complement(F::times(simd, g, g));
            let p_z = F::times(simd, slope_z, F::times(simd, F::minus(simd, before, g), du));
            let p_g = F::times(simd, slope_g, F::times(simd, complement(z), du));
            let p_r = F::times(simd, slope_r, F::times(simd, p_g, h_g));
            let q_g = F::times(simd, p_g, r);
            store(simd, carried_c, k, F::mul_add(simd, z, du, held));
            for (gate, grad) in [p_z, p_r, q_g, p_g].into_iter().enumerate() {
                store(simd, gates[gate], k, grad);
                accumulate(simd, sums[gate], k, grad);
            }
        }
    }
}
