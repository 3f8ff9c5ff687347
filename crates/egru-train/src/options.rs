//! Where and how a run happens, as opposed to what it computes.

use std::path::PathBuf;
use std::sync::Arc;

use burn::tensor::Device;
use burn::train::Interrupter;
use serde::Serialize;

use crate::update::{Update, UpdateSink};

/// How devices put the gradients of one step together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// Gradients are copied to the first device and added there. Any devices will do, of different
    /// backends too.
    #[default]
    MultiDevice,
    /// Distributed data parallel: the devices add gradients among themselves while they go backward
    /// (all-reduce). Only for different devices of one backend that can do so: in Burn 0.22, CUDA.
    Ddp,
}

/// What the caller knows about itself, and this crate cannot: libraries choose no backend and read no
/// command line.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Caller {
    /// Program and version, such as `egru-cpu 0.1.0`.
    pub program: String,
    /// The commit that the program was built from, where that is known.
    pub commit: Option<String>,
    /// The name of the backend, or of the first device's.
    pub backend: String,
    /// The names of the devices that train.
    pub devices: Vec<String>,
    /// Features compiled in.
    pub features: Vec<String>,
    /// Threads of the kernels: a resumed run gives the same bits with the same number.
    pub threads: usize,
    /// The command line, as typed.
    pub command_line: Vec<String>,
}

/// What the caller decides about a run; none of it changes the result beyond rounding, except that each
/// training step takes a batch per device.
///
/// The network is never used: a caller that may fetch data does so before
/// (see [`Registry::files`](crate::Registry::files)).
#[derive(Clone)]
pub struct TrainOptions {
    /// The device, without autodiff.
    pub device: Device,
    /// More devices, each of which takes a batch of every training step beside `device`. The same device
    /// may be there several times.
    pub more_devices: Vec<Device>,
    /// How they put the gradients together.
    pub strategy: Strategy,
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
    pub updates: UpdateSink,
}

impl TrainOptions {
    /// A run on `device` with its folder under `runs`: no data folder, no dashboard, updates ignored.
    pub fn new(device: Device, runs: impl Into<PathBuf>) -> Self {
        Self {
            device,
            more_devices: Vec::new(),
            strategy: Strategy::default(),
            caller: Caller::default(),
            data_root: None,
            runs: runs.into(),
            interrupter: Interrupter::new(),
            dashboard: false,
            updates: Arc::new(|_| {}),
        }
    }

    /// All the devices that train, with autodiff.
    pub(crate) fn devices(&self) -> Vec<Device> {
        let all = std::iter::once(&self.device).chain(&self.more_devices);
        all.map(|device| device.clone().autodiff()).collect()
    }

    /// Tells the caller something that a person should know.
    pub(crate) fn notice(&self, text: impl Into<String>) {
        (self.updates)(Update::Notice(text.into()));
    }
}
