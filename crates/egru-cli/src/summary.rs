//! Results as tables for people.

use egru_train::metric::NETWORK;
use egru_train::report_data::{Comparison, Split, Summary};

use crate::table::table;

/// The figures of a run.
pub(crate) fn summary_table(summary: &Summary) -> String {
    let mut rows = Vec::new();
    for (split, name) in
        [(Split::Test, "test"), (Split::Valid, "validation"), (Split::Train, "training")]
    {
        for metric in &summary.metrics {
            let value = summary.value(split, &metric.name).map(|value| metric.show(value));
            rows.push((format!("{name} {}", metric.label()), value));
        }
    }
    for metric in &NETWORK {
        let value = summary.figure(&metric.name).map(|value| metric.show(value));
        rows.push((metric.label(), value));
    }
    let count = |name| summary.figure(name).map(|value: f64| grouped(value.round() as u64));
    rows.extend([
        ("effective MACs per sample".to_owned(), count("effective_macs")),
        ("dense MACs per sample".to_owned(), count("dense_macs")),
        ("parameters".to_owned(), Some(grouped(summary.parameters as u64))),
        ("epochs".to_owned(), Some(summary.epochs.to_string())),
        ("training time".to_owned(), Some(format!("{:.1} s", summary.seconds))),
    ]);
    let known = rows.into_iter().filter_map(|(name, value)| Some(vec![name, value?]));
    table(&known.collect::<Vec<_>>())
}

/// Times per training step; how much faster the first is, only beside a passed check.
pub(crate) fn comparison_table(comparison: &Comparison) -> String {
    let ms = |time: f64| format!("{time:.2} ms");
    let mut rows = vec![
        ["time per training step", "median", "fastest", "slowest", ""].map(str::to_owned).to_vec(),
    ];
    let first = comparison.rows.first().map_or(0.0, |row| row.median_ms);
    for (index, row) in comparison.rows.iter().enumerate() {
        let against = match index {
            0 => "this run".to_owned(),
            _ if comparison.check_passed && first > 0.0 => {
                format!("{:.2} x its time", row.median_ms / first)
            }
            _ => String::new(),
        };
        let path = format!("  {}", row.path);
        rows.push(vec![path, ms(row.median_ms), ms(row.min_ms), ms(row.max_ms), against]);
    }
    let verdict = if comparison.check_passed { "passed" } else { "FAILED, no speed-up is stated" };
    let difference = comparison.max_relative_difference;
    format!(
        "{}\n  check that the paths agree: {verdict} (largest relative difference {difference:.1e})\n  {}",
        table(&rows),
        comparison.workload
    )
}

/// A whole number with its thousands set apart.
fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(' ');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use egru_train::report_data::Row;

    use super::*;

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!([7, 870, 1234, 1_234_567].map(grouped), ["7", "870", "1 234", "1 234 567"]);
    }

    #[test]
    fn a_speed_up_needs_a_passed_check() {
        let row = |path: &str, median_ms| Row {
            path: path.into(),
            samples_ms: vec![median_ms],
            median_ms,
            min_ms: 1.0,
            max_ms: 9.0,
        };
        let mut comparison = Comparison {
            workload: "egru 8".into(),
            check_passed: true,
            max_relative_difference: 1e-6,
            rows: vec![row("events", 2.0), row("dense", 5.0)],
        };
        let text = comparison_table(&comparison);
        assert!(text.contains("2.50 x its time") && text.contains("passed"), "{text}");
        comparison.check_passed = false;
        let text = comparison_table(&comparison);
        assert!(!text.contains("x its time") && text.contains("FAILED"), "{text}");
    }
}
