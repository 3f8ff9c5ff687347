//! What can be typed.

use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};
use egru::Products;
use egru_bench::{Calibration, Pass, Workload};
use egru_train::Strategy;

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
    /// Let the network of a run on a text go on from a beginning, word by word.
    Generate(GenerateArgs),
    /// Time the operations on named workloads, after a check of their results.
    Bench(BenchArgs),
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
    /// Change a key of the recipe, such as `training.epochs=3`; may be repeated. With `--resume`, what a run may change:
    /// more epochs, patience, rates, regularisers.
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = key_value)]
    pub overrides: Vec<(String, String)>,
    /// Short for `--set seed=N`.
    #[arg(long, value_name = "N", conflicts_with = "resume")]
    pub seed: Option<u64>,
    /// Short for `--set training.epochs=N`; with `--resume`, the epochs in all.
    #[arg(long, value_name = "N")]
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
    /// Train on several devices at once: a step takes one batch for each. A name may be repeated.
    #[arg(
        long,
        value_name = "NAME[:INDEX],...",
        value_delimiter = ',',
        conflicts_with = "backend"
    )]
    pub devices: Vec<String>,
    /// How the devices put their gradients together.
    #[arg(long, value_enum, default_value_t = StrategyName::MultiDevice, requires = "devices")]
    pub strategy: StrategyName,
    #[command(flatten)]
    pub place: PlaceArgs,
}

/// [`Strategy`], as typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum StrategyName {
    /// Gradients are copied to the first device: works with any devices.
    MultiDevice,
    /// Distributed data parallel: the devices add gradients among themselves (CUDA only).
    Ddp,
}

impl From<StrategyName> for Strategy {
    fn from(name: StrategyName) -> Self {
        match name {
            StrategyName::MultiDevice => Self::MultiDevice,
            StrategyName::Ddp => Self::Ddp,
        }
    }
}

impl TrainArgs {
    /// The command that goes on with a run in the same place, so that it ends with the same bits.
    pub fn resume_command(&self, program: &str, run: &Path) -> String {
        let mut words = vec![program.to_owned(), "train".to_owned(), "--resume".to_owned()];
        words.push(run.display().to_string());
        let mut option = |name: &str, value: Option<String>| {
            words.extend(value.into_iter().flat_map(|value| [name.to_owned(), value]));
        };
        let PlaceArgs { data, offline, device } = &self.place;
        option("--devices", (!self.devices.is_empty()).then(|| self.devices.join(",")));
        option("--strategy", (self.strategy == StrategyName::Ddp).then(|| "ddp".to_owned()));
        option("--backend", device.backend.clone());
        option("--threads", device.threads.map(|threads| threads.to_string()));
        option("--data", data.as_ref().map(|data| data.display().to_string()));
        words.extend(offline.then(|| "--offline".to_owned()));
        words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")
    }

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
    #[command(flatten)]
    pub device: DeviceArgs,
}

