//! Glyphs: generated digits in place of MNIST, for machines without files or network.
//!
//! The digits 0 to 9, each with one or more ways to write it, are drawn from strokes with a random
//! bend, shear, size, rotation and position, stroke width and brightness, and pixel noise: 28x28
//! pixels, white on black, as MNIST. Sample `i` of a split depends on the seed and `i` alone.
//!
//! ```
//! use egru_data::{DatasetConfig, glyphs::GlyphsConfig};
//! let splits = GlyphsConfig::default().load(None, 1)?;
//! let sample = splits.test.sample(123, None)?;
//! assert_eq!((sample.steps, sample.inputs.len()), (28, 28 * 28));
//! assert_eq!(sample, splits.test.sample(123, None)?);
//! # Ok::<(), egru_data::DataError>(())
//! ```

mod raster;
mod strokes;

use std::{f32::consts::TAU, path::Path};

use rand::{Rng, RngExt};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::{
    config::DatasetConfig,
    error::DataError,
    generated::{self, Generator, require},
    sample::{Sample, Spec, Target},
    scan::{Permutation, Scan, ScanBy, digit_names},
    splits::Splits,
};
pub use raster::SIDE;

use raster::Canvas;
use strokes::{DIGITS, Point};

/// Pixels to one side of the square that the strokes are given in, before distortion. The digits
/// fill 0.8 of it: 20 pixels, the box that MNIST's digits were fitted to.
const SCALE: f32 = 25.0;

/// Settings of the glyphs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GlyphsConfig {
    /// What one step reads.
    pub by: ScanBy,
    /// A fixed order of the pixels; needs `by = "pixel"`.
    pub permutation: Permutation,
    /// Standard deviation of the noise added to every pixel, 0 to 1, where 1 is white.
    pub noise: f64,
    /// Strength of the random change of shape, 0 (upright, centred, one size) to 2.
    pub distortion: f64,
    /// Training samples.
    pub train: usize,
    /// Validation samples.
    pub valid: usize,
    /// Test samples.
    pub test: usize,
}

impl Default for GlyphsConfig {
    fn default() -> Self {
        Self {
            by: ScanBy::Row,
            permutation: Permutation::None,
            noise: 0.1,
            distortion: 1.0,
            train: 20_000,
            valid: 2_000,
            test: 2_000,
        }
    }
}

impl DatasetConfig for GlyphsConfig {
    const NAME: &'static str = "glyphs";

    /// Generates the samples from `seed`; there are no files.
    ///
    /// # Errors
    /// [`DataError::Config`] and [`DataError::Empty`] name the setting or split.
    fn load(&self, _root: Option<&Path>, seed: u64) -> Result<Splits, DataError> {
        let &GlyphsConfig { noise, distortion, train, valid, test, .. } = self;
        require((0.0..=1.0).contains(&noise), "data.noise", noise, "use 0 to 1")?;
        require((0.0..=2.0).contains(&distortion), "data.distortion", distortion, "use 0 to 2")?;
        let scan = Scan::new(self.by, self.permutation, SIDE, SIDE)?;
        let glyphs = Glyphs { scan, noise: noise as f32, distortion: distortion as f32 };
        generated::splits(glyphs, [train, valid, test], seed)
    }
}

struct Glyphs {
    scan: Scan,
    noise: f32,
    distortion: f32,
}

impl Generator for Glyphs {
    const PURPOSE: &'static [u8; 8] = b"glyphs..";

    fn spec(&self) -> Spec {
        self.scan.spec("glyphs", 10)
    }

    fn draw(&self, rng: &mut ChaCha8Rng) -> Sample {
        let digit = rng.random_range(0..10_u32) as usize;
        let pixels = image(digit, self.distortion, self.noise, rng);
        Sample {
            inputs: self.scan.inputs(&pixels),
            steps: self.scan.steps,
            target: Target::Class(digit),
        }
    }

    fn class_names(&self) -> Option<Vec<String>> {
        Some(digit_names())
    }
}

