//! Where a command runs and finds its data: from what was typed to the options of a run.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use burn::tensor::Device;
use egru_data::fetch::{self, FetchOptions};
use egru_train::recipe::Recipe;
use egru_train::{Caller, TrainOptions};

use crate::args::{DeviceArgs, PlaceArgs};
use crate::backend;
use crate::commands::Context;
use crate::progress::{FetchProgress, TrainProgress};

/// The options of a run: backend and threads chosen, progress shown, by the dashboard or in lines.
pub(crate) fn options(
    context: &Context<'_>,
    place: &PlaceArgs,
    runs: &Path,
    dashboard: bool,
) -> anyhow::Result<TrainOptions> {
    let (name, device) = device(context, &place.device)?;
    let compiled = context.backends.iter().filter(|entry| entry.compiled);
    let progress = TrainProgress::new(context.out, dashboard);
    Ok(TrainOptions {
        caller: Caller {
            program: program(context),
            backend: name,
            features: compiled.map(|entry| entry.feature.to_owned()).collect(),
            threads: egru_kernels::threads(),
            command_line: context.command_line.to_vec(),
        },
        data_root: place.data.clone(),
        dashboard,
        events: Arc::new(move |event| progress.show(event)),
        ..TrainOptions::new(device, runs)
    })
}

/// The chosen backend's name as typed, and its device; sets the number of threads.
pub(crate) fn device(context: &Context<'_>, args: &DeviceArgs) -> anyhow::Result<(String, Device)> {
    let (entry, device) = backend::select(context.backends, args.backend.as_deref())?;
    if let Some(threads) = args.threads {
        egru_kernels::set_threads(usize::from(threads));
        // The backends' own operations run on rayon's threads.
        rayon::ThreadPoolBuilder::new()
            .num_threads(usize::from(threads))
            .build_global()
            .context("cannot set the number of threads")?;
    }
    Ok((args.backend.clone().unwrap_or_else(|| entry.name.to_owned()), device))
}

/// The program's name and version.
pub(crate) fn program(context: &Context<'_>) -> String {
    let name = context.command_line.first().map(Path::new).and_then(Path::file_name);
    let name = name.map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    format!("{name} {}", env!("CARGO_PKG_VERSION"))
}

/// Fetches the files that `recipe` reads and that are missing, unless `--offline` was given. Without a
/// data folder there is nowhere to put them: loading will say so.
pub(crate) fn fetch_missing(
    context: &Context<'_>,
    place: &PlaceArgs,
    recipe: &Recipe,
) -> anyhow::Result<()> {
    if let (Some(info), Some(root)) = (recipe.data.files()?, &place.data) {
        let progress = FetchProgress::new(context.out);
        let options = FetchOptions { offline: place.offline, progress: &progress };
        fetch::fetch_missing(info, root, options)?;
    }
    Ok(())
}
