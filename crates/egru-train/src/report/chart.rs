//! Line charts whose colours follow the page.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// Size of a chart in its own units; a page scales it to the width it has.
const SIZE: (u32, u32) = (600, 380);

/// Colours that stand for something else until [`themed`] replaces them: plotters writes colours as
/// numbers, a page wants names that change with the reader's light or dark theme.
const INK: RGBColor = RGBColor(1, 1, 1);
const MUTED: RGBColor = RGBColor(1, 1, 2);
const GRID: RGBColor = RGBColor(1, 1, 3);
const SERIES: [RGBColor; 4] =
    [RGBColor(2, 1, 0), RGBColor(2, 1, 1), RGBColor(2, 1, 2), RGBColor(2, 1, 3)];

/// Up to this many points a line shows each of them as a dot.
const DOTTED_POINTS: usize = 40;

/// The name of the colour of series `index`, as CSS.
pub(super) fn colour(index: usize) -> String {
    format!("var(--s{})", index % SERIES.len())
}

/// One line of a chart.
pub(super) struct Series {
    /// What the legend calls it.
    pub name: String,
    /// `(x, y)`, by rising x; points that are not finite are left out.
    pub points: Vec<(f64, f64)>,
}

/// How the vertical axis is labelled.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Scale {
    /// Plain numbers, the range taken from the data.
    Number,
    /// Shares as percentages, the range taken from the data and kept within 0 to 100 %.
    Percent,
}

/// A chart of lines over one horizontal axis.
pub(super) struct LineChart {
    /// The horizontal axis.
    pub x_label: &'static str,
    /// The vertical axis.
    pub y_label: String,
    /// How the vertical axis is labelled.
    pub scale: Scale,
    /// The lines; series `i` has colour `i`.
    pub series: Vec<Series>,
}

impl LineChart {
    /// The chart as an `<svg>` element, or `None` when there is nothing to draw.
    pub fn svg(&self) -> Option<String> {
        let (x_range, y_range) = self.ranges()?;
        let mut svg = String::new();
        // Drawing into a string has no way to fail that the data could cause: the ranges are finite.
        self.draw(&mut svg, x_range, y_range).ok()?;
        Some(themed(&svg))
    }

    /// Finite, non-empty ranges of both axes.
    fn ranges(&self) -> Option<((f64, f64), (f64, f64))> {
        let points: Vec<(f64, f64)> = self.series.iter().flat_map(Series::finite).collect();
        let bounds = |values: &mut dyn Iterator<Item = f64>| {
            values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| {
                (low.min(v), high.max(v))
            })
        };
        if points.is_empty() {
            return None;
        }
        let (mut left, mut right) = bounds(&mut points.iter().map(|p| p.0));
        if left == right {
            (left, right) = (left - 0.5, right + 0.5);
        }
        let (low, high) = bounds(&mut points.iter().map(|p| p.1));
        let margin = match high - low {
            0.0 => 0.05 * high.abs().max(0.2),
            span => 0.08 * span,
        };
        let (mut bottom, mut top) = (low - margin, high + margin);
        if low >= 0.0 {
            bottom = bottom.max(0.0);
        }
        if self.scale == Scale::Percent {
            top = top.min(1.0).max(bottom + 0.01);
        }
        Some(((left, right), (bottom, top)))
    }

    fn draw(
        &self,
        svg: &mut String,
        (left, right): (f64, f64),
        (bottom, top): (f64, f64),
    ) -> Result<(), DrawingAreaErrorKind<std::io::Error>> {
        let root = SVGBackend::with_string(svg, SIZE).into_drawing_area();
        let text = |colour: RGBColor| ("inherit", 28).into_font().color(&colour);
        let mut chart = ChartBuilder::on(&root)
            .margin(12)
            .margin_right(20)
            .x_label_area_size(70)
            .y_label_area_size(128)
            .build_cartesian_2d(left..right, bottom..top)?;
        let decimals = match top - bottom {
            span if span >= 20.0 => 0,
            span if span >= 2.0 => 1,
            span if span >= 0.05 => 2,
            _ => 3,
        };
        let scale = self.scale;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(GRID)
            .axis_style(MUTED)
            .x_labels(6)
            .y_labels(5)
            .x_desc(self.x_label)
            .y_desc(&self.y_label)
            .axis_desc_style(text(MUTED))
            .x_label_style(text(INK).pos(Pos::new(HPos::Center, VPos::Top)))
            .y_label_style(text(INK).pos(Pos::new(HPos::Right, VPos::Center)))
            .x_label_formatter(&|x| {
                if x.fract().abs() < 1e-9 { format!("{x:.0}") } else { String::new() }
            })
            .y_label_formatter(&|y| match scale {
                Scale::Number => format!("{y:.decimals$}"),
                // Two places fewer, since a hundredth is a per cent.
                Scale::Percent => format!("{:.*}", usize::from(decimals > 2), 100.0 * y) + " %",
            })
            .draw()?;
        for (index, series) in self.series.iter().enumerate() {
            let style = SERIES[index % SERIES.len()].stroke_width(4);
            let points: Vec<(f64, f64)> = series.finite().collect();
            if points.len() <= DOTTED_POINTS {
                let dots = points.iter().map(|&point| Circle::new(point, 6, style.filled()));
                chart.draw_series(dots)?;
            }
            chart.draw_series(LineSeries::new(points, style))?;
        }
        drop(chart);
        root.present()
    }
}

