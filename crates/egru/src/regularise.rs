//! Terms added to the loss: towards few events, towards a state that is near them, and towards outputs that are
//! small and change little.
//!
//! The first two are those of the authors' code for the DVS128 Gesture experiment of Subramoney et al. 2023. With
//! the mean `<.>` over units, samples and the steps before each sample's end, and averaged over layers:
//!
//! ```text
//! activity = (<o> - target)^2              state = <c - (theta - margin)>
//! ```
//!
//! The gradient of `o` is the surrogate's; `theta` gets none from here. The published code lets no gradient
//! through its measure of activity, so that its term changes nothing; this one does.

use burn::tensor::Tensor;

use crate::{CellError, SequenceOutput, lengths::valid_steps};

/// Squared distance of each layer's activity from `target` (a share of units, e.g. 0.05), `[1]`. The outputs,
/// bottom layer first, must have kept `o`.
///
/// # Errors
/// [`CellError::NoEvents`] for the outputs of a dense cell, [`CellError::NotKept`] without `o`.
pub fn activity(
    layers: &[SequenceOutput],
    target: f64,
    lengths: Option<&[usize]>,
) -> Result<Tensor<1>, CellError> {
    let wanted = "the activity regulariser";
    let terms = layers.iter().map(|layer| {
        let o = layer.event_series("o", wanted, |events| &events.o)?;
        Ok((mean(o, lengths) - target).square())
    });
    average(terms, wanted)
}

/// Mean of each layer's state above a line `margin` below its threshold, `[1]`: its gradient pushes
/// all states down evenly. The outputs must have kept `c`; `thresholds` are those of
/// [`Stack::thresholds`](crate::Stack::thresholds).
///
/// # Errors
/// [`CellError::NoEvents`] for the outputs of a dense cell, [`CellError::NotKept`] without `c`.
pub fn state(
    layers: &[SequenceOutput],
    thresholds: &[Option<Tensor<1>>],
    margin: f64,
    lengths: Option<&[usize]>,
) -> Result<Tensor<1>, CellError> {
    let wanted = "the state regulariser";
    let terms = layers.iter().zip(thresholds).map(|(layer, theta)| {
        let theta = theta.clone().ok_or(CellError::NoEvents { wanted })?;
        let line = theta.detach() - margin;
        let c = layer.c.clone().ok_or(CellError::NotKept { series: "c", wanted })?;
        Ok(mean(c - line.unsqueeze(), lengths))
    });
    average(terms, wanted)
}

/// Mean square of an output `<y^2>`, `[1]`: activation regularisation (AR) of Merity, McCann & Socher 2017, "Revisiting
/// activation regularization for language RNNs", for the last layer of a language model. Theirs is of the output
/// after dropout; this one is of what the layer gives.
pub fn activation(layer: &SequenceOutput, lengths: Option<&[usize]>) -> Tensor<1> {
    mean(layer.y.clone().square(), lengths)
}

/// Mean square of what changes in an output from step to step `<(y_t - y_{t-1})^2>`, `[1]`: temporal activation
/// regularisation (TAR) of the same publication. Zero for a single step.
pub fn temporal(layer: &SequenceOutput, lengths: Option<&[usize]>) -> Tensor<1> {
    let y = layer.y.clone();
    let [steps, _, _] = y.dims();
    if steps < 2 {
        return y.sum() * 0.0;
    }
    let change = (y.clone().slice([1..steps]) - y.slice([0..steps - 1])).square();
    // A sample has one change fewer than it has steps.
    let changes: Option<Vec<usize>> =
        lengths.map(|lengths| lengths.iter().map(|length| length.saturating_sub(1)).collect());
    mean(change, changes.as_deref())
}

/// Mean over units, samples and valid steps, `[1]`.
fn mean(series: Tensor<3>, lengths: Option<&[usize]>) -> Tensor<1> {
    let Some(lengths) = lengths else { return series.mean() };
    let [steps, _, hidden] = series.dims();
    let valid = valid_steps(lengths, steps, &series.device());
    let count = (lengths.iter().sum::<usize>() * hidden).max(1);
    (series * valid).sum() / count as f64
}

fn average(
    terms: impl Iterator<Item = Result<Tensor<1>, CellError>>,
    wanted: &'static str,
) -> Result<Tensor<1>, CellError> {
    let terms = terms.collect::<Result<Vec<_>, _>>()?;
    let count = terms.len() as f64;
    let sum = terms.into_iter().reduce(|sum, term| sum + term);
    sum.map(|sum| sum / count).ok_or(CellError::NoEvents { wanted })
}
