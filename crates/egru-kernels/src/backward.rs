//! One EGRU sequence backward.
//!
//! The steps are walked once, from the last to the first, for the gradients by the gates (`backward_steps`). Those
//! of weights and input follow from the gates of all steps at once.

use std::ops::Range;

use crate::arguments::check_inputs;
use crate::backward_steps::Walk;
use crate::element::Element;
use crate::error::{check, check_option};
use crate::linear::operand_gradient;
use crate::phases::{Clock, Phase};
use crate::scratch::{Memory, copied};
use crate::steps::{length, live_input, tape_width};
use crate::view::{View, ViewMut};
use crate::{Cotangents, Dims, Gradients, Inputs, Products, Sequence, ShapeError, Tape, Wanted};

/// Gradients of the sequence that [`egru_forward`](crate::egru_forward) had, from its output `y` and its tape, which is
/// used up.
///
/// Equations, with the triangular surrogate `dH/dv = gamma max(0, 1 - eps |v|)`:
/// ```text
/// dtrace = dtrace_ext + alpha dtrace_{t+1}     dy = dy_ext + q_{t+1} R^T + (1-alpha) dtrace
/// dc = dc_ext + dc_{t+1}                       do = do_ext + u dy - theta dc
/// dv = dH/dv do      dtheta -= dv + o dc       du = o dy + dv + dc
/// zoneout: dc_{t-1} += (1-m) du, du = m du
/// dz = (c_{t-1} - g) du     dg = (1-z) du      dc_{t-1} += z du
/// p_g = (1-g^2) dg   q_g = p_g r   p_r = q_r = r(1-r) p_g h_g   p_z = q_z = z(1-z) dz
/// dW = x^T p   dR = y_{t-1}^T q   db_W = sum p   db_R = sum q   dx = p W^T
/// ```
/// Cotangents past the end of a sample are ignored, whatever they are. `y0`, `c0` and `trace0` of a sample
/// of length 0 get the gradients of its last state, which they are.
///
/// It is [`egru_backward_steps`] and [`StepGradients::finish`] in one; a caller that is short of memory
/// frees what only the first needs in between.
///
/// # Errors
/// [`ShapeError`] where an array does not fit [`Sequence::dims`]; named `tape` where the forward pass was not asked
/// to keep it.
pub fn egru_backward<F: Element, M: Memory<F>>(
    sequence: &Sequence<'_, F>,
    y: &[F],
    tape: Tape<M>,
    grads: &Cotangents<'_, F>,
    wanted: Wanted,
) -> Result<Gradients<M>, ShapeError> {
    let dims = sequence.dims;
    check("y", y.len(), dims.time.saturating_mul(dims.batch).saturating_mul(dims.hidden))?;
    egru_backward_steps(sequence, tape, grads)?.finish(sequence, y, wanted)
}

/// The gradients by the gates, from the last step to the first. Afterwards neither the cotangents nor what
/// the tape held are needed any more: see [`egru_backward`].
///
/// # Errors
/// As [`egru_backward`].
pub fn egru_backward_steps<F: Element, M: Memory<F>>(
    sequence: &Sequence<'_, F>,
    mut tape: Tape<M>,
    grads: &Cotangents<'_, F>,
) -> Result<StepGradients<F, M>, ShapeError> {
    let &Sequence { dims, ref inputs, .. } = sequence;
    check_inputs(dims, inputs)?;
    let Dims { time, batch, hidden, .. } = dims;
    let rows = time * batch;
    check("tape", tape.u.as_ref().len(), rows * hidden)?;
    check("tape", tape.gates.as_ref().len(), rows * tape_width(hidden))?;
    for (name, array) in [
        ("grads.y", grads.y),
        ("grads.c", grads.c),
        ("grads.o", grads.o),
        ("grads.trace", grads.trace),
    ] {
        check_option(name, array, rows * hidden)?;
    }
    for (name, array) in [
        ("grads.last.c", grads.last.c),
        ("grads.last.y", grads.last.y),
        ("grads.last.trace", grads.last.trace),
    ] {
        check_option(name, array, batch * hidden)?;
    }
    // Where a sample has no step, its last output is its first.
    let mut y0 = M::zeros(batch * hidden);
    for sample in (0..batch).filter(|&sample| length(dims, inputs, sample) == 0) {
        let range = sample * hidden..(sample + 1) * hidden;
        if let Some(last) = grads.last.y {
            y0.as_mut()[range.clone()].copy_from_slice(&last[range]);
        }
    }
    let (u, gates) = (tape.u.as_ref(), tape.gates.as_mut());
    let walk = F::walk(sequence, u, gates, grads);
    Ok(StepGradients { dims, gates: tape.gates, walk, y0 })
}

