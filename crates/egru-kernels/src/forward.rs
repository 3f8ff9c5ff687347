//! One EGRU sequence forward.
//!
//! The product with the input is taken for all steps at once. Then a team of threads walks the steps;
//! each member owns blocks of units, for which it takes the recurrent product over the events of the step
//! before, computes the cell, and publishes the events of its units. One barrier ends a step.

use std::ops::Range;

use pulp::{Simd, WithSimd};

use crate::events::{Board, EventLists, UNITS};
use crate::matmul::times;
use crate::plan::Product;
use crate::product::add_rows;
use crate::recurrent::{DenseRecurrent, pack};
use crate::scratch::scratch;
use crate::sequence::{Block, block, blocks_of_members, check_inputs, length, live_input};
use crate::team::{self, Barrier, Shared};
use crate::view::{View, ViewMut};
use crate::{Dims, EgruParams, Float, Inputs, Outputs, Products, ShapeError, Zoneout, simd};

/// Steps from which on a member copies its columns of `R` together before it starts.
const STEPS_WORTH_PACKING: usize = 4;

/// Values per step and sample that the backward pass needs beyond the outputs: the three gates and the
/// recurrent part of the candidate, `h_g`.
pub fn tape_width(hidden: usize) -> usize {
    4 * hidden
}

/// Computes one sequence.
///
/// Equations (EvNN's form of arXiv 2206.06178), gates in the order `z, r, g`:
/// ```text
/// a = x_t W + b_W            h = y_{t-1} R + b_R
/// z = sigmoid(a_z + h_z)     r = sigmoid(a_r + h_r)     g = tanh(a_g + r h_g)
/// u = z c_{t-1} + (1-z) g                               then zoneout: u = m u + (1-m) c_{t-1}
/// v = u - theta              o = 1 if v > 0 else 0      y = o u      c_t = u - o theta
/// trace_t = alpha trace_{t-1} + (1-alpha) y_t
/// ```
/// Past its end (`lengths`) a sample holds `c` and `trace`, and `y`, `o` and `window` are zero.
///
/// The event-driven products skip exact zeros of `x` and `y`, and nothing else: NaN in `x` or in a state
/// reaches the outputs (`o` is 0 there, and `y` is `0 * NaN`); NaN in a row of `W` or `R` does so
/// only where an event selects the row.
///
/// `save_tape` asks for what [`egru_backward`](crate::egru_backward) needs.
///
/// # Errors
/// [`ShapeError`] where an array does not fit `dims`.
pub fn egru_forward<F: Float>(
    dims: Dims,
    params: &EgruParams,
    inputs: &Inputs<F>,
    products: Products,
    save_tape: bool,
) -> Result<Outputs<F>, ShapeError> {
    check_inputs(dims, inputs)?;
    let Dims { time, batch, input, hidden } = dims;
    let (rows, size) = (time * batch, time * batch * hidden);
    // The gates replace the products with the input, in place.
    let width = if save_tape { tape_width(hidden) } else { 3 * hidden };
    let mut tape = scratch(rows * width);
    let x = live_input(dims, inputs);
    times(
        Product::Forward.takes_events_of(products, &x),
        View::new(&x, rows, input),
        View::new(inputs.w, input, 3 * hidden),
        None,
        ViewMut::new(&mut tape, rows, width).columns(0..3 * hidden),
    );

    let [mut y, mut c, mut o, mut trace, mut window] = [(); 5].map(|()| scratch(size));
    let members = blocks_of_members(dims);
    let barrier = Barrier::new(members.len());
    let mut storage = Board::storage(batch, hidden);
    let pass = Forward {
        dims,
        inputs: *inputs,
        products,
        alpha: F::from_f64(params.alpha),
        eps: F::from_f64(params.eps),
        tape: Shared::new(&mut tape),
        width,
        y: Shared::new(&mut y),
        c: Shared::new(&mut c),
        o: Shared::new(&mut o),
        trace: Shared::new(&mut trace),
        window: Shared::new(&mut window),
        board: Board::new(&mut storage, batch, hidden),
        barrier: &barrier,
    };
    team::for_each(members, |blocks| simd::dispatch(Member { pass: &pass, blocks }));
    if !save_tape {
        tape = Vec::new();
    }
    Ok(Outputs { y, c, o, trace, window, tape })
}

/// What the members of the team share.
struct Forward<'a, F> {
    dims: Dims,
    inputs: Inputs<'a, F>,
    products: Products,
    alpha: F,
    eps: F,
    /// `[T, B, width]`: on entry the products with the input, on return the tape.
    tape: Shared<'a, F>,
    width: usize,
    y: Shared<'a, F>,
    c: Shared<'a, F>,
    o: Shared<'a, F>,
    trace: Shared<'a, F>,
    window: Shared<'a, F>,
    board: Board<'a, F>,
    barrier: &'a Barrier,
}

