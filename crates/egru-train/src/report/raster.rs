//! The events of one sample: what came in, which unit fired when, and how many at a time.

use std::fmt::Write as _;

use super::chart::colour;
use super::heat::{Area, heat};
use super::markup::escape;
use crate::report_data::{LayerTrace, SampleTrace};

/// Width of the drawing, and of its left margin with the names.
const WIDTH: f64 = 720.0;
const MARGIN: f64 = 92.0;
/// Space between the panels.
const GAP: f64 = 10.0;
/// Height of the curve of activity under each raster.
const CURVE: f64 = 34.0;
/// Most units that a raster shows; of larger layers every n-th.
const MAX_UNITS: usize = 128;
/// Most dashes that a raster holds, so that a long sequence does not make a page of megabytes.
const MAX_DASHES: usize = 12_000;

/// The input of `sample` over time and the events of its layers below, all on one time axis.
pub(super) fn raster(sample: &SampleTrace) -> String {
    let steps = sample.steps.max(1);
    let plot = WIDTH - MARGIN - 8.0;
    let step_width = plot / steps as f64;
    let mut body = String::new();
    let mut y = 4.0;

    let height = (4.0 * sample.channels as f64).clamp(18.0, 84.0);
    label(&mut body, y, "input", &plural(sample.channels, "channel"));
    let area = Area { x: MARGIN, y, width: plot, height };
    body += &heat(area, (sample.channels, sample.steps), |channel, step| {
        sample.input.get(step * sample.channels + channel).copied().unwrap_or(0.0)
    });
    frame(&mut body, area);
    y += height + GAP;

    for (index, layer) in sample.layers.iter().enumerate().filter(|(_, layer)| has_events(layer)) {
        let shown = Shown::of(layer);
        let height = (2.4 * shown.units as f64).clamp(24.0, 230.0);
        let area = Area { x: MARGIN, y, width: plot, height };
        let note = match shown.every {
            1 => plural(layer.hidden, "unit"),
            _ => format!("{} of {}", shown.units, plural(layer.hidden, "unit")),
        };
        label(&mut body, y, &layer.name, &note);
        let _ = write!(
            body,
            r#"<g transform="translate({MARGIN} {y:.1}) scale({step_width:.5} {:.5})"><path d="{}" fill="none" stroke="{}" stroke-width=".82"/></g>"#,
            height / shown.units.max(1) as f64,
            shown.dashes,
            colour(index),
        );
        frame(&mut body, area);
        y += height + 3.0;
        let area = Area { y, height: CURVE, ..area };
        curve(&mut body, area, layer, &colour(index));
        y += CURVE + GAP;
    }

    for step in ticks(sample.steps) {
        let x = MARGIN + (step as f64 + 0.5) * step_width;
        let _ = write!(
            body,
            r#"<text x="{x:.1}" y="{:.1}" text-anchor="middle" fill="var(--muted)">{step}</text>"#,
            y + 8.0
        );
    }
    let _ = write!(
        body,
        r#"<text x="{MARGIN}" y="{:.1}" text-anchor="end" dx="-8" fill="var(--muted)">step</text>"#,
        y + 8.0
    );
    format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {:.0}" font-size="13" role="img" aria-label="events of sample {}">{body}</svg>"#,
        y + 16.0,
        sample.index,
    )
}

/// Whether the layer's cell emits events at all: a silent layer is shown empty, a dense one not.
fn has_events(layer: &LayerTrace) -> bool {
    !layer.events.is_empty() || layer.states.iter().any(|unit| unit.threshold.is_some())
}

/// Steps that get a number under them: at most eight, at a round distance.
fn ticks(steps: usize) -> impl Iterator<Item = usize> {
    let mut distance = 1;
    for factor in [2, 5, 10].into_iter().cycle() {
        if steps <= 8 * distance {
            break;
        }
        let decade = 10_usize.pow(distance.ilog10());
        distance = decade * factor;
    }
    (0..steps).step_by(distance)
}

/// The units of a layer that are drawn, and their events as the data of one path.
struct Shown {
    every: usize,
    units: usize,
    dashes: String,
}

