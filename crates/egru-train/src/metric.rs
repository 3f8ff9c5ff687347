//! The run's figures as burn-train metrics, and the memory that early stopping reads them from.

use std::collections::HashMap;
use std::sync::Arc;

use burn::tensor::TensorReadError;
use burn::train::logger::MetricLogger;
use burn::train::metric::store::{
    Aggregate, Direction, EpochSummary, MetricsUpdate, Split as BurnSplit,
};
use burn::train::metric::{
    Metric, MetricAttributes, MetricDefinition, MetricId, MetricMetadata, MetricName, Numeric,
    NumericAttributes, NumericEntry, SerializedEntry, format_float,
};
use burn::train::{MetricEarlyStoppingStrategy, StoppingCondition};

use crate::report_data::{EpochRecord, RunHistory, Split};
use crate::tally::{Ratio, Tally};

/// Name of the loss.
pub(crate) const LOSS: &str = "Loss";
const ACCURACY: &str = "Accuracy";

/// One figure of a [`Tally`]: of the last batch, and over the epoch.
#[derive(Clone)]
pub(crate) struct Gauge {
    name: MetricName,
    higher_is_better: bool,
    figure: fn(&Tally) -> Ratio,
    last: Ratio,
    epoch: Ratio,
}

impl Gauge {
    fn new(name: &str, higher_is_better: bool, figure: fn(&Tally) -> Ratio) -> Self {
        Self {
            name: Arc::new(name.to_owned()),
            higher_is_better,
            figure,
            last: Ratio::default(),
            epoch: Ratio::default(),
        }
    }

    /// Mean loss per scored target.
    pub(crate) fn loss() -> Self {
        Self::new(LOSS, false, Tally::loss)
    }

    /// Share of targets predicted right.
    pub(crate) fn accuracy() -> Self {
        Self::new(ACCURACY, true, Tally::accuracy)
    }

    /// Share of zeros in the layers' outputs.
    pub(crate) fn activity_sparsity() -> Self {
        Self::new("Activity sparsity", true, Tally::activity_sparsity)
    }

    /// Share of exactly skipped gradient paths.
    pub(crate) fn backward_sparsity() -> Self {
        Self::new("Backward sparsity", true, Tally::backward_sparsity)
    }

    /// Global gradient norm before clipping.
    pub(crate) fn gradient_norm() -> Self {
        Self::new("Gradient norm", false, Tally::gradient_norm)
    }

    fn entry(&self, serialized: String) -> SerializedEntry {
        let format = |ratio: Ratio| match ratio.value() {
            Some(value) => format_float(value, 4),
            None => SerializedEntry::NOT_AVAILABLE.to_owned(),
        };
        let (epoch, batch) = (format(self.epoch), format(self.last));
        SerializedEntry::new(format!("epoch {epoch} - batch {batch}"), serialized)
    }
}

impl Metric for Gauge {
    type Input = Tally;

    fn name(&self) -> MetricName {
        self.name.clone()
    }

    fn attributes(&self) -> MetricAttributes {
        NumericAttributes { unit: None, higher_is_better: self.higher_is_better }.into()
    }

    fn update(
        &mut self,
        batch: &Tally,
        _metadata: &MetricMetadata,
    ) -> Result<SerializedEntry, TensorReadError> {
        self.last = (self.figure)(batch);
        self.epoch += self.last;
        Ok(self.entry(self.value().map_or_else(String::new, |value| value.serialize())))
    }

    fn compute(&mut self) -> Result<SerializedEntry, TensorReadError> {
        Ok(self.entry(self.final_value().serialize()))
    }

    fn clear(&mut self) {
        self.last = Ratio::default();
        self.epoch = Ratio::default();
    }
}

impl Numeric for Gauge {
    fn value(&self) -> Option<NumericEntry> {
        self.last.value().map(NumericEntry::Value)
    }

    fn running_value(&self) -> Option<NumericEntry> {
        self.epoch.value().map(NumericEntry::Value)
    }

    fn final_value(&self) -> NumericEntry {
        NumericEntry::Final(self.epoch.value().unwrap_or(f64::NAN))
    }
}

