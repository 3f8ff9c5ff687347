//! What can be typed.

mod values;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::builder::OsStringValueParser;
use clap::{Args, CommandFactory as _, Parser, Subcommand, ValueEnum};
use egru::Products;
use egru_bench::{Calibration, Pass, Workload};
use egru_data::events::Sensor;
use egru_train::Strategy;
use thiserror::Error;

use values::{activity, calibration, key_value, quoted, seed, sensor, threads};

/// Event-based recurrent networks: train, evaluate, look inside.
#[derive(Debug, Parser)]
#[command(name = "egru", version, arg_required_else_help = true, propagate_version = true)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,

    /// What standard output is for: people, or programs (`json`: the last line is then one JSON object; `csv`: a table,
    /// of `data events` only).
    #[arg(long, global = true, value_enum, default_value_t = Format::Human)]
    pub format: Format,

    /// Show results and errors alone: no progress, notes or warnings.
    #[arg(long, short, global = true)]
    pub quiet: bool,
}

impl Cli {
    /// Reads a whole command line, the program's name first.
    ///
    /// # Errors
    /// What clap finds wrong, and `--format csv` for a command that has no table.
    pub fn read(args: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        let cli = Self::try_parse_from(args)?;
        let table = matches!(cli.command, Command::Data(DataCommand::Events { .. }));
        if cli.format == Format::Csv && !table {
            let problem = "--format csv is for `data events`; this command has `human` and `json`";
            return Err(Self::command().error(clap::error::ErrorKind::InvalidValue, problem));
        }
        Ok(cli)
    }
}

/// Who reads standard output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Text; progress goes to standard output too.
    Human,
    /// The last line is one JSON object; everything else goes to standard error.
    Json,
    /// A table, with a line that names its columns; everything else goes to standard error.
    Csv,
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
    #[arg(long, value_name = "N", conflicts_with = "resume", value_parser = seed, allow_negative_numbers = true)]
    pub seed: Option<u64>,
    /// Short for `--set training.epochs=N`; with `--resume`, the epochs in all.
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
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
        let mut words: Vec<OsString> = [program, "train", "--resume"].map(OsString::from).into();
        words.push(run.as_os_str().to_owned());
        let mut option = |name: &str, value: Option<OsString>| {
            words.extend(value.into_iter().flat_map(|value| [name.into(), value]));
        };
        let PlaceArgs { data, offline, device } = &self.place;
        option("--devices", (!self.devices.is_empty()).then(|| self.devices.join(",").into()));
        option("--strategy", (self.strategy == StrategyName::Ddp).then(|| "ddp".into()));
        option("--backend", device.backend.clone().map(OsString::from));
        let threads = device.threads().unwrap_or_default();
        option("--threads", threads.map(|threads| threads.to_string().into()));
        option("--data", data.folder().map(|folder| folder.as_os_str().to_owned()));
        words.extend(offline.then(|| "--offline".into()));
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
    #[command(flatten)]
    pub data: DataArgs,
    /// Never use the network: data that is missing is an error.
    #[arg(long)]
    pub offline: bool,
    #[command(flatten)]
    pub device: DeviceArgs,
}

/// Where data sets lie.
#[derive(Debug, Args)]
pub(crate) struct DataArgs {
    /// Folder with data sets read from files.
    #[arg(long, value_name = "DIR", env = "EGRU_DATA", value_parser = OsStringValueParser::new())]
    data: Option<OsString>,
}

impl DataArgs {
    /// The folder; an empty name, as a variable that is set to nothing gives it, is none.
    pub fn folder(&self) -> Option<&Path> {
        self.data.as_ref().filter(|folder| !folder.is_empty()).map(Path::new)
    }
}

/// What a command runs on.
#[derive(Debug, Args)]
pub(crate) struct DeviceArgs {
    /// Backend, and device where it has several: `flex`, `cuda:1`; `devices` lists them.
    #[arg(long, value_name = "NAME[:INDEX]")]
    pub backend: Option<String>,
    /// Threads of the kernels; by default what `EGRU_THREADS` says, else as many as the machine has.
    #[arg(long, value_name = "N", value_parser = threads)]
    threads: Option<usize>,
}

