//! The one command line that every egru binary runs.
//!
//! A binary names its backends and cells and calls [`run`]; the rest is here. A cell of one's own
//! needs a line more and changes nothing else:
//!
//! ```no_run
//! use egru_cli::{BackendEntry, Device, Registry};
//!
//! /// A backend whose device is picked by index; a real binary returns `Device::flex()` or the like.
//! fn device(index: &str) -> Result<Device, String> {
//!     Err(format!("no device `{index}` in this example"))
//! }
//!
//! fn main() -> std::process::ExitCode {
//!     let backend = BackendEntry::new("mine", "an example", true, device, Vec::new);
//!     // `.with::<MyCell>()` adds a cell to those that recipes can name.
//!     let registry = Registry::default();
//!     egru_cli::run(registry, &[backend], std::env::args_os())
//! }
//! ```
//!
//! Conventions: text for people goes to standard output, or to standard error with `--format json`,
//! where the last line of standard output is one JSON object. Errors go to standard error, and so do warnings, of libraries
//! too: `RUST_LOG` says which, `--quiet` silences them. When a reader goes away, the work goes on. Exit status:
//! 0 success, 1 failure, 2 something typed wrong, 130 interrupted (and resumable).

mod args;
mod backend;
mod commands;
mod comparison;
mod failure;
mod interrupt;
mod logger;
mod output;
mod place;
mod progress;
mod report;
mod summary;
mod table;

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

use egru::CellError;
use egru_bench::BenchError;
use egru_data::DataError;
use egru_data::fetch::FetchError;
use egru_train::{RecipeError, TrainError};

use crate::args::{Cli, Command};
use crate::commands::Context;
use crate::output::Output;

pub use backend::BackendEntry;
pub use burn::tensor::Device;
pub use egru_train::Registry;

/// Exit status for something typed wrong, as clap uses it.
const USAGE: u8 = 2;

/// Runs one command: `args` is the whole command line, the program's name first.
///
/// Prints its errors; see the crate's head for the exit status.
pub fn run(
    registry: Registry,
    backends: &[BackendEntry],
    args: impl IntoIterator<Item = OsString>,
) -> ExitCode {
    let args: Vec<OsString> = args.into_iter().collect();
    let cli = match Cli::read(args.iter().cloned()) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version come this way too. A closed pipe is no reason to complain.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(USAGE));
        }
    };
    logger::start(cli.quiet);
    let command_line: Vec<String> =
        args.iter().map(|arg| arg.to_string_lossy().into_owned()).collect();
    let context = Context {
        registry: &registry,
        backends,
        out: Output::new(cli.format, cli.quiet),
        command_line: &command_line,
    };
    let outcome = failure::guard(|| match &cli.command {
        Command::Recipes { name } => commands::recipes::run(&context, name.as_deref()),
        Command::Train(args) => commands::train::run(&context, args),
        Command::Eval(args) => commands::eval::run(&context, args),
        Command::Data(command) => commands::data::run(&context, command),
        Command::Inspect(args) => commands::inspect::run(&context, args),
        Command::Generate(args) => commands::generate::run(&context, args),
        Command::Bench(args) => commands::bench::run(&context, args),
        Command::Devices => commands::devices::run(&context),
    });
    match outcome.and_then(|status| context.out.check().map(|()| status)) {
        Ok(status) => status,
        Err(error) => {
            let program = command_line.first().map_or("egru", String::as_str);
            let remedy = remedy(&error, program).unwrap_or_default();
            let _ = writeln!(io::stderr().lock(), "error: {}{remedy}", failure::message(&error));
            ExitCode::from(status(&error))
        }
    }
}

/// What this program can do about it, which libraries cannot say.
fn remedy(error: &anyhow::Error, program: &str) -> Option<String> {
    let recipe = error.chain().find_map(|cause| match cause.downcast_ref() {
        Some(TrainError::Recipe(recipe)) => Some(recipe),
        _ => cause.downcast_ref::<RecipeError>(),
    });
    if let Some(RecipeError::UnknownRecipe { name, .. }) = recipe
        && (name.ends_with(".toml") || Path::new(name).is_file())
    {
        return Some(format!("\nA file is given by `{program} train --recipe {name}`."));
    }
    if error.chain().any(|cause| {
        let model = match cause.downcast_ref() {
            Some(TrainError::Model(model)) => Some(model),
            _ => cause.downcast_ref::<CellError>(),
        };
        matches!(model, Some(CellError::NoEvents { .. }))
    }) {
        return Some(
            "\nFor a dense cell: --set model.readout=last-output --set regularise.activity.weight=0 --set regularise.state.weight=0"
                .to_owned(),
        );
    }
    if let Some(BenchError::NothingToCompare) = error.downcast_ref() {
        return Some(format!("\n`{program} bench --out FILE.jsonl` measures."));
    }
    let fetching = |error: &FetchError| match error {
        FetchError::Offline { dataset, .. } => Some(format!(
            "\nWithout --offline this program fetches them; so does `{program} data fetch {dataset}`."
        )),
        FetchError::Differs { .. } => Some(" (`--force`)".to_owned()),
        _ => None,
    };
    let data = error.chain().find_map(|cause| match cause.downcast_ref() {
        Some(TrainError::Data(data)) => Some(data.as_ref()),
        _ => cause.downcast_ref::<DataError>(),
    });
    match data {
        Some(DataError::Fetch(error)) => fetching(error),
        Some(DataError::Unplaced { looked_for, .. }) if looked_for.is_empty() => {
            Some("\nGive the data folder by --data DIR or in EGRU_DATA.".to_owned())
        }
        Some(data) => data.cured_by_fetching().map(|dataset| {
            format!(
                "\nFiles are looked for in the folder given by --data DIR or EGRU_DATA. `{program} data fetch {dataset}` downloads \
                 them, `{program} data verify {dataset}` compares those there are with the published ones."
            )
        }),
        None => error.chain().find_map(|cause| fetching(cause.downcast_ref()?)),
    }
}

/// What was typed wrong is told apart from what went wrong.
fn status(error: &anyhow::Error) -> u8 {
    let typed_wrong = error.is::<backend::BackendError>()
        || error.is::<args::UsageError>()
        || error.is::<RecipeError>()
        || matches!(
            error.downcast_ref(),
            Some(TrainError::Recipe(_) | TrainError::ChangedRecipe { .. })
        )
        || matches!(error.downcast_ref(), Some(DataError::Config { .. }))
        || matches!(
            error.downcast_ref(),
            Some(TrainError::Data(data)) if matches!(data.as_ref(), DataError::Config { .. })
        )
        || matches!(error.downcast_ref(), Some(BenchError::NoPass { .. }));
    if typed_wrong { USAGE } else { 1 }
}

#[cfg(test)]
mod tests {
    use egru::Products;

    use super::*;

    #[test]
    fn the_status_tells_typing_from_failing() {
        let unknown = egru_train::Recipe::named("nothing").unwrap_err();
        assert_eq!(status(&unknown.into()), USAGE);
        assert_eq!(status(&anyhow::anyhow!("disk full")), 1);
        let (workload, detail) = ("lm", "the outputs differ".to_owned());
        let wrong =
            BenchError::CheckFailed { workload, activity: 0.15, products: Products::Auto, detail };
        assert_eq!(status(&wrong.into()), 1);
    }
}
