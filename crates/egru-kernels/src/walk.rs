//! The steps of one sequence, from the last to the first.
//!
//! A team of threads walks them; each member owns blocks of units, takes the gradient that reaches their
//! outputs through the recurrent weights, only where the surrogate or an event lets it have an effect, and
//! computes the gradients of their gates. One barrier ends a step.

use std::ops::Range;

use pulp::{Simd, WithSimd};

use crate::dense::{self, Store, transposed};
use crate::events::UNITS;
use crate::plan::Product;
use crate::product::dot_rows;
use crate::scratch::{scratch, zeros};
use crate::sequence::{Block, block, blocks_of_members, length, units};
use crate::team::{self, Barrier, Shared};
use crate::view::{View, ViewMut};
use crate::{
    Cotangents, Dims, EgruParams, Float, Inputs, Products, Saved, Zoneout, simd, tape_width,
};

/// What the walk finds.
pub(crate) struct Walk<F> {
    /// `[T, B, 4, H]`: gradients by the gates before their nonlinearity, in the order `z`, `r`, `q_g`,
    /// `p_g`, so that the recurrent ones lie side by side.
    pub gates: Vec<F>,
    /// `[4, H]`: the sum of `gates` over steps and samples.
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
    dims: Dims,
    params: &EgruParams,
    inputs: &Inputs<F>,
    saved: &Saved<F>,
    grads: &Cotangents<F>,
    products: Products,
) -> Walk<F> {
    let Dims { time, batch, hidden, .. } = dims;
    let mut found = Walk {
        gates: scratch(time * batch * 4 * hidden),
        sums: zeros(4 * hidden),
        theta: zeros(hidden),
        c0: zeros(batch * hidden),
        trace0: zeros(batch * hidden),
    };
    let members = blocks_of_members(dims);
    let barrier = Barrier::new(members.len());
    let pass = Backward {
        dims,
        inputs: *inputs,
        saved: *saved,
        grads: *grads,
        products,
        alpha: F::from_f64(params.alpha),
        gamma: F::from_f64(params.gamma),
        eps: F::from_f64(params.eps),
        gates: Shared::new(&mut found.gates),
        sums: Shared::new(&mut found.sums),
        theta: Shared::new(&mut found.theta),
        c0: Shared::new(&mut found.c0),
        trace0: Shared::new(&mut found.trace0),
        barrier: &barrier,
    };
    team::for_each(members, |blocks| simd::dispatch(Member { pass: &pass, blocks }));
    found
}

/// What the members of the team share.
struct Backward<'a, F> {
    dims: Dims,
    inputs: Inputs<'a, F>,
    saved: Saved<'a, F>,
    grads: Cotangents<'a, F>,
    products: Products,
    alpha: F,
    gamma: F,
    eps: F,
    gates: Shared<'a, F>,
    sums: Shared<'a, F>,
    theta: Shared<'a, F>,
    /// These two carry the gradients from step to step.
    c0: Shared<'a, F>,
    trace0: Shared<'a, F>,
    barrier: &'a Barrier,
}

/// One member with its blocks of units.
///
/// SAFETY, for all blocks below: of the shared arrays, a member writes only the columns of its own units,
/// of `gates` in the rows of the present step; it reads rows of `gates` of the step after, which nobody
/// writes any more and which the barrier at the end of that step has made visible.
struct Member<'a, F> {
    pass: &'a Backward<'a, F>,
    blocks: Range<usize>,
}

impl<F: Float> WithSimd for Member<'_, F> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let pass = self.pass;
        let Dims { time, batch, hidden, .. } = pass.dims;
        let _guard = pass.barrier.guard();
        let recurrent = View::new(pass.inputs.r, hidden, 3 * hidden);
        let own = units(hidden, &self.blocks);
        let mut windows = Windows::default();
        let mut dense: Vec<F> = Vec::new();
        for step in (0..time).rev() {
            let last = step + 1 == time;
            let mut events = true;
            if !last {
                windows.fill(pass, step, self.blocks.clone());
                let all = batch * own.len();
                events = Product::Operand.takes_events(pass.products, windows.total(), all);
            }
            // SAFETY: rows of the step after.
            let q = |sample| unsafe {
                pass.gates.get(((step + 1) * batch + sample) * 4 * hidden, 3 * hidden)
            };
            if !last && !events {
                dense.resize(batch * own.len(), F::ZERO);
                // SAFETY: as above.
                let gates =
                    unsafe { pass.gates.get((step + 1) * batch * 4 * hidden, batch * 4 * hidden) };
                dense::product(
                    ViewMut::new(&mut dense, batch, own.len()),
                    Store::Replace,
                    View::new(gates, batch, 4 * hidden).columns(0..3 * hidden),
                    transposed(recurrent.slice(own.clone())),
                    1,
                );
            }
            for (place, index) in self.blocks.clone().enumerate() {
                let block = block(hidden, index);
                let rows = block.start..block.start + block.width;
                for sample in 0..batch {
                    let length = length(pass.dims, &pass.inputs, sample);
                    if step >= length {
                        pass.skip(step, sample, block);
                        continue;
                    }
                    let mut dy = [F::ZERO; UNITS];
                    let dy = &mut dy[..block.width];
                    if step + 1 < length {
                        if events {
                            let targets = windows.list(place * batch + sample);
                            let table = recurrent.slice(rows.clone());
                            dot_rows(simd, targets, table, q(sample), dy);
                        } else {
                            let start = sample * own.len() + block.start - own.start;
                            dy.copy_from_slice(&dense[start..][..block.width]);
                        }
                    }
                    pass.cell(step, sample, block, dy);
                }
            }
            pass.barrier.wait();
        }
    }
}

