//! The steps of one sequence, from the first to the last.
//!
//! A team of threads walks them; each member owns a run of units, for which it takes the product
//! with the input some steps ahead and the recurrent product over the events of the step before, computes
//! the cell, and publishes the events of its units. One barrier ends a step.

use std::ops::Range;

use pulp::{Simd, WithSimd};

use crate::activations::Activations;
use crate::choice::Product;
use crate::events::{Blocks, Board, CHUNK, Lists};
use crate::gates::GateProduct;
use crate::input::InputProduct;
use crate::lanes::{load, registers, store};
use crate::phases::{Clock, Phase};
use crate::product::tile_units;
use crate::steps::{length, share_of_new};
use crate::team::{self, Barrier, Shared};
use crate::view::View;
use crate::{Dims, Float, Inputs, Keep, Products, simd};

/// Lets members walk the steps, each with its units.
pub(crate) fn run<F: Float>(pass: &Forward<'_, F>, members: Vec<Range<usize>>) {
    let last = members.len() - 1;
    let members = members.into_iter().enumerate().collect();
    team::for_each(members, |(rank, own)| {
        simd::dispatch(Member { pass, own, calling_thread: rank == last });
    });
}

/// What the members of the team share.
pub struct Forward<'a, F> {
    pub(crate) dims: Dims,
    pub(crate) inputs: Inputs<'a, F>,
    pub(crate) products: Products,
    /// Whether the input is taken as events.
    pub(crate) input_events: bool,
    pub(crate) alpha: F,
    pub(crate) eps: F,
    pub(crate) keep: Keep,
    pub(crate) y: Shared<'a, F>,
    pub(crate) c: Shared<'a, F>,
    pub(crate) o: Shared<'a, F>,
    pub(crate) trace: Shared<'a, F>,
    pub(crate) window: Shared<'a, F>,
    pub(crate) u: Shared<'a, F>,
    pub(crate) gates: Shared<'a, F>,
    /// `[B, H]`: state and trace after the present step.
    pub(crate) state: Shared<'a, F>,
    pub(crate) state_trace: Shared<'a, F>,
    pub(crate) blocks: &'a Blocks,
    pub(crate) board: Board<'a, F>,
    pub(crate) barrier: &'a Barrier,
}

/// One member with its units.
///
/// SAFETY, for all blocks below: of the shared arrays, a member writes only the columns of its own units in
/// the rows of the present step, and of the state; it reads those, and rows of `y` of the step before,
/// which nobody writes any more and which the barrier at the end of that step has made visible.
struct Member<'a, F> {
    pass: &'a Forward<'a, F>,
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
        let blocks = pass.blocks.of(&own);
        let r = View::new(pass.inputs.r, hidden, 3 * hidden);
        let mut from_input =
            InputProduct::new(pass.dims, &pass.inputs, pass.products, pass.input_events, &own);
        let mut from_units =
            GateProduct::new(r, pass.inputs.bias_r, own.clone(), batch, time * batch);

        for block in blocks.clone() {
            let units = pass.blocks.units(block);
            for sample in 0..batch {
                let y0 = &pass.inputs.y0[sample * hidden..][units.clone()];
                // SAFETY: an own block, read by others only after the barrier.
                unsafe { pass.board.publish(0, sample, block, y0) };
            }
        }
        pass.barrier.wait();
        for step in 0..time {
            from_input.advance(simd, step);
            clock.lap(Phase::InputProduct);
            // SAFETY: the barrier ended the step before, and nobody is two steps ahead.
            let events = unsafe { pass.board.read(step) };
            if Product::Step.takes_events(pass.products, events.total(), batch * hidden) {
                from_units.with_events(simd, batch, &events);
            } else {
                let before = match step {
                    0 => pass.inputs.y0,
                    // SAFETY: rows of the step before.
                    _ => unsafe { pass.y.get((step - 1) * batch * hidden, batch * hidden) },
                };
                from_units.with_all(View::new(before, batch, hidden));
            }
            clock.lap(Phase::RecurrentProduct);
            for block in blocks.clone() {
                pass.block(simd, step, block, &own, &mut from_input, &from_units);
            }
            clock.lap(Phase::Pointwise);
            pass.barrier.wait();
            clock.lap(Phase::Waiting);
        }
    }
}

