//! Batches in order, whatever the workers; stopping, failing and resuming.

use std::sync::Arc;

use egru_data::{
    Batch, DataError, Loader, LoaderConfig, Output, Sample, SequenceDataset, Spec, Target,
};

/// Samples of one value, their own index. Index 13 fails as asked.
struct Numbers {
    spec: Spec,
    len: usize,
    on_13: Thirteen,
}

#[derive(Clone, Copy)]
enum Thirteen {
    Works,
    Errs,
    Panics,
}

fn numbers(len: usize, on_13: Thirteen) -> Arc<Numbers> {
    let spec = Spec { name: "numbers".into(), steps: 1, channels: 1, output: Output::Value };
    Arc::new(Numbers { spec, len, on_13 })
}

impl SequenceDataset for Numbers {
    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn len(&self) -> usize {
        self.len
    }

    fn sample(&self, index: usize) -> Result<Sample, DataError> {
        match self.on_13 {
            Thirteen::Errs if index == 13 => {
                Err(DataError::Index { dataset: "numbers".into(), index, len: self.len })
            }
            Thirteen::Panics if index == 13 => panic!("unlucky"),
            _ => {
                let value = index as f32;
                Ok(Sample { inputs: vec![value], steps: 1, target: Target::Value(value) })
            }
        }
    }
}

fn loader(len: usize, config: LoaderConfig) -> Loader {
    Loader::new(numbers(len, Thirteen::Works), config).unwrap()
}

fn collect(loader: &Loader, epoch: usize, first: usize) -> Vec<Batch> {
    loader.epoch(epoch, first).collect::<Result<_, _>>().unwrap()
}

fn shuffled(workers: usize) -> LoaderConfig {
    LoaderConfig { batch_size: 4, shuffle: Some(9), workers, ..LoaderConfig::default() }
}

#[test]
fn without_a_seed_the_order_is_the_sets_own() {
    let config = LoaderConfig { batch_size: 4, ..LoaderConfig::default() };
    let batches = collect(&loader(10, config), 3, 0);
    let indices: Vec<_> = batches.into_iter().map(|batch| batch.indices).collect();
    assert_eq!(indices, [vec![0, 1, 2, 3], vec![4, 5, 6, 7], vec![8, 9]]);
}

#[test]
fn the_order_does_not_depend_on_the_number_of_workers() {
    let one = collect(&loader(50, shuffled(1)), 2, 0);
    assert_eq!(one.len(), 13);
    for workers in [2, 3, 20] {
        assert_eq!(collect(&loader(50, shuffled(workers)), 2, 0), one);
    }
}

#[test]
fn each_epoch_has_an_order_of_its_own_with_every_sample_once() {
    let loader = loader(50, shuffled(2));
    let order = |epoch| -> Vec<usize> {
        collect(&loader, epoch, 0).into_iter().flat_map(|batch| batch.indices).collect()
    };
    assert_eq!(order(1), order(1));
    assert_ne!(order(0), order(1));
    let mut sorted = order(1);
    sorted.sort_unstable();
    assert_eq!(sorted, (0..50).collect::<Vec<_>>());
}

#[test]
fn resuming_in_mid_epoch_continues_the_same_order() {
    let loader = loader(50, shuffled(3));
    let whole = collect(&loader, 5, 0);
    for first in [1, 7, 12, 13, 99] {
        assert_eq!(collect(&loader, 5, first), whole[first.min(13)..]);
    }
    let mut epoch = loader.epoch(5, 7);
    assert_eq!(epoch.position(), 7);
    epoch.next();
    assert_eq!(epoch.position(), 8);
}

#[test]
fn drop_last_leaves_out_the_incomplete_batch() {
    let loader = loader(10, LoaderConfig { drop_last: true, ..shuffled(1) });
    assert_eq!((loader.batches(), loader.items()), (2, 8));
    assert!(collect(&loader, 0, 0).iter().all(|batch| batch.batch == 4));
}

#[test]
fn dropping_an_epoch_midway_ends_its_threads() {
    let dataset = numbers(10_000, Thirteen::Works);
    let config = LoaderConfig { prefetch: 1, ..shuffled(3) };
    let loader = Loader::new(dataset.clone(), config).unwrap();
    let mut epoch = loader.epoch(0, 0);
    assert!(epoch.next().unwrap().is_ok());
    drop(epoch);
    drop(loader.epoch(1, 0));
    // Each thread holds the set for as long as it lives: only ours and the loader's are left.
    assert_eq!(Arc::strong_count(&dataset), 2);
}

#[test]
fn an_error_in_a_sample_arrives_in_its_place_and_ends_the_epoch() {
    let config = LoaderConfig { batch_size: 4, workers: 2, ..LoaderConfig::default() };
    let loader = Loader::new(numbers(50, Thirteen::Errs), config).unwrap();
    let batches: Vec<_> = loader.epoch(0, 0).collect();
    assert_eq!(batches.len(), 4);
    assert!(batches[..3].iter().all(Result::is_ok));
    assert!(matches!(batches[3], Err(DataError::Index { index: 13, .. })));
}

#[test]
fn a_panic_in_a_sample_is_an_error_with_its_message() {
    let config = LoaderConfig { batch_size: 4, workers: 3, ..LoaderConfig::default() };
    let loader = Loader::new(numbers(50, Thirteen::Panics), config).unwrap();
    let error = loader.epoch(0, 0).find_map(Result::err).unwrap();
    assert_eq!(error.to_string(), "a data loading thread failed: panicked: unlucky");
}

#[test]
fn unusable_settings_are_refused_by_name() {
    let message =
        |len, config| Loader::new(numbers(len, Thirteen::Works), config).unwrap_err().to_string();
    let config = LoaderConfig::default;
    assert!(message(5, LoaderConfig { batch_size: 0, ..config() }).starts_with("batch_size = 0"));
    assert!(message(5, LoaderConfig { prefetch: 0, ..config() }).starts_with("prefetch = 0"));
    assert!(message(5, LoaderConfig { workers: 0, ..config() }).starts_with("workers = 0"));
    assert!(message(0, config()).contains("`numbers` is empty"));
    assert!(message(5, LoaderConfig { drop_last: true, ..config() }).contains("only 5 samples"));
}
