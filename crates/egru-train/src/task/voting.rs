//! One of several classes for parts of recordings: what `classification` measures, and what the parts of a recording say together.
//!
//! Each part has one vote, for its most likely class; where classes have as many votes, the sum of their probabilities decides.
//! Which parts belong together, the data set says: [`SequenceDataset::group`].

use std::collections::BTreeMap;
use std::sync::Arc;

use burn::tensor::activation::softmax;
use egru::{Reading, Readout};
use egru_data::{Batch, BatchTargets, Output, SequenceDataset, Spec};

use super::classification::{Classification, Confusion, matrix};
use super::{Evaluator, Panel, Scored, Task, Verdict};
use crate::TrainError;
use crate::metric::{Better, Metric, Unit};

const BY_VOTE: &str = "recording_accuracy";

/// The task `voting`.
pub struct Voting;

impl Task for Voting {
    fn name(&self) -> &'static str {
        "voting"
    }

    fn metrics(&self) -> Vec<Metric> {
        let mut metrics = Classification.metrics();
        metrics.push(Metric::new(BY_VOTE, Unit::Share, Better::Higher));
        metrics
    }

    fn outputs(&self, spec: &Spec, readout: Readout) -> Result<usize, TrainError> {
        match spec.output {
            Output::Class { .. } => Classification.outputs(spec, readout),
            Output::PerStep { .. } | Output::Value => Err(TrainError::Unsuited {
                task: self.name().to_owned(),
                problem: format!("`{}` has no class for a whole sequence", spec.name),
                remedy: "use task.type = \"classification\" or \"regression\"".to_owned(),
            }),
        }
    }

    fn score(&self, reading: &Reading, batch: &Batch) -> Result<Scored, TrainError> {
        Classification.score(reading, batch)
    }

    fn evaluator(&self, data: &Arc<dyn SequenceDataset>) -> Box<dyn Evaluator> {
        let confusion = Confusion::of(data.as_ref());
        Box::new(Votes { data: data.clone(), confusion, recordings: BTreeMap::new(), parts: 0 })
    }

    fn verdict(
        &self,
        reading: &Reading,
        batch: &Batch,
        names: Option<&[String]>,
    ) -> Result<Verdict, TrainError> {
        Classification.verdict(reading, batch, names)
    }
}

/// Collects votes by recording.
struct Votes {
    data: Arc<dyn SequenceDataset>,
    confusion: Confusion,
    recordings: BTreeMap<usize, Recording>,
    parts: usize,
}

/// What the parts of a recording say.
struct Recording {
    class: usize,
    /// Votes, then the sum of probabilities, by class.
    said: Vec<(u32, f64)>,
}

impl Recording {
    /// The class with the most votes.
    fn answer(&self) -> usize {
        let better = |a: (u32, f64), b: (u32, f64)| a.0 > b.0 || (a.0 == b.0 && a.1 > b.1);
        let classes = 0..self.said.len();
        classes.reduce(|a, b| if better(self.said[b], self.said[a]) { b } else { a }).unwrap_or(0)
    }
}

impl Evaluator for Votes {
    fn add(&mut self, scored: &Scored, batch: &Batch) -> Result<(), TrainError> {
        self.confusion.add(scored, batch)?;
        let (Some(logits), BatchTargets::Classes(classes)) = (&scored.outputs, &batch.targets)
        else {
            return Ok(());
        };
        let [_, width] = logits.dims();
        let shares = softmax(logits.clone(), 1).try_into_data_as::<f32>()?;
        let shares: Vec<f32> = shares.iter::<f32>().collect();
        let parts = batch.indices.iter().zip(classes).zip(shares.chunks(width));
        for ((&index, &class), shares) in parts {
            let recording = self
                .recordings
                .entry(self.data.group(index))
                .or_insert_with(|| Recording { class, said: vec![(0, 0.0); width] });
            for (said, &share) in recording.said.iter_mut().zip(shares) {
                said.1 += f64::from(share);
            }
            let best = shares.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
            if let Some((best, _)) = best {
                recording.said[best].0 += 1;
            }
            self.parts += 1;
        }
        Ok(())
    }

    fn finish(self: Box<Self>, mut sums: Vec<Option<f64>>) -> (Vec<Option<f64>>, Vec<Panel>) {
        let (parts, recordings) = (self.parts, self.recordings.len());
        let right = self.recordings.values().filter(|one| one.answer() == one.class).count();
        if let Some(by_vote) = sums.last_mut() {
            *by_vote = (recordings > 0).then(|| right as f64 / recordings as f64);
        }
        let names = self.confusion.names.clone();
        let mut panels = Vec::new();
        if let Some(panel) = self.confusion.panel(&format!(" {parts} parts of recordings.")) {
            panels.push(panel);
            let mut counts = vec![vec![0; names.len()]; names.len()];
            for recording in self.recordings.values() {
                counts[recording.class][recording.answer()] += 1;
            }
            let lead = format!(
                "The same by the votes of all parts of a recording: {recordings} recordings of {parts} parts."
            );
            panels.push(matrix("Confusion by recording", lead, names, &counts));
        }
        (sums, panels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn votes_decide_and_probabilities_break_ties() {
        let answer = |said: &[(u32, f64)]| Recording { class: 0, said: said.to_vec() }.answer();
        assert_eq!(answer(&[(1, 0.9), (2, 0.8), (0, 1.3)]), 1);
        assert_eq!(answer(&[(1, 0.9), (1, 1.1), (0, 0.0)]), 1);
        assert_eq!(answer(&[(1, 1.0), (1, 1.0)]), 0);
    }
}
