//! The digits as pen strokes in the unit square: x to the right, y down, centre (0.5, 0.5).

/// A point in the unit square.
pub(super) type Point = [f32; 2];

/// One movement of the pen.
pub(super) enum Stroke {
    /// Straight from point to point.
    Line(&'static [Point]),
    /// Smoothly through the points.
    Curve(&'static [Point]),
    /// Smoothly through the points and back to the first.
    Loop(&'static [Point]),
}

use Stroke::{Curve, Line, Loop};

/// Points that a smooth stroke gets between two of its own.
const STEPS: usize = 5;

const BOWL_OF_3: Stroke =
    Curve(&[[0.44, 0.46], [0.7, 0.54], [0.76, 0.7], [0.66, 0.86], [0.45, 0.9], [0.22, 0.8]]);
const FLAG_OF_7: Stroke = Line(&[[0.22, 0.12], [0.78, 0.12], [0.42, 0.9]]);
const HEAD_OF_9: Stroke = Loop(&[
    [0.73, 0.3],
    [0.62, 0.14],
    [0.42, 0.12],
    [0.27, 0.28],
    [0.34, 0.46],
    [0.54, 0.5],
    [0.7, 0.42],
]);

/// The ways to write each digit.
pub(super) const DIGITS: [&[&[Stroke]]; 10] = [
    &[&[Loop(&[
        [0.5, 0.1],
        [0.3, 0.2],
        [0.21, 0.5],
        [0.3, 0.8],
        [0.5, 0.9],
        [0.7, 0.8],
        [0.79, 0.5],
        [0.7, 0.2],
    ])]],
    &[
        &[Line(&[[0.5, 0.1], [0.5, 0.9]])],
        &[Line(&[[0.34, 0.28], [0.54, 0.1], [0.54, 0.9]])],
        &[Line(&[[0.34, 0.28], [0.52, 0.1], [0.52, 0.9]]), Line(&[[0.3, 0.9], [0.74, 0.9]])],
    ],
    &[
        &[
            Curve(&[
                [0.22, 0.3],
                [0.32, 0.14],
                [0.52, 0.1],
                [0.72, 0.19],
                [0.73, 0.38],
                [0.55, 0.62],
                [0.22, 0.88],
            ]),
            Line(&[[0.22, 0.88], [0.8, 0.88]]),
        ],
        &[Curve(&[
            [0.24, 0.24],
            [0.42, 0.1],
            [0.68, 0.16],
            [0.68, 0.42],
            [0.42, 0.76],
            [0.24, 0.86],
            [0.26, 0.72],
            [0.44, 0.76],
            [0.62, 0.88],
            [0.82, 0.84],
        ])],
    ],
    &[
        &[Curve(&[[0.24, 0.2], [0.44, 0.1], [0.68, 0.17], [0.68, 0.36], [0.44, 0.46]]), BOWL_OF_3],
        &[Line(&[[0.25, 0.12], [0.74, 0.12], [0.44, 0.46]]), BOWL_OF_3],
    ],
    &[
        &[Line(&[[0.3, 0.1], [0.22, 0.56], [0.8, 0.56]]), Line(&[[0.64, 0.3], [0.62, 0.9]])],
        &[Line(&[[0.64, 0.9], [0.64, 0.1], [0.2, 0.64], [0.82, 0.64]])],
    ],
    &[&[
        Line(&[[0.74, 0.12], [0.33, 0.12], [0.29, 0.46]]),
        Curve(&[[0.29, 0.46], [0.52, 0.4], [0.73, 0.52], [0.75, 0.72], [0.55, 0.9], [0.23, 0.83]]),
    ]],
    &[&[Curve(&[
        [0.68, 0.1],
        [0.42, 0.26],
        [0.27, 0.54],
        [0.3, 0.8],
        [0.5, 0.9],
        [0.7, 0.82],
        [0.73, 0.62],
        [0.54, 0.5],
        [0.36, 0.56],
        [0.28, 0.7],
    ])]],
    &[&[FLAG_OF_7], &[FLAG_OF_7, Line(&[[0.36, 0.5], [0.74, 0.5]])]],
    &[
        &[
            Loop(&[
                [0.5, 0.1],
                [0.32, 0.18],
                [0.32, 0.38],
                [0.5, 0.47],
                [0.68, 0.38],
                [0.68, 0.18],
            ]),
            Loop(&[[0.5, 0.47], [0.27, 0.58], [0.27, 0.8], [0.5, 0.9], [0.73, 0.8], [0.73, 0.58]]),
        ],
        &[Loop(&[
            [0.68, 0.2],
            [0.5, 0.1],
            [0.31, 0.22],
            [0.42, 0.42],
            [0.66, 0.6],
            [0.69, 0.8],
            [0.5, 0.9],
            [0.29, 0.8],
            [0.36, 0.58],
            [0.6, 0.4],
        ])],
    ],
    &[
        &[HEAD_OF_9, Line(&[[0.73, 0.26], [0.66, 0.9]])],
        &[HEAD_OF_9, Curve(&[[0.73, 0.28], [0.74, 0.55], [0.62, 0.82], [0.34, 0.88]])],
    ],
];

impl Stroke {
    /// The corners of a line of straight pieces that looks like the stroke.
    pub(super) fn outline(&self) -> Vec<Point> {
        match self {
            Line(points) => points.to_vec(),
            Curve(points) => {
                smooth(points.len() - 1, |i| points[i.clamp(0, points.len() as isize - 1) as usize])
            }
            Loop(points) => {
                smooth(points.len(), |i| points[i.rem_euclid(points.len() as isize) as usize])
            }
        }
    }
}

/// A Catmull-Rom spline of `pieces` through `point(0)`, `point(1)`, ...; it also asks for one point
/// before and one after.
fn smooth(pieces: usize, point: impl Fn(isize) -> Point) -> Vec<Point> {
    let mut outline = vec![point(0)];
    for piece in 0..pieces as isize {
        let [before, from, to, after] = [-1, 0, 1, 2].map(|k| point(piece + k));
        for step in 1..=STEPS {
            let t = step as f32 / STEPS as f32;
            outline.push(std::array::from_fn(|d| {
                let slope_from = (to[d] - before[d]) / 2.0;
                let slope_to = (after[d] - from[d]) / 2.0;
                // Cubic Hermite basis.
                (1.0 + 2.0 * t) * (1.0 - t).powi(2) * from[d]
                    + t * (1.0 - t).powi(2) * slope_from
                    + t.powi(2) * (3.0 - 2.0 * t) * to[d]
                    + t.powi(2) * (t - 1.0) * slope_to
            }));
        }
    }
    outline
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smooth_strokes_pass_through_their_points() {
        let points: &[Point] = &[[0.1, 0.2], [0.5, 0.9], [0.8, 0.3]];
        let curve = Curve(points).outline();
        assert_eq!(curve.len(), 2 * STEPS + 1);
        let closed = Loop(points).outline();
        assert_eq!(closed.len(), 3 * STEPS + 1);
        for (i, point) in points.iter().enumerate() {
            for outline in [&curve, &closed] {
                let passed = outline[i * STEPS];
                assert!((0..2).all(|d| (passed[d] - point[d]).abs() < 1e-6), "{passed:?}");
            }
        }
        assert_eq!(closed.last(), closed.first());
    }
}
