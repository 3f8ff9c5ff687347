//! A number for each sequence: mean squared error.

use burn::nn::loss::{MseLoss, Reduction};
use burn::tensor::{Tensor, TensorData};
use egru::{Reading, Readout};
use egru_data::{Batch, BatchTargets, Output, Spec};

use super::{Scored, Task, Verdict, unsuited};
use crate::TrainError;
use crate::metric::{Better, LOSS, Metric, Unit};
use crate::tally::Tally;

/// The task `regression`.
pub struct Regression;

impl Task for Regression {
    fn name(&self) -> &'static str {
        "regression"
    }

    fn metrics(&self) -> Vec<Metric> {
        vec![
            Metric::new("mse", Unit::Number, Better::Lower),
            Metric::new(LOSS, Unit::Number, Better::Lower),
        ]
    }

    fn outputs(&self, spec: &Spec, readout: Readout) -> Result<usize, TrainError> {
        match (spec.output, readout) {
            (Output::Value, Readout::PerStep) => Err(TrainError::readout(readout, spec)),
            (Output::Value, _) => Ok(1),
            _ => Err(TrainError::Unsuited {
                task: self.name().to_owned(),
                problem: format!("`{}` has classes as its targets", spec.name),
                remedy: "use task.type = \"classification\"".to_owned(),
            }),
        }
    }

    fn score(&self, reading: &Reading, batch: &Batch) -> Result<Scored, TrainError> {
        let outputs = reading.logits()?;
        let values = values(batch);
        let wanted = TensorData::new(values.to_vec(), [values.len(), 1]);
        let wanted = Tensor::<2>::from_data(wanted, &outputs.device());
        let loss = MseLoss::new().forward(outputs.clone(), wanted, Reduction::Mean);
        let weight = values.len() as f64;
        Ok(Scored { loss, weight, sums: Vec::new(), outputs: Some(outputs.detach()) })
    }

    /// The loss is the mean squared error itself.
    fn figures(&self, tally: &Tally) -> Vec<Option<f64>> {
        vec![tally.mean_loss(); 2]
    }

    fn verdict(
        &self,
        reading: &Reading,
        batch: &Batch,
        _: Option<&[String]>,
    ) -> Result<Verdict, TrainError> {
        let answer = reading.logits()?.try_into_scalar::<f64>()?;
        Ok(Verdict {
            target: format!("{:.3}", values(batch)[0]),
            prediction: format!("{answer:.3}"),
            right: None,
        })
    }
}

fn values(batch: &Batch) -> &[f32] {
    match &batch.targets {
        BatchTargets::Values(values) => values,
        other => unsuited(other),
    }
}
