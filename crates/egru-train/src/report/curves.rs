//! Which figures are drawn as curves: over the epochs, and over the steps of a sequence.

use super::chart::{LineChart, Scale, Series};
use crate::metric::{Metric, NETWORK, Unit};
use crate::report_data::{RunHistory, SampleTrace, Split};

/// A learning curve and what it is called.
pub(super) struct Curve {
    /// Name of its file.
    pub name: String,
    /// Its heading.
    pub title: String,
    /// The curve itself.
    pub chart: LineChart,
}

/// The metrics and the sparsity over the epochs, as far as the run recorded them.
pub(super) fn learning(metrics: &[Metric], history: &RunHistory) -> Vec<Curve> {
    let curve = |metric: &Metric| {
        let series = |split: Split| Series {
            name: split.to_string(),
            points: history
                .of(split)
                .filter_map(|record| Some((record.epoch as f64, record.figure(&metric.name)?)))
                .collect(),
        };
        let (label, scale) = (metric.label(), scale(metric.unit));
        let series = [Split::Train, Split::Valid].map(series).into();
        Curve {
            name: metric.name.replace('_', "-"),
            title: capitalised(&label),
            chart: LineChart { x_label: "epoch", y_label: label, scale, series },
        }
    };
    let drawn = |curve: &Curve| curve.chart.series.iter().any(|series| !series.points.is_empty());
    metrics.iter().chain(&NETWORK).map(curve).filter(drawn).collect()
}

fn scale(unit: Unit) -> Scale {
    match unit {
        Unit::Share => Scale::Percent,
        Unit::Nats | Unit::Number => Scale::Number,
    }
}

/// With a capital first letter.
pub(super) fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(char::to_uppercase);
    first.into_iter().flatten().chain(characters).collect()
}

/// The share of active units of every layer over time, averaged over the samples that last that long.
pub(super) fn activity(samples: &[SampleTrace]) -> LineChart {
    let layers = samples.iter().map(|sample| sample.layers.len()).max().unwrap_or(0);
    let series = (0..layers)
        .map(|index| {
            let traces: Vec<_> = samples.iter().filter_map(|s| s.layers.get(index)).collect();
            let steps = traces.iter().map(|t| t.activity_per_step.len()).max().unwrap_or(0);
            let mean = |step: usize| {
                let shares = traces.iter().filter_map(|t| t.activity_per_step.get(step));
                let (sum, count) =
                    shares.fold((0.0, 0.0), |(sum, n), share| (sum + f64::from(*share), n + 1.0));
                sum / f64::max(count, 1.0)
            };
            Series {
                name: traces.first().map_or_else(String::new, |trace| trace.name.clone()),
                points: (0..steps).map(|step| (step as f64, mean(step))).collect(),
            }
        })
        .collect();
    LineChart { x_label: "step", y_label: "active units".into(), scale: Scale::Percent, series }
}
