//! The run directory: everything that a run leaves behind, in one folder.
//!
//! ```text
//! runs/quickstart-1-20261123T190000Z/
//!   config.toml         the resolved recipe, every default written out
//!   environment.json    commit, machine, backend, versions, data checksums, command line
//!   metrics.jsonl       one JSON object per split and epoch
//!   summary.json        the result
//!   checkpoints/        see [`crate::checkpoint`]
//!   report.html         written by whoever draws the report
//! ```
//!
//! Whole files are replaced atomically; `metrics.jsonl` is appended to, line by line.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::files::{self, FileError};
use crate::report_data::{EpochRecord, RunHistory, Summary};
use crate::{Recipe, TrainError};

/// A run's folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunDir {
    path: PathBuf,
}

impl RunDir {
    /// Creates `<root>/<name>-<seed>-<UTC time>` with the recipe in it. A second run of the same
    /// second gets a number at the end.
    ///
    /// # Errors
    /// The folder or the file cannot be written.
    pub fn create(root: &Path, recipe: &Recipe) -> Result<Self, TrainError> {
        files::create_dir(root)?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let stem = format!("{}-{}-{}", recipe.name, recipe.seed, utc(now));
        let mut path = root.join(&stem);
        let mut copy = 1;
        loop {
            match std::fs::create_dir(&path) {
                Ok(()) => break,
                // Asked of the path itself: the error is the same when a *file* is in the way.
                Err(_) if path.exists() => {
                    copy += 1;
                    path = root.join(format!("{stem}-{copy}"));
                }
                Err(source) => return Err(FileError::new("create", &path)(source).into()),
            }
        }
        let run = Self { path };
        files::create_dir(&run.checkpoints())?;
        files::write_atomic(&run.config(), recipe.to_toml()?.as_bytes())?;
        Ok(run)
    }

