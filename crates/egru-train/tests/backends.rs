//! One run on every backend of this build: the same checkpoint, the same steps from it, the same figures.

mod common;
#[path = "../../egru-ops/tests/common/devices.rs"]
mod devices;

use std::path::Path;
use std::sync::Arc;

use burn::tensor::Device;
use burn::train::Interrupter;
use common::{serial, tiny};
use devices::devices;
use egru_train::report_data::{EpochRecord, Split, Summary};
use egru_train::{Registry, RunDir, TrainEvent, TrainOptions};

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
    let events = Arc::new(move |event| {
        if matches!(event, TrainEvent::Progress { split: Split::Train, .. }) {
            stop.stop(Some("test"));
        }
    });
    let options = |device: Device| TrainOptions::new(device, folder.path());
    let started = Registry::default()
        .train(&recipe, &TrainOptions { interrupter, events, ..options(Device::flex()) })
        .unwrap();
    assert!(started.interrupted);

    let on = |name: &str, device: Device| -> (Summary, EpochRecord) {
        let run = folder.path().join(name);
        copy(&started.run_dir, &run);
        let summary = Registry::default().resume(&run, &options(device)).unwrap();
        (summary, trained(&run))
    };
    let (law, law_epoch) = on("flex", Device::flex());
    for (name, device) in devices().into_iter().filter(|(name, _)| *name != "flex") {
        let (summary, epoch) = on(name, device.clone());
        close("loss", name, Some(epoch.loss), Some(law_epoch.loss));
        close("gradient norm", name, epoch.gradient_norm, law_epoch.gradient_norm);
        close("activity", name, epoch.activity_sparsity, law_epoch.activity_sparsity);
        close("final loss", name, summary.train_loss, law.train_loss);

        // The network that flex has trained, evaluated there.
        let moved = Registry::default().evaluate(&law.run_dir, &options(device)).unwrap();
        assert_eq!(moved.test_accuracy, law.test_accuracy, "{name}");
        close("test activity", name, moved.activity_sparsity, law.activity_sparsity);
        close("test MACs", name, moved.effective_macs, law.effective_macs);
    }
}
