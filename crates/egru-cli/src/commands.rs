//! The commands, one file each. They return the exit status, or an error that [`crate::run`] prints.

pub(crate) mod bench;
pub(crate) mod data;
pub(crate) mod devices;
pub(crate) mod eval;
pub(crate) mod generate;
pub(crate) mod inspect;
pub(crate) mod recipes;
pub(crate) mod train;

use std::process::ExitCode;

use egru_train::Registry;

use crate::BackendEntry;
use crate::output::Output;

/// What every command is given.
pub(crate) struct Context<'a> {
    /// The cells.
    pub registry: &'a Registry,
    /// The backends.
    pub backends: &'a [BackendEntry],
    /// Who reads.
    pub out: Output,
    /// The command line, as typed.
    pub command_line: &'a [String],
}

/// How a command ended.
pub(crate) type Outcome = anyhow::Result<ExitCode>;
