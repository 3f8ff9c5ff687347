//! The parts of the page, top to bottom. Each returns nothing when it has nothing to say.

use std::fmt::Write as _;

use super::chart::{LineChart, colour};
use super::heat::{Area, heat};
use super::markup::{bytes, count, duration, escape, percent};
use super::{curves, raster, states};
use crate::metric::Metric;
use crate::report_data::{
    Comparison, Inspection, LayerSummary, RunHistory, SampleTrace, Split, Summary,
};
use crate::task::{Panel, Verdict};

/// Title and headline figures.
pub(super) fn headline(summary: &Summary) -> String {
    let mut cards = String::new();
    let mut card = |class: &str, label: &str, value: &str, note: &str| {
        let _ = write!(
            cards,
            r#"<div class="card {class}"><span class="label">{label}</span><span class="value">{value}</span><span class="note">{}</span></div>"#,
            escape(note)
        );
    };
    for (index, metric) in summary.metrics.iter().enumerate() {
        let shown = |split| {
            summary.value(split, &metric.name).map_or("–".to_owned(), |value| metric.show(value))
        };
        let class = if index == 0 { "lead" } else { "" };
        let label = format!("Test {}", metric.label());
        card(class, &label, &shown(Split::Test), &format!("validation {}", shown(Split::Valid)));
    }
    if let Some(share) = summary.figure("activity_sparsity") {
        let note = "of all outputs are exact zeros";
        card("lead", "Activity sparsity", &percent(Some(share)), note);
    }
    if let Some(share) = summary.figure("backward_sparsity") {
        let note = "of all gradient paths are skipped, exactly";
        card("", "Backward sparsity", &percent(Some(share)), note);
    }
    if let (Some(effective), Some(dense)) =
        (summary.figure("effective_macs"), summary.figure("dense_macs"))
    {
        let share = percent((dense > 0.0).then(|| effective / dense));
        let note = format!("per sample; {share} of {} dense", count(dense));
        card("", "Effective MACs", &count(effective), &note);
    }
    let units: Vec<String> = summary.layers.iter().map(|l| l.hidden.to_string()).collect();
    let note = format!("{} with {} units", summary.cell.to_uppercase(), units.join(" + "));
    card("", "Parameters", &count(summary.parameters as f64), &note);
    let epochs = if summary.epochs == 1 { "epoch" } else { "epochs" };
    let mut note = format!("{} {epochs}", summary.epochs);
    if let Some(best) = summary.best_epoch {
        let _ = write!(note, ", best: {best}");
    }
    card("", "Training time", &duration(summary.seconds), &note);

    let place = match summary.devices.as_slice() {
        [] | [_] => summary.backend.clone(),
        several => several.join(", "),
    };
    let state = if summary.interrupted { " · interrupted, can be resumed" } else { "" };
    format!(
        r#"<header><p class="eyebrow">egru run{state}</p><h1>{}</h1><p class="muted">{} on {} · seed {}<br><span class="mono">{}</span></p></header><div class="cards">{cards}</div>"#,
        escape(&summary.recipe),
        escape(&summary.cell.to_uppercase()),
        escape(&place),
        summary.seed,
        escape(&summary.run_dir.display().to_string()),
    )
}

/// What is to be known of the data, from the sessions in `environment.json`; each warning once.
pub(super) fn warnings(environment: &str) -> String {
    let sessions: Vec<serde_json::Value> = serde_json::from_str(environment).unwrap_or_default();
    let warnings = sessions.iter().filter_map(|session| session["warnings"].as_array()).flatten();
    let mut told: Vec<&str> = Vec::new();
    for warning in warnings.filter_map(serde_json::Value::as_str) {
        if !told.contains(&warning) {
            told.push(warning);
        }
    }
    let items: String = told.iter().map(|text| format!("<li>{}</li>", escape(text))).collect();
    let body = if items.is_empty() { items } else { format!("<ul>{items}</ul>") };
    section("Warnings", "What was found in the data.", &body, "card")
}

/// Curves over the epochs.
pub(super) fn learning(metrics: &[Metric], history: &RunHistory) -> String {
    let mut figures = String::new();
    for curve in curves::learning(metrics, history) {
        figures += &charted(&curve.title, &curve.chart);
    }
    section("Learning", "Averages over each epoch.", &figures, "grid")
}

/// What the task's evaluation gave beside figures.
pub(super) fn panels(panels: &[Panel]) -> String {
    panels.iter().map(panel).collect()
}

