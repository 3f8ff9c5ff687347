//! Drawing thick lines with soft edges.

use super::strokes::Point;

/// Side of an image in pixels.
pub const SIDE: usize = 28;

/// An image under the pen: the share of each pixel that is inked, row-major.
pub(super) struct Canvas {
    pub(super) ink: [f32; SIDE * SIDE],
}

impl Canvas {
    pub(super) fn blank() -> Self {
        Self { ink: [0.0; SIDE * SIDE] }
    }

    /// Draws straight pieces from corner to corner with a round pen. Coordinates and `radius` are in
    /// pixels, with pixel centres at whole numbers; what lies outside is cut off.
    pub(super) fn polyline(&mut self, corners: &[Point], radius: f32) {
        for pair in corners.windows(2) {
            self.segment(pair[0], pair[1], radius);
        }
    }

    fn segment(&mut self, from: Point, to: Point, radius: f32) {
        // Ink falls off linearly over the pixel around the edge of the pen.
        let reach = radius + 0.5;
        let span = |d: usize| {
            let (low, high) = (from[d].min(to[d]) - reach, from[d].max(to[d]) + reach);
            // A float to integer cast saturates, so that this is empty far outside.
            low.ceil().max(0.0) as usize..(high.floor() + 1.0).clamp(0.0, SIDE as f32) as usize
        };
        let along = [to[0] - from[0], to[1] - from[1]];
        let length_squared = (along[0] * along[0] + along[1] * along[1]).max(f32::MIN_POSITIVE);
        for y in span(1) {
            for x in span(0) {
                let offset = [x as f32 - from[0], y as f32 - from[1]];
                let position = (offset[0] * along[0] + offset[1] * along[1]) / length_squared;
                let nearest = position.clamp(0.0, 1.0);
                let gap = [offset[0] - nearest * along[0], offset[1] - nearest * along[1]];
                let distance = (gap[0] * gap[0] + gap[1] * gap[1]).sqrt();
                let pixel = &mut self.ink[y * SIDE + x];
                *pixel = pixel.max((reach - distance).clamp(0.0, 1.0));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_horizontal_line_is_as_thick_as_its_pen_and_cut_at_the_border() {
        let mut canvas = Canvas::blank();
        canvas.polyline(&[[5.0, 10.0], [100.0, 10.0]], 1.0);
        let row = |y: usize| &canvas.ink[y * SIDE..(y + 1) * SIDE];
        assert_eq!(row(10)[5..], [1.0; SIDE - 5]);
        assert_eq!((row(9)[20], row(11)[20]), (0.5, 0.5));
        assert_eq!(row(8), [0.0; SIDE]);
        assert_eq!((row(10)[4], row(10)[3]), (0.5, 0.0));
    }

    #[test]
    fn a_line_outside_leaves_the_canvas_blank() {
        let mut canvas = Canvas::blank();
        canvas.polyline(&[[-50.0, -9.0], [-20.0, 90.0], [90.0, 90.0]], 2.0);
        assert_eq!(canvas.ink, [0.0; SIDE * SIDE]);
    }
}
