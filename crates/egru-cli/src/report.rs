//! The files for people in a run directory.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use egru_train::report_data::{Comparison, Inspection};
use egru_train::{report, write_atomic};

/// Folder of the drawings inside a run directory.
const DRAWINGS: &str = "drawings";

/// Writes `report.html` and returns its path.
pub(crate) fn write_page(
    run: &Path,
    inspection: &Inspection,
    comparison: Option<&Comparison>,
) -> anyhow::Result<PathBuf> {
    let path = run.join("report.html");
    write_atomic(&path, report::html(inspection, comparison).as_bytes())?;
    Ok(path)
}

/// Writes every drawing of the report as an SVG file and returns their paths.
pub(crate) fn write_drawings(run: &Path, inspection: &Inspection) -> anyhow::Result<Vec<PathBuf>> {
    let folder = run.join(DRAWINGS);
    std::fs::create_dir_all(&folder).with_context(|| {
        format!("cannot create {}; check the permissions and the free space", folder.display())
    })?;
    let write = |figure: report::Figure| -> anyhow::Result<PathBuf> {
        let path = folder.join(&figure.file_name);
        write_atomic(&path, figure.svg.as_bytes())?;
        Ok(path)
    };
    report::figures(inspection).into_iter().map(write).collect()
}
