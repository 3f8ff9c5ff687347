//! One of several classes, for the whole sequence or for each scored step: cross-entropy and accuracy.

use std::sync::Arc;

use burn::nn::loss::CrossEntropyLossConfig;
use burn::tensor::{Device, Int, Tensor, TensorReadError};
use egru::{Reading, Readout};
use egru_data::{Batch, BatchTargets, Output, SequenceDataset, Spec};

use super::{Evaluator, Panel, Scored, Task, Verdict, scored_steps, unsuited};
use crate::TrainError;
use crate::metric::{Better, LOSS, Metric, Unit};

const ACCURACY: &str = "accuracy";

/// Above this many classes a confusion matrix is no longer something to look at.
const MATRIX_CLASSES: usize = 64;

/// The task `classification`.
pub struct Classification;

impl Task for Classification {
    fn name(&self) -> &'static str {
        "classification"
    }

    fn metrics(&self) -> Vec<Metric> {
        vec![
            Metric::new(ACCURACY, Unit::Share, Better::Higher),
            Metric::new(LOSS, Unit::Nats, Better::Lower),
        ]
    }

    fn outputs(&self, spec: &Spec, readout: Readout) -> Result<usize, TrainError> {
        match (spec.output, readout) {
            (Output::PerStep { classes }, Readout::PerStep) => Ok(classes),
            (Output::PerStep { .. }, _) | (_, Readout::PerStep) => {
                Err(TrainError::readout(readout, spec))
            }
            (Output::Class { classes }, _) => Ok(classes),
            (Output::Value, _) => Err(TrainError::Unsuited {
                task: self.name().to_owned(),
                problem: format!("`{}` has a number as its target", spec.name),
                remedy: "use task.type = \"regression\"".to_owned(),
            }),
        }
    }

    fn score(&self, reading: &Reading, batch: &Batch) -> Result<Scored, TrainError> {
        let logits = reading.logits()?;
        let (rows, classes) = scored(batch);
        if classes.is_empty() {
            return Ok(Scored::nothing(logits));
        }
        let device = logits.device();
        let logits = match rows {
            None => logits,
            Some(rows) => logits.select(0, integers(&rows, &device)),
        };
        let labels = integers(&classes, &device);
        let loss =
            CrossEntropyLossConfig::new().init(&device).forward(logits.clone(), labels.clone());
        let best = logits.clone().detach().argmax(1).squeeze_dim::<1>(1);
        let right = best.equal(labels).float().sum();
        Ok(Scored {
            loss,
            weight: classes.len() as f64,
            sums: vec![(ACCURACY, right)],
            outputs: Some(logits.detach()),
        })
    }

    fn evaluator(&self, data: &Arc<dyn SequenceDataset>) -> Box<dyn Evaluator> {
        Box::new(Confusion::of(data.as_ref()))
    }

    fn verdict(
        &self,
        reading: &Reading,
        batch: &Batch,
        names: Option<&[String]>,
    ) -> Result<Verdict, TrainError> {
        let answers = predictions(reading.logits()?)?;
        let name = |class: usize| {
            names.and_then(|names| names.get(class).cloned()).unwrap_or_else(|| class.to_string())
        };
        Ok(match &batch.targets {
            BatchTargets::PerStep(labels) => {
                let pairs = labels.iter().zip(&answers);
                let scored: Vec<bool> =
                    pairs.filter_map(|(label, answer)| Some(label.as_ref()? == answer)).collect();
                let right = scored.iter().filter(|right| **right).count();
                Verdict {
                    target: format!("{} scored steps", scored.len()),
                    prediction: format!("{right} of {} right", scored.len()),
                    right: Some(right == scored.len()),
                }
            }
            BatchTargets::Classes(classes) => {
                let (target, answer) = (classes[0], answers[0]);
                let right = Some(target == answer);
                Verdict { target: name(target), prediction: name(answer), right }
            }
            BatchTargets::Values(_) => unsuited(&batch.targets),
        })
    }
}

/// The rows of the logits that are scored (`None`: all) and the right class of each.
fn scored(batch: &Batch) -> (Option<Vec<usize>>, Vec<usize>) {
    match &batch.targets {
        BatchTargets::Classes(classes) => (None, classes.clone()),
        BatchTargets::PerStep(labels) => {
            let (rows, classes) = scored_steps(labels);
            (Some(rows), classes)
        }
        BatchTargets::Values(_) => unsuited(&batch.targets),
    }
}

fn integers(numbers: &[usize], device: &Device) -> Tensor<1, Int> {
    let numbers: Vec<i64> = numbers.iter().map(|&number| number as i64).collect();
    Tensor::from_ints(numbers.as_slice(), device)
}

/// The most likely class of each row.
fn predictions(logits: Tensor<2>) -> Result<Vec<usize>, TensorReadError> {
    let best = logits.argmax(1).try_into_data_as::<i64>()?;
    Ok(best.iter::<i64>().map(|class| class as usize).collect())
}

/// Counts which class was taken for which.
pub(super) struct Confusion {
    /// Names of the classes.
    pub names: Vec<String>,
    /// By right class and answered class; empty when there are too many.
    counts: Vec<Vec<u64>>,
}

impl Confusion {
    pub fn of(data: &dyn SequenceDataset) -> Self {
        let classes = match data.spec().output {
            Output::Class { classes } | Output::PerStep { classes } => classes,
            Output::Value => 0,
        };
        let names = data.class_names().filter(|names| names.len() == classes);
        Self {
            names: names.unwrap_or_else(|| (0..classes).map(|class| class.to_string()).collect()),
            counts: vec![vec![0; classes]; if classes <= MATRIX_CLASSES { classes } else { 0 }],
        }
    }

    /// The matrix, with `more` after what it says of itself; `None` when there are too many classes.
    pub fn panel(self, more: &str) -> Option<Panel> {
        let lead = format!("How often a class (row) was taken for another (column).{more}");
        (!self.counts.is_empty()).then(|| matrix("Confusion", lead, self.names, &self.counts))
    }
}

/// Counts by right class and answered class, to look at.
pub(super) fn matrix(title: &str, lead: String, names: Vec<String>, counts: &[Vec<u64>]) -> Panel {
    let row = |row: &Vec<u64>| row.iter().map(|&count| count as f64).collect();
    let values = counts.iter().map(row).collect();
    Panel::Matrix { title: title.to_owned(), lead, rows: names.clone(), columns: names, values }
}

impl Evaluator for Confusion {
    fn add(&mut self, scored: &Scored, batch: &Batch) -> Result<(), TrainError> {
        if let (Some(logits), false) = (&scored.outputs, self.counts.is_empty()) {
            let (_, classes) = self::scored(batch);
            for (class, answer) in classes.into_iter().zip(predictions(logits.clone())?) {
                self.counts[class][answer] += 1;
            }
        }
        Ok(())
    }

    fn finish(self: Box<Self>, sums: Vec<Option<f64>>) -> (Vec<Option<f64>>, Vec<Panel>) {
        (sums, self.panel("").into_iter().collect())
    }
}