/// The units of one step where the gradient of the output has an effect, a list per block and sample.
#[derive(Default)]
struct Windows {
    units: Vec<u32>,
    ends: Vec<usize>,
}

impl Windows {
    /// Finds them for the step before the one that sends the gradient.
    #[inline(always)]
    fn fill<F: Float>(&mut self, pass: &Backward<'_, F>, step: usize, blocks: Range<usize>) {
        self.units.clear();
        self.ends.clear();
        if pass.products == Products::Dense {
            return;
        }
        for index in blocks {
            let block = block(pass.dims.hidden, index);
            for sample in 0..pass.dims.batch {
                if step + 1 < length(pass.dims, &pass.inputs, sample) {
                    let mut slopes = [F::ZERO; UNITS];
                    let (_, o) = pass.event_part(step, sample, block, &mut slopes);
                    let mut found = [0_u32; UNITS];
                    let mut count = 0;
                    for i in 0..block.width {
                        found[count] = i as u32;
                        count += usize::from(o[i] != F::ZERO || slopes[i] != F::ZERO);
                    }
                    self.units.extend_from_slice(&found[..count]);
                }
                self.ends.push(self.units.len());
            }
        }
    }

    #[inline(always)]
    fn list(&self, index: usize) -> &[u32] {
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        &self.units[start..self.ends[index]]
    }

    fn total(&self) -> usize {
        self.units.len()
    }
}

impl<'a, F: Float> Backward<'a, F> {
    /// The part of a `[T, B, H]` array that belongs to a block.
    #[inline(always)]
    fn at(&self, step: usize, sample: usize, block: Block) -> usize {
        (step * self.dims.batch + sample) * self.dims.hidden + block.start
    }

    /// The surrogate's slopes, and pre-event state and events.
    #[inline(always)]
    fn event_part(
        &self,
        step: usize,
        sample: usize,
        block: Block,
        slopes: &mut [F; UNITS],
    ) -> ([F; UNITS], &'a [F]) {
        let width = block.width;
        let at = self.at(step, sample, block);
        let y = &self.saved.y[at..][..width];
        let c = &self.saved.c[at..][..width];
        let o = &self.saved.o[at..][..width];
        let theta = &self.inputs.theta[block.start..][..width];
        let mut state = [F::ZERO; UNITS];
        let (u, slopes) = (&mut state[..width], &mut slopes[..width]);
        for i in 0..width {
            // An event leaves the state in y, silence leaves it in c.
            u[i] = if o[i] != F::ZERO { y[i] } else { c[i] };
        }
        for i in 0..width {
            let near = F::ONE - self.eps * (u[i] - theta[i]).abs();
            // Not `near > 0`: a NaN has an effect.
            slopes[i] = if near <= F::ZERO { F::ZERO } else { self.gamma * near };
        }
        (state, o)
    }

    /// The own units of one gate's gradient.
    ///
    /// # Safety
    /// See `Member`; each part is taken once per step.
    #[inline(always)]
    #[allow(clippy::mut_from_ref)]
    unsafe fn gate(&self, step: usize, sample: usize, block: Block, gate: usize) -> &mut [F] {
        let row = (step * self.dims.batch + sample) * 4 + gate;
        // SAFETY: promised by the caller.
        unsafe { self.gates.get_mut(row * self.dims.hidden + block.start, block.width) }
    }

    /// A step past the end of a sample.
    #[inline(always)]
    fn skip(&self, step: usize, sample: usize, block: Block) {
        for gate in 0..4 {
            // SAFETY: own units of the present step (see `Member`).
            unsafe { self.gate(step, sample, block, gate) }.fill(F::ZERO);
        }
    }

