//! One run on every backend of this build: the same checkpoint, the same steps from it, the same figures.

mod common;
#[path = "../../egru-ops/tests/common/devices.rs"]
mod devices;

use std::path::Path;
use std::sync::Arc;

use burn::tensor::Device;
use burn::train::Interrupter;
use common::{resume, serial, tiny, train};
use devices::devices;
use egru_train::report_data::{EpochRecord, Split, Summary};
use egru_train::{Registry, RunDir, TrainOptions, Update};

/// Relative difference of the figures after some steps of training in f32. Rounding differs between backends, and a state
/// that comes within rounding of its threshold sends its event a step earlier on one of them.
const TOLERANCE: f64 = 2e-3;

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let there = to.join(entry.file_name());
        match entry.path().is_dir() {
            true => copy(&entry.path(), &there),
            false => drop(std::fs::copy(entry.path(), there).unwrap()),
        }
    }
}

fn close(what: &str, backend: &str, a: Option<f64>, b: Option<f64>) {
    let (a, b) = (a.expect("a figure"), b.expect("a figure"));
    let error = (a - b).abs() / b.abs().max(1e-3);
    assert!(error <= TOLERANCE, "{what} on {backend}: {a} is not {b}");
}

/// The figures of the last epoch of training.
fn trained(run: &Path) -> EpochRecord {
    let history = RunDir::open(run).unwrap().0.history().unwrap();
    history.epochs.into_iter().rfind(|record| record.split == Split::Train).expect("an epoch")
}

#[test]
fn a_run_goes_on_and_is_evaluated_on_every_backend_with_the_same_figures() {
    let _serial = serial();
    let folder = tempfile::tempdir().unwrap();
    // Nothing that draws while training: generators differ between backends.
    let recipe = tiny(&[("training.epochs", "2"), ("model.layers", "[12, 9]")]);

    // A run that stops after its first step on flex is what all of them start from.
    let interrupter = Interrupter::new();
    let stop = interrupter.clone();
    let updates = Arc::new(move |update| {
        if matches!(update, Update::Progress { split: Split::Train, .. }) {
            stop.stop(Some("test"));
        }
    });
    let options = |device: Device| TrainOptions::new(device, folder.path());
    let stopping = TrainOptions { interrupter, updates, ..options(Device::flex()) };
    let started = train(&recipe, &stopping).unwrap();
    assert!(started.interrupted);

    let on = |name: &str, device: Device| -> (Summary, EpochRecord) {
        let run = folder.path().join(name);
        copy(&started.run_dir, &run);
        let summary = resume(&run, &options(device)).unwrap();
        (summary, trained(&run))
    };
    let (law, law_epoch) = on("flex", Device::flex());
    for (name, device) in devices().into_iter().filter(|(name, _)| *name != "flex") {
        let (summary, epoch) = on(name, device.clone());
        for figure in ["loss", "gradient_norm", "activity_sparsity"] {
            close(figure, name, epoch.figure(figure), law_epoch.figure(figure));
        }
        close("final loss", name, summary.figure("train_loss"), law.figure("train_loss"));

        // The network that flex has trained, evaluated there.
        let moved = Registry::default().open(&law.run_dir, &[], &options(device));
        let moved = moved.unwrap().evaluate().unwrap();
        assert_eq!(moved.figure("test_accuracy"), law.figure("test_accuracy"), "{name}");
        for figure in ["activity_sparsity", "effective_macs"] {
            close(figure, name, moved.figure(figure), law.figure(figure));
        }
    }
}
