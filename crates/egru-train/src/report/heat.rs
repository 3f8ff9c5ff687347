//! Grids of values as shades.

use std::fmt::Write as _;

/// Shades between nothing and full ink.
const LEVELS: i32 = 10;

/// Most rows and columns that are drawn; larger grids show the strongest value of each block.
const MAX_CELLS: (usize, usize) = (96, 400);

/// A rectangle in the drawing's units.
#[derive(Clone, Copy)]
pub(super) struct Area {
    /// Left edge.
    pub x: f64,
    /// Upper edge.
    pub y: f64,
    /// Extent to the right.
    pub width: f64,
    /// Extent downwards.
    pub height: f64,
}

/// The grid `rows x columns` of `value(row, column)`, drawn into `area`: the stronger the value, the
/// more ink; negative values in the second series' colour. Values that are not finite stay blank.
pub(super) fn heat(
    area: Area,
    (rows, columns): (usize, usize),
    value: impl Fn(usize, usize) -> f32,
) -> String {
    let block = (rows.div_ceil(MAX_CELLS.0).max(1), columns.div_ceil(MAX_CELLS.1).max(1));
    let (drawn_rows, drawn_columns) = (rows.div_ceil(block.0), columns.div_ceil(block.1));
    let strongest = |row: usize, column: usize| {
        let mut strongest = 0.0_f32;
        for r in row * block.0..((row + 1) * block.0).min(rows) {
            for c in column * block.1..((column + 1) * block.1).min(columns) {
                let v = value(r, c);
                if v.is_finite() && v.abs() > strongest.abs() {
                    strongest = v;
                }
            }
        }
        strongest
    };
    let grid: Vec<f32> = (0..drawn_rows * drawn_columns)
        .map(|i| strongest(i / drawn_columns, i % drawn_columns))
        .collect();
    let full = grid.iter().fold(0.0_f32, |m, v| m.max(v.abs()));
    if full == 0.0 {
        return String::new();
    }
    let level = |v: f32| (v / full * LEVELS as f32).round() as i32;

    let mut svg = format!(
        r#"<g transform="translate({:.1} {:.1}) scale({:.4} {:.4})" shape-rendering="crispEdges">"#,
        area.x,
        area.y,
        area.width / drawn_columns as f64,
        area.height / drawn_rows as f64,
    );
    // One path per shade, runs of equal shade merged: a few kilobytes for a picture of 28 x 28.
    for shade in (-LEVELS..=LEVELS).filter(|shade| *shade != 0) {
        let mut path = String::new();
        for (row, cells) in grid.chunks(drawn_columns).enumerate() {
            let mut column = 0;
            for run in cells.chunk_by(|a, b| level(*a) == level(*b)) {
                if level(run[0]) == shade {
                    let _ = write!(path, "M{column} {row}h{0}v1h-{0}z", run.len());
                }
                column += run.len();
            }
        }
        if !path.is_empty() {
            let colour = if shade > 0 { "var(--ink)" } else { "var(--s1)" };
            let opacity = f64::from(shade.abs()) / f64::from(LEVELS);
            let _ =
                write!(svg, r#"<path d="{path}" fill="{colour}" fill-opacity="{opacity:.1}"/>"#);
        }
    }
    svg + "</g>"
}

#[cfg(test)]
mod tests {
    use super::*;

    const AREA: Area = Area { x: 0.0, y: 0.0, width: 10.0, height: 10.0 };

    #[test]
    fn runs_of_one_shade_are_merged() {
        let svg = heat(AREA, (2, 3), |row, _| row as f32);
        assert!(svg.contains("M0 1h3v1h-3z"), "{svg}");
        assert_eq!(svg.matches("<path").count(), 1);
    }

    #[test]
    fn blank_and_broken_values_draw_nothing() {
        assert_eq!(heat(AREA, (2, 2), |_, _| 0.0), "");
        assert_eq!(heat(AREA, (2, 2), |_, _| f32::NAN), "");
        assert_eq!(heat(AREA, (0, 0), |_, _| 1.0), "");
    }

    #[test]
    fn large_grids_keep_their_strongest_values() {
        let svg = heat(AREA, (1, 4000), |_, column| f32::from(u8::from(column == 3999)));
        assert!(svg.contains("M399 0h1"), "{svg}");
    }
}
