//! Which figures are drawn as curves: over the epochs, and over the steps of a sequence.

use super::chart::{LineChart, Scale, Series};
use crate::report_data::{EpochRecord, RunHistory, SampleTrace, Split};

/// A learning curve and what it is called.
pub(super) struct Curve {
    /// Name of its file.
    pub name: &'static str,
    /// Its heading.
    pub title: &'static str,
    /// The curve itself.
    pub chart: LineChart,
}

/// Loss, accuracy, squared error and sparsity over the epochs, as far as the run recorded them.
pub(super) fn learning(history: &RunHistory) -> Vec<Curve> {
    type Figure = fn(&EpochRecord) -> Option<f64>;
    let figures: [(&str, &str, &str, Scale, Figure); 5] = [
        ("loss", "Loss", "mean loss", Scale::Number, |r| Some(r.loss)),
        ("accuracy", "Accuracy", "accuracy", Scale::Percent, |r| r.accuracy),
        ("mse", "Squared error", "mean squared error", Scale::Number, |r| r.mse),
        ("activity-sparsity", "Activity sparsity", "share of zeros", Scale::Percent, |r| {
            r.activity_sparsity
        }),
        ("backward-sparsity", "Backward sparsity", "share skipped", Scale::Percent, |r| {
            r.backward_sparsity
        }),
    ];
    figures
        .into_iter()
        .map(|(name, title, y_label, scale, figure)| {
            let series = [Split::Train, Split::Valid]
                .into_iter()
                .map(|split| Series {
                    name: split.to_string(),
                    points: history
                        .of(split)
                        .filter_map(|record| Some((record.epoch as f64, figure(record)?)))
                        .collect(),
                })
                .collect();
            Curve { name, title, chart: LineChart { x_label: "epoch", y_label, scale, series } }
        })
        .filter(|curve| curve.chart.series.iter().any(|series| !series.points.is_empty()))
        .collect()
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
    LineChart { x_label: "step", y_label: "active units", scale: Scale::Percent, series }
}
