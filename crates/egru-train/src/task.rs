//! The contract of a task: what is scored, what is measured, and what people are shown of it.
//!
//! A task turns what a network's head reads into a loss and figures. It knows neither cells nor devices, and the trainer
//! knows no task: a task of your own takes one file, and is registered with
//! [`Registry::with_task`](crate::Registry::with_task).

mod classification;
mod language;
mod regression;
mod voting;

use std::sync::Arc;

use burn::tensor::Tensor;
use egru::{Reading, Readout};
use egru_data::{Batch, BatchTargets, SequenceDataset, Spec};
use serde::{Deserialize, Serialize};

use crate::TrainError;
use crate::metric::{LOSS, Metric};
use crate::tally::Tally;

pub use classification::Classification;
pub use language::Language;
pub use regression::Regression;
pub use voting::Voting;

/// What is to be learnt from the samples of a data set.
pub trait Task: Send + Sync {
    /// Its name in recipes: `task.type`.
    fn name(&self) -> &'static str;

    /// What it measures. The first of them selects the best checkpoint and decides early stopping.
    fn metrics(&self) -> Vec<Metric>;

    /// The outputs that the head needs for targets of this kind, after checking that the task can score them with this
    /// read-out.
    ///
    /// # Errors
    /// [`TrainError::Unsuited`], which says what would fit.
    fn outputs(&self, spec: &Spec, readout: Readout) -> Result<usize, TrainError>;

    /// Scores a batch: `reading` is what the head reads of it.
    ///
    /// # Errors
    /// An operation refuses.
    fn score(&self, reading: &Reading, batch: &Batch) -> Result<Scored, TrainError>;

    /// The values of [`metrics`](Self::metrics), in their order; `None` for what the sums do not give.
    fn figures(&self, tally: &Tally) -> Vec<Option<f64>> {
        let value = |metric: &Metric| match metric.name.as_ref() {
            LOSS => tally.mean_loss(),
            name => tally.mean(name),
        };
        self.metrics().iter().map(value).collect()
    }

    /// How the evaluation of a data set is put together; by default from the sums over its batches.
    fn evaluator(&self, data: &Arc<dyn SequenceDataset>) -> Box<dyn Evaluator> {
        let _ = data;
        Box::new(Sums)
    }

    /// What the network answers to a batch of one sample, and what it should have, in words; `names` are those of the
    /// classes, where the data set has any.
    ///
    /// # Errors
    /// An operation refuses.
    fn verdict(
        &self,
        reading: &Reading,
        batch: &Batch,
        names: Option<&[String]>,
    ) -> Result<Verdict, TrainError>;
}

/// The score of a batch. The tensors stay on the device: they are read together with others, once per step.
#[derive(Clone, Debug)]
pub struct Scored {
    /// Mean loss of what was scored, `[1]`: what is minimised. Gradients of several batches are averaged by their weights.
    pub loss: Tensor<1>,
    /// How much was scored; with 0, no step is taken for this batch.
    pub weight: f64,
    /// Sums over what was scored, each `[1]`, by the name of the metric whose mean they give.
    pub sums: Vec<(&'static str, Tensor<1>)>,
    /// The head's outputs for what was scored, `[N, K]`, for an [`Evaluator`]; `None` where they never existed at once.
    pub outputs: Option<Tensor<2>>,
}

impl Scored {
    /// Nothing to learn from: a loss of zero that still reaches every parameter which `values` come from.
    fn nothing(values: Tensor<2>) -> Self {
        Self { loss: values.sum() * 0.0, weight: 0.0, sums: Vec::new(), outputs: None }
    }
}

/// The rows of a batch's steps that are scored, and the right class of each.
fn scored_steps(classes: &[Option<usize>]) -> (Vec<usize>, Vec<usize>) {
    classes.iter().enumerate().filter_map(|(row, class)| Some((row, (*class)?))).unzip()
}

/// Targets that [`Task::outputs`] has refused before.
fn unsuited(targets: &BatchTargets) -> ! {
    unreachable!("targets of another kind than the data set's spec says: {targets:?}")
}

/// Puts an evaluation together, batch by batch: what is more than sums, such as votes or a confusion matrix.
pub trait Evaluator {
    /// Takes in a batch.
    ///
    /// # Errors
    /// The outputs cannot be read from the device.
    fn add(&mut self, scored: &Scored, batch: &Batch) -> Result<(), TrainError>;

    /// The values of the task's metrics, in their order, where `sums` are those that [`Task::figures`] gives; and what
    /// else there is to show.
    fn finish(self: Box<Self>, sums: Vec<Option<f64>>) -> (Vec<Option<f64>>, Vec<Panel>);
}

/// The evaluation that is given by sums.
struct Sums;

impl Evaluator for Sums {
    fn add(&mut self, _: &Scored, _: &Batch) -> Result<(), TrainError> {
        Ok(())
    }

    fn finish(self: Box<Self>, sums: Vec<Option<f64>>) -> (Vec<Option<f64>>, Vec<Panel>) {
        (sums, Vec::new())
    }
}

/// A result that is more than a number, for the report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Panel {
    /// A matrix, drawn with its larger values darker.
    Matrix {
        /// Its heading.
        title: String,
        /// What it shows, in a sentence.
        lead: String,
        /// Names of the rows.
        rows: Vec<String>,
        /// Names of the columns.
        columns: Vec<String>,
        /// Values by row.
        values: Vec<Vec<f64>>,
    },
}

/// An answer beside the right one, in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// What should have been answered.
    pub target: String,
    /// What was.
    pub prediction: String,
    /// Whether that is right; `None` where it is a matter of degree.
    pub right: Option<bool>,
}
