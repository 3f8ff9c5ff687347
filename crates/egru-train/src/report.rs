//! The page that a run leaves for a person: one HTML file with its drawings, and nothing to fetch.
//!
//! [`html`] makes the page, [`figures`] the same drawings as single SVG files. Both draw what they are
//! given ([`Inspection`], [`Comparison`]) and read no file. Colours follow the reader's light or dark
//! theme; everything that comes from outside (names, paths, recipes) is escaped.
//!
//! ```
//! use egru_train::task::{Classification, Task};
//! use egru_train::report;
//! use egru_train::report_data::{EpochRecord, Inspection, RunHistory, Split, Summary};
//!
//! let figures = [("test_accuracy".to_owned(), 0.91), ("valid_accuracy".to_owned(), 0.9)].into();
//! let summary = Summary {
//!     recipe: "demo".into(), backend: "flex".into(), devices: vec!["flex".into()], cell: "egru".into(),
//!     task: "classification".into(), metrics: Classification.metrics(), seed: 1, epochs: 1,
//!     best_epoch: Some(1), seconds: 3.5, parameters: 1234, layers: vec![], panels: vec![], path: "fused".into(),
//!     run_dir: "runs/demo".into(), interrupted: false, figures,
//! };
//! let figures = [("loss".to_owned(), 0.4)].into();
//! let record = EpochRecord { epoch: 1, figures, ..EpochRecord::empty(Split::Train) };
//! let inspection = Inspection {
//!     summary, history: RunHistory { epochs: vec![record] }, samples: vec![],
//!     config: "name = \"demo\"".into(), environment: "{}".into(),
//! };
//! let page = report::html(&inspection, None);
//! assert!(page.starts_with("<!DOCTYPE html>") && page.contains("91.00 %"));
//! assert!(report::figures(&inspection).iter().any(|figure| figure.file_name == "loss.svg"));
//! ```

mod chart;
mod curves;
mod heat;
mod markup;
mod raster;
mod sections;
mod states;

use crate::report_data::{Comparison, Inspection};

const PALETTE: &str = include_str!("report/palette.css");
const STYLE: &str = include_str!("report/style.css");

/// A drawing to be written as a file of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figure {
    /// Its name, such as `raster-17.svg` for test sample 17.
    pub file_name: String,
    /// The whole SVG document.
    pub svg: String,
}

/// The report of a run as one self-contained HTML page.
///
/// `comparison` adds the times per training step; a speed-up is only written beside a passed check.
pub fn html(inspection: &Inspection, comparison: Option<&Comparison>) -> String {
    let title = markup::escape(&format!("{} · egru run", inspection.summary.recipe));
    let body = [
        sections::headline(&inspection.summary),
        sections::warnings(&inspection.environment),
        sections::learning(&inspection.summary.metrics, &inspection.history),
        sections::panels(&inspection.summary.panels),
        sections::samples(&inspection.samples),
        sections::activity(&inspection.summary, &inspection.samples),
        comparison.map(sections::comparison).unwrap_or_default(),
        sections::provenance(inspection),
    ]
    .concat();
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <title>{title}</title><style>{PALETTE}{STYLE}</style></head>\n<body>{body}</body></html>\n"
    )
}

/// The drawings of the report, each a file: learning curves, activity over time, and a raster and the
/// state traces of every sample.
pub fn figures(inspection: &Inspection) -> Vec<Figure> {
    let mut figures = Vec::new();
    let mut add = |file_name: String, svg: Option<String>| {
        if let Some(svg) = svg {
            figures.push(Figure { file_name, svg: standalone(&svg) });
        }
    };
    for curve in curves::learning(&inspection.summary.metrics, &inspection.history) {
        add(format!("{}.svg", curve.name), curve.chart.svg());
    }
    add("activity.svg".into(), curves::activity(&inspection.samples).svg());
    for sample in &inspection.samples {
        add(format!("raster-{}.svg", sample.index), Some(raster::raster(sample)));
        for (index, layer) in sample.layers.iter().enumerate() {
            let name = format!("states-{}-layer-{}.svg", sample.index, index + 1);
            add(name, states::states(layer, index));
        }
    }
    figures
}

/// A drawing that carries its own colours, fonts and background.
fn standalone(svg: &str) -> String {
    let style = format!(
        "<style>{PALETTE}svg{{font-family:system-ui,sans-serif;background:var(--card);color:var(--ink)}}</style>"
    );
    match svg.find('>') {
        Some(end) => format!("{}{style}{}", &svg[..=end], &svg[end + 1..]),
        None => svg.to_owned(),
    }
}

#[cfg(test)]
mod tests;
