//! Where and how a run happens, as opposed to what it computes.

use std::path::PathBuf;
use std::sync::Arc;

use burn::tensor::Device;
use burn::train::Interrupter;

use crate::environment::Caller;
use crate::events::{EventSink, TrainEvent};

/// What the caller decides about a run; none of it changes the result beyond rounding.
///
/// The network is never used: a caller that may fetch data does so before
/// (see [`egru_data::DatasetConfig::files`]).
#[derive(Clone)]
pub struct TrainOptions {
    /// The device, without autodiff.
    pub device: Device,
    /// Who calls, for `environment.json` and the summary.
    pub caller: Caller,
    /// Where data sets lie.
    pub data_root: Option<PathBuf>,
    /// Where run directories are created.
    pub runs: PathBuf,
    /// Stops the run after the step at hand, with a checkpoint.
    pub interrupter: Interrupter,
    /// Draws burn-train's dashboard; only sensible on a terminal.
    pub dashboard: bool,
    /// Receives what happens.
    pub events: EventSink,
}

impl TrainOptions {
    /// A run on `device` with its folder under `runs`: no data folder, no dashboard, events ignored.
    pub fn new(device: Device, runs: impl Into<PathBuf>) -> Self {
        Self {
            device,
            caller: Caller::default(),
            data_root: None,
            runs: runs.into(),
            interrupter: Interrupter::new(),
            dashboard: false,
            events: Arc::new(|_| {}),
        }
    }

    pub(crate) fn notice(&self, text: String) {
        log::warn!("{text}");
        (self.events)(TrainEvent::Notice(text));
    }
}
