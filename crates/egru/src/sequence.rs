//! What a layer gives for a sequence or a step, and how to run one.

use burn::tensor::{Bool, Tensor, kind::Basic};
use egru_ops::{Execution, FormReport, Keep};

use crate::CellError;

/// How to run a sequence. The default runs all steps and gives the output and the state alone.
#[derive(Clone, Debug)]
pub struct SequenceOptions {
    /// Steps of each sample, `B` values from 1 to `T`; `None`: all `T`.
    pub lengths: Option<Vec<usize>>,
    /// Non-zero where the gradient of the input is wanted, in the shape of the input; `None`: everywhere.
    /// For the events of a layer below this is their [`window`](EventSeries::window), and exact.
    pub x_needs_grad: Option<Tensor<3>>,
    /// Which form of the operations runs.
    pub execution: Execution,
    /// Which series come back beside `y`. Each costs memory of the size of `y`, and the time to write it;
    /// results and gradients are the same whatever is kept.
    pub keep: Keep,
}

impl Default for SequenceOptions {
    fn default() -> Self {
        Self {
            lengths: None,
            x_needs_grad: None,
            execution: Execution::default(),
            keep: Keep::OUTPUT,
        }
    }
}

impl SequenceOptions {
    /// Sequences of these lengths, otherwise the defaults.
    pub fn with_lengths(lengths: impl Into<Vec<usize>>) -> Self {
        Self { lengths: Some(lengths.into()), ..Self::default() }
    }

    /// Sequences that give these series beside the output, otherwise the defaults.
    pub fn keeping(keep: Keep) -> Self {
        Self { keep, ..Self::default() }
    }
}

/// What either of two readers of a layer's output needs.
pub(crate) fn union(a: Keep, b: Keep) -> Keep {
    Keep { c: a.c || b.c, o: a.o || b.o, trace: a.trace || b.trace, window: a.window || b.window }
}

/// What a cell gives in one step, each `[B, H]`.
#[derive(Clone, Debug)]
pub struct StepOutput {
    /// The output: for an event-based cell zero where it is silent.
    pub y: Tensor<2>,
    /// The internal state behind the output; for an event-based cell the one that the threshold is compared
    /// with, after the reset.
    pub c: Tensor<2>,
    /// `None` from a dense cell.
    pub events: Option<EventOutput>,
}

/// What an event-based cell gives in one step beyond its output, each `[B, H]`.
#[derive(Clone, Debug)]
pub struct EventOutput {
    /// Events, 0 or 1, with the surrogate gradient.
    pub o: Tensor<2>,
    /// Decaying average of the output.
    pub trace: Tensor<2>,
    /// Not differentiable; 0 only where no gradient of the output `y` has any effect, because the cell
    /// multiplies it by zero. Whoever reads `y` need not compute its gradient there.
    pub window: Tensor<2>,
}

/// What a layer gives over a sequence, each series `[T, B, H]`, `None` where it was not
/// [kept](SequenceOptions::keep).
///
/// Past a sample's end `y`, `o` and `window` are zero, `c` and `trace` hold their last value, and no
/// gradient enters.
#[derive(Clone, Debug)]
pub struct SequenceOutput {
    /// As [`StepOutput::y`].
    pub y: Tensor<3>,
    /// As [`StepOutput::c`].
    pub c: Option<Tensor<3>>,
    /// `None` from a dense cell; from an event-based cell always there.
    pub events: Option<EventSeries>,
}

/// What an event-based cell gives over a sequence beyond its output, as [`EventOutput`] in one step.
#[derive(Clone, Debug, Default)]
pub struct EventSeries {
    /// As [`EventOutput::o`].
    pub o: Option<Tensor<3>>,
    /// As [`EventOutput::trace`].
    pub trace: Option<Tensor<3>>,
    /// As [`EventOutput::window`].
    pub window: Option<Tensor<3>>,
}

