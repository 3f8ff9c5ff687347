use super::*;
use crate::report_data::{
    EpochRecord, LayerSummary, LayerTrace, Row, RunHistory, SampleTrace, Split, Summary, UnitTrace,
};
use crate::task::{Classification, Panel, Task, Verdict};

/// A made-up run of two layers over samples of 28 rows.
fn inspection() -> Inspection {
    let layer = |n: usize, hidden| LayerSummary {
        name: format!("layer {n}"),
        hidden,
        activity_sparsity: Some(0.8 + 0.05 * n as f64),
        backward_sparsity: Some(0.5),
        effective_macs: 123_456.0,
        dense_macs: 1_234_560.0,
        footprint_bytes: 260_000,
    };
    let summary = Summary {
        recipe: "quick<start>".into(),
        backend: "flex".into(),
        devices: vec!["flex".into()],
        cell: "egru".into(),
        task: "classification".into(),
        metrics: Classification.metrics(),
        seed: 1,
        epochs: 12,
        best_epoch: Some(11),
        seconds: 133.0,
        parameters: 71_434,
        layers: vec![layer(1, 128), layer(2, 64)],
        path: "fused (flex)".into(),
        run_dir: "runs/quick&start-1".into(),
        interrupted: false,
        panels: vec![Panel::Matrix {
            title: "Confusion".into(),
            lead: "What was <taken> for what.".into(),
            rows: vec!["<a>".into(), "b".into()],
            columns: vec!["<a>".into(), "b".into()],
            values: vec![vec![7.0, 0.0], vec![2.0, 5.0]],
        }],
        figures: named(&[
            ("train_loss", 0.04),
            ("valid_loss", 0.09),
            ("valid_accuracy", 0.976),
            ("test_loss", 0.1),
            ("test_accuracy", 0.9731),
            ("activity_sparsity", 0.8712),
            ("backward_sparsity", 0.51),
            ("effective_macs", 250_000.0),
            ("dense_macs", 2_470_000.0),
        ]),
    };
    let record = |split, epoch: usize| EpochRecord {
        epoch,
        figures: named(&[
            ("loss", 2.3 / epoch as f64 + if split == Split::Valid { 0.08 } else { 0.0 }),
            ("accuracy", 1.0 - 0.8 / epoch as f64),
            ("activity_sparsity", 0.7 + 0.015 * epoch as f64),
            ("backward_sparsity", 0.4 + 0.01 * epoch as f64),
        ]),
        ..EpochRecord::empty(split)
    };
    let epochs = (1..=12).flat_map(|e| [record(Split::Train, e), record(Split::Valid, e)]);
    Inspection {
        summary,
        history: RunHistory { epochs: epochs.collect() },
        samples: vec![sample(17, 3, 3), sample(4, 7, 1)],
        config: "name = \"quick<start>\"\nseed = 1\n".into(),
        environment: r#"[{"cpu": "a & b", "cores": 2, "features": ["flex"]}]"#.into(),
    }
}

fn named(figures: &[(&str, f64)]) -> crate::metric::Figures {
    figures.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect()
}

fn sample(index: usize, target: usize, prediction: usize) -> SampleTrace {
    let input = (0..28 * 28)
        .map(|i| {
            let (row, column) = ((i / 28) as f32 - 14.0, (i % 28) as f32 - 14.0);
            let distance = (row.hypot(column) - 8.0 + index as f32 / 10.0).abs();
            (1.5 - distance / 1.5).clamp(0.0, 1.0)
        })
        .collect();
    let layer = |number: u32, hidden: usize| {
        let events: Vec<(u32, u32)> = (0..28)
            .flat_map(|t| (0..hidden as u32).map(move |u| (t, u)))
            .filter(|(t, u)| (u * 7 + t * (3 + u % 5) * number).is_multiple_of(11) && *t > 2)
            .collect();
        let share = |t: u32| events.iter().filter(|e| e.0 == t).count() as f32 / hidden as f32;
        let wave = |unit: usize| (0..28).map(|t| ((t * (unit + 1)) as f32 / 5.0).sin()).collect();
        LayerTrace {
            name: format!("layer {number}"),
            hidden,
            steps: 28,
            activity_per_step: (0..28).map(share).collect(),
            states: (0..3)
                .map(|unit| UnitTrace { unit, threshold: Some(0.4), states: wave(unit) })
                .collect(),
            events,
        }
    };
    let name = |class: usize| format!("<{class}>");
    SampleTrace {
        index,
        steps: 28,
        channels: 28,
        input,
        image: Some((28, 28)),
        verdict: Verdict {
            target: name(target),
            prediction: name(prediction),
            right: Some(target == prediction),
        },
        layers: vec![layer(1, 128), layer(2, 64)],
    }
}

