//! Progress of downloads and of training: bars on a terminal, lines elsewhere.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use egru_data::fetch::FetchMonitor;
use egru_train::Update;
use egru_train::metric::{Metric, NETWORK};
use egru_train::report_data::{EpochRecord, Split};
use indicatif::{ProgressBar, ProgressStyle};

use crate::output::Output;

/// Where no bar can be shown, a long epoch gives a line this often.
const SIGN_OF_LIFE: Duration = Duration::from_secs(30);

/// A bar on standard error; indicatif hides it where that is no terminal.
fn bar(out: &Output, total: u64, template: &str) -> ProgressBar {
    if out.quiet {
        return ProgressBar::hidden();
    }
    let style =
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(total).with_style(style.progress_chars("━╸ "))
}

/// Shows the transfers of a fetch.
pub(crate) struct FetchProgress {
    out: Output,
    bar: Mutex<ProgressBar>,
}

impl FetchProgress {
    pub fn new(out: Output) -> Self {
        Self { out, bar: Mutex::new(ProgressBar::hidden()) }
    }

    fn with_bar(&self, act: impl FnOnce(&mut ProgressBar)) {
        act(&mut self.bar.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
    }
}

impl FetchMonitor for FetchProgress {
    fn start(&self, file: &str, url: &str, done: u64, total: u64) {
        self.out.tell(format!("fetching {file} from {url}"));
        self.with_bar(|current| {
            *current =
                bar(&self.out, total, "  {bar:40} {bytes}/{total_bytes} {bytes_per_sec} {eta}");
            current.set_position(done);
        });
    }

    fn advance(&self, _file: &str, done: u64) {
        self.with_bar(|bar| bar.set_position(done));
    }

    fn finish(&self, _file: &str) {
        self.with_bar(|bar| bar.finish_and_clear());
    }

    fn note(&self, file: &str, message: &str) {
        self.with_bar(|bar| bar.suspend(|| self.out.tell(format!("{file}: {message}"))));
    }
}

/// Shows the updates of a training run: one line an epoch, and a bar for the split at work.
pub(crate) struct TrainProgress {
    out: Output,
    /// The dashboard has the screen, and shows the epochs itself.
    dashboard: bool,
    state: Mutex<State>,
}

struct State {
    bar: ProgressBar,
    /// The split and epoch that the bar is about.
    of: Option<(Split, usize)>,
    /// The epoch's training figures, until those of validation complete the line.
    trained: Option<EpochRecord>,
    /// What the task measures.
    metrics: Vec<Metric>,
    epochs: usize,
    last_line: Instant,
}

impl TrainProgress {
    pub fn new(out: Output, dashboard: bool) -> Self {
        let state = State {
            bar: ProgressBar::hidden(),
            of: None,
            trained: None,
            metrics: Vec::new(),
            epochs: 0,
            last_line: Instant::now(),
        };
        Self { out, dashboard, state: Mutex::new(state) }
    }

    /// Shows one update.
    pub fn show(&self, update: Update) {
        let mut state = self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match update {
            Update::Progress { .. } | Update::Epoch(_) if self.dashboard => {}
            Update::Started { run_dir, task, metrics, parameters, epochs_done, epochs } => {
                state.epochs = epochs;
                state.metrics = metrics;
                let done = match epochs_done {
                    0 => String::new(),
                    n => format!(", {n} of {epochs} epochs done"),
                };
                self.say(&state, format!("{task}; {parameters} parameters{done}"));
                self.say(&state, format!("run directory: {}\n", run_dir.display()));
            }
            Update::Progress { split, epoch, epochs, done, total, figures } => {
                if state.of != Some((split, epoch)) {
                    state.bar.finish_and_clear();
                    state.bar = bar(&self.out, total as u64, "  {msg} {bar:40} {pos}/{len} {eta}");
                    state.of = Some((split, epoch));
                }
                let shown = shown(&state.metrics, |name| figures.get(name).copied());
                state.bar.set_message(format!("{split} {epoch}/{epochs}{shown}"));
                state.bar.set_position(done as u64);
                if state.bar.is_hidden() && state.last_line.elapsed() >= SIGN_OF_LIFE {
                    self.say(&state, format!("  {split} {epoch}/{epochs}: {done}/{total}{shown}"));
                    state.last_line = Instant::now();
                }
            }
            Update::Epoch(record) => {
                state.bar.finish_and_clear();
                state.of = None;
                match record.split {
                    Split::Train => state.trained = Some(record),
                    _ => {
                        let trained = state.trained.take();
                        let line =
                            epoch_line(&state.metrics, trained.as_ref(), &record, state.epochs);
                        self.say(&state, line);
                        state.last_line = Instant::now();
                    }
                }
            }
            Update::Checkpoint(_) => {}
            Update::Notice(text) => state.bar.suspend(|| log::warn!("{text}")),
        }
    }

    fn say(&self, state: &State, text: String) {
        state.bar.suspend(|| self.out.tell(text));
    }
}

/// The metrics that there are, each after a blank.
fn shown(metrics: &[Metric], value: impl Fn(&str) -> Option<f64>) -> String {
    let known = metrics.iter().filter_map(|metric| Some((metric, value(&metric.name)?)));
    known.map(|(metric, value)| format!(" {} {}", metric.label(), metric.show(value))).collect()
}

/// One epoch in one line.
fn epoch_line(
    metrics: &[Metric],
    trained: Option<&EpochRecord>,
    checked: &EpochRecord,
    epochs: usize,
) -> String {
    let width = epochs.to_string().len();
    let mut line = format!("epoch {:>width$}/{epochs}", checked.epoch);
    for record in trained.into_iter().chain([checked]) {
        let figures = shown(metrics, |name| record.figure(name));
        line += &format!("   {}{figures}", record.split);
    }
    // Of what every network has, the activity says most.
    let activity = shown(&NETWORK[..1], |name| checked.figure(name));
    if !activity.is_empty() {
        line += &format!("  {activity}");
    }
    let seconds = trained.map_or(0.0, |record| record.seconds) + checked.seconds;
    line + &format!("   {seconds:.1} s")
}

#[cfg(test)]
mod tests {
    use egru_train::Task;
    use egru_train::task::Classification;

    use super::*;

    #[test]
    fn an_epoch_is_one_line() {
        let record = |split, seconds, figures: &[(&str, f64)]| EpochRecord {
            epoch: 2,
            seconds,
            figures: figures.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect(),
            ..EpochRecord::empty(split)
        };
        let trained = record(Split::Train, 3.0, &[("loss", 0.5)]);
        let checked = [("loss", 0.4), ("accuracy", 0.875), ("activity_sparsity", 0.8)];
        let checked = record(Split::Valid, 0.5, &checked);
        assert_eq!(
            epoch_line(&Classification.metrics(), Some(&trained), &checked, 12),
            "epoch  2/12   train loss 0.5000   valid accuracy 87.50 % loss 0.4000   activity sparsity 80.00 %   3.5 s"
        );
    }
}
