//! One EGRU sequence backward.
//!
//! The steps are walked once, from the last to the first, for the gradients by the gates (`walk`). Those
//! of weights and input follow from the gates of all steps at once.

use std::ops::Range;

use crate::error::{check, check_option};
use crate::linear::operand_gradient;
use crate::matmul::{times_transposed, transposed_times};
use crate::plan::Product;
use crate::scratch::zeros;
use crate::sequence::{check_inputs, live_input};
use crate::view::{View, ViewMut};
use crate::walk::{Walk, walk};
use crate::{
    Cotangents, Dims, EgruParams, Float, Gradients, Inputs, Products, Saved, ShapeError, Wanted,
    tape_width,
};

/// Gradients of one sequence, from the same `dims`, `params` and `inputs` that
/// [`egru_forward`](crate::egru_forward) had, and what it saved.
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
/// of length 0 get a gradient of zero.
///
/// # Errors
/// [`ShapeError`] where an array does not fit `dims`; named `tape` where the forward pass was not asked
/// to save it.
pub fn egru_backward<F: Float>(
    dims: Dims,
    params: &EgruParams,
    inputs: &Inputs<F>,
    saved: &Saved<F>,
    grads: &Cotangents<F>,
    wanted: Wanted,
    products: Products,
) -> Result<Gradients<F>, ShapeError> {
    check_inputs(dims, inputs)?;
    let Dims { time, batch, input, hidden } = dims;
    let (rows, state) = (time * batch, batch * hidden);
    for (name, array) in [("y", saved.y), ("c", saved.c), ("o", saved.o)] {
        check(name, array.len(), rows * hidden)?;
    }
    check("tape", saved.tape.len(), rows * tape_width(hidden))?;
    for (name, array) in [
        ("grads.y", grads.y),
        ("grads.c", grads.c),
        ("grads.o", grads.o),
        ("grads.trace", grads.trace),
    ] {
        check_option(name, array, rows * hidden)?;
    }

    let Walk { gates, sums, theta, c0, trace0 } =
        walk(dims, params, inputs, saved, grads, products);
    let keep = |want: bool, values: Vec<F>| if want { values } else { Vec::new() };
    let mut result = Gradients {
        x: vec![],
        y0: vec![],
        c0: keep(wanted.state, c0),
        trace0: keep(wanted.state, trace0),
        w: vec![],
        r: vec![],
        // Order of the sums as of the gates: z, r, q_g, p_g.
        bias_w: keep(wanted.w, [&sums[..2 * hidden], &sums[3 * hidden..]].concat()),
        bias_r: keep(wanted.r, sums[..3 * hidden].to_vec()),
        theta: keep(wanted.theta, theta),
    };
    let gates = View::new(&gates, rows, 4 * hidden);
    let (q, p) = (gates.columns(0..3 * hidden), InputGates { gates, hidden });
    if wanted.r {
        result.r = recurrent_gradient(dims, inputs, saved, q, products);
    }
    if wanted.w {
        let x = live_input(dims, inputs);
        let events = Product::Weights.takes_events_of(products, &x);
        result.w = zeros(input * 3 * hidden);
        for (gates, columns) in p.parts() {
            transposed_times(
                events,
                View::new(&x, rows, input),
                gates,
                ViewMut::new(&mut result.w, input, 3 * hidden).columns(columns),
            );
        }
    }
    if wanted.x {
        let w = View::new(inputs.w, input, 3 * hidden);
        let needs_grad = inputs.x_needs_grad;
        result.x = operand_gradient(needs_grad, rows, input, products, |needed, mut out| {
            for (gates, columns) in p.parts() {
                times_transposed(needed, gates, w.columns(columns), out.reborrow());
            }
        });
    }
    if wanted.state {
        result.y0 = zeros(state);
        if time > 0 {
            let recurrent = View::new(inputs.r, hidden, 3 * hidden);
            let out = ViewMut::new(&mut result.y0, batch, hidden);
            times_transposed(None, q.slice(0..batch), recurrent, out);
        }
    }
    Ok(result)
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
fn recurrent_gradient<F: Float>(
    dims: Dims,
    inputs: &Inputs<F>,
    saved: &Saved<F>,
    q: View<'_, F>,
    products: Products,
) -> Vec<F> {
    let Dims { time, batch, hidden, .. } = dims;
    let mut result = zeros(hidden * 3 * hidden);
    if time > 0 {
        let later = (time - 1) * batch;
        let y = &saved.y[..later * hidden];
        for (y, rows) in [(inputs.y0, 0..batch), (y, batch..batch + later)] {
            transposed_times(
                Product::Weights.takes_events_of(products, y),
                View::new(y, rows.len(), hidden),
                q.slice(rows),
                ViewMut::new(&mut result, hidden, 3 * hidden),
            );
        }
    }
    result
}
