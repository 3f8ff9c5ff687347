//! Sums over batches, from which an epoch's averages are formed.
//!
//! Averages are taken over all targets and steps of an epoch at once rather than batch by batch. The
//! sums of an unfinished epoch are part of a checkpoint, so that the averages of a resumed epoch have
//! the same bits as those of an uninterrupted one.

use egru::activity::{ActivityReport, LayerActivity};
use serde::{Deserialize, Serialize};

use crate::TrainError;
use crate::report_data::{EpochRecord, Split};

/// Sums over one or several batches.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tally {
    /// Scored targets.
    pub targets: u64,
    /// Sum of the targets' losses.
    pub loss: f64,
    /// Targets predicted right; `None` for regression.
    pub correct: Option<u64>,
    /// What the network did and what it skipped.
    pub activity: ActivityReport,
    /// Sum of the gradient norms of the optimiser steps.
    pub gradient_norms: f64,
    /// Optimiser steps.
    pub steps: u64,
}

/// A sum and what it is divided by.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Ratio {
    /// The sum.
    pub part: f64,
    /// Its divisor; 0 when there is nothing to average.
    pub whole: f64,
}

impl Ratio {
    /// The average; `None` when there is nothing to average.
    pub fn value(self) -> Option<f64> {
        (self.whole > 0.0).then(|| self.part / self.whole)
    }
}

impl std::ops::AddAssign for Ratio {
    fn add_assign(&mut self, more: Self) {
        self.part += more.part;
        self.whole += more.whole;
    }
}

impl Tally {
    /// Adds another batch of the same model.
    ///
    /// # Errors
    /// The batch is of another model.
    pub fn add(&mut self, batch: &Self) -> Result<(), TrainError> {
        self.activity.merge(&batch.activity)?;
        self.targets += batch.targets;
        self.loss += batch.loss;
        self.correct = match (self.correct, batch.correct) {
            (Some(so_far), Some(more)) => Some(so_far + more),
            (one, other) => one.or(other),
        };
        self.gradient_norms += batch.gradient_norms;
        self.steps += batch.steps;
        Ok(())
    }

    /// Adds the gradient norm of one optimiser step.
    pub fn add_gradient_norm(&mut self, norm: f64) {
        self.gradient_norms += norm;
        self.steps += 1;
    }

    /// Loss per target.
    pub fn loss(&self) -> Ratio {
        Ratio { part: self.loss, whole: self.targets as f64 }
    }

    /// Targets predicted right, per target; nothing for regression.
    pub fn accuracy(&self) -> Ratio {
        let correct = |right| Ratio { part: right as f64, whole: self.targets as f64 };
        self.correct.map_or_else(Ratio::default, correct)
    }

    /// Zeros in the layers' outputs, per output.
    pub fn activity_sparsity(&self) -> Ratio {
        self.outputs(|layer| layer.events)
    }

    /// Exactly skipped gradient paths, per output.
    pub fn backward_sparsity(&self) -> Ratio {
        self.outputs(|layer| layer.window)
    }

    /// All outputs but those that `counted` counts, per output.
    fn outputs(&self, counted: impl Fn(&LayerActivity) -> u64) -> Ratio {
        let outputs = |layer: &LayerActivity| layer.units as u64 * layer.steps;
        let layers = &self.activity.layers;
        let whole: u64 = layers.iter().map(outputs).sum();
        let counted: u64 = layers.iter().map(counted).sum();
        Ratio { part: whole as f64 - counted as f64, whole: whole as f64 }
    }

    /// Gradient norm per optimiser step.
    pub fn gradient_norm(&self) -> Ratio {
        Ratio { part: self.gradient_norms, whole: self.steps as f64 }
    }

    /// The averages as a line of `metrics.jsonl`; what only the training split has is left absent.
    pub fn record(&self, split: Split, epoch: usize, step: usize) -> EpochRecord {
        let loss = self.loss().value().unwrap_or(0.0);
        EpochRecord {
            epoch,
            step,
            loss,
            accuracy: self.accuracy().value(),
            mse: self.correct.is_none().then_some(loss),
            activity_sparsity: self.activity_sparsity().value(),
            backward_sparsity: self.backward_sparsity().value(),
            ..EpochRecord::empty(split)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(targets: u64, loss: f64, correct: Option<u64>, events: u64) -> Tally {
        let layer = LayerActivity {
            units: 10,
            steps: targets,
            events,
            window: 2 * events,
            ..LayerActivity::default()
        };
        let activity =
            ActivityReport { samples: targets, layers: vec![layer], ..Default::default() };
        Tally { targets, loss, correct, activity, ..Tally::default() }
    }

    #[test]
    fn averages_weigh_batches_by_size() {
        let mut sum = Tally::default();
        sum.add(&batch(3, 6.0, Some(1), 15)).unwrap();
        sum.add(&batch(1, 0.0, Some(1), 1)).unwrap();
        let record = sum.record(Split::Valid, 1, 2);
        assert_eq!((record.loss, record.accuracy, record.mse), (1.5, Some(0.5), None));
        assert_eq!(record.activity_sparsity, Some(0.6));
        assert_eq!(record.backward_sparsity, Some(0.2));
    }

    #[test]
    fn regression_has_a_squared_error_instead_of_an_accuracy() {
        let mut sum = batch(2, 0.5, None, 0);
        sum.add_gradient_norm(3.0);
        sum.add_gradient_norm(1.0);
        let record = sum.record(Split::Train, 1, 2);
        assert_eq!((record.accuracy, record.mse), (None, Some(0.25)));
        assert_eq!(sum.gradient_norm().value(), Some(2.0));
    }

    #[test]
    fn nothing_counted_gives_no_average() {
        let record = Tally::default().record(Split::Test, 0, 0);
        assert_eq!((record.accuracy, record.activity_sparsity), (None, None));
    }
}
