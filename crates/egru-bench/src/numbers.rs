//! Numbers that follow from a seed.

use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution as _, StandardNormal};

/// Seed of the weights, and of the input that is timed.
pub(crate) const SEED: u64 = 1;

/// What is drawn: each from a stream of its own, so that one does not shift another.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stream {
    /// Values of the input.
    Input,
    /// Where the input has events.
    Events,
    /// Weights of the input, or of the linear product.
    InputWeights,
    /// Recurrent weights.
    RecurrentWeights,
    /// The gradient of the loss by the output.
    Cotangent,
}

/// The generator of one stream.
pub(crate) fn rng(seed: u64, stream: Stream) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(stream as u64);
    rng
}

/// `count` normally distributed values around zero; a shorter draw is the beginning of a longer one.
pub(crate) fn normal(seed: u64, stream: Stream, count: usize, deviation: f64) -> Vec<f32> {
    let (mut rng, deviation) = (rng(seed, stream), deviation as f32);
    let draw = |_| -> f32 {
        let value: f32 = StandardNormal.sample(&mut rng);
        deviation * value
    };
    (0..count).map(draw).collect()
}

/// The deviation of Xavier-normal weights.
pub(crate) fn xavier(fan_in: usize, fan_out: usize) -> f64 {
    (2.0 / (fan_in + fan_out) as f64).sqrt()
}

/// Share of `true`; 0 of none.
pub(crate) fn share(flags: impl Iterator<Item = bool>) -> f64 {
    let (set, all) =
        flags.fold((0_usize, 0_usize), |(set, all), f| (set + usize::from(f), all + 1));
    if all == 0 { 0.0 } else { set as f64 / all as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shorter_draw_begins_a_longer_one() {
        let long = normal(3, Stream::Input, 1000, 0.5);
        assert_eq!(long[..10], normal(3, Stream::Input, 10, 0.5));
        assert_ne!(long[..10], normal(4, Stream::Input, 10, 0.5));
        assert_ne!(long[..10], normal(3, Stream::Cotangent, 10, 0.5));
        let spread = (long.iter().map(|x| x * x).sum::<f32>() / 1000.0).sqrt();
        assert!((spread - 0.5).abs() < 0.05, "{spread}");
    }
}