impl SequenceOutput {
    /// The outputs of steps, in order, as one sequence with the series that are to be kept.
    ///
    /// # Panics
    /// Without any step.
    pub fn stack(steps: Vec<StepOutput>, keep: Keep) -> Self {
        let (mut y, mut c, mut o, mut trace, mut window) = (vec![], vec![], vec![], vec![], vec![]);
        let mut event_based = false;
        for step in steps {
            y.push(step.y);
            c.extend(keep.c.then_some(step.c));
            if let Some(events) = step.events {
                event_based = true;
                o.extend(keep.o.then_some(events.o));
                trace.extend(keep.trace.then_some(events.trace));
                window.extend(keep.window.then_some(events.window));
            }
        }
        let kept = |kept: bool, series| kept.then(|| Tensor::stack(series, 0));
        let events = event_based.then(|| EventSeries {
            o: kept(keep.o, o),
            trace: kept(keep.trace, trace),
            window: kept(keep.window, window),
        });
        Self { y: Tensor::stack(y, 0), c: kept(keep.c, c), events }
    }

    /// The output with these series alone, as far as they are there.
    pub fn only(self, keep: Keep) -> Self {
        let kept = |kept: bool, series: Option<Tensor<3>>| series.filter(|_| kept);
        Self {
            y: self.y,
            c: kept(keep.c, self.c),
            events: self.events.map(|events| EventSeries {
                o: kept(keep.o, events.o),
                trace: kept(keep.trace, events.trace),
                window: kept(keep.window, events.window),
            }),
        }
    }

    /// The window, if the cell has one and it was kept.
    pub(crate) fn window(&self) -> Option<Tensor<3>> {
        self.events.as_ref().and_then(|events| events.window.clone())
    }

    /// A series of an event-based cell that `wanted` needs.
    pub(crate) fn event_series(
        &self,
        name: &'static str,
        wanted: &'static str,
        pick: impl FnOnce(&EventSeries) -> &Option<Tensor<3>>,
    ) -> Result<Tensor<3>, CellError> {
        let events = self.events.as_ref().ok_or(CellError::NoEvents { wanted })?;
        pick(events).clone().ok_or(CellError::NotKept { series: name, wanted })
    }
}

impl StepOutput {
    /// The output with the samples that are `over` (`[B, 1]`) silent and held at `previous`.
    pub(crate) fn past_end(self, previous: &Self, over: &Tensor<2, Bool>) -> Self {
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

/// The series of [`Keep`] that are kept.
pub(crate) fn kept(keep: Keep) -> usize {
    [keep.c, keep.o, keep.trace, keep.window].into_iter().filter(|kept| *kept).count()
}

/// See [`Cell::tape`](crate::Cell::tape): of a cell of so many gates that runs on plain tensor operations, as measured of those of
/// this crate: about 7 for each gate, and 14 for events.
pub(crate) fn plain_tape(gates: usize, keep: Keep) -> usize {
    7 * gates + 14 + kept(keep)
}

/// The report of a cell that runs on plain tensor operations.
pub(crate) fn plain_form(x: &Tensor<3>) -> FormReport {
    FormReport::naive(&x.device(), "this cell runs on plain tensor operations")
}

/// A batch of sequences from batch-first `[B, T, ...]` to time-first `[T, B, ...]`, or back: this crate takes and gives
/// time-first tensors everywhere.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use egru::{EgruConfig, swap_order};
///
/// let device = Device::flex();
/// let layer = EgruConfig::new(3, 8).init(&device);
/// let batch_first = Tensor::<3>::ones([2, 5, 3], &device);
/// let (y, _) = layer.forward(swap_order(batch_first), None);
/// assert_eq!(swap_order(y).dims(), [2, 5, 8]);
/// ```
pub fn swap_order<const D: usize, K: Basic>(series: Tensor<D, K>) -> Tensor<D, K> {
    series.swap_dims(0, 1)
}
