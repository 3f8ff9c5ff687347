//! Event-driven arithmetic of the EGRU on plain slices.
//!
//! All arrays are dense, row-major and contiguous; sequences are time-first (`[T, B, H]`).
//! Gates are ordered update `z`, reset `r`, candidate `g`.
//!
//! - [`egru_forward`], [`egru_backward`]: one sequence of the EGRU of Subramoney et al., "Efficient
//!   recurrent architectures through activity sparsity and sparse back-propagation through time"
//!   (arXiv 2206.06178), with the gradients of all its inputs.
//! - [`event_linear_forward`], [`event_linear_backward`]: a linear layer with a sparse operand.
//!
//! Products with an exact zero are left out ([`Products::Events`]) or not ([`Products::Dense`]); both
//! agree to rounding, and [`Products::Auto`] picks one of them for each product by the measured share of
//! non-zero values. Element types are `f32` and `f64`; the instruction set is chosen at run time.
//!
//! ```
//! use egru_kernels::*;
//!
//! // Three steps of one sample, one input channel, two units of which the second stays silent.
//! let dims = Dims { time: 3, batch: 1, input: 1, hidden: 2 };
//! let inputs = Inputs {
//!     x: &[1.0_f64, 0.0, 1.0],
//!     y0: &[0.0; 2],
//!     c0: &[0.0; 2],
//!     trace0: &[0.0; 2],
//!     w: &[0.1, -0.1, 0.2, 0.3, 2.0, 1.0],
//!     r: &[0.1; 12],
//!     bias_w: &[0.0; 6],
//!     bias_r: &[0.0; 6],
//!     theta: &[0.3, 5.0],
//!     zoneout: Zoneout::Off,
//!     lengths: None,
//!     x_needs_grad: None,
//! };
//! let params = EgruParams::default();
//! let sequence = Sequence { dims, params, inputs, products: Products::Auto };
//! let out: Outputs<Vec<f64>> = egru_forward(&sequence, Keep::ALL)?;
//! assert_eq!(out.o, [1.0, 0.0, 0.0, 0.0, 1.0, 0.0]);
//!
//! // Gradients of the sum of all traces.
//! let by_output = Cotangents { trace: Some(&[1.0; 6]), ..Cotangents::default() };
//! let wanted = Wanted { x: true, w: true, r: true, theta: true, state: true };
//! let Outputs { y, tape, .. } = out;
//! let gradients = egru_backward(&sequence, &y, tape, &by_output, wanted)?;
//! assert!(gradients.w[4] > 0.0);
//! # Ok::<(), ShapeError>(())
//! ```

mod activations;
mod arguments;
mod backward;
mod backward_steps;
mod choice;
mod dense;
mod element;
mod error;
mod events;
mod float;
mod forward;
mod forward_steps;
mod gates;
mod input;
mod lanes;
mod linear;
mod masked;
mod math;
mod matmul;
mod phases;
mod plan;
mod product;
mod scratch;
mod simd;
mod steps;
mod team;
mod tiles;
mod types;
mod view;

pub use backward::{StepGradients, egru_backward, egru_backward_steps};
pub use choice::{Products, UnknownProducts};
pub use element::Element;
pub use error::ShapeError;
pub use float::Float;
pub use forward::egru_forward;
pub use linear::{
    Linear, LinearGradients, LinearWanted, event_linear_backward, event_linear_forward,
};
pub use phases::{Phase, record_phases, take_phases};
pub use scratch::Memory;
pub use simd::{SimdLevel, set_simd_level, simd_level, simd_levels};
pub use team::{set_threads, threads};
pub use types::*;
