//! What can go wrong in a measurement or a comparison.

use std::io;
use std::path::PathBuf;

use burn::tensor::{ExecutionError, TensorReadError};
use egru_ops::{OpError, Products};

use crate::workload::Pass;

/// Why there is no measurement or comparison.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// The operation cannot run as asked for.
    #[error("`{workload}` cannot run here: {source}")]
    Op {
        /// The workload.
        workload: &'static str,
        /// Why.
        source: OpError,
    },
    /// The device did not do what it was given.
    #[error("the device failed: {0}")]
    Device(#[from] ExecutionError),
    /// A result could not be read from the device.
    #[error("a result cannot be read from the device: {0}")]
    Read(#[from] TensorReadError),
    /// No threshold gives the activity that was asked for.
    #[error(
        "no threshold brings `{workload}` to an activity of {asked}; the nearest is {reached:.4}: ask for \
         another activity"
    )]
    Activity {
        /// The workload.
        workload: &'static str,
        /// The share of active units that was asked for.
        asked: f64,
        /// The nearest that was found.
        reached: f64,
    },
    /// The path to be measured and the naive form differ.
    #[error(
        "`{workload}` at activity {activity}, products {products}: the result is wrong, so that no time is \
         stated: {detail}"
    )]
    CheckFailed {
        /// The workload.
        workload: &'static str,
        /// The activity.
        activity: f64,
        /// The products.
        products: Products,
        /// What differs by how much.
        detail: String,
    },
    /// Nothing fires in the steps that are checked.
    #[error(
        "`{workload}` at activity {activity}: there are no events in the steps whose results are checked, so that nothing \
         that skips could be wrong there, and no time is stated; ask for more activity"
    )]
    NoEvents {
        /// The workload.
        workload: &'static str,
        /// The activity.
        activity: f64,
    },
    /// None of the passes asked for exists.
    #[error(
        "`{workload}` has no pass {}; it has: {}", 
        list(.asked), list(.has)
    )]
    NoPass {
        /// The workload.
        workload: &'static str,
        /// The passes asked for.
        asked: Vec<Pass>,
        /// The passes that it has.
        has: &'static [Pass],
    },
    /// A file of records cannot be read or written.
    #[error("cannot {verb} {}: {source}", .path.display())]
    File {
        /// `read` or `write`.
        verb: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A line of a file is not a record.
    #[error("{}, line {line}: {problem}; remove the line or measure again", .path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// There is nothing of this project to compare with the peers.
    #[error("there is no record of `egru` to compare; measure it first")]
    NothingToCompare,
    /// A record's results were wrong or not checked.
    #[error(
        "the record of {implementation} on `{workload}` ({pass}) has no passed check, so that no time is \
         stated: remove it, or measure again"
    )]
    Unchecked {
        /// The implementation.
        implementation: String,
        /// The workload.
        workload: String,
        /// The pass.
        pass: Pass,
    },
}

fn list(passes: &[Pass]) -> String {
    passes.iter().map(Pass::to_string).collect::<Vec<_>>().join(", ")
}