fn panel(panel: &Panel) -> String {
    let Panel::Matrix { title, lead, rows, columns, values } = panel;
    let largest = values.iter().flatten().copied().fold(0.0, f64::max);
    let cell = |value: &f64| {
        let share = if largest > 0.0 { value / largest } else { 0.0 };
        format!(r#"<td style="--share:{share:.3}">{value}</td>"#)
    };
    let line = |(name, values): (&String, &Vec<f64>)| {
        let cells: String = values.iter().map(cell).collect();
        format!("<tr><th>{}</th>{cells}</tr>", escape(name))
    };
    let head: String = columns.iter().map(|name| format!("<th>{}</th>", escape(name))).collect();
    let lines: String = rows.iter().zip(values).map(line).collect();
    let body = format!(
        r#"<div class="card scroll"><table class="matrix"><thead><tr><th></th>{head}</tr></thead><tbody>{lines}</tbody></table></div>"#
    );
    section(title, lead, &body, "")
}

/// What the network did during single samples.
pub(super) fn samples(samples: &[SampleTrace]) -> String {
    let cards: String = samples.iter().map(sample).collect();
    section(
        "Events",
        "Test samples as the network saw them. The input runs from left to right; below it, every dash \
         is a unit whose state crossed its threshold at that step. Blank space is work not done.",
        &cards,
        "samples",
    )
}

fn sample(sample: &SampleTrace) -> String {
    let picture = match sample.image {
        Some((rows, columns)) if rows * columns == sample.input.len() => {
            let size = (columns as f64, rows as f64);
            let area = Area { x: 0.0, y: 0.0, width: size.0, height: size.1 };
            format!(
                r#"<svg viewBox="0 0 {} {}" role="img" aria-label="input">{}</svg>"#,
                size.0,
                size.1,
                heat(area, (rows, columns), |row, column| sample.input[row * columns + column])
            )
        }
        _ => String::new(),
    };
    let traces: String = sample
        .layers
        .iter()
        .enumerate()
        .filter_map(|(index, layer)| {
            let svg = states::states(layer, index)?;
            let name = escape(&layer.name);
            Some(format!("<figure>{svg}<figcaption>{name}: state c over time; dashed, the threshold; ticks, events.</figcaption></figure>"))
        })
        .collect();
    let traces = match traces.as_str() {
        "" => String::new(),
        _ => format!("<details><summary>State traces</summary>{traces}</details>"),
    };
    format!(
        r#"<div class="card sample"><div class="what">{picture}<div class="verdict"><h3>Sample {}</h3>{}</div></div><div>{}{traces}</div></div>"#,
        sample.index,
        verdict(&sample.verdict),
        raster::raster(sample),
    )
}

fn verdict(Verdict { target, prediction, right }: &Verdict) -> String {
    let (class, mark) = match right {
        Some(true) => ("good", " ✓"),
        Some(false) => ("bad", " ✗"),
        None => ("", ""),
    };
    format!(
        r#"is <b>{}</b><br>read as <b class="{class}">{}{mark}</b>"#,
        escape(target),
        escape(prediction)
    )
}

/// Activity over time and the figures of each layer, with their formulas.
pub(super) fn activity(summary: &Summary, samples: &[SampleTrace]) -> String {
    let chart = curves::activity(samples);
    let mut body =
        match charted("Active units over time, mean of the samples above", &chart).as_str() {
            "" => String::new(),
            chart => format!(r#"<div class="narrow">{chart}</div>"#),
        };
    let rows: String = summary.layers.iter().map(layer_row).collect();
    if !rows.is_empty() {
        let _ = write!(
            body,
            r#"<div class="card scroll"><table><thead><tr><th>Layer</th><th>Units</th><th>Activity</th><th>Activity sparsity</th><th>Backward sparsity</th><th>Effective MACs</th><th>Dense MACs</th><th>Footprint</th></tr></thead><tbody>{rows}{}</tbody></table>{FORMULAS}</div>"#,
            total_row(summary),
        );
    }
    section("Layers", "What each layer did on the test set.", &body, "")
}

/// How every figure of the table of layers is defined.
const FORMULAS: &str = r#"<ul class="formula">
<li><b>Activity sparsity</b> = number of zeros in y / (steps · units · samples); the mean over layers is weighted by their units.</li>
<li><b>Backward sparsity</b> = share of (unit, step, sample) that is silent and has |v| ≥ 1/ε, v = u − θ: there the surrogate gradient is zero, so the whole path is skipped.</li>
<li><b>Effective MACs</b> = products with two non-zero operands, per sample; biases are not counted, graded events count as multiply-accumulates.</li>
<li><b>Dense MACs</b> = the same products without skipping: steps · gates · units · (inputs + units).</li>
<li><b>Footprint</b> = bytes of parameters and buffers. The total adds the read-out.</li>
</ul>"#;

fn layer_row(layer: &LayerSummary) -> String {
    let activity = layer.activity_sparsity.map(|sparsity| 1.0 - sparsity);
    let bar = activity.map_or_else(String::new, |share| bar(share, ""));
    format!(
        "<tr><td>{}</td><td>{}</td><td>{bar}{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
        escape(&layer.name),
        layer.hidden,
        percent(activity),
        percent(layer.activity_sparsity),
        percent(layer.backward_sparsity),
        count(layer.effective_macs),
        count(layer.dense_macs),
        bytes(layer.footprint_bytes),
    )
}

fn total_row(summary: &Summary) -> String {
    format!(
        r#"<tr class="total"><td>model</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td></td></tr>"#,
        summary.layers.iter().map(|layer| layer.hidden).sum::<usize>(),
        percent(summary.figure("activity_sparsity").map(|sparsity| 1.0 - sparsity)),
        percent(summary.figure("activity_sparsity")),
        percent(summary.figure("backward_sparsity")),
        summary.figure("effective_macs").map_or_else(|| "–".into(), count),
        summary.figure("dense_macs").map_or_else(|| "–".into(), count),
    )
}

/// Times per training step; a speed-up only where the results were checked and agree.
pub(super) fn comparison(comparison: &Comparison) -> String {
    let Some(first) = comparison.rows.first() else { return String::new() };
    let slowest = comparison.rows.iter().map(|row| row.median_ms).fold(f64::MIN_POSITIVE, f64::max);
    let mut rows = String::new();
    for (index, row) in comparison.rows.iter().enumerate() {
        let speed_up = match index {
            0 => "this run".into(),
            _ if comparison.check_passed && first.median_ms > 0.0 => {
                format!("{:.2} × its time", row.median_ms / first.median_ms)
            }
            _ => "–".into(),
        };
        let _ = write!(
            rows,
            "<tr><td>{}</td><td>{}{:.2} ms</td><td>{:.2} ms</td><td>{:.2} ms</td><td>{speed_up}</td></tr>",
            escape(&row.path),
            bar(row.median_ms / slowest, if index == 0 { "" } else { "rest" }),
            row.median_ms,
            row.min_ms,
            row.max_ms,
        );
    }
    let difference = comparison.max_relative_difference;
    let check = if comparison.check_passed {
        format!(
            r#"<b class="good">Check passed</b>: outputs and gradients of all paths agree (largest relative difference {difference:.1e})."#
        )
    } else {
        format!(
            r#"<b class="bad">Check failed</b>: the paths do not agree (largest relative difference {difference:.1e}), so no speed-up is stated."#
        )
    };
    let body = format!(
        r#"<div class="card scroll"><table><thead><tr><th>Path</th><th>Median</th><th>Fastest</th><th>Slowest</th><th>Against this run</th></tr></thead><tbody>{rows}</tbody></table><p class="formula">{check}</p></div>"#
    );
    section(
        "Time per training step",
        &format!("Forward and backward. {}.", comparison.workload.trim_end_matches('.')),
        &body,
        "",
    )
}

/// Recipe, environment and footer.
pub(super) fn provenance(inspection: &Inspection) -> String {
    // One entry per session of the run.
    let environment = match serde_json::from_str(&inspection.environment) {
        Ok(serde_json::Value::Array(sessions)) => sessions.iter().map(pairs).collect(),
        _ => format!("<pre>{}</pre>", escape(&inspection.environment)),
    };
    let body = format!(
        "<details><summary>Recipe, every default written out</summary><pre>{}</pre></details>\
         <details><summary>Environment</summary>{environment}</details>",
        escape(inspection.config.trim_end()),
    );
    let path = format!("Recurrent operation: {}.", inspection.summary.path.trim_end_matches('.'));
    section("How it was made", &path, &body, "")
        + "<footer>Speeds hold for the machine, backend, batch and activity stated beside them.</footer>"
}

fn pairs(session: &serde_json::Value) -> String {
    let fields = session.as_object().into_iter().flatten();
    let rows: String = fields.map(|(key, value)| pair(key, value)).collect();
    format!(r#"<table class="pairs"><tbody>{rows}</tbody></table>"#)
}

fn pair(key: &str, value: &serde_json::Value) -> String {
    let text = match value {
        serde_json::Value::String(text) => escape(text),
        serde_json::Value::Object(_) | serde_json::Value::Array(_) => {
            let text = serde_json::to_string_pretty(value).unwrap_or_default();
            format!("<pre>{}</pre>", escape(&text))
        }
        other => escape(&other.to_string()),
    };
    format!("<tr><td>{}</td><td>{text}</td></tr>", escape(key))
}

/// A heading, one sentence, and a body of class `class`; nothing when the body is empty.
fn section(title: &str, lead: &str, body: &str, class: &str) -> String {
    if body.is_empty() {
        return String::new();
    }
    format!(
        r#"<section><h2>{}</h2><p class="muted">{}</p><div class="{class}">{body}</div></section>"#,
        escape(title),
        escape(lead)
    )
}

/// A chart under its title, with a legend when it has several lines; nothing when it is empty.
fn charted(title: &str, chart: &LineChart) -> String {
    let Some(svg) = chart.svg() else { return String::new() };
    let mut legend = String::new();
    for (index, series) in chart.series.iter().enumerate() {
        if !series.points.is_empty() {
            let _ = write!(
                legend,
                r#"<li><span class="swatch" style="background:{}"></span>{}</li>"#,
                colour(index),
                escape(&series.name)
            );
        }
    }
    format!(
        r#"<figure class="card"><h3>{}</h3><ul class="legend">{legend}</ul>{svg}</figure>"#,
        escape(title)
    )
}

/// A bar as long as `share` of its place.
fn bar(share: f64, class: &str) -> String {
    let width = 5.0 * if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 };
    format!(r#"<span class="bar {class}" style="width:{width:.2}rem"></span>"#)
}