    /// The cell of one block of one sample; `dy` holds what came through the recurrent weights.
    #[inline(always)]
    fn cell(&self, step: usize, sample: usize, block: Block, dy: &mut [F]) {
        let Block { start, width, .. } = block;
        let hidden = self.dims.hidden;
        let at = self.at(step, sample, block);
        let external = |array: Option<&'a [F]>| array.map(|array| &array[at..][..width]);
        let state = sample * hidden + start;
        // SAFETY: own units (see `Member`).
        let (dc, dtrace) =
            unsafe { (self.c0.get_mut(state, width), self.trace0.get_mut(state, width)) };
        let mut slopes = [F::ZERO; UNITS];
        let (u, o) = self.event_part(step, sample, block, &mut slopes);
        let (u, slopes) = (&u[..width], &slopes[..width]);
        let (o, theta) = (&o[..width], &self.inputs.theta[start..][..width]);
        let dy = &mut dy[..width];
        // On the stack, where nothing else can point to: the loops below vectorise.
        let (carried_c, carried_trace) = (dc, dtrace);
        let [mut dc, mut dtrace, mut dv] = [[F::ZERO; UNITS]; 3];
        let (dc, dtrace, dv) = (&mut dc[..width], &mut dtrace[..width], &mut dv[..width]);
        dc.copy_from_slice(carried_c);
        dtrace.copy_from_slice(carried_trace);

        if let Some(grad) = external(self.grads.trace) {
            add(dtrace, grad);
        }
        for i in 0..width {
            dy[i] += (F::ONE - self.alpha) * dtrace[i];
        }
        for i in 0..width {
            carried_trace[i] = self.alpha * dtrace[i];
        }
        if let Some(grad) = external(self.grads.y) {
            add(dy, grad);
        }
        if let Some(grad) = external(self.grads.c) {
            add(dc, grad);
        }
        for i in 0..width {
            dv[i] = u[i] * dy[i] - theta[i] * dc[i];
        }
        if let Some(grad) = external(self.grads.o) {
            add(dv, grad);
        }
        for i in 0..width {
            dv[i] = slopes[i] * dv[i];
        }
        // SAFETY: own units (see `Member`).
        let dtheta = unsafe { self.theta.get_mut(start, width) };
        for i in 0..width {
            dtheta[i] -= dv[i] + o[i] * dc[i];
        }
        let du = dv;
        for i in 0..width {
            du[i] += o[i] * dy[i] + dc[i];
        }
        match self.inputs.zoneout {
            Zoneout::Off => dc.fill(F::ZERO),
            Zoneout::Mask(mask) => {
                let mask = &mask[at..][..width];
                for i in 0..width {
                    dc[i] = (F::ONE - mask[i]) * du[i];
                    du[i] = mask[i] * du[i];
                }
            }
            Zoneout::Keep(keep) => {
                for i in 0..width {
                    dc[i] = (F::ONE - keep) * du[i];
                    du[i] = keep * du[i];
                }
            }
        }
        self.gates(step, sample, block, du, dc);
        carried_c.copy_from_slice(dc);
    }

    /// Gradients of the gates from `du`, and what they add to `dc` of the step before.
    #[inline(always)]
    fn gates(&self, step: usize, sample: usize, block: Block, du: &[F], dc: &mut [F]) {
        let Block { start, width, .. } = block;
        let hidden = self.dims.hidden;
        let row = (step * self.dims.batch + sample) * tape_width(hidden) + start;
        let tape = |part: usize| &self.saved.tape[row + part * hidden..][..width];
        let (z, r, g, h_g) = (tape(0), tape(1), tape(2), tape(3));
        let c_before = match step {
            0 => &self.inputs.c0[self.at(0, sample, block)..][..width],
            _ => &self.saved.c[self.at(step - 1, sample, block)..][..width],
        };
        let mut grads = [[F::ZERO; UNITS]; 4];
        let [p_z, p_r, q_g, p_g] = &mut grads;
        let (p_z, p_r) = (&mut p_z[..width], &mut p_r[..width]);
        let (q_g, p_g) = (&mut q_g[..width], &mut p_g[..width]);
        let (du, dc) = (&du[..width], &mut dc[..width]);
        for i in 0..width {
            p_z[i] = z[i] * (F::ONE - z[i]) * (c_before[i] - g[i]) * du[i];
        }
        for i in 0..width {
            p_g[i] = (F::ONE - g[i] * g[i]) * (F::ONE - z[i]) * du[i];
        }
        for i in 0..width {
            p_r[i] = r[i] * (F::ONE - r[i]) * p_g[i] * h_g[i];
        }
        for i in 0..width {
            q_g[i] = p_g[i] * r[i];
        }
        for i in 0..width {
            dc[i] += z[i] * du[i];
        }
        for (gate, grad) in grads.iter().enumerate() {
            // SAFETY: own units, of the present step (see `Member`).
            let (out, sum) = unsafe {
                (
                    self.gate(step, sample, block, gate),
                    self.sums.get_mut(gate * hidden + start, width),
                )
            };
            out.copy_from_slice(&grad[..width]);
            add(sum, &grad[..width]);
        }
    }
}

/// `out += values`.
#[inline(always)]
fn add<F: Float>(out: &mut [F], values: &[F]) {
    for (out, &value) in out.iter_mut().zip(values) {
        *out += value;
    }
}
