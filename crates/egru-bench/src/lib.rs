//! Measurements of event-based recurrent networks, each with its check: no speed-up without results that
//! agree.
//!
//! A [`Step`] is a training step that can be executed along several paths. [`step_times`] checks that the
//! paths give the same results, then times them against each other:
//!
//! ```
//! use egru::{Execution, Products};
//! use egru_bench::{Budget, Results, Step, step_times};
//!
//! /// Stands for a model and a batch.
//! struct Square(f32);
//!
//! impl Step for Square {
//!     type Error = std::convert::Infallible;
//!
//!     fn run(&self, _: Execution) -> Result<(), Self::Error> {
//!         std::hint::black_box(self.0 * self.0);
//!         Ok(())
//!     }
//!
//!     fn results(&self, execution: Execution) -> Result<Results, Self::Error> {
//!         let path = format!("{:?}", execution.path).to_lowercase();
//!         Ok(Results { path, active: Some(0.5), tensors: vec![vec![self.0 * self.0]] })
//!     }
//! }
//!
//! let timed = [Execution::fused(Products::Events), Execution::naive()];
//! let checks = [Square(1.0), Square(2.0)];
//! let comparison =
//!     step_times(&Square(3.0), &checks, &timed, Execution::naive(), Budget::default()).unwrap();
//! assert!(comparison.check.passed);
//! assert_eq!(comparison.rows[0].path, "fused, events only");
//! ```

mod agreement;
mod step_times;
mod times;

pub use agreement::Check;
pub use step_times::{Comparison, Results, Step, step_times};
pub use times::{Budget, Row, take_turns};
