//! How hands move in each gesture.
//!
//! Places are relative to the shoulder of the hand's side, in lengths of an arm, x away from the body and y downwards: what the
//! right arm does, the left one does in a mirror with the same numbers.

use std::f64::consts::{PI, TAU};

/// Where a hand is.
pub(super) type Place = (f64, f64);

/// What makes one performance differ from another.
#[derive(Debug, Clone, Copy)]
pub(super) struct Manner {
    /// Cycles a second.
    pub tempo: f64,
    /// Where in the cycle it begins, in cycles.
    pub phase: f64,
    /// Factor on the size of movements.
    pub size: f64,
    /// What the free gesture is made of, each in 0..1.
    pub free: [f64; 4],
}

/// Arms that hang down.
pub(super) const REST: Place = (0.12, 0.95);

/// Right and left hand in a gesture of `class` (1 to 11), `t` seconds after its start.
pub(super) fn hands(class: u8, t: f64, manner: &Manner) -> [Place; 2] {
    let angle = TAU * (manner.tempo * t + manner.phase);
    let size = manner.size;
    let wave = (0.5 + 0.32 * size * angle.sin(), -0.45 + 0.08 * (2.0 * angle).cos());
    // In the picture a right arm is on the left: away from the body is there to the left.
    let circle = |sense: f64| {
        (0.42 + 0.38 * size * (sense * angle).cos(), 0.05 + 0.38 * size * (sense * angle).sin())
    };
    match class {
        1 => {
            let apart = 0.28 * size * (1.0 + (1.6 * angle).cos()) / 2.0;
            [(-0.38 + apart, 0.3), (-0.38 + apart, 0.3)]
        }
        2 => [wave, REST],
        3 => [REST, wave],
        // Seen from the front: away from the body is to the left, so that the sense is the other one.
        4 => [circle(1.0), REST],
        5 => [circle(-1.0), REST],
        6 => [REST, circle(-1.0)],
        7 => [REST, circle(1.0)],
        8 => {
            // Both hands go around one another before the chest.
            let roll = |phase: f64| {
                let angle = 1.3 * angle + phase;
                (-0.25 + 0.06 * angle.cos(), 0.4 + 0.2 * size * angle.sin())
            };
            [roll(0.0), roll(PI)]
        }
        9 => {
            let drum = |phase: f64| (0.18, 0.32 + 0.28 * size * (1.5 * angle + phase).sin());
            [drum(0.0), drum(PI)]
        }
        10 => {
            let strum = (-0.12, 0.55 + 0.18 * size * (1.8 * angle).sin());
            [strum, (0.62 + 0.06 * (0.4 * angle).sin(), 0.12)]
        }
        _ => {
            let [a, b, c, d] = manner.free;
            let free = |phase: f64, side: f64| {
                let x = 0.35 + 0.35 * size * ((0.5 + a) * angle + phase).sin();
                let y = -0.2 + 0.6 * size * ((0.4 + b) * angle + side * TAU * c).sin();
                (x * (0.4 + 0.6 * d), y)
            };
            [free(0.0, 0.0), free(TAU * d, 1.0)]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANNER: Manner = Manner { tempo: 1.0, phase: 0.1, size: 1.0, free: [0.3, 0.6, 0.1, 0.8] };

    #[test]
    fn the_senses_of_turning_are_the_same_places_in_another_order() {
        // The middle of the circle is where both are mirror images of one another in time.
        let places = |class: u8| -> Vec<Place> {
            (0..100)
                .map(|k| hands(class, f64::from(k) / 100.0, &Manner { phase: 0.0, ..MANNER })[0])
                .collect()
        };
        let (one, mut other) = (places(4), places(5));
        other[1..].reverse();
        for (a, b) in one.iter().zip(&other) {
            assert!((a.0 - b.0).abs() < 1e-9 && (a.1 - b.1).abs() < 1e-9);
        }
        assert_ne!(one[10], places(5)[10]);
    }

    #[test]
    fn mirrored_classes_are_mirrored_movements() {
        use crate::events::dvs128::mirrored;
        for class in [2, 4, 5] {
            let [right, left] = hands(class, 0.37, &MANNER);
            assert_eq!(hands(mirrored(class), 0.37, &MANNER), [left, right], "{class}");
        }
    }

    #[test]
    fn hands_stay_in_reach() {
        for class in 1..=11 {
            for k in 0..500 {
                for (x, y) in hands(class, f64::from(k) * 0.013, &MANNER) {
                    assert!(x.hypot(y) < 1.3, "{class}: {x} {y}");
                }
            }
        }
    }
}
