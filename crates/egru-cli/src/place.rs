//! Where a command runs and finds its data: from what was typed to the options of a run.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use burn::tensor::Device;
use egru_data::fetch::{self, FetchOptions};
use egru_train::recipe::Recipe;
use egru_train::{Caller, Strategy, TrainOptions};

use crate::args::{DeviceArgs, PlaceArgs, TrainArgs};
use crate::backend::{self, BackendError};
use crate::commands::Context;
use crate::progress::{FetchProgress, TrainProgress};

/// The backend whose devices can add up tensors among themselves, the only one in Burn 0.22.
const ALL_REDUCE: &str = "cuda";

/// The options of training, on as many devices as were named.
pub(crate) fn training(
    context: &Context<'_>,
    args: &TrainArgs,
    dashboard: bool,
) -> anyhow::Result<TrainOptions> {
    let Some((first, more)) = args.devices.split_first() else {
        return options(context, &args.place, &args.runs, dashboard);
    };
    let strategy = Strategy::from(args.strategy);
    let open = |name: &String| -> Result<Device, BackendError> {
        let (entry, device) = backend::select(context.backends, Some(name))?;
        if strategy == Strategy::Ddp && entry.name != ALL_REDUCE {
            return Err(BackendError::NoAllReduce { name: entry.name.to_owned() });
        }
        Ok(device)
    };
    let device = open(first)?;
    let more_devices = more.iter().map(open).collect::<Result<_, _>>()?;
    set_threads(context, &args.place.device)?;
    let mut options = on(context, &args.place, &args.runs, dashboard, first.clone(), device);
    options.caller.devices = args.devices.clone();
    Ok(TrainOptions { more_devices, strategy, ..options })
}

/// The options of a run on one device: backend and threads chosen, progress shown, by the dashboard or in lines.
pub(crate) fn options(
    context: &Context<'_>,
    place: &PlaceArgs,
    runs: &Path,
    dashboard: bool,
) -> anyhow::Result<TrainOptions> {
    let (name, device) = device(context, &place.device)?;
    Ok(on(context, place, runs, dashboard, name, device))
}

fn on(
    context: &Context<'_>,
    place: &PlaceArgs,
    runs: &Path,
    dashboard: bool,
    name: String,
    device: Device,
) -> TrainOptions {
    let compiled = context.backends.iter().filter(|entry| entry.compiled);
    let progress = TrainProgress::new(context.out.clone(), dashboard);
    TrainOptions {
        caller: Caller {
            program: program(context),
            commit: commit(),
            devices: vec![name.clone()],
            backend: name,
            features: compiled.map(|entry| entry.feature.to_owned()).collect(),
            threads: egru_kernels::threads(),
            command_line: context.command_line.to_vec(),
        },
        data_root: place.data.folder().map(Path::to_owned),
        dashboard,
        updates: Arc::new(move |update| progress.show(update)),
        ..TrainOptions::new(device, runs)
    }
}

/// The chosen backend's name as typed, and its device; sets the number of threads.
pub(crate) fn device(context: &Context<'_>, args: &DeviceArgs) -> anyhow::Result<(String, Device)> {
    let (entry, device) = backend::select(context.backends, args.backend.as_deref())?;
    set_threads(context, args)?;
    Ok((args.backend.clone().unwrap_or_else(|| entry.name.to_owned()), device))
}

fn set_threads(context: &Context<'_>, args: &DeviceArgs) -> anyhow::Result<()> {
    if let Some(threads) = args.threads()? {
        egru_kernels::set_threads(threads);
        for entry in context.backends.iter().filter(|entry| entry.compiled) {
            (entry.set_threads)(threads);
        }
        // The pure-Rust backends' own operations run on rayon's threads.
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build_global()
            .context("cannot set the number of threads")?;
    }
    Ok(())
}

/// The program's name and version.
pub(crate) fn program(context: &Context<'_>) -> String {
    let name = context.command_line.first().map(Path::new).and_then(Path::file_name);
    let name = name.map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    format!("{name} {}", env!("CARGO_PKG_VERSION"))
}

/// The commit that this program was built from; `None` where it was not built from a git checkout.
pub(crate) fn commit() -> Option<String> {
    Some(env!("EGRU_COMMIT")).filter(|commit| !commit.is_empty()).map(str::to_owned)
}

/// Fetches the files that `recipe` reads and that are missing, unless `--offline` was given. Without a
/// data folder there is nowhere to put them: loading will say so.
pub(crate) fn fetch_missing(
    context: &Context<'_>,
    place: &PlaceArgs,
    recipe: &Recipe,
) -> anyhow::Result<()> {
    if let (Some(info), Some(root)) = (context.registry.files(&recipe.data)?, place.data.folder()) {
        let progress = FetchProgress::new(context.out.clone());
        let options = FetchOptions { offline: place.offline, progress: &progress };
        fetch::fetch_missing(info, root, options)?;
    }
    Ok(())
}
