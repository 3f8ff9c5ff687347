//! Event-based recurrent networks on [Burn](burn): cells, layers, stacks, read-outs, regularisers and activity
//! reports.
//!
//! An event-based cell is silent until its state crosses a threshold. Its output is exactly zero most of
//! the time, and so is the gradient through it, so that both passes can leave out the products with a
//! zero. The cells here do; the results are those of the dense computation.
//!
//! | part | where |
//! |---|---|
//! | the contract of a cell | [`Cell`], [`CellState`], [`CellConfig`] |
//! | EGRU, ELSTM, GRU, LSTM | [`cells`] |
//! | threshold, surrogate, reset, trace | [`events`] |
//! | one layer, a stack of them, a network | [`Layer`], [`Stack`], [`SequenceModel`] |
//! | what the head reads | [`readout`] |
//! | terms of the loss | [`regularise`] |
//! | sparsity, operations, footprint | [`activity`] |
//! | weights of `torch.nn.GRU` | [`torch`] |
//!
//! Tensors are time-first, `[T, B, C]`: time, batch, channels. State is explicit. Training means that the
//! parameters are on an autodiff device, as everywhere in Burn; [`Module::valid`](burn::module::Module::valid)
//! turns dropout, zoneout and DropConnect off. The backend is the device's; features of this crate of
//! the same name (`flex`, `ndarray`) add the fused operations of a backend.
//!
//! ```
//! use burn::tensor::{Device, Distribution, Tensor};
//! use egru::{SequenceOptions, Stack, cells::Egru};
//!
//! let device = Device::flex();
//! device.seed(0);
//! let stack = Stack::<Egru>::init(&Default::default(), 8, &[64, 32], 0.0, &device)?;
//! let x = Tensor::random([50, 4, 8], Distribution::Normal(0.0, 1.0), &device);
//! let out = stack.forward(x.clone(), None, &SequenceOptions::default())?;
//! assert_eq!(out.layers[0].y.dims(), [50, 4, 64]);
//! assert_eq!(out.state.batch(), 4);
//!
//! let report = stack.activity(&x, &out.layers, None);
//! assert!(report.activity_sparsity() > 0.5, "{report}");
//! assert!(report.effective_macs() < report.dense_macs());
//! # Ok::<(), egru::CellError>(())
//! ```

mod cell;
mod dropout;
mod error;
mod layer;
mod model;
mod sequence;
mod stack;
mod state;

pub mod activity;
pub mod cells;
pub mod events;
pub mod lengths;
pub mod readout;
pub mod regularise;
pub mod torch;

pub use activity::ActivityReport;
pub use cell::{Cell, CellConfig, CellSize};
pub use egru_ops::{Execution, Path, PathChoice, PathReport, Products, Weights, unstack};
pub use error::CellError;
pub use layer::{Layer, Order};
pub use model::{Head, ModelConfig, ModelDraws, ModelOutput, ModelStep, SequenceModel};
pub use readout::Readout;
pub use sequence::{CellOutput, EventOutput, SequenceOptions, SequenceOutput, StepOutput};
pub use stack::{Stack, StackDraws, StackOutput};
pub use state::{CellState, StackState};
