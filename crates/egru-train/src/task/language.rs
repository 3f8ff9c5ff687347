//! What follows, for each step of a text or another stream of tokens: cross-entropy and perplexity.
//!
//! ```text
//! loss = mean over scored tokens of -ln p(token | all before)        perplexity = exp(loss)
//! ```
//!
//! Every token counts once and with the same weight, at whatever batch size and window. The softmax is exact. Where a window
//! has many logits it is taken some hundred tokens at a time, so that they never exist at once.

use egru::{Reading, Readout};
use egru_data::{Batch, BatchTargets, Output, Spec};

use super::{Scored, Task, Verdict, scored_steps, unsuited};
use crate::TrainError;
use crate::metric::{Better, LOSS, Metric, Unit};
use crate::tally::Tally;

/// Tokens whose logits exist at once. A chunk costs a pass over the gradient of the head's weights, and logits of a window of
/// a large vocabulary are what a device has no memory for.
const CHUNK: usize = 512;

/// The task `language`.
pub struct Language;

impl Task for Language {
    fn name(&self) -> &'static str {
        "language"
    }

    fn metrics(&self) -> Vec<Metric> {
        vec![
            Metric::new("perplexity", Unit::Number, Better::Lower),
            Metric::new(LOSS, Unit::Nats, Better::Lower),
        ]
    }

    fn outputs(&self, spec: &Spec, readout: Readout) -> Result<usize, TrainError> {
        match (spec.output, readout) {
            (Output::PerStep { classes }, Readout::PerStep) => Ok(classes),
            (Output::PerStep { .. }, _) => Err(TrainError::readout(readout, spec)),
            (Output::Class { .. } | Output::Value, _) => Err(TrainError::Unsuited {
                task: self.name().to_owned(),
                problem: format!("`{}` has one target for a whole sequence", spec.name),
                remedy: "use task.type = \"classification\" or \"regression\"".to_owned(),
            }),
        }
    }

    fn score(&self, reading: &Reading, batch: &Batch) -> Result<Scored, TrainError> {
        let (rows, tokens) = scored(batch);
        if tokens.is_empty() {
            // From below the head: its logits may be too many to exist at once.
            return Ok(Scored::nothing(reading.values.clone()));
        }
        let weight = tokens.len() as f64;
        let whole = rows.len() == reading.rows();
        let reading = if whole { reading.clone() } else { reading.select(&rows) };
        let loss = reading.cross_entropy(&tokens, CHUNK)? / weight;
        Ok(Scored { loss, weight, sums: Vec::new(), outputs: None })
    }

    fn figures(&self, tally: &Tally) -> Vec<Option<f64>> {
        let loss = tally.mean_loss();
        vec![loss.map(f64::exp), loss]
    }

    fn verdict(
        &self,
        reading: &Reading,
        batch: &Batch,
        _: Option<&[String]>,
    ) -> Result<Verdict, TrainError> {
        let Scored { loss, weight, .. } = self.score(reading, batch)?;
        let loss = loss.try_into_scalar::<f64>()?;
        Ok(Verdict {
            target: format!("{weight} tokens"),
            prediction: format!("perplexity {:.1}", loss.exp()),
            right: None,
        })
    }
}

/// The rows of the logits that are scored, and the token that follows each.
fn scored(batch: &Batch) -> (Vec<usize>, Vec<usize>) {
    match &batch.targets {
        BatchTargets::PerStep(tokens) => scored_steps(tokens),
        other => unsuited(other),
    }
}