impl<F: Float> Forward<'_, F> {
    /// One step of a block of the own units, for all samples.
    #[inline(always)]
    fn block<S: Simd>(
        &self,
        simd: S,
        step: usize,
        block: usize,
        own: &Range<usize>,
        from_input: &mut InputProduct<'_, F>,
        from_units: &GateProduct<'_, F>,
    ) {
        let Dims { batch, hidden, .. } = self.dims;
        let units = self.blocks.units(block);
        let width = tile_units::<F>();
        let first_tile = (units.start - own.start) / width;
        let mut gates = Activations::new();
        for sample in 0..batch {
            let row = (step * batch + sample) * hidden;
            if step < length(self.dims, &self.inputs, sample) {
                for (tile, start) in (first_tile..).zip((0..units.len()).step_by(width)) {
                    let width = width.min(units.len() - start);
                    let a = from_input.gates(simd, step, sample, tile, width);
                    let h = from_units.gates(tile, sample, width);
                    // A known width spares the checks for a last, partial register.
                    if width == tile_units::<F>() {
                        gates.open(simd, start, tile_units::<F>(), a, h);
                    } else {
                        gates.open(simd, start, width, a, h);
                    }
                }
                if units.len() == CHUNK {
                    self.cell(simd, row, sample, units.start, CHUNK, &mut gates);
                } else {
                    self.cell(simd, row, sample, units.start, units.len(), &mut gates);
                }
            } else {
                self.hold(row, sample, &units);
            }
            // SAFETY: own units of the present step, and an own block, which others read only after the
            // barrier.
            unsafe {
                let y = self.y.get(row + units.start, units.len());
                self.board.publish(step + 1, sample, block, y);
            }
        }
    }

    /// A step past the end of a sample.
    #[inline(always)]
    fn hold(&self, row: usize, sample: usize, units: &Range<usize>) {
        let (hidden, width) = (self.dims.hidden, units.len());
        let (at, state) = (row + units.start, sample * hidden + units.start);
        let Keep { c, o, trace, window, tape } = self.keep;
        // SAFETY: own units of the present step and of the state (see `Member`).
        unsafe {
            let zero = [(true, &self.y), (o, &self.o), (window, &self.window), (tape, &self.u)];
            for (kept, array) in zero {
                if kept {
                    array.get_mut(at, width).fill(F::ZERO);
                }
            }
            for (kept, array, state_of) in
                [(c, &self.c, &self.state), (trace, &self.trace, &self.state_trace)]
            {
                if kept {
                    array.get_mut(at, width).copy_from_slice(state_of.get(state, width));
                }
            }
            if tape {
                for gate in 0..4 {
                    let start = 4 * row + gate * hidden + units.start;
                    self.gates.get_mut(start, width).fill(F::ZERO);
                }
            }
        }
    }

    /// The cell of one block of one sample, from its gates.
    #[inline(always)]
    fn cell<S: Simd>(
        &self,
        simd: S,
        row: usize,
        sample: usize,
        start: usize,
        width: usize,
        gates: &mut Activations<F>,
    ) {
        let hidden = self.dims.hidden;
        let at = row + start;
        let Keep { c, o, trace, window, tape } = self.keep;
        let state_at = sample * hidden + start;
        let gates_at = 4 * row + start;
        // SAFETY: own units of the present step and of the state, each part once (see `Member`).
        let (y, c, o, trace, window, u_tape, state, state_trace, tape_gates) = unsafe {
            (
                part(&self.y, true, at, width),
                part(&self.c, c, at, width),
                part(&self.o, o, at, width),
                part(&self.trace, trace, at, width),
                part(&self.window, window, at, width),
                part(&self.u, tape, at, width),
                part(&self.state, true, state_at, width),
                part(&self.state_trace, true, state_at, width),
                [
                    part(&self.gates, tape, gates_at, width),
                    part(&self.gates, tape, gates_at + hidden, width),
                    part(&self.gates, tape, gates_at + 2 * hidden, width),
                    part(&self.gates, tape, gates_at + 3 * hidden, width),
                ],
            )
        };
        let theta = &self.inputs.theta[start..][..width];
        let one = F::splat(simd, F::ONE);
        let zero = F::splat(simd, F::ZERO);
        let (alpha, rest) = (self.alpha, F::ONE - self.alpha);
        let (alpha, rest) = (F::splat(simd, alpha), F::splat(simd, rest));
        let eps = F::splat(simd, self.eps);

        let [z, r, g, h_g] = gates.close(simd, width);
        for k in 0..registers::<S, F>(width) {
            let (z, r) = (load(simd, z, k), load(simd, r, k));
            let (g, h_g) = (load(simd, g, k), load(simd, h_g, k));
            let before = load(simd, state, k);
            let new = F::times(simd, F::minus(simd, one, z), g);
            let u = F::mul_add(simd, z, before, new);
            let u = match share_of_new(simd, &self.inputs.zoneout, at..at + width, k) {
                None => u,
                Some(m) => {
                    let held = F::times(simd, F::minus(simd, one, m), before);
                    F::mul_add(simd, m, u, held)
                }
            };
            let threshold = load(simd, theta, k);
            let v = F::minus(simd, u, threshold);
            let fired = F::greater(simd, v, zero);
            let event = F::select(simd, fired, one, zero);
            let output = F::times(simd, event, u);
            let after = F::minus(simd, u, F::times(simd, event, threshold));
            let average = F::times(simd, rest, output);
            let average = F::mul_add(simd, alpha, load(simd, state_trace, k), average);
            store(simd, y, k, output);
            store(simd, state, k, after);
            store(simd, state_trace, k, average);
            if !c.is_empty() {
                store(simd, c, k, after);
            }
            if !o.is_empty() {
                store(simd, o, k, event);
            }
            if !trace.is_empty() {
                store(simd, trace, k, average);
            }
            if !window.is_empty() {
                let near = F::minus(simd, one, F::times(simd, eps, F::abs(simd, v)));
                // Not `near > 0`: a NaN has an effect.
                let far = F::at_most(simd, near, zero);
                let reached = F::select(simd, far, zero, one);
                store(simd, window, k, F::select(simd, fired, one, reached));
            }
            if !u_tape.is_empty() {
                store(simd, u_tape, k, u);
                for (gate, value) in [z, r, g, h_g].into_iter().enumerate() {
                    store(simd, tape_gates[gate], k, value);
                }
            }
        }
    }
}

/// A part of a series, or nothing of one that is not kept.
///
/// # Safety
/// As [`Shared::get_mut`].
#[inline(always)]
#[allow(clippy::mut_from_ref)]
unsafe fn part<'s, F>(
    array: &'s Shared<'_, F>,
    kept: bool,
    start: usize,
    width: usize,
) -> &'s mut [F] {
    // SAFETY: promised by the caller.
    if kept { unsafe { array.get_mut(start, width) } } else { &mut [] }
}
