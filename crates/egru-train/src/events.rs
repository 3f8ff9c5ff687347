//! What a run tells its caller while it works. Nothing in this crate prints.

use std::path::PathBuf;
use std::sync::Arc;

use burn::train::logger::{EvaluationProgressLogger, TrainingProgressLogger};
use burn::train::metric::{MetricDefinition, MetricId};
use burn::train::renderer::{
    EvaluationName, MetricState, MetricsRenderer, MetricsRendererEvaluation,
    MetricsRendererTraining,
};

use crate::metric;
use crate::report_data::{EpochRecord, Split};

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
pub enum TrainEvent {
    /// The run directory is there and the model is built.
    Started {
        /// The run directory.
        run_dir: PathBuf,
        /// The task, in words.
        task: String,
        /// Trainable numbers.
        parameters: usize,
        /// Epochs done already, by an earlier session.
        epochs_done: usize,
        /// Epochs in all.
        epochs: usize,
    },
    /// A batch is done.
    Progress {
        /// The split.
        split: Split,
        /// The epoch, counted from 1.
        epoch: usize,
        /// Epochs in all.
        epochs: usize,
        /// Sequences done in this split.
        done: usize,
        /// Sequences of this split.
        total: usize,
        /// Mean loss of the batch.
        loss: Option<f64>,
    },
    /// A split of an epoch is done.
    Epoch(EpochRecord),
    /// A checkpoint is safe on the disk.
    Checkpoint(PathBuf),
    /// Something that a person should know, such as a damaged checkpoint that was passed over.
    Notice(String),
}

/// Where events go; called from several threads.
pub type EventSink = Arc<dyn Fn(TrainEvent) + Send + Sync>;

/// A burn-train renderer without a terminal: it turns progress into [`TrainEvent`]s.
pub(crate) struct SinkRenderer {
    sink: EventSink,
    split: Split,
    epoch: usize,
    epochs: usize,
    total: usize,
    loss: Option<f64>,
}

impl SinkRenderer {
    pub(crate) fn new(sink: EventSink) -> Self {
        Self { sink, split: Split::Train, epoch: 1, epochs: 0, total: 0, loss: None }
    }

    fn update(&mut self, state: MetricState) {
        if let MetricState::Numeric(entry, value) = state
            && entry.metric_id == MetricId::new(metric::LOSS.to_owned().into())
        {
            self.loss = value.map(|value| value.current());
        }
    }
}

impl MetricsRendererTraining for SinkRenderer {
    fn update_train(&mut self, state: MetricState) {
        self.update(state);
    }

    fn update_valid(&mut self, state: MetricState) {
        self.update(state);
    }
}

impl TrainingProgressLogger for SinkRenderer {
    fn start(&mut self, epochs: usize, first: usize, _items: Option<usize>, _label: Option<&str>) {
        (self.epochs, self.epoch) = (epochs, first);
    }

    fn update_epoch(&mut self, epoch: usize) {
        self.epoch = epoch + 1;
    }

    fn start_split(&mut self, split: &str, total: usize) {
        self.split = if split == "train" { Split::Train } else { Split::Valid };
        self.total = total;
    }

    fn update_split(&mut self, done: usize) {
        let &mut Self { split, epoch, epochs, total, loss, .. } = self;
        (self.sink)(TrainEvent::Progress { split, epoch, epochs, done, total, loss });
    }

    fn end_split(&mut self) {}

    fn end(&mut self) {}

    fn log_event_training(&mut self, _event: String) {}
}

// burn-train's evaluator is not used, so that none of the following is called.
impl MetricsRendererEvaluation for SinkRenderer {
    fn update_test(&mut self, _name: EvaluationName, _state: MetricState) {}
}

impl EvaluationProgressLogger for SinkRenderer {
    fn start_global_progress(&mut self, _tests: usize) {}

    fn start_test(&mut self, _name: &str, _items: usize) {}

    fn update_test_progress(&mut self, _items: usize) {}

    fn end_test(&mut self) {}

    fn end_global_progress(&mut self) {}

    fn log_event_evaluation(&mut self, _event: String) {}
}

impl MetricsRenderer for SinkRenderer {
    fn manual_close(&mut self) {}

    fn register_metric(&mut self, _definition: MetricDefinition) {}
}