/// The gradients by the gates: what is left of a backward pass is products with them.
pub struct StepGradients<F, M> {
    dims: Dims,
    /// `[T, B, 4, H]`, see [`Walk`].
    gates: M,
    walk: Walk<F>,
    /// `[B, H]`: what the gradient of `y0` has beside the first step's.
    y0: M,
}

impl<F: Element, M: Memory<F>> StepGradients<F, M> {
    /// The gradients of the inputs, from the same sequence and the forward pass's `y`.
    ///
    /// # Errors
    /// [`ShapeError`] where an array does not fit the sizes of the first part.
    pub fn finish(
        self,
        sequence: &Sequence<'_, F>,
        y: &[F],
        wanted: Wanted,
    ) -> Result<Gradients<M>, ShapeError> {
        let (dims, inputs, products) = (self.dims, &sequence.inputs, sequence.products);
        check_inputs(dims, inputs)?;
        let Dims { time, batch, input, hidden } = dims;
        let rows = time * batch;
        check("y", y.len(), rows * hidden)?;
        let Walk { sums, theta, c0, trace0 } = self.walk;
        let mut clock = Clock::start(true);
        let keep = |want: bool, values: &[F]| copied(if want { values } else { &[] });
        let none = || M::zeros(0);
        let mut result: Gradients<M> = Gradients {
            x: none(),
            y0: none(),
            c0: keep(wanted.state, &c0),
            trace0: keep(wanted.state, &trace0),
            w: none(),
            r: none(),
            // Order of the sums as of the gates: z, r, q_g, p_g.
            bias_w: keep(wanted.w, &[&sums[..2 * hidden], &sums[3 * hidden..]].concat()),
            bias_r: keep(wanted.r, &sums[..3 * hidden]),
            theta: keep(wanted.theta, &theta),
        };
        let gates = View::new(self.gates.as_ref(), rows, 4 * hidden);
        let (q, p) = (gates.columns(0..3 * hidden), InputGates { gates, hidden });
        if wanted.r {
            result.r = recurrent_gradient(dims, inputs, y, q, products);
        }
        if wanted.w {
            let x = live_input(dims, inputs);
            let x = F::operand(View::new(&x, rows, input), products);
            result.w = M::zeros(input * 3 * hidden);
            for (gates, columns) in p.parts() {
                let w = ViewMut::new(result.w.as_mut(), input, 3 * hidden);
                F::transposed_product(&x, gates, w.columns(columns));
            }
        }
        clock.lap(Phase::WeightGradients);
        if wanted.x {
            let w = View::new(inputs.w, input, 3 * hidden);
            let needs_grad = inputs.x_needs_grad;
            result.x = operand_gradient(needs_grad, rows, input, products, |needed, mut out| {
                for (gates, columns) in p.parts() {
                    F::product_transposed(needed, gates, w.columns(columns), out.reborrow());
                }
            });
            clock.lap(Phase::InputGradient);
        }
        if wanted.state {
            result.y0 = self.y0;
            if time > 0 {
                let recurrent = View::new(inputs.r, hidden, 3 * hidden);
                let out = ViewMut::new(result.y0.as_mut(), batch, hidden);
                F::product_transposed(None, q.slice(0..batch), recurrent, out);
            }
            clock.lap(Phase::RecurrentGradient);
        }
        Ok(result)
    }
}

/// The columns of the gates' gradients that belong to the input: `z`, `r` and `p_g` of `z, r, q_g, p_g`.
struct InputGates<'a, F> {
    gates: View<'a, F>,
    hidden: usize,
}

impl<'a, F> InputGates<'a, F> {
    /// Columns of the gradients with the columns of `W` that they belong to.
    fn parts(&self) -> [(View<'a, F>, Range<usize>); 2]
    where
        F: Copy,
    {
        let h = self.hidden;
        [(self.gates.columns(0..2 * h), 0..2 * h), (self.gates.columns(3 * h..4 * h), 2 * h..3 * h)]
    }
}

/// `dR`: the events of each step with the gates of the next.
fn recurrent_gradient<F: Element, M: Memory<F>>(
    dims: Dims,
    inputs: &Inputs<F>,
    y: &[F],
    q: View<'_, F>,
    products: Products,
) -> M {
    let Dims { time, batch, hidden, .. } = dims;
    let mut result = M::zeros(hidden * 3 * hidden);
    if time > 0 {
        let later = (time - 1) * batch;
        for (y, rows) in [(inputs.y0, 0..batch), (&y[..later * hidden], batch..batch + later)] {
            let y = F::operand(View::new(y, rows.len(), hidden), products);
            F::transposed_product(
                &y,
                q.slice(rows),
                ViewMut::new(result.as_mut(), hidden, 3 * hidden),
            );
        }
    }
    result
}
