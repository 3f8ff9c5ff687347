//! How the time of a pass divides.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Parts of the two passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Phase {
    /// `x W`; that of few channels is part of the cell.
    InputProduct,
    /// `y R`.
    RecurrentProduct,
    /// `q R^T`, the gradient that reaches the outputs through the recurrent weights.
    RecurrentGradient,
    /// The cell itself: gates, threshold, reset, trace, and their gradients.
    Pointwise,
    /// `x^T p` and `y^T q`.
    WeightGradients,
    /// `p W^T`.
    InputGradient,
    /// Waiting for the other threads at the end of a step.
    Waiting,
}

impl Phase {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::InputProduct,
        Self::RecurrentProduct,
        Self::RecurrentGradient,
        Self::Pointwise,
        Self::WeightGradients,
        Self::InputGradient,
        Self::Waiting,
    ];

    /// The name in records, in snake case.
    pub fn name(self) -> &'static str {
        match self {
            Self::InputProduct => "input_product",
            Self::RecurrentProduct => "recurrent_product",
            Self::RecurrentGradient => "recurrent_gradient",
            Self::Pointwise => "pointwise",
            Self::WeightGradients => "weight_gradients",
            Self::InputGradient => "input_gradient",
            Self::Waiting => "waiting",
        }
    }
}

static ON: AtomicBool = AtomicBool::new(false);
static NANOSECONDS: [AtomicU64; Phase::ALL.len()] = [const { AtomicU64::new(0) }; Phase::ALL.len()];

/// Starts or stops recording how the time of this process's passes divides; off at first.
pub fn record_phases(on: bool) {
    ON.store(on, Ordering::Relaxed);
}

/// The time that each phase took on the calling threads since the last call, in the order of
/// [`Phase::ALL`]. The threads of a team do equal work, so that these times add up to nearly the whole.
///
/// ```
/// use egru_kernels::{Phase, record_phases, take_phases};
///
/// record_phases(true);
/// // ... passes ...
/// let times = take_phases();
/// record_phases(false);
/// assert_eq!(times.len(), Phase::ALL.len());
/// ```
pub fn take_phases() -> [(Phase, Duration); Phase::ALL.len()] {
    Phase::ALL.map(|phase| {
        let nanoseconds = NANOSECONDS[phase as usize].swap(0, Ordering::Relaxed);
        (phase, Duration::from_nanos(nanoseconds))
    })
}

/// Adds the time from one call to the next to a phase.
pub(crate) struct Clock(Option<Instant>);

impl Clock {
    /// A clock that records, if recording is on and this is the calling thread.
    pub fn start(calling_thread: bool) -> Self {
        Self((calling_thread && ON.load(Ordering::Relaxed)).then(Instant::now))
    }

    /// Ends a stretch of `phase` and begins the next.
    #[inline(always)]
    pub fn lap(&mut self, phase: Phase) {
        if let Some(begin) = &mut self.0 {
            let now = Instant::now();
            let nanoseconds = now.duration_since(*begin).as_nanos() as u64;
            NANOSECONDS[phase as usize].fetch_add(nanoseconds, Ordering::Relaxed);
            *begin = now;
        }
    }
}
