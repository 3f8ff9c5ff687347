//! The run directory: everything that a run leaves behind, in one folder.
//!
//! ```text
//! runs/quickstart-1-20261123T190000Z/
//!   config.toml         the resolved recipe, every default written out, below the format of the folder
//!   environment.json    commit, machine, backend, versions, data checksums, command line
//!   metrics.jsonl       one JSON object per split and epoch
//!   summary.json        the result
//!   checkpoints/        see [`crate::checkpoint`]
//!   lock                held while a process trains
//!   report.html         written by whoever draws the report
//! ```
//!
//! Whole files are replaced atomically; `metrics.jsonl` is appended to, line by line.

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::files::{self, FileError};
use crate::format::FORMAT;
use crate::report_data::{EpochRecord, RunHistory, Summary};
use crate::{Recipe, TrainError};

/// What the first line of `config.toml` starts with.
const HEADER: &str = "# egru run, format ";

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
        let now = Timestamp::now().strftime("%Y%m%dT%H%M%SZ");
        let stem = format!("{}-{}-{now}", recipe.name, recipe.seed);
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
        files::sync_dir(root)?;
        let run = Self { path };
        files::create_dir(&run.checkpoints())?;
        run.write_config(recipe)?;
        Ok(run)
    }

    /// Writes `config.toml`.
    pub(crate) fn write_config(&self, recipe: &Recipe) -> Result<(), TrainError> {
        let text = format!("{HEADER}{FORMAT}\n{}", recipe.to_toml()?);
        Ok(files::write_atomic(&self.config(), text.as_bytes())?)
    }

    /// Opens an existing run and reads its recipe.
    ///
    /// # Errors
    /// There is no `config.toml`, it is not a recipe, or a newer program wrote it.
    pub fn open(path: &Path) -> Result<(Self, Recipe), TrainError> {
        let run = Self { path: path.to_owned() };
        let config = run.config();
        if !config.is_file() {
            return Err(TrainError::NotARun { path: path.to_owned() });
        }
        let text = files::read_text(&config)?;
        let format = text.lines().next().and_then(|line| line.strip_prefix(HEADER));
        match format.map_or(Ok(1), |format| format.trim().parse()) {
            Ok(found) if found > FORMAT => {
                Err(TrainError::Newer { path: config, found, known: FORMAT })
            }
            _ => Ok((run, Recipe::from_file(&config)?)),
        }
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
    /// `metrics.jsonl` cannot be read, or a line (but for half of one at its end) is not a record.
    pub fn history(&self) -> Result<RunHistory, TrainError> {
        self.read_metrics(None)
    }

    fn read_metrics(&self, limit: Option<usize>) -> Result<RunHistory, TrainError> {
        let path = self.metrics();
        let text = if path.exists() { files::read_text(&path)? } else { String::new() };
        // What a crash cut off in mid-line has no line end.
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        let epochs: Vec<EpochRecord> = whole
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report_data::Split;

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
            let figures = [("loss".to_owned(), 0.1)].into();
            let record = EpochRecord { epoch, figures, ..EpochRecord::empty(Split::Train) };
            run.append(&record).unwrap();
        }
        let text = std::fs::read_to_string(run.metrics()).unwrap();
        std::fs::write(run.metrics(), &text[..text.len() - 20]).unwrap();
        // Half a line at the end is what a crash leaves: it is passed over wherever the file is read.
        assert_eq!(run.history().unwrap().epochs.len(), 2);
        assert_eq!(run.rewind(2).unwrap().epochs.len(), 2);
        assert_eq!(run.history().unwrap().epochs.len(), 2);
        assert!(matches!(run.rewind(3), Err(TrainError::MetricsLost { wanted: 3, found: 2, .. })));
    }

    #[test]
    fn lines_of_older_runs_are_read_with_what_they_lack() {
        let root = tempfile::tempdir().unwrap();
        let run = run(root.path());
        let line = r#"{"split":"valid","epoch":1,"step":9,"loss":null,"accuracy":0.5,"mse":null,"seconds":1.5}"#;
        std::fs::write(run.metrics(), format!("{line}\n")).unwrap();
        let epochs = run.history().unwrap().epochs;
        assert_eq!(epochs[0].figures, [("accuracy".to_owned(), 0.5)].into());
        assert_eq!((epochs[0].step, epochs[0].seconds), (9, 1.5));
    }

    #[test]
    fn a_run_of_a_newer_program_is_left_alone() {
        let root = tempfile::tempdir().unwrap();
        let run = run(root.path());
        let text = std::fs::read_to_string(run.config()).unwrap();
        let newer = text.replace(&format!("{HEADER}{FORMAT}"), &format!("{HEADER}99"));
        assert_ne!(newer, text);
        std::fs::write(run.config(), newer + "unheard_of = 1\n").unwrap();
        let error = RunDir::open(run.path()).unwrap_err();
        assert!(error.to_string().contains("newer version"), "{error}");
        // A run from before there were formats.
        std::fs::write(run.config(), text.split_once('\n').unwrap().1).unwrap();
        RunDir::open(run.path()).unwrap();
    }

    #[test]
    fn a_folder_without_a_run_is_refused() {
        let root = tempfile::tempdir().unwrap();
        assert!(matches!(RunDir::open(root.path()), Err(TrainError::NotARun { .. })));
    }
}
