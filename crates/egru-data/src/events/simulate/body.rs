//! A person's build and ways.

use rand::{Rng, RngExt};

use super::{camera::normal, gesture::Manner};

/// What does not change while a user is recorded.
#[derive(Debug, Clone, Copy)]
pub(super) struct Body {
    /// Middle of the shoulders, in pixels.
    pub centre: (f64, f64),
    /// Half the distance of the shoulders.
    pub shoulder: f64,
    /// Length of an arm.
    pub arm: f64,
    /// Half the width of an arm.
    pub width: f64,
    /// Light of sleeves, hands, shirt and head.
    pub sleeve: f32,
    pub skin: f32,
    pub shirt: f32,
    /// Cycles a second, in the middle.
    tempo: f64,
    size: f64,
}

fn between(low: f64, high: f64, rng: &mut impl Rng) -> f64 {
    low + (high - low) * rng.random::<f64>()
}

impl Body {
    /// Someone, for pictures of `width` x `height` pixels.
    pub fn draw(width: f64, height: f64, rng: &mut impl Rng) -> Self {
        let unit = width.min(height);
        let scale = between(0.85, 1.1, rng) * unit;
        // Sleeves and shirt are both dark or both bright before the wall, which is in between.
        let dark = rng.random::<f64>() < 0.7;
        let cloth = if dark { between(0.12, 0.3, rng) } else { between(1.4, 2.2, rng) };
        Self {
            centre: (width * between(0.46, 0.54, rng), height * between(0.42, 0.52, rng)),
            shoulder: 0.14 * scale,
            arm: 0.36 * scale,
            width: 0.028 * scale * between(0.85, 1.25, rng),
            sleeve: (cloth * between(0.85, 1.0, rng)) as f32,
            skin: between(0.5, 1.1, rng) as f32,
            shirt: cloth as f32,
            tempo: between(0.9, 1.5, rng),
            size: between(0.8, 1.1, rng),
        }
    }

    /// How this user makes a gesture this time.
    pub fn manner(&self, rng: &mut impl Rng) -> Manner {
        Manner {
            tempo: self.tempo * (1.0 + 0.1 * normal(rng)).clamp(0.7, 1.4),
            phase: rng.random(),
            size: self.size * (1.0 + 0.05 * normal(rng)).clamp(0.8, 1.2),
            free: std::array::from_fn(|_| rng.random()),
        }
    }
}
