//! The backends of `egru-cpu`, one module for each.

mod cpu;
mod flex;
mod ndarray;

/// All of them, also those that are not compiled in; the program starts on the first.
pub const BACKENDS: [egru_cli::BackendEntry; 2] = [flex::ENTRY, ndarray::ENTRY];