/// One digit, row-major, 0 black to 255 white.
fn image(digit: usize, distortion: f32, noise: f32, rng: &mut ChaCha8Rng) -> [u8; SIDE * SIDE] {
    let styles = DIGITS[digit];
    let strokes = styles[rng.random_range(0..styles.len() as u32) as usize];
    let shape = Shape::draw(distortion, rng);
    let radius = 1.3 + 0.6 * symmetric(rng);
    let brightness = 0.9 + 0.1 * symmetric(rng);

    let mut canvas = Canvas::blank();
    for stroke in strokes {
        let outline: Vec<Point> =
            stroke.outline().into_iter().map(|point| shape.place(point)).collect();
        canvas.polyline(&outline, radius);
    }
    canvas.ink.map(|ink| {
        let value = brightness * ink + noise * normal(rng);
        (value * 255.0).round().clamp(0.0, 255.0) as u8
    })
}

/// A bend followed by an affine map, from the unit square to pixels.
struct Shape {
    /// How far sideways points move, by a sine of their position across; for x and y.
    bend: Point,
    phase: Point,
    /// Row-major 2x2.
    matrix: [Point; 2],
    shift: Point,
}

impl Shape {
    fn draw(distortion: f32, rng: &mut ChaCha8Rng) -> Self {
        let mut within = |range: f32| range * distortion * symmetric(rng);
        let bend = [within(0.06), within(0.04)];
        let phase = [within(TAU / 2.0), within(TAU / 2.0)];
        let (shear, angle) = (within(0.3), within(0.3));
        // Sizes vary by factors, so that half and double are equally far from the middle.
        let (size, aspect) = ((within(0.2) - 0.12).exp(), within(0.18).exp());
        let middle = (SIDE - 1) as f32 / 2.0;
        let shift = [middle + within(3.0), middle + within(3.0)];

        let (sin, cos) = angle.sin_cos();
        let (wide, high) = (SCALE * size * aspect, SCALE * size / aspect);
        // Rotation times diag(wide, high) times [1 shear; 0 1].
        let matrix = [
            [cos * wide, cos * wide * shear - sin * high],
            [sin * wide, sin * wide * shear + cos * high],
        ];
        Self { bend, phase, matrix, shift }
    }

    fn place(&self, [x, y]: Point) -> Point {
        let (x, y) = (x - 0.5, y - 0.5);
        let bent = [
            x + self.bend[0] * (TAU * y + self.phase[0]).sin(),
            y + self.bend[1] * (TAU * x + self.phase[1]).sin(),
        ];
        std::array::from_fn(|d| {
            self.matrix[d][0] * bent[0] + self.matrix[d][1] * bent[1] + self.shift[d]
        })
    }
}

/// Uniform in -1..1.
fn symmetric(rng: &mut ChaCha8Rng) -> f32 {
    2.0 * rng.random::<f32>() - 1.0
}

/// Nearly normal with mean 0 and variance 1: the sum of four bytes, scaled. One word of the stream
/// a pixel keeps drawing cheap.
fn normal(rng: &mut ChaCha8Rng) -> f32 {
    let sum: u32 = rng.next_u32().to_le_bytes().iter().map(|&byte| u32::from(byte)).sum();
    // Each byte has mean 127.5 and variance (256^2 - 1) / 12.
    (sum as f32 - 510.0) / 147.8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::stream;

    #[test]
    fn an_undistorted_digit_is_centred_and_fits() {
        for digit in 0..10 {
            let pixels = image(digit, 0.0, 0.0, &mut stream(b"testing.", 3, 0, 0));
            let inked = |x: usize, y: usize| pixels[y * SIDE + x] > 0;
            let border = (0..SIDE)
                .any(|i| [(i, 0), (i, 27), (0, i), (27, i)].iter().any(|&(x, y)| inked(x, y)));
            assert!(!border, "{digit} touches the border");
            let total: u32 = pixels.iter().map(|&p| u32::from(p)).sum();
            let rows: usize = (0..SIDE).filter(|&y| (0..SIDE).any(|x| inked(x, y))).count();
            assert!(total > 20 * 255 && rows >= 17, "{digit}: {total}, {rows} rows");
        }
    }

    #[test]
    fn the_noise_has_the_asked_for_mean_and_deviation() {
        let mut rng = stream(b"testing.", 1, 0, 0);
        let draws: Vec<f32> = (0..20_000).map(|_| normal(&mut rng)).collect();
        let mean = draws.iter().sum::<f32>() / draws.len() as f32;
        let variance = draws.iter().map(|d| (d - mean).powi(2)).sum::<f32>() / draws.len() as f32;
        assert!(mean.abs() < 0.03 && (variance - 1.0).abs() < 0.05, "{mean} {variance}");
    }
}
