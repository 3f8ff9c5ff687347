//! Event-based recurrent networks on [Burn](burn): cells, layers, stacks, read-outs, regularisers and activity
//! reports.
//!
//! An event-based cell is silent until its state crosses a threshold. Its output is exactly zero most of
//! the time, and so is the gradient through it, so that both passes can leave out the products with a
//! zero. The cells here do; the results are those of the dense computation.
//!
//! | part | where |
//! |---|---|
//! | one layer, by Burn's conventions | [`EgruConfig`], [`ElstmConfig`], [`GruConfig`], [`LstmConfig`], [`Layer`] |
//! | a stack of layers, a whole network | [`Stack`], [`Network`] |
//! | what the stack reads: values, embeddings, frames | [`Encoder`] |
//! | what the head reads, logits and losses | [`readout`], [`Head`], [`Reading`] |
//! | the contract of a cell | [`Cell`], [`CellState`], [`CellConfig`] |
//! | EGRU, ELSTM, GRU, LSTM | [`cells`] |
//! | threshold, surrogate, reset, trace | [`events`] |
//! | terms of the loss | [`regularise`] |
//! | sparsity, operations, footprint | [`activity`], [`ActivityCounts`] |
//! | weights of `torch.nn.GRU` | [`torch`] |
//! | checks for a cell of your own | [`testing`] |
//!
//! **Order of axes.** Tensors are time-first everywhere: series are `[T, B, C]` (time, batch, channels), tokens
//! `[T, B]`, rows of a [`Reading`] are `t*B + b`. Batch-first data goes through [`swap_order`] once, at the outside.
//!
//! State is explicit: passed in, and given back. `forward(x, state)` gives `(y, state)` and panics on a shape that does
//! not fit, as Burn's modules do; `forward_with` takes draws and [`SequenceOptions`] (lengths, the form of the operations,
//! series to keep) and gives an error in its place. Training means that the
//! parameters are on an autodiff device, as everywhere in Burn; [`Module::valid`](burn::module::Module::valid)
//! turns dropout, zoneout and DropConnect off. The backend is the device's; features of this crate of
//! the same name (`flex`, `ndarray`) add the fused operations of a backend.
//!
//! ```
//! use burn::tensor::{Device, Distribution, Tensor};
//! use egru::{Keep, SequenceOptions, Stack, cells::Egru};
//!
//! let device = Device::flex();
//! device.seed(0);
//! let stack = Stack::<Egru>::init(&Default::default(), 8, &[64, 32], 0.0, &device)?;
//! let x = Tensor::random([50, 4, 8], Distribution::Normal(0.0, 1.0), &device);
//! let (y, state) = stack.forward(x.clone(), None);
//! assert_eq!((y.dims(), state.batch()), ([50, 4, 32], 4));
//!
//! let options = SequenceOptions::keeping(Keep { window: true, ..Keep::OUTPUT });
//! let out = stack.forward_with(x.clone(), None, &stack.draw(50, 4), &options)?;
//! let report = stack.count(&x, &out.layers, None)?.read()?;
//! assert!(report.activity_sparsity() > 0.5, "{report}");
//! assert!(report.effective_macs() < report.dense_macs());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod cell;
mod config;
mod conv;
mod counts;
mod dropout;
mod encoder;
mod error;
mod head;
mod input;
mod layer;
mod network;
mod reading;
mod sequence;
mod stack;
mod state;

pub mod activity;
pub mod cells;
pub mod events;
pub mod lengths;
pub mod readout;
pub mod regularise;
pub mod testing;
pub mod torch;

pub use activity::ActivityReport;
pub use cell::{Cell, CellConfig, CellSize};
pub use config::{EgruConfig, ElstmConfig, GruConfig, LayerConfig, LstmConfig};
pub use conv::{ConvBlock, ConvBlockConfig, ConvConfig, ConvEncoder};
pub use counts::ActivityCounts;
pub use egru_ops::{Execution, Form, FormChoice, FormReport, Keep, Products, WeightType, unstack};
pub use encoder::{Encoder, EncoderConfig, EncoderDraws};
pub use error::CellError;
pub use head::{Head, HeadKind};
pub use input::{Input, InputShape};
pub use layer::{Layer, LayerOutput};
pub use network::{Network, NetworkConfig, NetworkDraws, NetworkOutput, NetworkStep};
pub use reading::Reading;
pub use readout::Readout;
pub use sequence::{
    EventOutput, EventSeries, SequenceOptions, SequenceOutput, StepOutput, swap_order,
};
pub use stack::{Stack, StackDraws, StackOutput};
pub use state::{CellState, StackState};
