//! What a cell returns, and the time loop, written once for all cells.

use burn::tensor::{Bool, Tensor};
use egru_ops::{Execution, PathReport, unstack};

use crate::{Cell, CellError, CellState, lengths};

/// How to run a sequence.
#[derive(Clone, Debug, Default)]
pub struct SequenceOptions {
    /// Steps of each sample, `B` values from 1 to `T`; `None`: all `T`.
    pub lengths: Option<Vec<usize>>,
    /// Non-zero where the gradient of the input is wanted, in the shape of the input; `None`: everywhere.
    /// For the events of a layer below this is their [`window`](EventOutput::window), and exact.
    pub x_needs_grad: Option<Tensor<3>>,
    /// Which form of the operations runs.
    pub execution: Execution,
}

impl SequenceOptions {
    /// Sequences of these lengths, otherwise the defaults.
    pub fn with_lengths(lengths: impl Into<Vec<usize>>) -> Self {
        Self { lengths: Some(lengths.into()), ..Self::default() }
    }
}

/// What an event-based cell gives beyond its output, `[T, B, H]` over a sequence.
#[derive(Clone, Debug)]
pub struct EventOutput<const D: usize> {
    /// Events, 0 or 1, with the surrogate gradient.
    pub o: Tensor<D>,
    /// Decaying average of the output.
    pub trace: Tensor<D>,
    /// Not differentiable; 0 only where no gradient of the output `y` has any effect, because the cell
    /// multiplies it by zero. Whoever reads `y` need not compute its gradient there.
    pub window: Tensor<D>,
}

/// What a cell gives: `D` is 3 over a sequence (`[T, B, H]`), 2 in one step (`[B, H]`).
///
/// Past a sample's end `y`, `o` and `window` are zero, `c` and `trace` hold their last value, and no
/// gradient enters.
#[derive(Clone, Debug)]
pub struct CellOutput<const D: usize> {
    /// The output: for an event-based cell zero where it is silent.
    pub y: Tensor<D>,
    /// The internal state behind the output; for an event-based cell the one that the threshold is compared
    /// with, after the reset.
    pub c: Tensor<D>,
    /// `None` from a dense cell.
    pub events: Option<EventOutput<D>>,
}

/// A cell's output over a sequence.
pub type SequenceOutput = CellOutput<3>;
/// A cell's output of one step.
pub type StepOutput = CellOutput<2>;

impl SequenceOutput {
    /// With the first two axes swapped: time-first to batch-first and back.
    pub fn swap_order(self) -> Self {
        let swap = |tensor: Tensor<3>| tensor.swap_dims(0, 1);
        Self {
            y: swap(self.y),
            c: swap(self.c),
            events: self.events.map(|events| EventOutput {
                o: swap(events.o),
                trace: swap(events.trace),
                window: swap(events.window),
            }),
        }
    }

    /// The outputs of steps, in order, as one sequence.
    pub fn stack(steps: Vec<StepOutput>) -> Self {
        let (mut y, mut c, mut o, mut trace, mut window) = (vec![], vec![], vec![], vec![], vec![]);
        for step in steps {
            y.push(step.y);
            c.push(step.c);
            if let Some(events) = step.events {
                o.push(events.o);
                trace.push(events.trace);
                window.push(events.window);
            }
        }
        let stack = |series| Tensor::stack(series, 0);
        let events = (!o.is_empty()).then(|| EventOutput {
            o: stack(o),
            trace: stack(trace),
            window: stack(window),
        });
        Self { y: stack(y), c: stack(c), events }
    }
}

impl StepOutput {
    /// The output with the samples that are `over` (`[B, 1]`) silent and held at `previous`.
    fn past_end(self, previous: &Self, over: &Tensor<2, Bool>) -> Self {
        let over = over.clone().expand(self.y.dims());
        let silent = |now: Tensor<2>| now.mask_fill(over.clone(), 0.0);
        let held =
            |now: Tensor<2>, last: &Tensor<2>| now.mask_where(over.clone(), last.clone().detach());
        let events = self.events.zip(previous.events.as_ref()).map(|(now, last)| EventOutput {
            o: silent(now.o),
            trace: held(now.trace, &last.trace),
            window: silent(now.window),
        });
        Self { y: silent(self.y), c: held(self.c, &previous.c), events }
    }
}

/// The report of a cell that runs on plain tensor operations.
pub(crate) fn plain_path(x: &Tensor<3>) -> PathReport {
    PathReport::naive(&x.device(), "this cell runs on plain tensor operations")
}

/// The time loop over [`Cell::step`].
pub(crate) fn time_loop<C: Cell>(
    cell: &C,
    x: Tensor<3>,
    mut state: C::State,
    draws: &C::Draws,
    options: &SequenceOptions,
) -> Result<(SequenceOutput, C::State, PathReport), CellError> {
    let device = x.device();
    let (projected, path) = cell.project(x, options)?;
    let mut outputs: Vec<StepOutput> = Vec::new();
    for (t, x) in unstack(projected).into_iter().enumerate() {
        let (mut output, mut new) = cell.step(x, state.clone(), draws, t, options.execution)?;
        if let Some(over) = lengths::over_at(options.lengths.as_deref(), t, &device) {
            new = new.hold(state, &over);
            if let Some(previous) = outputs.last() {
                output = output.past_end(previous, &over);
            }
        }
        state = new;
        outputs.push(output);
    }
    Ok((SequenceOutput::stack(outputs), state, path))
}
