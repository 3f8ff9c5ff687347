//! The format of a run's folder and its checkpoints.

/// The format that this program writes. One that knows only older formats must not touch the run. In format 1 no number was
/// written down.
pub(crate) const FORMAT: u32 = 2;
