//! What can be typed.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Event-based recurrent networks: train, evaluate, look inside.
#[derive(Debug, Parser)]
#[command(name = "egru", version, arg_required_else_help = true, propagate_version = true)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,

    /// What standard output is for: people, or programs (the last line is then one JSON object).
    #[arg(long, global = true, value_enum, default_value_t = Format::Human)]
    pub format: Format,
}

/// Who reads standard output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Text; progress goes to standard output too.
    Human,
    /// The last line is one JSON object; everything else goes to standard error.
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the recipes, or print one as TOML.
    Recipes {
        /// Print this recipe, with every default written out.
        name: Option<String>,
    },
    /// Train a network from a recipe, or continue a stopped run.
    Train(TrainArgs),
    /// Evaluate the best checkpoint of a run on its validation and test samples.
    Eval(RunArgs),
    /// List, fetch, verify or show data sets.
    #[command(subcommand)]
    Data(DataCommand),
    /// Draw what the network of a run does: events, states, activity (SVG files and report.html).
    Inspect(InspectArgs),
    /// List the backends, which of them are compiled in, and their devices.
    Devices,
}

#[derive(Debug, Args)]
pub(crate) struct TrainArgs {
    /// Name of an embedded recipe; `recipes` lists them.
    #[arg(required_unless_present_any = ["recipe_file", "resume"], conflicts_with_all = ["recipe_file", "resume"])]
    pub recipe: Option<String>,
    /// Read the recipe from this TOML file.
    #[arg(long = "recipe", value_name = "FILE", conflicts_with = "resume")]
    pub recipe_file: Option<PathBuf>,
    /// Change a key of the recipe, such as `training.epochs=3`; may be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = key_value, conflicts_with = "resume")]
    pub overrides: Vec<(String, String)>,
    /// Short for `--set seed=N`.
    #[arg(long, value_name = "N", conflicts_with = "resume")]
    pub seed: Option<u64>,
    /// Short for `--set training.epochs=N`.
    #[arg(long, value_name = "N", conflicts_with = "resume")]
    pub epochs: Option<usize>,
    /// Folder under which run directories are made.
    #[arg(long, value_name = "DIR", default_value = "runs")]
    pub runs: PathBuf,
    /// Continue the run in this directory; ends with the same bits as a run that never stopped.
    #[arg(long, value_name = "RUN")]
    pub resume: Option<PathBuf>,
    /// Show Burn's dashboard (on a terminal only).
    #[arg(long, overrides_with = "no_tui")]
    pub tui: bool,
    /// Show lines and a progress bar instead of the dashboard (the default).
    #[arg(long, overrides_with = "tui")]
    pub no_tui: bool,
    #[command(flatten)]
    pub place: PlaceArgs,
}

impl TrainArgs {
    /// All changes to the recipe, the short forms last.
    pub fn all_overrides(&self) -> Vec<(String, String)> {
        let seed = self.seed.map(|seed| ("seed".to_owned(), seed.to_string()));
        let epochs = self.epochs.map(|n| ("training.epochs".to_owned(), n.to_string()));
        self.overrides.iter().cloned().chain(seed).chain(epochs).collect()
    }
}

/// Where a command runs and finds its data.
#[derive(Debug, Args)]
pub(crate) struct PlaceArgs {
    /// Folder with data sets read from files.
    #[arg(long, value_name = "DIR", env = "EGRU_DATA")]
    pub data: Option<PathBuf>,
    /// Never use the network: data that is missing is an error.
    #[arg(long)]
    pub offline: bool,
    /// Backend, and device where it has several: `flex`, `cuda:1`; `devices` lists them.
    #[arg(long, value_name = "NAME[:INDEX]")]
    pub backend: Option<String>,
    /// Threads of the kernels; by default as many as the machine has.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub threads: Option<u16>,
}

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// The run directory.
    pub run: PathBuf,
    #[command(flatten)]
    pub place: PlaceArgs,
}

#[derive(Debug, Args)]
pub(crate) struct InspectArgs {
    /// The run directory.
    pub run: PathBuf,
    /// How many test samples to draw.
    #[arg(long, value_name = "N", default_value_t = 6)]
    pub samples: usize,
    #[command(flatten)]
    pub place: PlaceArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DataCommand {
    /// List the data sets: what they are, their files, licence and citation.
    List,
    /// Download the files of a data set.
    Fetch {
        /// Name of the data set.
        name: String,
        /// Folder with data sets read from files.
        #[arg(long, value_name = "DIR", env = "EGRU_DATA")]
        data: Option<PathBuf>,
        /// Never use the network: say where to put the files instead.
        #[arg(long)]
        offline: bool,
    },
    /// Compare the files of a data set with their published sizes and checksums.
    Verify {
        /// Name of the data set; all of them when left out.
        name: Option<String>,
        /// Folder with data sets read from files.
        #[arg(long, value_name = "DIR", env = "EGRU_DATA")]
        data: Option<PathBuf>,
    },
    /// Show what a data set looks like: shapes, class balance, a sample.
    Show {
        /// Name of a data set, with default settings, or of a recipe, with that recipe's.
        name: String,
        /// Which sample of the training split to draw.
        #[arg(long, value_name = "INDEX", default_value_t = 0)]
        sample: usize,
        /// Seed of the held-out split and of generated samples.
        #[arg(long, value_name = "N", default_value_t = 1)]
        seed: u64,
        /// Folder with data sets read from files.
        #[arg(long, value_name = "DIR", env = "EGRU_DATA")]
        data: Option<PathBuf>,
    },
}

/// Splits `key=value` at the first `=`.
fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => {
            Ok((key.trim().to_owned(), value.trim().to_owned()))
        }
        _ => Err(format!("`{text}` is not KEY=VALUE, such as training.epochs=3")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn train(arguments: &[&str]) -> Result<TrainArgs, clap::Error> {
        let all = ["egru", "train"].iter().chain(arguments);
        Cli::try_parse_from(all).map(|cli| match cli.command {
            Command::Train(args) => args,
            other => panic!("{other:?}"),
        })
    }

    #[test]
    fn the_command_is_well_formed() {
        <Cli as clap::CommandFactory>::command().debug_assert();
    }

    #[test]
    fn short_forms_come_after_the_long_ones() {
        let args = train(&["quickstart", "--seed", "7", "--set", "a.b = c=d"]).unwrap();
        let expected = [("a.b", "c=d"), ("seed", "7")].map(|(k, v)| (k.into(), v.into()));
        assert_eq!(args.all_overrides(), expected);
    }

    #[test]
    fn a_run_has_exactly_one_origin() {
        assert!(train(&[]).is_err());
        assert!(train(&["quickstart", "--recipe", "x.toml"]).is_err());
        assert!(train(&["quickstart", "--resume", "runs/x"]).is_err());
        assert!(train(&["--resume", "runs/x", "--set", "a=b"]).is_err());
        assert!(train(&["--resume", "runs/x"]).is_ok());
        assert!(train(&["quickstart", "--set", "nothing"]).is_err());
    }
}
