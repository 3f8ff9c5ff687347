//! The files for people in a run directory.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use egru_train::report_data::{Comparison, Inspection};
use egru_train::{report, write_atomic};

/// Folder of the drawings inside a run directory.
const DRAWINGS: &str = "drawings";

/// Writes `report.html` into `folder` and returns its path.
pub(crate) fn write_page(
    folder: &Path,
    inspection: &Inspection,
    comparison: Option<&Comparison>,
) -> anyhow::Result<PathBuf> {
    let path = folder.join("report.html");
    write_atomic(&path, report::html(inspection, comparison).as_bytes())?;
    Ok(path)
}

/// Writes every drawing of the report as an SVG file into a folder of `folder`, in place of those of an earlier report, and
/// returns their paths.
pub(crate) fn write_drawings(
    folder: &Path,
    inspection: &Inspection,
) -> anyhow::Result<Vec<PathBuf>> {
    let folder = folder.join(DRAWINGS);
    std::fs::create_dir_all(&folder).with_context(|| {
        format!(
            "cannot create {}; check the permissions and the free space, or give another folder by --out DIR",
            folder.display()
        )
    })?;
    remove_drawings(&folder)
        .with_context(|| format!("cannot remove old drawings from {}", folder.display()))?;
    let write = |figure: report::Figure| -> anyhow::Result<PathBuf> {
        let path = folder.join(&figure.file_name);
        write_atomic(&path, figure.svg.as_bytes())?;
        Ok(path)
    };
    report::figures(inspection).into_iter().map(write).collect()
}

/// Removes what an earlier report drew; whatever else a user keeps there stays.
fn remove_drawings(folder: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let ours = path.file_name().and_then(|name| name.to_str()).is_some_and(is_drawing);
        if ours {
            std::fs::remove_file(path)?;
        }
    }
    Ok(())
}

/// Whether a drawing of single samples has this name; the others are written anew each time.
fn is_drawing(name: &str) -> bool {
    let stem = name.strip_suffix(".svg").unwrap_or_default();
    let parts: Vec<&str> = stem.split('-').collect();
    let number = |text: &&str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match parts.as_slice() {
        ["raster", sample] => number(sample),
        ["states", sample, "layer", layer] => number(sample) && number(layer),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drawings_are_told_from_what_a_user_keeps() {
        assert!(
            ["raster-0.svg", "raster-17.svg", "states-3-layer-1.svg"].into_iter().all(is_drawing)
        );
        let kept = ["raster-best.svg", "raster-1.png", "raster-.svg", "notes.txt", "states-3.svg"];
        assert!(!kept.into_iter().any(is_drawing));
    }
}
