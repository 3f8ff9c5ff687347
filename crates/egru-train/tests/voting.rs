//! Parts of recordings that vote together.

mod common;

use std::path::Path;
use std::sync::Arc;

use burn::tensor::Device;
use common::serial;
use egru_data::{
    DataError, DatasetConfig, Draw, Inputs, Layout, Output, Sample, SequenceDataset, Spec, Splits,
    Target,
};
use egru_train::task::Panel;
use egru_train::{Recipe, Registry, TrainOptions};
use serde::{Deserialize, Serialize};

/// Recordings of three parts, of which one shows another class.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Parts {}

struct Set(Spec);

impl DatasetConfig for Parts {
    const NAME: &'static str = "parts";

    fn load(&self, _: Option<&Path>, _: u64) -> Result<Splits, DataError> {
        let spec = Spec {
            name: "parts".into(),
            steps: 3,
            layout: Layout::Flat { channels: 4 },
            output: Output::Class { classes: 4 },
        };
        let set: Arc<dyn SequenceDataset> = Arc::new(Set(spec));
        let (train, valid, test) = (set.clone(), set.clone(), set);
        Ok(Splits { train, valid, test, provenance: Vec::new(), warnings: Vec::new() })
    }

    fn task(&self) -> &'static str {
        "voting"
    }
}

impl SequenceDataset for Set {
    fn spec(&self) -> &Spec {
        &self.0
    }

    fn len(&self) -> usize {
        24
    }

    fn sample(&self, index: usize, _: Option<Draw>) -> Result<Sample, DataError> {
        let class = self.group(index) % 4;
        let shown = if index % 3 == 2 { (class + 1) % 4 } else { class };
        let values = (0..12).map(|k| if k % 4 == shown { 2.0 } else { 0.0 }).collect();
        Ok(Sample { inputs: Inputs::Values(values), steps: 3, target: Target::Class(class) })
    }

    fn group(&self, index: usize) -> usize {
        index / 3
    }
}

#[test]
fn a_recording_is_right_where_most_of_its_parts_are() {
    let _serial = serial();
    let runs = tempfile::tempdir().unwrap();
    let registry = Registry::default().with_data::<Parts>();
    let recipe = Recipe::from_toml(
        "name = 'parts'
        data = { name = 'parts' }
        [model]
        cell = { type = 'gru' }
        layers = [16]
        readout = 'mean-logits'
        [training]
        epochs = 40
        batch_size = 7
        [optimiser]
        learning_rate = 0.02",
    );
    let options = TrainOptions::new(Device::flex(), runs.path());
    let summary = registry.start(&recipe.unwrap(), &options).unwrap().train().unwrap();
    assert_eq!(summary.task, "voting");
    let figure = |name: &str| summary.figure(name).unwrap();
    assert!((figure("test_accuracy") - 2.0 / 3.0).abs() < 1e-6, "{:?}", summary.figures);
    assert_eq!(figure("test_recording_accuracy"), 1.0);
    assert_eq!(figure("valid_recording_accuracy"), 1.0);
    assert_eq!(summary.figure("train_recording_accuracy"), None);
    let [Panel::Matrix { lead: parts, .. }, Panel::Matrix { lead, values, .. }] =
        &summary.panels[..]
    else {
        panic!("{:?}", summary.panels)
    };
    assert!(parts.contains("24 parts"), "{parts}");
    assert!(lead.contains("8 recordings of 24 parts"), "{lead}");
    assert!((0..4).all(|class| values[class][class] == 2.0), "{values:?}");
}

#[test]
fn targets_that_have_no_votes_are_refused_with_a_remedy() {
    let recipe = Recipe::from_toml(
        "name = 'none'
        data = { name = 'adding' }
        task = { type = 'voting' }
        training = { epochs = 1, batch_size = 2 }
        [model]
        cell = { type = 'gru' }
        layers = [2]",
    );
    let options = TrainOptions::new(Device::flex(), Path::new("unused"));
    let error = Registry::default().start(&recipe.unwrap(), &options).err().unwrap();
    assert!(error.to_string().contains("regression"), "{error}");
}