/// The variable that says what `--threads` does.
const THREADS: &str = "EGRU_THREADS";

impl DeviceArgs {
    /// The threads asked for, here or in the environment.
    ///
    /// # Errors
    /// What the environment says is no number of threads.
    pub fn threads(&self) -> Result<Option<usize>, UsageError> {
        let environment = || {
            let text = std::env::var_os(THREADS)?.to_string_lossy().into_owned();
            (!text.trim().is_empty()).then_some(text)
        };
        match (self.threads, environment()) {
            (Some(typed), _) => Ok(Some(typed)),
            (None, None) => Ok(None),
            (None, Some(text)) => match threads(&text) {
                Ok(threads) => Ok(Some(threads)),
                Err(problem) => Err(UsageError(format!("{THREADS}: {problem}; or unset it"))),
            },
        }
    }
}

/// Something typed wrong that only shows when it is used.
#[derive(Debug, Error)]
#[error("{0}")]
pub(crate) struct UsageError(pub String);

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
    /// Write drawings and report into this folder instead of the run's.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
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
        #[command(flatten)]
        data: DataArgs,
        /// Never use the network: say where to put the files instead.
        #[arg(long)]
        offline: bool,
        /// Replace files that are there and are not the published ones.
        #[arg(long)]
        force: bool,
    },
    /// Compare the files of a data set with their published sizes and checksums.
    Verify {
        /// Name of the data set; all of them when left out.
        name: Option<String>,
        #[command(flatten)]
        data: DataArgs,
    },
    /// Show what a data set looks like: shapes, class balance, a sample.
    Show {
        /// Name of a data set, with default settings, or of a recipe, with that recipe's.
        name: String,
        /// Which sample of the training split to draw.
        #[arg(long, value_name = "INDEX", default_value_t = 0)]
        sample: usize,
        /// Seed of the held-out split and of generated samples.
        #[arg(long, value_name = "N", default_value_t = 1, value_parser = seed, allow_negative_numbers = true)]
        seed: u64,
        #[command(flatten)]
        data: DataArgs,
    },
    /// Print the events of a recording (AEDAT 3.1, `.bs2`, N-MNIST `.bin`): `timestamp_us,x,y,polarity` a line, and with
    /// `--format json` one object a line, the last of them about the recording.
    Events {
        /// The recording.
        file: PathBuf,
        /// Print counts, duration, rate and what is odd, instead of the events.
        #[arg(long)]
        stats: bool,
        /// Size of the picture in pixels; by default that of DVS128 Gesture, and of N-MNIST for `.bin`.
        #[arg(long, value_name = "WIDTHxHEIGHT", value_parser = sensor)]
        sensor: Option<Sensor>,
    },
    /// Write recordings of simulated gestures before an event camera, in the layout of a published data set.
    Simulate {
        /// The layout.
        #[arg(value_enum)]
        layout: SimulatedLayout,
        /// Users; the last quarter of them is to test on.
        #[arg(long, value_name = "N", default_value_t = 12, value_parser = clap::value_parser!(u32).range(2..=9999))]
        users: u32,
        /// Lights in which each user is recorded.
        #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=5))]
        lights: u32,
        /// Seconds of each of the eleven gestures.
        #[arg(long, value_name = "S", default_value_t = 6.0)]
        seconds: f64,
        /// Everything follows from it.
        #[arg(long, value_name = "N", default_value_t = 1)]
        seed: u64,
        /// The folder, which is made; files of the same names are replaced.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
}

/// How simulated recordings lie in their folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SimulatedLayout {
    /// As DVS128 Gesture: AEDAT 3.1, labels, the lists of what is to train and to test on.
    Dvs128,
}

#[cfg(test)]
mod tests;