fn comparison(check_passed: bool) -> Comparison {
    let row = |path: &str, median_ms| Row {
        path: path.into(),
        samples_ms: vec![median_ms],
        median_ms,
        min_ms: 0.9 * median_ms,
        max_ms: 1.3 * median_ms,
    };
    Comparison {
        workload: "EGRU 128 + 64, batch 32".into(),
        check_passed,
        max_relative_difference: 3e-6,
        rows: vec![row("fused, events", 4.0), row("fused, dense", 10.0), row("naive", 40.0)],
    }
}

/// Opening and closing tags match, which a broken format string would not survive.
fn assert_balanced(markup: &str) {
    let mut open = Vec::new();
    for piece in markup.split('<').skip(1) {
        let tag = piece.split('>').next().unwrap_or_default();
        let name = tag.split([' ', '/']).find(|part| !part.is_empty()).unwrap_or_default();
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name), "closing tag in {piece:.80}");
        } else if !tag.ends_with('/') && !tag.starts_with('!') && !["meta", "br"].contains(&name) {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "unclosed: {open:?}");
}

#[test]
fn the_page_is_self_contained_balanced_and_escaped() {
    let page = html(&inspection(), Some(&comparison(true)));
    assert_balanced(&page);
    assert!(!page.contains("<script") && !page.contains("href=") && !page.contains("src="));
    assert!(!page.contains("url("), "no external reference");
    assert!(!page.contains("quick<start>") && page.contains("quick&lt;start&gt;"));
    assert!(page.contains("&lt;3&gt;") && page.contains("a &amp; b"));
    assert!(!page.contains("NaN"));
    // What a reader looks for first.
    for figure in ["97.31 %", "87.1 %", "51.0 %", "250 k", "71.4 k", "2 min 13 s"] {
        assert!(page.contains(figure), "{figure}");
    }
    if let Some(path) = std::env::var_os("EGRU_REPORT_SAMPLE") {
        std::fs::write(path, &page).expect("a writable path");
    }
}

#[test]
fn a_speed_up_is_only_written_beside_a_passed_check() {
    let passed = html(&inspection(), Some(&comparison(true)));
    assert!(passed.contains("Check passed") && passed.contains("2.50 × its time"));
    let failed = html(&inspection(), Some(&comparison(false)));
    assert!(failed.contains("Check failed") && !failed.contains("× its time"));
    assert!(failed.contains("10.00 ms"));
}

#[test]
fn empty_parts_leave_no_heading() {
    let mut bare = inspection();
    bare.samples.clear();
    bare.history.epochs.clear();
    bare.summary.layers.clear();
    bare.summary.panels.clear();
    bare.summary.figures.clear();
    bare.environment = "not JSON".into();
    let page = html(&bare, None);
    assert_balanced(&page);
    for absent in ["<h2>Learning", "<h2>Confusion", "<h2>Events", "<h2>Layers", "<h2>Time per"] {
        assert!(!page.contains(absent), "{absent}");
    }
    assert!(page.contains("Test loss") && page.contains("not JSON"));
    assert!(figures(&bare).is_empty());
}

#[test]
fn every_drawing_is_a_file_of_its_own() {
    let figures = figures(&inspection());
    let names: Vec<&str> = figures.iter().map(|figure| figure.file_name.as_str()).collect();
    let expected = [
        "accuracy.svg",
        "loss.svg",
        "activity-sparsity.svg",
        "backward-sparsity.svg",
        "activity.svg",
        "raster-17.svg",
        "states-17-layer-1.svg",
        "states-17-layer-2.svg",
        "raster-4.svg",
        "states-4-layer-1.svg",
        "states-4-layer-2.svg",
    ];
    assert_eq!(names, expected);
    for figure in &figures {
        assert!(figure.svg.starts_with("<svg") && figure.svg.contains("<style>:root"));
        assert!(figure.svg.contains("http://www.w3.org/2000/svg"), "{}", figure.file_name);
        assert_balanced(&figure.svg);
    }
}

#[test]
fn warnings_stand_at_the_top_once() {
    let environment = r#"[{"warnings": ["a <file>"]}, {}, {"warnings": ["a <file>", "another"]}]"#;
    let page = html(&Inspection { environment: environment.into(), ..inspection() }, None);
    let list = "<ul><li>a &lt;file&gt;</li><li>another</li></ul>";
    assert!(page.find(list).unwrap() < page.find("<h2>Learning</h2>").unwrap());
    assert!(!html(&inspection(), None).contains("<h2>Warnings</h2>"));
}