/// What a command runs on.
#[derive(Debug, Args)]
pub(crate) struct DeviceArgs {
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

#[derive(Debug, Args)]
pub(crate) struct GenerateArgs {
    /// The run directory.
    pub run: PathBuf,
    /// The beginning: words between blanks, in the corpus' spelling.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub prompt: String,
    /// Words to generate.
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub words: usize,
    /// Below 1 likely words become likelier; 0 always takes the likeliest.
    #[arg(long, value_name = "NUMBER", default_value_t = 1.0)]
    pub temperature: f64,
    /// Choose from so many of the likeliest words; 0: from all.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub top_k: usize,
    /// Choose from the likeliest words that together have this probability.
    #[arg(long, value_name = "SHARE", default_value_t = 1.0)]
    pub top_p: f64,
    /// Seed of the choices.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// The words as the corpus has them, instead of text for people.
    #[arg(long)]
    pub raw: bool,
    #[command(flatten)]
    pub place: PlaceArgs,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct BenchArgs {
    #[command(subcommand)]
    pub command: Option<BenchCommand>,
    /// Workloads, by name; all that are compared with other libraries when left out.
    #[arg(value_name = "WORKLOAD")]
    pub workloads: Vec<Workload>,
    /// List the workloads and their sizes.
    #[arg(long)]
    pub list: bool,
    /// Shares of non-zero outputs, above 0 and at most 1.
    #[arg(long, value_name = "SHARE,...", value_delimiter = ',', default_value = "0.15", value_parser = activity)]
    pub activity: Vec<f64>,
    /// Samples at once, instead of the workload's own number.
    #[arg(long, value_name = "N,...", value_delimiter = ',', value_parser = clap::value_parser!(u16).range(1..))]
    pub batch: Vec<u16>,
    /// What to time: inference, forward and backward.
    #[arg(
        long = "pass",
        value_name = "PASS,...",
        value_delimiter = ',',
        default_value = "forward,train"
    )]
    pub passes: Vec<Pass>,
    /// Which products to execute: auto, events, dense.
    #[arg(long, value_name = "NAME,...", value_delimiter = ',', default_value = "auto")]
    pub products: Vec<Products>,
    /// Samples of each.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    pub rounds: u16,
    /// Measure the memory that the first training step adds too, each in a process of its own (Linux).
    #[arg(long)]
    pub memory: bool,
    /// Add the records to the end of this file, one JSON object per line.
    #[arg(long, value_name = "FILE.jsonl")]
    pub out: Option<PathBuf>,
    /// What `--memory` starts a process for: measure that memory, with this calibration.
    #[arg(long, hide = true, value_name = "THETA,EPS", value_parser = calibration)]
    pub first_step_memory: Option<Calibration>,
    #[command(flatten)]
    pub device: DeviceArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum BenchCommand {
    /// Put our times beside those of other libraries, from files of records.
    Compare {
        /// Files that `bench --out` and `benches/peers` wrote.
        #[arg(required = true, value_name = "FILE.jsonl")]
        files: Vec<PathBuf>,
    },
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

/// A word as a shell reads it back.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:,=+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
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

/// A share of active units.
fn activity(text: &str) -> Result<f64, String> {
    match text.trim().parse() {
        Ok(share) if share > 0.0 && share <= 1.0 => Ok(share),
        _ => Err(format!("`{text}` is not a share above 0 and at most 1, such as 0.15")),
    }
}

fn calibration(text: &str) -> Result<Calibration, String> {
    let number = |text: &str| text.parse::<f64>().map_err(|error| format!("`{text}`: {error}"));
    let (theta, eps) = text.split_once(',').ok_or_else(|| format!("`{text}` is not THETA,EPS"))?;
    Ok(Calibration { theta: number(theta)?, eps: number(eps)? })
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
        assert!(train(&["--resume", "runs/x", "--seed", "2"]).is_err());
        assert!(train(&["--resume", "runs/x", "--set", "a=b", "--epochs", "9"]).is_ok());
        assert!(train(&["--resume", "runs/x"]).is_ok());
        assert!(train(&["quickstart", "--set", "nothing"]).is_err());
    }

    #[test]
    fn several_devices_take_the_place_of_the_backend() {
        let args = train(&["quickstart", "--devices", "cuda:0,cuda:1"]).unwrap();
        assert_eq!(args.devices, ["cuda:0", "cuda:1"]);
        let args = train(&["--resume", "runs/x", "--devices", "a,b", "--strategy", "ddp"]).unwrap();
        assert_eq!(
            args.resume_command("egru", Path::new("runs/x")),
            "egru train --resume runs/x --devices a,b --strategy ddp"
        );
        assert!(train(&["quickstart", "--devices", "a,b", "--backend", "a"]).is_err());
        assert!(train(&["quickstart", "--strategy", "ddp"]).is_err());
        assert!(train(&["quickstart", "--devices", "a,b", "--strategy", "both"]).is_err());
    }

    #[test]
    fn the_command_to_go_on_says_what_was_typed_and_is_quoted() {
        let typed =
            ["quickstart", "--backend", "flex", "--threads", "1", "--offline", "--data", "my data"];
        let command = train(&typed).unwrap().resume_command("egru-cpu", Path::new("it's here/run"));
        assert_eq!(
            command,
            r"egru-cpu train --resume 'it'\''s here/run' --backend flex --threads 1 --data 'my data' --offline"
        );
    }

    fn bench(arguments: &[&str]) -> Result<BenchArgs, clap::Error> {
        let all = ["egru", "bench"].iter().chain(arguments);
        Cli::try_parse_from(all).map(|cli| match cli.command {
            Command::Bench(args) => args,
            other => panic!("{other:?}"),
        })
    }

    #[test]
    fn benchmarks_are_chosen_by_lists() {
        let args = bench(&[]).unwrap();
        assert_eq!((args.workloads.len(), args.activity, args.rounds), (0, vec![0.15], 5));
        assert_eq!(args.passes, [Pass::Forward, Pass::Train]);
        assert_eq!((args.products, args.batch), (vec![Products::Auto], vec![]));
        let args = bench(&["lm", "tiny", "--activity", "0.15,1.0", "--pass", "train"]).unwrap();
        let names: Vec<_> = args.workloads.iter().map(|workload| workload.name).collect();
        assert_eq!((names, args.activity), (vec!["lm", "tiny"], vec![0.15, 1.0]));
        assert_eq!(bench(&["mid", "--batch", "1,32,128"]).unwrap().batch, [1, 32, 128]);
        let args = bench(&["--products", "events,dense", "--first-step-memory=-5,1.5"]).unwrap();
        assert_eq!(args.products, [Products::Events, Products::Dense]);
        assert_eq!(args.first_step_memory, Some(Calibration { theta: -5.0, eps: 1.5 }));
    }

    #[test]
    fn what_cannot_be_measured_is_refused() {
        let refused = |arguments: &[&str], part: &str| {
            let error = bench(arguments).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        };
        refused(&["smnits"], "there are: smnist, dvs");
        for share in ["0", "1.5", "-0.1", "nan", "much"] {
            refused(&[&format!("--activity={share}")], "above 0 and at most 1");
        }
        refused(&["--pass", "backward"], "forward, train");
        refused(&["--products", "few"], "auto, events, dense");
        refused(&["--rounds", "0"], "0 is not in 1..");
        refused(&["--batch", "32,0"], "0 is not in 1..");
        refused(&["compare"], "FILE.jsonl");
    }

    #[test]
    fn comparing_takes_files_in_any_format() {
        for arguments in [
            ["bench", "compare", "a", "b", "--format", "json"],
            ["--format", "json", "bench", "compare", "a", "b"],
        ] {
            let cli = Cli::try_parse_from(["egru"].iter().chain(&arguments)).unwrap();
            let Command::Bench(args) = cli.command else { panic!("{cli:?}") };
            assert!(
                matches!(args.command, Some(BenchCommand::Compare { files }) if files.len() == 2)
            );
            assert_eq!(cli.format, Format::Json);
        }
    }
}
