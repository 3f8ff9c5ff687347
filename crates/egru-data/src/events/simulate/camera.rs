//! The model of an event camera.

use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

use crate::events::{Event, Polarity, Sensor, slice};

/// Settings of the model.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CameraConfig {
    /// Change of ln(light) that is an event.
    pub threshold: f64,
    /// Standard deviation of the thresholds over pixels, as a share of it.
    pub mismatch: f64,
    /// Microseconds after an event in which its pixel is silent.
    pub refractory: i64,
    /// Events a second that a pixel reports without cause.
    pub noise: f64,
    /// Share of pixels that are hot.
    pub hot_pixels: f64,
    /// Events a second of a hot pixel.
    pub hot_rate: f64,
}

impl Default for CameraConfig {
    fn default() -> Self {
        Self {
            threshold: 0.1,
            mismatch: 0.1,
            refractory: 300,
            noise: 0.5,
            hot_pixels: 0.001,
            hot_rate: 150.0,
        }
    }
}

/// Long before every event.
const NEVER: i64 = i64::MIN / 2;

/// A camera at work.
pub(super) struct Camera {
    config: CameraConfig,
    sensor: Sensor,
    /// Threshold of each pixel.
    thresholds: Vec<f32>,
    /// ln(light) of each pixel at its last event, and at the last step.
    reference: Vec<f32>,
    seen: Vec<f32>,
    /// Time of its last event.
    last: Vec<i64>,
    hot: Vec<usize>,
}

impl Camera {
    /// A camera that has looked at `light` for long.
    pub fn new(config: CameraConfig, sensor: Sensor, light: &[f32], rng: &mut impl Rng) -> Self {
        let pixels = sensor.pixels();
        let thresholds = (0..pixels)
            .map(|_| (config.threshold * (1.0 + config.mismatch * normal(rng)).max(0.3)) as f32)
            .collect();
        let seen: Vec<f32> = light.iter().map(|light| light.ln()).collect();
        Self {
            thresholds,
            reference: seen.clone(),
            seen,
            last: vec![NEVER; pixels],
            hot: (0..pixels).filter(|_| rng.random::<f64>() < config.hot_pixels).collect(),
            config,
            sensor,
        }
    }

    /// Adds the events from `from` to `to` to `events`, in order: in this time the light of the pixels in
    /// `changed` becomes what `light` says.
    pub fn step(
        &mut self,
        span: std::ops::Range<i64>,
        light: &[f32],
        changed: impl Iterator<Item = usize>,
        rng: &mut impl Rng,
        events: &mut Vec<Event>,
    ) {
        let start = events.len();
        for pixel in changed {
            self.see(pixel, light[pixel].ln(), &span, events);
        }
        let seconds = (span.end - span.start) as f64 / 1e6;
        let pixels = self.sensor.pixels();
        for _ in 0..poisson(self.config.noise * seconds * pixels as f64, rng) {
            let pixel = rng.random_range(0..pixels as u64) as usize;
            let on = rng.random::<f64>() < 0.5;
            self.report(pixel, rng.random_range(span.clone()), on, events);
        }
        for number in 0..self.hot.len() {
            for _ in 0..poisson(self.config.hot_rate * seconds, rng) {
                // Leaking charge makes them brighter.
                self.report(self.hot[number], rng.random_range(span.clone()), true, events);
            }
        }
        slice::in_order(&mut events[start..]);
    }

    /// The light of a pixel changes evenly to `level`.
    fn see(
        &mut self,
        pixel: usize,
        level: f32,
        span: &std::ops::Range<i64>,
        events: &mut Vec<Event>,
    ) {
        let (before, threshold) = (self.seen[pixel], self.thresholds[pixel]);
        self.seen[pixel] = level;
        let on = level > self.reference[pixel];
        while (level - self.reference[pixel]).abs() >= threshold {
            let step = if on { threshold } else { -threshold };
            let crossing = self.reference[pixel] + step;
            let share = if level == before { 1.0 } else { (crossing - before) / (level - before) };
            let length = (span.end - span.start - 1) as f32;
            let t = span.start + (share.clamp(0.0, 1.0) * length) as i64;
            // A silent pixel starts from what it sees when it wakes.
            self.reference[pixel] =
                if self.report(pixel, t, on, events) { crossing } else { level };
        }
    }

