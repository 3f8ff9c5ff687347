//! The gradients of several batches as one.

use burn::optim::{GradientsAccumulator, GradientsParams};
use egru::{Cell, Network};

use crate::clip;
use crate::objective::{Pending, Trained};

/// The mean of the batches' gradients over what was scored, and what is still to be read of each.
pub(crate) fn averaged<C: Cell>(
    network: &Network<C>,
    trained: Vec<Trained<C>>,
) -> (GradientsParams, Vec<Pending>) {
    let weights: Vec<f64> = trained.iter().map(|trained| trained.pending.weight).collect();
    let total: f64 = weights.iter().sum();
    // Relative to the first, so that batches of one weight are added up as they are.
    let unit = weights.iter().copied().find(|weight| *weight > 0.0).unwrap_or(1.0);
    let mut accumulator = GradientsAccumulator::new();
    let mut pending = Vec::new();
    for (trained, weight) in trained.into_iter().zip(weights) {
        let mut gradients = trained.gradients;
        // What devices have added up among themselves is weighted already; a round with fewer of them is not.
        let factor = if trained.summed { 1.0 / unit } else { weight / unit };
        if factor != 1.0 {
            clip::scale(network, &mut gradients, factor);
        }
        accumulator.accumulate(network, gradients);
        pending.push(trained.pending);
    }
    let mut gradients = accumulator.grads();
    if total > 0.0 && total != unit {
        clip::scale(network, &mut gradients, unit / total);
    }
    (gradients, pending)
}