    /// Opens an existing run and reads its recipe.
    ///
    /// # Errors
    /// There is no `config.toml`, or it is not a recipe.
    pub fn open(path: &Path) -> Result<(Self, Recipe), TrainError> {
        let run = Self { path: path.to_owned() };
        if !run.config().is_file() {
            return Err(TrainError::NotARun { path: path.to_owned() });
        }
        let recipe = Recipe::from_file(&run.config())?;
        Ok((run, recipe))
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// `config.toml`.
    pub fn config(&self) -> PathBuf {
        self.path.join("config.toml")
    }

    /// `environment.json`.
    pub fn environment(&self) -> PathBuf {
        self.path.join("environment.json")
    }

    /// `metrics.jsonl`.
    pub fn metrics(&self) -> PathBuf {
        self.path.join("metrics.jsonl")
    }

    /// `summary.json`.
    pub fn summary(&self) -> PathBuf {
        self.path.join("summary.json")
    }

    /// `checkpoints/`.
    pub fn checkpoints(&self) -> PathBuf {
        self.path.join("checkpoints")
    }

    /// `report.html`; nothing in this file writes it.
    pub fn report(&self) -> PathBuf {
        self.path.join("report.html")
    }

    /// Appends a line to `metrics.jsonl`.
    pub(crate) fn append(&self, record: &EpochRecord) -> Result<(), TrainError> {
        let line =
            serde_json::to_string(record).map_err(|e| TrainError::json(self.metrics(), e))?;
        Ok(files::append_line(&self.metrics(), &line)?)
    }

    /// Cuts `metrics.jsonl` back to its first `lines`, those that a checkpoint knows of, and returns
    /// them. Later lines, or half a line, come from work that the checkpoint does not contain.
    pub(crate) fn rewind(&self, lines: usize) -> Result<RunHistory, TrainError> {
        let history = self.read_metrics(Some(lines))?;
        let mut text = String::new();
        for record in &history.epochs {
            text +=
                &serde_json::to_string(record).map_err(|e| TrainError::json(self.metrics(), e))?;
            text.push('\n');
        }
        files::write_atomic(&self.metrics(), text.as_bytes())?;
        Ok(history)
    }

    /// The learning curves so far.
    ///
    /// # Errors
    /// `metrics.jsonl` cannot be read, or a line is not a record.
    pub fn history(&self) -> Result<RunHistory, TrainError> {
        self.read_metrics(None)
    }

    fn read_metrics(&self, limit: Option<usize>) -> Result<RunHistory, TrainError> {
        let path = self.metrics();
        let text = if path.exists() { files::read_text(&path)? } else { String::new() };
        let epochs: Vec<EpochRecord> = text
            .lines()
            .take(limit.unwrap_or(usize::MAX))
            .map(|line| serde_json::from_str(line).map_err(|e| TrainError::json(path.clone(), e)))
            .collect::<Result<_, _>>()?;
        match limit {
            Some(wanted) if epochs.len() < wanted => {
                Err(TrainError::MetricsLost { path, wanted, found: epochs.len() })
            }
            _ => Ok(RunHistory { epochs }),
        }
    }

    /// The result in `summary.json`; `None` before there is one.
    ///
    /// # Errors
    /// The file cannot be read, or is not a summary.
    pub fn read_summary(&self) -> Result<Option<Summary>, TrainError> {
        let path = self.summary();
        if !path.exists() {
            return Ok(None);
        }
        let text = files::read_text(&path)?;
        serde_json::from_str(&text).map(Some).map_err(|e| TrainError::json(path, e))
    }

    /// Writes `summary.json`.
    pub(crate) fn write_summary(&self, summary: &Summary) -> Result<(), TrainError> {
        let text = serde_json::to_string_pretty(summary)
            .map_err(|e| TrainError::json(self.summary(), e))?;
        Ok(files::write_atomic(&self.summary(), text.as_bytes())?)
    }
}

/// Seconds since 1970 as `YYYYMMDDTHHMMSSZ`, in the proleptic Gregorian calendar.
fn utc(seconds: u64) -> String {
    let (days, time) = (seconds / 86_400, seconds % 86_400);
    // Count from 1 March of year 0, so that the leap day is the last of its year.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hour, minute, second) = (time / 3_600, time / 60 % 60, time % 60);
    format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report_data::Split;

    #[test]
    fn dates() {
        assert_eq!(utc(0), "19700101T000000Z");
        assert_eq!(utc(951_782_400), "20000229T000000Z");
        assert_eq!(utc(1_709_251_199), "20240229T235959Z");
        assert_eq!(utc(4_102_444_800), "21000101T000000Z");
    }

    fn run(root: &Path) -> RunDir {
        RunDir::create(root, &Recipe::named("quickstart").unwrap()).unwrap()
    }

    #[test]
    fn runs_of_the_same_second_do_not_collide() {
        let root = tempfile::tempdir().unwrap();
        assert_ne!(run(root.path()), run(root.path()));
    }

    #[test]
    fn a_file_in_place_of_the_root_is_named() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("runs");
        std::fs::write(&file, "").unwrap();
        let error = RunDir::create(&file, &Recipe::named("quickstart").unwrap()).unwrap_err();
        assert!(error.to_string().contains(&file.display().to_string()), "{error}");
    }

    #[test]
    fn rewinding_drops_later_and_half_written_lines() {
        let root = tempfile::tempdir().unwrap();
        let run = run(root.path());
        for epoch in 1..=3 {
            let record = EpochRecord { epoch, loss: 0.1, ..EpochRecord::empty(Split::Train) };
            run.append(&record).unwrap();
        }
        let text = std::fs::read_to_string(run.metrics()).unwrap();
        std::fs::write(run.metrics(), &text[..text.len() - 20]).unwrap();
        assert!(run.history().is_err());
        assert_eq!(run.rewind(2).unwrap().epochs.len(), 2);
        assert_eq!(run.history().unwrap().epochs.len(), 2);
        assert!(matches!(run.rewind(3), Err(TrainError::MetricsLost { wanted: 3, found: 2, .. })));
    }

    #[test]
    fn a_folder_without_a_run_is_refused() {
        let root = tempfile::tempdir().unwrap();
        assert!(matches!(RunDir::open(root.path()), Err(TrainError::NotARun { .. })));
    }
}