/// The validation figure that picks the best epoch: accuracy where there is one, else the loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Score {
    Accuracy,
    Loss,
}

impl Score {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Accuracy => ACCURACY,
            Self::Loss => LOSS,
        }
    }

    pub(crate) fn direction(self) -> Direction {
        match self {
            Self::Accuracy => Direction::Highest,
            Self::Loss => Direction::Lowest,
        }
    }

    fn of(self, record: &EpochRecord) -> Option<f64> {
        match self {
            Self::Accuracy => record.accuracy,
            Self::Loss => Some(record.loss),
        }
    }

    /// Stops after `patience` epochs without a better score.
    pub(crate) fn early_stopping(self, patience: usize) -> MetricEarlyStoppingStrategy {
        let gauge = match self {
            Self::Accuracy => Gauge::accuracy(),
            Self::Loss => Gauge::loss(),
        };
        MetricEarlyStoppingStrategy::new(
            &gauge,
            Aggregate::Mean,
            self.direction(),
            BurnSplit::Valid,
            StoppingCondition::NoImprovementSince { n_epochs: patience },
        )
    }
}

/// The final value of each metric, epoch and split, in memory. It starts with the epochs of the
/// run's earlier sessions, so that the best epoch and early stopping are the same as in a run that
/// was never interrupted.
pub(crate) struct Ledger(HashMap<(MetricId, usize, BurnSplit), f64>);

impl Ledger {
    pub(crate) fn new(history: &RunHistory, score: Score) -> Self {
        let past = history.of(Split::Valid).filter_map(|record| {
            Some(((id(score.name()), record.epoch, BurnSplit::Valid), score.of(record)?))
        });
        Self(past.collect())
    }
}

fn id(name: &str) -> MetricId {
    MetricId::new(Arc::new(name.to_owned()))
}

impl MetricLogger for Ledger {
    fn log(&mut self, update: MetricsUpdate, epoch: usize, split: &BurnSplit) {
        for metric in update.entries_numeric {
            if let Some(NumericEntry::Final(value)) = metric.numeric_entry {
                self.0.insert((metric.entry.metric_id, epoch, split.clone()), value);
            }
        }
    }

    fn read_numeric(
        &mut self,
        name: &str,
        epoch: usize,
        split: &BurnSplit,
    ) -> Result<Vec<NumericEntry>, String> {
        let value = self.0.get(&(id(name), epoch, split.clone()));
        Ok(value.map(|&value| NumericEntry::Final(value)).into_iter().collect())
    }

    fn log_metric_definition(&mut self, _definition: MetricDefinition) {}

    fn log_epoch_summary(&mut self, _summary: EpochSummary) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata() -> MetricMetadata {
        let progress = burn::data::dataloader::Progress::new(1, 1, None);
        MetricMetadata { progress, iteration: None, lr: None }
    }

    #[test]
    fn a_gauge_weighs_batches_by_their_targets() {
        let mut gauge = Gauge::accuracy();
        for (right, targets) in [(3, 4), (1, 12)] {
            let batch = Tally { targets, correct: Some(right), ..Tally::default() };
            gauge.update(&batch, &metadata()).unwrap();
        }
        assert_eq!(gauge.value().unwrap().current(), 1.0 / 12.0);
        assert_eq!(gauge.final_value().current(), 0.25);
        gauge.clear();
        assert!(gauge.value().is_none());
    }

    #[test]
    fn the_ledger_remembers_earlier_sessions_and_final_values() {
        let past = |epoch, accuracy| EpochRecord {
            epoch,
            accuracy: Some(accuracy),
            ..EpochRecord::empty(Split::Valid)
        };
        let history = RunHistory { epochs: vec![past(1, 0.5), past(2, 0.75)] };
        let mut ledger = Ledger::new(&history, Score::Accuracy);
        let read = |ledger: &mut Ledger, epoch| {
            let values = ledger.read_numeric(ACCURACY, epoch, &BurnSplit::Valid).unwrap();
            values.first().map(NumericEntry::current)
        };
        assert_eq!(read(&mut ledger, 2), Some(0.75));
        assert_eq!(read(&mut ledger, 3), None);
    }
}
