//! Batches in order, whatever the workers; stopping, failing and resuming.

use std::{sync::Arc, thread, time::Duration};

use egru_data::{
    Batch, DataError, Draw, Inputs, Layout, Loader, LoaderConfig, Output, Sample, Sampler,
    SamplerConfig, SequenceDataset, Spec, Target, Window,
};
use rand::RngExt;

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
    let layout = Layout::Flat { channels: 1 };
    let spec = Spec { name: "numbers".into(), steps: 1, layout, output: Output::Value };
    Arc::new(Numbers { spec, len, on_13 })
}

impl SequenceDataset for Numbers {
    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn len(&self) -> usize {
        self.len
    }

    fn sample(&self, index: usize, draw: Option<Draw>) -> Result<Sample, DataError> {
        match self.on_13 {
            Thirteen::Errs if index == 13 => {
                Err(DataError::Index { dataset: "numbers".into(), index, len: self.len })
            }
            Thirteen::Panics if index == 13 => panic!("unlucky"),
            _ => {
                let value = index as f32;
                let noise = draw.map_or(0.0, |draw| draw.rng(b"noise...", index).random::<f32>());
                let inputs = Inputs::Values(vec![value + noise]);
                Ok(Sample { inputs, steps: 1, target: Target::Value(value) })
            }
        }
    }
}

fn loader(len: usize, config: LoaderConfig) -> Loader {
    Loader::new(numbers(len, Thirteen::Works), config).unwrap()
}

fn collect(loader: &Loader, epoch: usize, first: usize) -> Vec<Batch> {
    loader.epoch(epoch, first).unwrap().collect::<Result<_, _>>().unwrap()
}

fn shuffled(workers: usize) -> LoaderConfig {
    LoaderConfig {
        batch_size: 4,
        sampler: Arc::new(SamplerConfig::Shuffled),
        seed: 9,
        workers: Some(workers),
        ..LoaderConfig::default()
    }
}

#[test]
fn unless_shuffled_the_order_is_the_sets_own() {
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
    // Nor on when and whether more are tried, while the consumer waits and while it does not.
    let adaptive = loader(50, LoaderConfig { workers: None, ..shuffled(1) });
    for pause in [Duration::ZERO, Duration::from_millis(2)] {
        for _ in 0..3 {
            let slow = adaptive.epoch(2, 0).unwrap().inspect(|_| thread::sleep(pause));
            assert_eq!(slow.collect::<Result<Vec<_>, _>>().unwrap(), one);
        }
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
    let mut epoch = loader.epoch(5, 7).unwrap();
    assert_eq!(epoch.position(), 7);
    epoch.next();
    assert_eq!(epoch.position(), 8);
}

#[test]
fn samples_are_drawn_anew_for_each_epoch_only_in_training() {
    let values = |augment, seed, epoch, first| -> Vec<Inputs> {
        let loader = loader(20, LoaderConfig { augment, seed, ..shuffled(2) });
        collect(&loader, epoch, first).into_iter().map(|batch| batch.inputs).collect()
    };
    let drawn = values(true, 9, 3, 0);
    assert_ne!(drawn, values(false, 9, 3, 0));
    // A resumed run repeats what it would have drawn.
    assert_eq!(values(true, 9, 3, 2), drawn[2..]);
    // The same item is drawn otherwise in another epoch, and with another seed.
    let of = |seed, epoch| {
        let draw = Some(Draw { seed, epoch });
        numbers(20, Thirteen::Works).sample(7, draw).unwrap().inputs
    };
    assert_eq!(of(9, 3), of(9, 3));
    assert_ne!(of(9, 3), of(9, 4));
    assert_ne!(of(9, 3), of(8, 3));
}

/// A sampler written elsewhere: epoch `n` is item `n` of the set, `n` times.
struct Repeating;

impl Sampler for Repeating {
    fn epoch(
        &self,
        _data: &dyn SequenceDataset,
        batch_size: usize,
        _seed: u64,
        epoch: usize,
    ) -> Result<Vec<Window>, DataError> {
        Ok(vec![Window::whole(vec![epoch; batch_size]); epoch])
    }
}

#[test]
fn epochs_may_have_different_numbers_of_windows() {
    let config = LoaderConfig { sampler: Arc::new(Repeating), ..shuffled(2) };
    let loader = loader(10, config);
    for epoch in [1, 2, 5] {
        let mut batches = loader.epoch(epoch, 1).unwrap();
        assert_eq!((batches.windows(), batches.size_hint().1), (epoch, Some(epoch - 1)));
        assert!(batches.all(|batch| batch.unwrap().indices == [epoch; 4]));
    }
    assert!(matches!(loader.epoch(0, 0), Err(DataError::Empty { .. })));
}

#[test]
fn dropping_an_epoch_midway_ends_its_threads() {
    let dataset = numbers(10_000, Thirteen::Works);
    let config = LoaderConfig { prefetch: 1, ..shuffled(3) };
    let loader = Loader::new(dataset.clone(), config).unwrap();
    let mut epoch = loader.epoch(0, 0).unwrap();
    assert!(epoch.next().unwrap().is_ok());
    drop(epoch);
    drop(loader.epoch(1, 0).unwrap());
    // Each thread holds the set for as long as it lives: only ours and the loader's are left.
    assert_eq!(Arc::strong_count(&dataset), 2);
}

#[test]
fn an_error_in_a_sample_arrives_in_its_place_and_ends_the_epoch() {
    let config = LoaderConfig { batch_size: 4, workers: Some(2), ..LoaderConfig::default() };
    let loader = Loader::new(numbers(50, Thirteen::Errs), config).unwrap();
    let batches: Vec<_> = loader.epoch(0, 0).unwrap().collect();
    assert_eq!(batches.len(), 4);
    assert!(batches[..3].iter().all(Result::is_ok));
    assert!(matches!(batches[3], Err(DataError::Index { index: 13, .. })));
}

#[test]
fn a_panic_in_a_sample_is_an_error_with_its_message() {
    let config = LoaderConfig { batch_size: 4, workers: Some(3), ..LoaderConfig::default() };
    let loader = Loader::new(numbers(50, Thirteen::Panics), config).unwrap();
    let error = loader.epoch(0, 0).unwrap().find_map(Result::err).unwrap();
    assert_eq!(error.to_string(), "a data loading thread failed: panicked: unlucky");
}

#[test]
fn unusable_settings_are_refused_by_name() {
    let message =
        |len, config| Loader::new(numbers(len, Thirteen::Works), config).unwrap_err().to_string();
    let config = LoaderConfig::default;
    assert!(message(5, LoaderConfig { batch_size: 0, ..config() }).starts_with("batch_size = 0"));
    assert!(message(5, LoaderConfig { prefetch: 0, ..config() }).starts_with("prefetch = 0"));
    assert!(message(5, LoaderConfig { workers: Some(0), ..config() }).starts_with("workers = 0"));
    assert!(message(0, config()).contains("`numbers` is empty"));
}