impl Shown {
    fn of(layer: &LayerTrace) -> Self {
        let mut every = layer.hidden.div_ceil(MAX_UNITS).max(1);
        let mut events: Vec<(u32, u32)> = layer.events.iter().map(|&(t, u)| (u, t)).collect();
        events.sort_unstable();
        // Neighbouring events of a unit become one dash.
        let mut dashes: Vec<(u32, u32, u32)> = Vec::new();
        for (unit, step) in events {
            match dashes.last_mut() {
                Some((u, start, length)) if *u == unit && *start + *length == step => *length += 1,
                _ => dashes.push((unit, step, 1)),
            }
        }
        let of_shown =
            |every: usize| dashes.iter().filter(move |d| (d.0 as usize).is_multiple_of(every));
        while of_shown(every).count() > MAX_DASHES && every < layer.hidden {
            every *= 2;
        }
        let mut path = String::new();
        for (unit, start, length) in of_shown(every) {
            let _ = write!(path, "M{start} {}.5h{length}", unit / every as u32);
        }
        Self { every, units: layer.hidden.div_ceil(every), dashes: path }
    }
}

/// The share of active units over time as a filled curve from 0 to its peak.
fn curve(body: &mut String, area: Area, layer: &LayerTrace, colour: &str) {
    let activity = &layer.activity_per_step;
    let peak = activity.iter().copied().filter(|a| a.is_finite()).fold(0.0_f32, f32::max);
    if peak == 0.0 {
        return;
    }
    let width = area.width / layer.steps.max(1) as f64;
    let bottom = area.y + area.height;
    let mut path = format!("M{:.1} {bottom:.1}", area.x);
    for (step, share) in activity.iter().enumerate() {
        let share = if share.is_finite() { share / peak } else { 0.0 };
        let _ = write!(
            path,
            "V{:.1}H{:.1}",
            bottom - area.height * f64::from(share),
            area.x + (step + 1) as f64 * width
        );
    }
    let _ = write!(
        body,
        r#"<path d="{path}V{bottom:.1}z" fill="{colour}" fill-opacity=".35"/><text x="{:.1}" y="{:.1}" text-anchor="end" fill="var(--muted)" font-size="11">peak {:.0} %</text>"#,
        area.x - 8.0,
        area.y + 12.0,
        100.0 * peak,
    );
}

fn frame(body: &mut String, area: Area) {
    let Area { x, y, width, height } = area;
    let _ = write!(
        body,
        r#"<rect x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{height:.1}" fill="none" stroke="var(--line)"/>"#
    );
}

fn label(body: &mut String, y: f64, name: &str, note: &str) {
    let x = MARGIN - 8.0;
    let _ = write!(
        body,
        r#"<text x="{x}" y="{:.1}" text-anchor="end" fill="var(--ink)">{}</text><text x="{x}" y="{:.1}" text-anchor="end" fill="var(--muted)" font-size="11">{}</text>"#,
        y + 12.0,
        escape(name),
        y + 26.0,
        escape(note),
    );
}

fn plural(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(hidden: usize, events: Vec<(u32, u32)>) -> LayerTrace {
        LayerTrace {
            name: "layer <1>".into(),
            hidden,
            steps: 4,
            events,
            states: vec![],
            activity_per_step: vec![0.5, 0.0, 0.5, 0.0],
        }
    }

    #[test]
    fn neighbouring_events_of_a_unit_are_one_dash() {
        let shown = Shown::of(&layer(2, vec![(0, 1), (1, 1), (3, 0), (3, 1)]));
        assert_eq!(shown.dashes, "M3 0.5h1M0 1.5h2M3 1.5h1");
        assert_eq!((shown.units, shown.every), (2, 1));
    }

    #[test]
    fn large_layers_show_every_nth_unit() {
        let shown = Shown::of(&layer(1280, vec![(0, 5), (0, 10), (1, 20)]));
        assert_eq!((shown.units, shown.every), (128, 10));
        assert_eq!(shown.dashes, "M0 1.5h1M1 2.5h1");
    }

    #[test]
    fn ticks_are_few_and_round() {
        assert_eq!(ticks(5).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
        assert_eq!(ticks(28).collect::<Vec<_>>(), [0, 5, 10, 15, 20, 25]);
        assert_eq!(ticks(784).collect::<Vec<_>>(), [0, 100, 200, 300, 400, 500, 600, 700]);
    }
}
