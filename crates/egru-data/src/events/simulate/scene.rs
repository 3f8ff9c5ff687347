//! Drawing the person before a wall.

use std::ops::Range;

use super::{
    body::Body,
    gesture::{Place, REST},
};
use crate::events::Sensor;

/// A straight part of the body with round ends.
struct Limb {
    from: Place,
    to: Place,
    radius: f64,
    light: f32,
}

/// The picture, and which part of it has changed.
pub(super) struct Scene {
    sensor: Sensor,
    body: Body,
    /// Wall, trunk and head: what never moves.
    still: Vec<f32>,
    /// What is seen.
    pub light: Vec<f32>,
    /// Rows and columns that arms covered at the last drawing.
    covered: (Range<usize>, Range<usize>),
}

impl Scene {
    /// A person at rest. `contrast` is a power of all light: below 1 everything is more alike.
    pub fn new(sensor: Sensor, body: Body, contrast: f32) -> Self {
        let (width, height) = (usize::from(sensor.width), usize::from(sensor.height));
        let wall = |pixel: usize| {
            let (x, y) = ((pixel % width) as f32, (pixel / width) as f32);
            0.8 + 0.1 * (x / 9.0).sin() * (y / 13.0).cos() + 0.1 * x / width as f32
        };
        let still: Vec<f32> = (0..width * height).map(|pixel| wall(pixel).powf(contrast)).collect();
        let mut scene = Self { sensor, body, light: still.clone(), still, covered: (0..0, 0..0) };
        let (x, y) = body.centre;
        let Body { shoulder, arm, .. } = body;
        let trunk = Limb {
            from: (x, y + 0.45 * shoulder),
            to: (x, y + 1.6 * arm),
            radius: 0.85 * shoulder,
            light: body.shirt.powf(contrast),
        };
        let top = y - 0.85 * shoulder;
        let head = Limb {
            from: (x, top),
            to: (x, top - 0.2 * shoulder),
            radius: 0.45 * shoulder,
            light: body.skin.powf(contrast),
        };
        for limb in [trunk, head] {
            scene.draw(&limb);
        }
        scene.still.clone_from(&scene.light);
        scene.body.sleeve = body.sleeve.powf(contrast);
        scene.body.skin = body.skin.powf(contrast);
        scene.pose([REST; 2]);
        scene
    }

    /// Moves the hands there and draws. Returns the rows and columns in which anything may have changed.
    pub fn pose(&mut self, hands: [Place; 2]) -> (Range<usize>, Range<usize>) {
        let before = self.covered.clone();
        let width = usize::from(self.sensor.width);
        for row in before.0.clone() {
            let line = row * width + before.1.start..row * width + before.1.end;
            self.light[line.clone()].copy_from_slice(&self.still[line]);
        }
        self.covered = (0..0, 0..0);
        // The right arm is on the left.
        for (hand, side) in hands.into_iter().zip([-1.0, 1.0]) {
            for limb in self.arm(hand, side) {
                let drawn = self.draw(&limb);
                self.covered = around(self.covered.clone(), drawn);
            }
        }
        around(before, self.covered.clone())
    }

    /// Upper arm, forearm and hand.
    fn arm(&self, hand: Place, side: f64) -> [Limb; 3] {
        let Body { centre, shoulder, arm, width, sleeve, skin, .. } = self.body;
        let from = (centre.0 + side * shoulder, centre.1);
        let half = arm / 2.0;
        let mut reach = (side * hand.0 * arm, hand.1 * arm);
        let distance = reach.0.hypot(reach.1).max(1e-6);
        let longest = 0.995 * arm;
        if distance > longest {
            reach = (reach.0 * longest / distance, reach.1 * longest / distance);
        }
        let distance = distance.min(longest);
        // Both halves of an arm are alike: the elbow is above the middle between shoulder and hand, outwards.
        let lift = (half * half - distance * distance / 4.0).max(0.0).sqrt();
        let normal = (-reach.1 / distance, reach.0 / distance);
        let outwards = if normal.0 * side >= 0.0 { 1.0 } else { -1.0 };
        let elbow = (
            from.0 + reach.0 / 2.0 + outwards * normal.0 * lift,
            from.1 + reach.1 / 2.0 + outwards * normal.1 * lift,
        );
        let end = (from.0 + reach.0, from.1 + reach.1);
        [
            Limb { from, to: elbow, radius: 1.15 * width, light: sleeve },
            Limb { from: elbow, to: end, radius: width, light: 0.9 * sleeve },
            Limb { from: end, to: end, radius: 1.35 * width, light: skin },
        ]
    }

    /// Draws a limb with soft edges; returns the rows and columns that it lies in.
    fn draw(&mut self, limb: &Limb) -> (Range<usize>, Range<usize>) {
        let Limb { from, to, radius, light } = *limb;
        let range = |a: f64, b: f64, limit: u16| {
            let start = (a.min(b) - radius - 1.0).floor().clamp(0.0, f64::from(limit));
            let end = (a.max(b) + radius + 2.0).ceil().clamp(0.0, f64::from(limit));
            start as usize..end as usize
        };
        let rows = range(from.1, to.1, self.sensor.height);
        let columns = range(from.0, to.0, self.sensor.width);
        let along = (to.0 - from.0, to.1 - from.1);
        let square = (along.0 * along.0 + along.1 * along.1).max(1e-9);
        for row in rows.clone() {
            for column in columns.clone() {
                let (x, y) = (column as f64 - from.0, row as f64 - from.1);
                let share = ((x * along.0 + y * along.1) / square).clamp(0.0, 1.0);
                let distance = (x - share * along.0).hypot(y - share * along.1) - radius;
                if distance < 0.5 {
                    let cover = (0.5 - distance).min(1.0) as f32;
                    let pixel = &mut self.light[row * usize::from(self.sensor.width) + column];
                    // Cloth has folds across the limb.
                    let folds = 1.0 + 0.15 * (9.0 * share as f32).sin();
                    *pixel += cover * (light * folds - *pixel);
                }
            }
        }
        (rows, columns)
    }
}

/// The smallest rows and columns around both.
fn around(
    a: (Range<usize>, Range<usize>),
    b: (Range<usize>, Range<usize>),
) -> (Range<usize>, Range<usize>) {
    let both = |a: Range<usize>, b: Range<usize>| a.start.min(b.start)..a.end.max(b.end);
    match (a.0.is_empty() || a.1.is_empty(), b.0.is_empty() || b.1.is_empty()) {
        (true, _) => b,
        (_, true) => a,
        _ => (both(a.0, b.0), both(a.1, b.1)),
    }
}
