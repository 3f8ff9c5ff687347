//! Where a run stands.

use serde::{Deserialize, Serialize};

use crate::tally::Tally;

/// Where a run stands.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Position {
    /// Epochs finished, with their validation.
    pub epochs: usize,
    /// Windows (batches) done of the epoch under way.
    pub windows: usize,
    /// Optimiser steps of the whole run.
    pub steps: usize,
    /// Devices that shared a step.
    pub devices: usize,
    /// Sums over the windows done of the epoch under way.
    pub tally: Tally,
    /// The learning rate of the last optimiser step.
    pub learning_rate: Option<f64>,
    /// Lines of `metrics.jsonl` that belong to this checkpoint.
    pub records: usize,
    /// The best finished epoch on the validation split.
    pub best_epoch: Option<usize>,
    /// Wall time spent so far, in seconds.
    pub seconds: f64,
    /// Wall time spent so far on the epoch under way, in seconds.
    pub epoch_seconds: f64,
}
