//! burn-train's dashboard for the terminal, shown the updates of a run.

use std::sync::Arc;

use burn::train::Interrupter;
use burn::train::logger::TrainingProgressLogger;
use burn::train::metric::{
    MetricAttributes, MetricDefinition, MetricEntry, MetricId, NumericAttributes, NumericEntry,
    SerializedEntry,
};
use burn::train::renderer::tui::TuiMetricsRendererWrapper;
use burn::train::renderer::{MetricState, MetricsRenderer, MetricsRendererTraining};

use crate::metric::{Better, Metric};
use crate::report_data::Split;
use crate::update::Update;

/// The dashboard; dropping it gives the terminal back.
pub(crate) struct Dashboard {
    renderer: TuiMetricsRendererWrapper,
    metrics: Vec<Metric>,
    /// The split and epoch that are shown.
    shown: Option<(Split, usize)>,
}

impl Dashboard {
    /// Takes the terminal. A user who leaves the dashboard asks `interrupter` to stop.
    pub(crate) fn new(interrupter: Interrupter, metrics: Vec<Metric>) -> Self {
        let mut renderer = TuiMetricsRendererWrapper::new(interrupter, None);
        for metric in &metrics {
            let higher_is_better = metric.better == Better::Higher;
            renderer.register_metric(MetricDefinition {
                metric_id: id(metric),
                name: Arc::new(metric.label()),
                description: None,
                attributes: MetricAttributes::Numeric(NumericAttributes {
                    unit: None,
                    higher_is_better,
                }),
            });
        }
        Self { renderer, metrics, shown: None }
    }

    /// Shows an update.
    pub(crate) fn show(&mut self, update: &Update) {
        match update {
            Update::Started { epochs, epochs_done, .. } => {
                self.renderer.start(*epochs, epochs_done + 1, None, None);
            }
            Update::Progress { split, epoch, done, total, figures, .. } => {
                if self.shown != Some((*split, *epoch)) {
                    self.renderer.start_split(&split.to_string(), *total);
                    self.shown = Some((*split, *epoch));
                }
                for metric in &self.metrics {
                    let Some(&value) = figures.get(metric.name.as_ref()) else { continue };
                    let text = SerializedEntry::new(metric.show(value), value.to_string());
                    let entry = MetricEntry::new(id(metric), text);
                    let state = MetricState::Numeric(entry, Some(NumericEntry::Value(value)));
                    match split {
                        Split::Train => self.renderer.update_train(state),
                        _ => self.renderer.update_valid(state),
                    }
                }
                self.renderer.update_split(*done);
            }
            Update::Epoch(record) => {
                self.renderer.end_split();
                if record.split == Split::Valid {
                    self.renderer.update_epoch(record.epoch);
                }
            }
            Update::Checkpoint(_) | Update::Notice(_) => {}
        }
    }
}

fn id(metric: &Metric) -> MetricId {
    MetricId::new(Arc::new(metric.name.to_string()))
}
