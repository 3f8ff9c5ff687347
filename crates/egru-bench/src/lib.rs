//! Measurements of event-based recurrent networks, each with its check: no speed-up without results that
//! agree.
//!
//! Operations have named [workloads](WORKLOADS). A [`Problem`] is a workload with its numbers, at an activity;
//! [`measure`] checks its results against the naive form and times it; a [`Record`] keeps the times as a line of a
//! file; [`compare`] puts ours beside those of other libraries:
//!
//! ```
//! use burn::tensor::Device;
//! use egru_bench::{Pass, Plan, Problem, TINY, measure};
//!
//! let device = Device::flex();
//! let (problem, measured) = Problem::calibrated(TINY, 0.15, &device)?;
//! let plan =
//!     Plan { passes: vec![Pass::Train], products: vec![egru::Products::Auto], rounds: 3 };
//! let timed = measure(&problem, &plan, &device)?;
//! assert!(timed[0].check.passed && timed[0].times.samples_ms.len() == 3);
//! # Ok::<(), egru_bench::BenchError>(())
//! ```
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
//!         let path = format!("{:?}", execution.form).to_lowercase();
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
mod calibration;
mod compare;
mod division;
mod error;
mod linear;
mod machine;
mod measure;
mod memory;
mod numbers;
mod outcome;
mod problem;
mod record;
mod sequence;
mod step_times;
mod times;
mod verification;
mod work;
mod workload;

pub use agreement::Check;
pub use calibration::Measured;
pub use compare::{Compared, ComparedRow, Peer, Pooled, compare, markdown};
pub use division::Division;
pub use error::BenchError;
pub use machine::{Machine, is_processor};
pub use measure::{Plan, Timed, measure};
pub use memory::first_step_memory;
pub use problem::{Calibration, Problem};
pub use record::{OURS, Origin, Record, SCHEMA, append_records, read_records};
pub use step_times::{Comparison, Results, Step, step_times};
pub use times::{Budget, Row, take_turns};
pub use verification::{Verified, verify};
pub use work::Work;
pub use workload::{Op, Operand, Pass, Shape, TINY, UnknownName, WORKLOADS, Workload};
