//! Sums over batches, from which an epoch's figures are formed.
//!
//! Averages are taken over everything scored in an epoch at once rather than batch by batch. The sums of an unfinished
//! epoch are part of a checkpoint, so that the averages of a resumed epoch have the same bits as those of one that was
//! never stopped.

use std::collections::BTreeMap;

use egru::CellError;
use egru::activity::{ActivityReport, LayerActivity};
use serde::{Deserialize, Serialize};

/// Sums over one or several batches.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tally {
    /// How much was scored: targets, tokens.
    pub weight: f64,
    /// Sum of the losses of what was scored.
    pub loss: f64,
    /// The task's other sums, by the name of their metric.
    pub sums: BTreeMap<String, f64>,
    /// What the network did and what it skipped.
    pub activity: ActivityReport,
    /// Sum of the gradient norms of the optimiser steps.
    pub gradient_norms: f64,
    /// Optimiser steps.
    pub steps: u64,
}

impl Tally {
    /// Adds another batch of the same model.
    ///
    /// # Errors
    /// The batch is of another model.
    pub fn add(&mut self, batch: &Self) -> Result<(), CellError> {
        self.activity.merge(&batch.activity)?;
        self.weight += batch.weight;
        self.loss += batch.loss;
        for (name, more) in &batch.sums {
            *self.sums.entry(name.clone()).or_default() += more;
        }
        self.gradient_norms += batch.gradient_norms;
        self.steps += batch.steps;
        Ok(())
    }

    /// Adds the gradient norm of one optimiser step.
    pub fn add_gradient_norm(&mut self, norm: f64) {
        self.gradient_norms += norm;
        self.steps += 1;
    }

    /// The mean loss; `None` where nothing was scored.
    pub fn mean_loss(&self) -> Option<f64> {
        ratio(self.loss, self.weight)
    }

    /// The mean of one of the task's sums; `None` where nothing was scored.
    pub fn mean(&self, name: &str) -> Option<f64> {
        self.sums.get(name).and_then(|&sum| ratio(sum, self.weight))
    }

    /// Share of zeros in the layers' outputs.
    pub fn activity_sparsity(&self) -> Option<f64> {
        self.outputs_without(|layer| layer.events)
    }

    /// Share of exactly skipped gradient paths.
    pub fn backward_sparsity(&self) -> Option<f64> {
        self.outputs_without(|layer| layer.window)
    }

    fn outputs_without(&self, counted: impl Fn(&LayerActivity) -> u64) -> Option<f64> {
        let layers = &self.activity.layers;
        let whole: u64 = layers.iter().map(|layer| layer.units as u64 * layer.steps).sum();
        let counted: u64 = layers.iter().map(counted).sum();
        ratio(whole as f64 - counted as f64, whole as f64)
    }

    /// The mean gradient norm of an optimiser step.
    pub fn gradient_norm(&self) -> Option<f64> {
        ratio(self.gradient_norms, self.steps as f64)
    }
}

fn ratio(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| part / whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(weight: f64, loss: f64, right: f64, events: u64) -> Tally {
        let layer = LayerActivity {
            units: 10,
            steps: weight as u64,
            events,
            window: 2 * events,
            ..LayerActivity::default()
        };
        let activity =
            ActivityReport { samples: weight as u64, layers: vec![layer], ..Default::default() };
        let sums = BTreeMap::from([("accuracy".to_owned(), right)]);
        Tally { weight, loss, sums, activity, ..Tally::default() }
    }

    #[test]
    fn averages_weigh_batches_by_what_was_scored() {
        let mut sum = Tally::default();
        sum.add(&batch(3.0, 6.0, 1.0, 15)).unwrap();
        sum.add(&batch(1.0, 0.0, 1.0, 1)).unwrap();
        assert_eq!((sum.mean_loss(), sum.mean("accuracy")), (Some(1.5), Some(0.5)));
        assert_eq!(sum.activity_sparsity(), Some(0.6));
        assert_eq!(sum.backward_sparsity(), Some(0.2));
        sum.add_gradient_norm(3.0);
        sum.add_gradient_norm(1.0);
        assert_eq!(sum.gradient_norm(), Some(2.0));
    }

    #[test]
    fn nothing_scored_gives_no_average() {
        let nothing = Tally { sums: [("accuracy".to_owned(), 0.0)].into(), ..Tally::default() };
        assert_eq!((nothing.mean_loss(), nothing.mean("accuracy")), (None, None));
        assert_eq!((nothing.activity_sparsity(), nothing.gradient_norm()), (None, None));
    }
}