impl Series {
    fn finite(&self) -> impl Iterator<Item = (f64, f64)> + '_ {
        self.points.iter().copied().filter(|(x, y)| x.is_finite() && y.is_finite())
    }
}

/// Replaces the stand-in colours by the page's names.
fn themed(svg: &str) -> String {
    let mut themed = svg.to_owned();
    let mut name = |RGBColor(r, g, b): RGBColor, css: &str| {
        let number = format!("\"#{r:02X}{g:02X}{b:02X}\"");
        themed = themed.replace(&number, &format!("\"{css}\""));
    };
    name(INK, "var(--ink)");
    name(MUTED, "var(--muted)");
    name(GRID, "var(--line)");
    for (index, series) in SERIES.into_iter().enumerate() {
        name(series, &colour(index));
    }
    themed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(points: Vec<(f64, f64)>, scale: Scale) -> LineChart {
        let series = vec![Series { name: "train".into(), points }];
        LineChart { x_label: "epoch", y_label: "loss".into(), scale, series }
    }

    #[test]
    fn no_stand_in_colour_is_left_and_the_series_is_drawn() {
        let svg = chart(vec![(1.0, 2.0), (2.0, 1.0)], Scale::Number).svg().expect("a chart");
        assert!(svg.contains("var(--s0)") && svg.contains("var(--ink)"));
        assert!(!svg.contains("#0"), "{svg}");
        assert!(svg.contains("epoch") && svg.contains("loss"));
    }

    #[test]
    fn values_that_are_not_finite_are_left_out() {
        let points = vec![(1.0, 0.5), (2.0, f64::NAN), (3.0, f64::INFINITY)];
        assert_eq!(
            chart(points, Scale::Number).svg(),
            chart(vec![(1.0, 0.5)], Scale::Number).svg()
        );
        assert_eq!(chart(vec![(1.0, f64::NAN)], Scale::Number).svg(), None);
    }

    #[test]
    fn one_value_and_a_constant_have_a_range() {
        let one = chart(vec![(1.0, 1.0)], Scale::Percent).ranges();
        assert_eq!(one, Some(((0.5, 1.5), (0.95, 1.0))));
        let (x, (bottom, top)) =
            chart(vec![(1.0, 0.0), (2.0, 0.0)], Scale::Percent).ranges().expect("two points");
        assert_eq!((x, bottom), ((1.0, 2.0), 0.0));
        assert!(top > 0.0);
    }
}
