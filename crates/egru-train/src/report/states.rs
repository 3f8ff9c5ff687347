//! The states of a few units over time: one strip a unit, with its threshold and its events.

use std::fmt::Write as _;

use super::chart::colour;
use super::markup::escape;
use crate::report_data::{LayerTrace, UnitTrace};

const WIDTH: f64 = 720.0;
const MARGIN: f64 = 92.0;
const STRIP: f64 = 48.0;
const GAP: f64 = 8.0;

/// State traces of the chosen units of `layer`, which is number `index` of its stack; `None` when it
/// has none.
pub(super) fn states(layer: &LayerTrace, index: usize) -> Option<String> {
    if layer.states.is_empty() || layer.steps == 0 {
        return None;
    }
    let mut body = String::new();
    for (row, unit) in layer.states.iter().enumerate() {
        let fired: Vec<usize> = layer
            .events
            .iter()
            .filter(|event| event.1 as usize == unit.unit)
            .map(|event| event.0 as usize)
            .collect();
        strip(&mut body, row as f64 * (STRIP + GAP) + 4.0, layer.steps, unit, &fired, index);
    }
    Some(format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {:.0}" font-size="13" role="img" aria-label="state traces of {}">{body}</svg>"#,
        layer.states.len() as f64 * (STRIP + GAP) + 4.0,
        escape(&layer.name),
    ))
}

fn strip(body: &mut String, y: f64, steps: usize, unit: &UnitTrace, fired: &[usize], index: usize) {
    let finite = |v: &f32| v.is_finite();
    let values = unit.states.iter().chain(unit.threshold.iter()).copied().filter(finite);
    let (low, high) = values.fold((0.0_f32, 0.0_f32), |(l, h), v| (l.min(v), h.max(v)));
    let span = f64::from((high - low).max(f32::MIN_POSITIVE));
    let at = |v: f32| y + STRIP * (1.0 - f64::from(v - low) / span);
    let step_width = (WIDTH - MARGIN - 8.0) / steps as f64;
    let x = |step: usize| MARGIN + (step as f64 + 0.5) * step_width;
    let right = WIDTH - 8.0;

    let _ = write!(
        body,
        r#"<text x="{0}" y="{1:.1}" text-anchor="end" fill="var(--ink)">unit {2}</text><path d="M{MARGIN} {3:.1}H{right}" stroke="var(--line)"/>"#,
        MARGIN - 8.0,
        y + 12.0,
        unit.unit,
        at(0.0),
    );
    if let Some(threshold) = unit.threshold.filter(finite) {
        let _ = write!(
            body,
            r#"<text x="{0}" y="{1:.1}" text-anchor="end" fill="var(--muted)" font-size="11">θ = {threshold:.2}</text><path d="M{MARGIN} {2:.1}H{right}" stroke="var(--s1)" stroke-dasharray="5 4"/>"#,
            MARGIN - 8.0,
            y + 26.0,
            at(threshold),
        );
    }
    // A pen that is lifted over values that cannot be drawn.
    let mut path = String::new();
    let mut pen_down = false;
    for (step, &state) in unit.states.iter().enumerate() {
        if state.is_finite() {
            let command = if pen_down { 'L' } else { 'M' };
            let _ = write!(path, "{command}{:.1} {:.1}", x(step), at(state));
        }
        pen_down = state.is_finite();
    }
    let colour = colour(index);
    let _ = write!(
        body,
        r#"<path d="{path}" fill="none" stroke="{colour}" stroke-width="1.6" stroke-linejoin="round"/>"#
    );
    let mut marks = String::new();
    for &step in fired {
        let _ = write!(marks, "M{:.1} {:.1}v7", x(step), y);
    }
    if !marks.is_empty() {
        let _ = write!(body, r#"<path d="{marks}" stroke="var(--s1)" stroke-width="2"/>"#);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strip_has_its_threshold_its_events_and_no_broken_numbers() {
        let unit =
            UnitTrace { unit: 3, threshold: Some(0.5), states: vec![0.0, f32::NAN, 0.4, 0.2] };
        let layer = LayerTrace {
            name: "a & b".into(),
            hidden: 4,
            steps: 4,
            events: vec![(2, 3), (3, 1)],
            states: vec![unit],
            activity_per_step: vec![],
        };
        let svg = states(&layer, 0).expect("one unit");
        assert!(svg.contains("θ = 0.50") && svg.contains("stroke-dasharray"));
        assert!(svg.contains("a &amp; b") && !svg.contains("NaN"));
        assert_eq!(svg.matches("v7").count(), 1, "one event of unit 3");
        assert!(states(&LayerTrace { states: vec![], ..layer }, 0).is_none());
    }
}
