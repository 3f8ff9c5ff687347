//! Burn custom operations for event-based recurrent networks, and their gradients.
//!
//! Each operation has a `naive` form in plain differentiable tensor operations, which is the law; a
//! fused form per backend; and a dispatch that says which of them ran and why ([`FormReport`]).
//!
//! | operation | what | fused on |
//! |---|---|---|
//! | [`egru_sequence()`] | the EGRU over all time steps | flex, ndarray, tch, wgpu, vulkan, metal, cuda, rocm |
//! | [`event_linear()`] | product with a sparse event operand | the same |
//! | [`heaviside`] | threshold with a triangular surrogate gradient | tensor operations on any backend |
//!
//! ```
//! # #[cfg(feature = "flex")] {
//! use burn::tensor::{Device, Tensor};
//! use egru_ops::{Execution, Form, FormChoice, event_linear};
//!
//! let device = Device::flex();
//! let events = Tensor::<2>::from_floats([[0.0, 2.0, 0.0]], &device);
//! let weight = Tensor::<2>::from_floats([[1.0, 1.0], [3.0, 4.0], [5.0, 5.0]], &device);
//! let (out, report) = event_linear(events, weight, None, None, Execution::default()).unwrap();
//! assert_eq!(out.into_data().try_to_vec::<f32>().unwrap(), [6.0, 8.0]);
//! assert_eq!(report.form, Form::Fused);
//! # }
//! ```

// Without a backend that has kernels the fused forms have no caller.
#![cfg_attr(
    not(any(feature = "flex", feature = "ndarray", feature = "tch", feature = "cube")),
    allow(dead_code, unused_variables)
)]

mod backends;
mod check;
mod choice;
mod device;
mod error;
mod execution;
mod heaviside;
mod maybe;
mod routes;
mod series;

pub mod egru_sequence;
pub mod event_linear;

pub use egru_kernels::{EgruParams, Products};
pub use egru_sequence::{
    EgruInputs, EgruOutputs, EgruState, EgruStepOutputs, Keep, Zoneout, egru_sequence, egru_step,
};
pub use error::OpError;
pub use event_linear::event_linear;
pub use execution::{Execution, Form, FormChoice, FormReport, WeightType};
pub use heaviside::heaviside;
pub use series::unstack;