/// One member with its blocks of units.
///
/// SAFETY, for all blocks below: of the shared arrays, a member writes only the columns of its own units in
/// the rows of the present step; it reads those, and rows of earlier steps, which nobody writes any more
/// and which the barrier at the end of their step has made visible.
struct Member<'a, F> {
    pass: &'a Forward<'a, F>,
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
        let packed = match pass.products {
            Products::Events | Products::Auto if time >= STEPS_WORTH_PACKING => {
                Some(pack(recurrent, hidden, &self.blocks))
            }
            _ => None,
        };
        let mut lists = EventLists::of_rows(View::new(pass.inputs.y0, batch, hidden));
        let mut dense = DenseRecurrent::new(hidden, &self.blocks);
        for step in 0..time {
            if step > 0 && pass.products != Products::Dense {
                // SAFETY: the barrier ended the step before, and the next has not begun.
                unsafe { pass.board.collect(step - 1, &mut lists) };
            }
            let events =
                Product::Forward.takes_events(pass.products, lists.total(), batch * hidden);
            if !events {
                let before = match step {
                    0 => pass.inputs.y0,
                    // SAFETY: a row of an earlier step.
                    _ => unsafe { pass.y.get((step - 1) * batch * hidden, batch * hidden) },
                };
                dense.compute(View::new(before, batch, hidden), recurrent);
            }
            for index in self.blocks.clone() {
                let block = block(hidden, index);
                for sample in 0..batch {
                    if step >= length(pass.dims, &pass.inputs, sample) {
                        pass.hold(step, sample, block);
                        continue;
                    }
                    let mut h = [F::ZERO; 3 * UNITS];
                    for (gate, h) in h.chunks_exact_mut(UNITS).enumerate() {
                        let columns = gate * hidden + block.start..;
                        h[..block.width]
                            .copy_from_slice(&pass.inputs.bias_r[columns][..block.width]);
                    }
                    let events_of_sample = lists.row(sample);
                    match &packed {
                        _ if !events => dense.add_to(&mut h, sample, block),
                        Some(packed) => {
                            let size = hidden * 3 * UNITS;
                            let table = &packed[(index - self.blocks.start) * size..][..size];
                            add_rows(
                                simd,
                                events_of_sample,
                                View::new(table, hidden, 3 * UNITS),
                                &mut h,
                            );
                        }
                        None => {
                            for (gate, h) in h.chunks_exact_mut(UNITS).enumerate() {
                                let start = gate * hidden + block.start;
                                let table = recurrent.columns(start..start + block.width);
                                add_rows(simd, events_of_sample, table, &mut h[..block.width]);
                            }
                        }
                    }
                    pass.cell(step, sample, block, &h);
                }
            }
            pass.barrier.wait();
        }
    }
}