    fn report(&mut self, pixel: usize, t: i64, on: bool, events: &mut Vec<Event>) -> bool {
        if t - self.last[pixel] < self.config.refractory {
            return false;
        }
        self.last[pixel] = t;
        let width = usize::from(self.sensor.width);
        let (x, y) = ((pixel % width) as u16, (pixel / width) as u16);
        events.push(Event::new(t, x, y, Polarity::from_bit(on)));
        true
    }
}

/// A draw of the standard normal distribution (Box and Muller).
pub(super) fn normal(rng: &mut impl Rng) -> f64 {
    // 1 - u is above 0, where the logarithm lives.
    let radius = (-2.0 * (1.0 - rng.random::<f64>()).ln()).sqrt();
    radius * (std::f64::consts::TAU * rng.random::<f64>()).cos()
}

/// A draw of the Poisson distribution; by the normal one where the mean is large.
fn poisson(mean: f64, rng: &mut impl Rng) -> u64 {
    if mean > 30.0 {
        return (mean + mean.sqrt() * normal(rng)).round().max(0.0) as u64;
    }
    let (limit, mut product, mut count) = ((-mean).exp(), rng.random::<f64>(), 0);
    while product > limit {
        product *= rng.random::<f64>();
        count += 1;
    }
    count
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    const SENSOR: Sensor = Sensor { width: 4, height: 2 };

    fn quiet() -> CameraConfig {
        CameraConfig {
            threshold: 0.2,
            mismatch: 0.0,
            refractory: 500,
            noise: 0.0,
            hot_pixels: 0.0,
            hot_rate: 0.0,
        }
    }

    #[test]
    fn light_that_changes_makes_an_event_per_threshold_evenly_in_time() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut light = vec![1.0; 8];
        let mut camera = Camera::new(quiet(), SENSOR, &light, &mut rng);
        let mut events = Vec::new();
        light[5] = 0.65_f32.exp();
        camera.step(0..10_000, &light, 0..8, &mut rng, &mut events);
        let times: Vec<i64> = events.iter().map(|event| event.t).collect();
        assert_eq!(times, [3_076, 6_153, 9_229]);
        assert!(events.iter().all(|e| (e.x, e.y, e.polarity) == (1, 1, Polarity::On)));
        // The same light again is no event; darker is the other polarity.
        camera.step(10_000..20_000, &light, 0..8, &mut rng, &mut events);
        assert_eq!(events.len(), 3);
        light[5] = 1.0;
        camera.step(20_000..30_000, &light, 0..8, &mut rng, &mut events);
        assert!(events.len() > 4 && events[3..].iter().all(|e| e.polarity == Polarity::Off));
        assert!(events.windows(2).all(|pair| pair[0].t <= pair[1].t));
    }

    #[test]
    fn a_pixel_is_silent_after_an_event_and_noise_has_its_rate() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let light = vec![1.0; 8];
        let config = CameraConfig { noise: 500.0, refractory: 1_000, ..quiet() };
        let mut camera = Camera::new(config, SENSOR, &light, &mut rng);
        let mut events = Vec::new();
        for step in 0..1000 {
            let start = step * 2_000;
            camera.step(start..start + 2_000, &light, 0..0, &mut rng, &mut events);
        }
        // 8 pixels, 2 s: each then waits 1 ms of the 3 ms between two of its events. Noise is drawn in no order
        // within a step, so that a few more are lost.
        assert!((3_500..6_500).contains(&events.len()), "{}", events.len());
        let mean = |mean: f64, rng: &mut ChaCha8Rng| {
            (0..4000).map(|_| poisson(mean, rng)).sum::<u64>() as f64 / 4000.0
        };
        assert!((mean(0.5, &mut rng) - 0.5).abs() < 0.05);
        assert!((mean(50.0, &mut rng) - 50.0).abs() < 0.5);
    }
}
