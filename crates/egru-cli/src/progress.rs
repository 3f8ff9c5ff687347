//! Progress of downloads and of training: bars on a terminal, lines elsewhere.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use egru_data::fetch::Progress;
use egru_train::TrainEvent;
use egru_train::report_data::{EpochRecord, Split};
use indicatif::{ProgressBar, ProgressStyle};

use crate::output::Output;

/// Where no bar can be shown, a long epoch gives a line this often.
const SIGN_OF_LIFE: Duration = Duration::from_secs(30);

/// A bar on standard error; indicatif hides it where that is no terminal.
fn bar(total: u64, template: &str) -> ProgressBar {
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

impl Progress for FetchProgress {
    fn start(&self, file: &str, url: &str, done: u64, total: u64) {
        // A line that cannot be written is not worth stopping a download for.
        let _ = self.out.say(format!("fetching {file} from {url}"));
        self.with_bar(|current| {
            *current = bar(total, "  {bar:40} {bytes}/{total_bytes} {bytes_per_sec} {eta}");
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
        self.with_bar(|bar| bar.suspend(|| drop(self.out.say(format!("{file}: {message}")))));
    }
}

/// Shows the events of a training run: one line an epoch, and a bar for the split at work.
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
    epochs: usize,
    last_line: Instant,
}

impl TrainProgress {
    pub fn new(out: Output, dashboard: bool) -> Self {
        let state = State {
            bar: ProgressBar::hidden(),
            of: None,
            trained: None,
            epochs: 0,
            last_line: Instant::now(),
        };
        Self { out, dashboard, state: Mutex::new(state) }
    }

    /// Shows one event.
    pub fn show(&self, event: TrainEvent) {
        let mut state = self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match event {
            TrainEvent::Progress { .. } | TrainEvent::Epoch(_) if self.dashboard => {}
            TrainEvent::Started { run_dir, task, parameters, epochs_done, epochs } => {
                state.epochs = epochs;
                let done = match epochs_done {
                    0 => String::new(),
                    n => format!(", {n} of {epochs} epochs done"),
                };
                self.say(&state, format!("{task}; {parameters} parameters{done}"));
                self.say(&state, format!("run directory: {}\n", run_dir.display()));
            }
            TrainEvent::Progress { split, epoch, epochs, done, total, loss } => {
                if state.of != Some((split, epoch)) {
                    state.bar.finish_and_clear();
                    state.bar = bar(total as u64, "  {msg:28} {bar:40} {pos}/{len} {eta}");
                    state.of = Some((split, epoch));
                }
                let loss = loss.map_or_else(String::new, |loss| format!(" loss {loss:.4}"));
                state.bar.set_message(format!("{split} {epoch}/{epochs}{loss}"));
                state.bar.set_position(done as u64);
                if state.bar.is_hidden() && state.last_line.elapsed() >= SIGN_OF_LIFE {
                    self.say(&state, format!("  {split} {epoch}/{epochs}: {done}/{total}{loss}"));
                    state.last_line = Instant::now();
                }
            }
            TrainEvent::Epoch(record) => {
                state.bar.finish_and_clear();
                state.of = None;
                match record.split {
                    Split::Train => state.trained = Some(record),
                    _ => {
                        let trained = state.trained.take();
                        let line = epoch_line(trained.as_ref(), &record, state.epochs);
                        self.say(&state, line);
                        state.last_line = Instant::now();
                    }
                }
            }
            TrainEvent::Checkpoint(_) => {}
            TrainEvent::Notice(text) => self.say(&state, format!("note: {text}")),
        }
    }

    /// A line that cannot be written (a closed pipe) must not stop the training.
    fn say(&self, state: &State, text: String) {
        state.bar.suspend(|| drop(self.out.say(text)));
    }
}

/// One epoch in one line.
fn epoch_line(trained: Option<&EpochRecord>, checked: &EpochRecord, epochs: usize) -> String {
    let width = epochs.to_string().len();
    let mut line = format!("epoch {:>width$}/{epochs}", checked.epoch);
    for record in trained.into_iter().chain([checked]) {
        line += &format!("   {} loss {:.4}", record.split, record.loss);
        if let Some(accuracy) = record.accuracy {
            line += &format!(" accuracy {:5.2} %", 100.0 * accuracy);
        }
    }
    if let Some(sparsity) = checked.activity_sparsity {
        line += &format!("   sparsity {:.1} %", 100.0 * sparsity);
    }
    let seconds = trained.map_or(0.0, |record| record.seconds) + checked.seconds;
    line + &format!("   {seconds:.1} s")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_is_one_line() {
        let trained =
            EpochRecord { epoch: 2, loss: 0.5, seconds: 3.0, ..EpochRecord::empty(Split::Train) };
        let checked = EpochRecord {
            epoch: 2,
            loss: 0.4,
            accuracy: Some(0.875),
            activity_sparsity: Some(0.8),
            seconds: 0.5,
            ..EpochRecord::empty(Split::Valid)
        };
        assert_eq!(
            epoch_line(Some(&trained), &checked, 12),
            "epoch  2/12   train loss 0.5000   valid loss 0.4000 accuracy 87.50 %   sparsity 80.0 %   3.5 s"
        );
    }
}
