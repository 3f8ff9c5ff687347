//! Terms added to the loss: towards few events, and towards a state that is near them.
//!
//! Both are those of the authors' code for the DVS128 Gesture experiment of Subramoney et al. 2023. With
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
