//! One EGRU sequence forward.

use crate::arguments::check_inputs;
use crate::choice::Product;
use crate::element::Element;
use crate::events::{Blocks, Board};
use crate::forward_steps::Forward;
use crate::scratch::{Memory, copied};
use crate::steps::{length, units_of_members};
use crate::team::{Barrier, Shared};
use crate::{Dims, Keep, Outputs, Sequence, ShapeError, State, Tape};

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
/// `keep` says which series come back beside `y`; [`egru_backward`](crate::egru_backward) needs the tape. They lie in
/// whatever [`Memory`] the caller names, such as `Vec<F>`.
///
/// # Errors
/// [`ShapeError`] where an array does not fit [`Sequence::dims`].
pub fn egru_forward<F: Element, M: Memory<F>>(
    sequence: &Sequence<'_, F>,
    keep: Keep,
) -> Result<Outputs<M>, ShapeError> {
    let &Sequence { dims, ref params, ref inputs, products } = sequence;
    check_inputs(dims, inputs)?;
    let Dims { time, batch, hidden, .. } = dims;
    let size = time * batch * hidden;
    // SAFETY: in each step the members write all units of all samples in every series that is kept, and read of what
    // they have written only.
    let series = |kept, size| if kept { unsafe { M::unwritten(size) } } else { M::zeros(0) };
    let mut out = Outputs {
        y: series(true, size),
        c: series(keep.c, size),
        o: series(keep.o, size),
        trace: series(keep.trace, size),
        window: series(keep.window, size),
        last: State { c: copied(inputs.c0), y: copied(inputs.y0), trace: copied(inputs.trace0) },
        tape: Tape { u: series(keep.tape, size), gates: series(keep.tape, 4 * size) },
    };
    let members = units_of_members(dims);
    let barrier = Barrier::new(members.len());
    let blocks = Blocks::new(&members);
    let mut storage = Board::storage(batch, &blocks);
    let pass = Forward {
        dims,
        inputs: *inputs,
        products,
        input_events: Product::Forward.takes_events_of(products, inputs.x),
        alpha: F::from_f64(params.alpha),
        eps: F::from_f64(params.eps),
        keep,
        y: Shared::new(out.y.as_mut()),
        c: Shared::new(out.c.as_mut()),
        o: Shared::new(out.o.as_mut()),
        trace: Shared::new(out.trace.as_mut()),
        window: Shared::new(out.window.as_mut()),
        u: Shared::new(out.tape.u.as_mut()),
        gates: Shared::new(out.tape.gates.as_mut()),
        state: Shared::new(out.last.c.as_mut()),
        state_trace: Shared::new(out.last.trace.as_mut()),
        blocks: &blocks,
        board: Board::new(&mut storage, batch, &blocks),
        barrier: &barrier,
    };
    F::forward(&pass, members);
    for sample in 0..batch {
        if let Some(step) = length(dims, inputs, sample).checked_sub(1) {
            let y = &out.y.as_ref()[(step * batch + sample) * hidden..][..hidden];
            out.last.y.as_mut()[sample * hidden..][..hidden].copy_from_slice(y);
        }
    }
    Ok(out)
}