impl<F: Float> Forward<'_, F> {
    /// The part of a `[T, B, H]` array that belongs to a block.
    #[inline(always)]
    fn at(&self, step: usize, sample: usize, block: Block) -> usize {
        (step * self.dims.batch + sample) * self.dims.hidden + block.start
    }

    /// A state one step before, or the initial one.
    #[inline(always)]
    fn before<'a>(
        &'a self,
        states: &'a Shared<'_, F>,
        initial: &'a [F],
        step: usize,
        sample: usize,
        block: Block,
    ) -> &'a [F] {
        match step {
            0 => &initial[self.at(0, sample, block)..][..block.width],
            // SAFETY: a row of an earlier step (see `Member`).
            _ => unsafe { states.get(self.at(step - 1, sample, block), block.width) },
        }
    }

    /// The own units of a row of the present step.
    ///
    /// # Safety
    /// See `Member`; each part is taken once per step.
    #[inline(always)]
    #[allow(clippy::mut_from_ref)]
    unsafe fn present<'a>(
        &self,
        array: &'a Shared<'_, F>,
        step: usize,
        sample: usize,
        block: Block,
    ) -> &'a mut [F] {
        // SAFETY: promised by the caller.
        unsafe { array.get_mut(self.at(step, sample, block), block.width) }
    }

    /// A step past the end of a sample.
    #[inline(always)]
    fn hold(&self, step: usize, sample: usize, block: Block) {
        // SAFETY: own units of the present step (see `Member`).
        unsafe {
            for array in [&self.y, &self.o, &self.window] {
                self.present(array, step, sample, block).fill(F::ZERO);
            }
            for (array, initial) in [(&self.c, self.inputs.c0), (&self.trace, self.inputs.trace0)] {
                let before = self.before(array, initial, step, sample, block);
                self.present(array, step, sample, block).copy_from_slice(before);
            }
            let row = (step * self.dims.batch + sample) * self.width;
            for start in (0..self.width).step_by(self.dims.hidden) {
                self.tape.get_mut(row + start + block.start, block.width).fill(F::ZERO);
            }
            self.board.publish(step, sample, block.index, &[]);
        }
    }

    /// The cell of one block of one sample; `h` holds the recurrent parts of the gates, bias included.
    #[inline(always)]
    fn cell(&self, step: usize, sample: usize, block: Block, h: &[F; 3 * UNITS]) {
        let Block { start, width, .. } = block;
        let hidden = self.dims.hidden;
        let (h_z, rest) = h.split_at(UNITS);
        let (h_r, h_g) = rest.split_at(UNITS);
        let (h_z, h_r, h_g) = (&h_z[..width], &h_r[..width], &h_g[..width]);
        let bias = |gate: usize| &self.inputs.bias_w[gate * hidden + start..][..width];
        let row = (step * self.dims.batch + sample) * self.width;
        // SAFETY: own units of the present step, different parts of the row (see `Member`).
        let tape = |part: usize| unsafe { self.tape.get_mut(row + part * hidden + start, width) };
        let (tape_z, tape_r, tape_g) = (tape(0), tape(1), tape(2));

        // Work on copies on the stack: the compiler knows that they do not overlap, and vectorises.
        let [mut z, mut r, mut g, mut u] = [[F::ZERO; UNITS]; 4];
        let (z, r) = (&mut z[..width], &mut r[..width]);
        let (g, u) = (&mut g[..width], &mut u[..width]);
        sum(z, tape_z, bias(0), h_z);
        sum(r, tape_r, bias(1), h_r);
        z.iter_mut().for_each(|value| *value = value.sigmoid());
        r.iter_mut().for_each(|value| *value = value.sigmoid());
        let bias_g = bias(2);
        for i in 0..width {
            g[i] = (tape_g[i] + bias_g[i]) + r[i] * h_g[i];
        }
        g.iter_mut().for_each(|value| *value = value.tanh());
        let c_before = &self.before(&self.c, self.inputs.c0, step, sample, block)[..width];
        for i in 0..width {
            u[i] = z[i] * c_before[i] + (F::ONE - z[i]) * g[i];
        }
        if self.width == tape_width(hidden) {
            tape_z.copy_from_slice(z);
            tape_r.copy_from_slice(r);
            tape_g.copy_from_slice(g);
            tape(3).copy_from_slice(h_g);
        }
        match self.inputs.zoneout {
            Zoneout::Off => {}
            Zoneout::Mask(mask) => {
                let mask = &mask[self.at(step, sample, block)..][..width];
                for i in 0..width {
                    u[i] = mask[i] * u[i] + (F::ONE - mask[i]) * c_before[i];
                }
            }
            Zoneout::Keep(keep) => {
                for i in 0..width {
                    u[i] = keep * u[i] + (F::ONE - keep) * c_before[i];
                }
            }
        }
        self.emit(step, sample, block, u);
    }

    /// The event part: threshold, reset, trace, window, and the event list.
    #[inline(always)]
    fn emit(&self, step: usize, sample: usize, block: Block, u: &[F]) {
        let width = block.width;
        let u = &u[..width];
        let theta = &self.inputs.theta[block.start..][..width];
        let trace_before = self.before(&self.trace, self.inputs.trace0, step, sample, block);
        let trace_before = &trace_before[..width];
        let mut results = [[F::ZERO; UNITS]; 5];
        let [y, c, o, trace, window] = &mut results;
        let (y, c, o) = (&mut y[..width], &mut c[..width], &mut o[..width]);
        let (trace, window) = (&mut trace[..width], &mut window[..width]);
        for i in 0..width {
            o[i] = if u[i] - theta[i] > F::ZERO { F::ONE } else { F::ZERO };
        }
        for i in 0..width {
            y[i] = o[i] * u[i];
            c[i] = u[i] - o[i] * theta[i];
        }
        for i in 0..width {
            trace[i] = self.alpha * trace_before[i] + (F::ONE - self.alpha) * y[i];
        }
        for i in 0..width {
            let near = F::ONE - self.eps * (u[i] - theta[i]).abs();
            // Not `near > 0`: a NaN has an effect.
            let far = if near <= F::ZERO { F::ZERO } else { F::ONE };
            window[i] = if o[i] == F::ZERO { far } else { F::ONE };
        }
        if self.products != Products::Dense {
            // SAFETY: an own block, read by others only after the barrier.
            unsafe { self.board.publish(step, sample, block.index, y) };
        }
        let arrays = [&self.y, &self.c, &self.o, &self.trace, &self.window];
        for (array, result) in arrays.into_iter().zip(&results) {
            // SAFETY: own units of the present step, of different arrays (see `Member`).
            unsafe { self.present(array, step, sample, block) }.copy_from_slice(&result[..width]);
        }
    }
}

/// `out = a + b + c`.
#[inline(always)]
fn sum<F: Float>(out: &mut [F], a: &[F], b: &[F], c: &[F]) {
    for (((out, &a), &b), &c) in out.iter_mut().zip(a).zip(b).zip(c) {
        *out = a + b + c;
    }
}
