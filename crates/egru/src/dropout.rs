//! Variational dropout: one mask per sample, constant over time.

use burn::tensor::{Device, Distribution, Tensor};

/// Draws the mask of variational dropout (Gal & Ghahramani 2016): 0 with probability `drop`, else
/// `1/(1-drop)`, for each sample and channel `[B, C]`; the same for every step. `None` if nothing is dropped.
pub fn variational_mask(
    drop: f64,
    batch: usize,
    channels: usize,
    device: &Device,
) -> Option<Tensor<2>> {
    (drop > 0.0).then(|| {
        let keep = 1.0 - drop;
        Tensor::random([batch, channels], Distribution::Bernoulli(keep), device) / keep
    })
}

/// `series` `[T, B, C]` with the mask `[B, C]` on every step.
pub fn apply(series: Tensor<3>, mask: Option<&Tensor<2>>) -> Tensor<3> {
    match mask {
        None => series,
        Some(mask) => series * mask.clone().unsqueeze_dim(0),
    }
}
