//! What the head reads of a layer's output over a sequence.

use burn::tensor::Tensor;
use egru_ops::Keep;
use serde::{Deserialize, Serialize};

use crate::{
    CellError, SequenceOutput, StepOutput,
    lengths::{at_last_step, mean_over_steps},
};

/// What the linear head reads. Every sample is read up to its own end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Readout {
    /// The output of the last step: `y_T`.
    #[default]
    LastOutput,
    /// The decaying average of the output at the last step: `trace_T`. Event-based cells only.
    LastTrace,
    /// The logits of all steps, averaged. As the head is linear, it is applied once, to the average output.
    MeanLogits,
    /// The output of every step: logits for each of them.
    PerStep,
}

const TRACE: &str = "the read-out `last-trace`";

/// What a [`Readout`] takes from a layer.
#[derive(Clone, Debug)]
pub struct Features {
    /// `[N, H]`: `N = B` samples; [`Readout::PerStep`]: `N = T*B`, row `t*B + b`, zero past a sample's end.
    pub values: Tensor<2>,
    /// Non-zero where the gradient of `values` has any effect; `None`: everywhere.
    pub needs_grad: Option<Tensor<2>>,
}

impl Readout {
    /// The series that [`read`](Self::read) takes beside `y`; those that only spare gradients in training alone.
    pub fn keep(self, training: bool) -> Keep {
        match self {
            Self::LastOutput | Self::PerStep => Keep { window: training, ..Keep::OUTPUT },
            Self::LastTrace => Keep { trace: true, ..Keep::OUTPUT },
            Self::MeanLogits => Keep::OUTPUT,
        }
    }

    /// Reads the output `[T, B, H]` of sequences with these lengths. Without the window all gradients are wanted.
    ///
    /// # Errors
    /// [`CellError::NoEvents`] if a dense cell is asked for its trace, [`CellError::NotKept`] if it was not kept.
    pub fn read(
        self,
        output: &SequenceOutput,
        lengths: Option<&[usize]>,
    ) -> Result<Features, CellError> {
        let window = output.window();
        let [steps, batch, hidden] = output.y.dims();
        let flat = |series: Tensor<3>| series.reshape([steps * batch, hidden]);
        let last = |series: Tensor<3>| at_last_step(series, lengths);
        let y = output.y.clone();
        Ok(match self {
            Self::LastOutput => Features { values: last(y), needs_grad: window.map(last) },
            Self::LastTrace => {
                let trace = output.event_series("trace", TRACE, |events| &events.trace)?;
                Features { values: last(trace), needs_grad: None }
            }
            Self::MeanLogits => Features { values: mean_over_steps(y, lengths), needs_grad: None },
            Self::PerStep => Features { values: flat(y), needs_grad: window.map(flat) },
        })
    }

    /// Reads one step `[B, H]`, for streaming: for [`Readout::MeanLogits`] the step's share of the mean.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn read_step(self, output: &StepOutput) -> Result<Tensor<2>, CellError> {
        match self {
            Self::LastTrace => {
                let events = output.events.as_ref();
                let events = events.ok_or(CellError::NoEvents { wanted: TRACE })?;
                Ok(events.trace.clone())
            }
            Self::LastOutput | Self::MeanLogits | Self::PerStep => Ok(output.y.clone()),
        }
    }
}
