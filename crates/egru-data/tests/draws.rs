//! The draws of the first release, number for number: a recipe must give the same numbers as ever.

use std::{path::Path, sync::Arc};

use egru_data::{
    DataError, DatasetConfig, Draw, Inputs, Layout, Loader, LoaderConfig, Output, Sample,
    SamplerConfig, SequenceDataset, Spec, Target,
    adding::AddingConfig,
    delay_copy::DelayCopyConfig,
    glyphs::GlyphsConfig,
    mnist::SmnistConfig,
    scan::{Permutation, ScanBy},
};

/// So many samples that nobody reads.
struct Blank {
    spec: Spec,
    len: usize,
}

impl SequenceDataset for Blank {
    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn len(&self) -> usize {
        self.len
    }

    fn sample(&self, _index: usize, _draw: Option<Draw>) -> Result<Sample, DataError> {
        Ok(Sample { inputs: Inputs::Values(vec![0.0]), steps: 1, target: Target::Value(0.0) })
    }
}

/// The first 16 indices of a shuffled epoch.
fn shuffled(len: usize, seed: u64, epoch: usize) -> Vec<usize> {
    let layout = Layout::Flat { channels: 1 };
    let spec = Spec { name: "blank".into(), steps: 1, layout, output: Output::Value };
    let sampler = Arc::new(SamplerConfig::Shuffled);
    let config = LoaderConfig { batch_size: 16, sampler, seed, ..LoaderConfig::default() };
    let loader = Loader::new(Arc::new(Blank { spec, len }), config).unwrap();
    let batch = loader.epoch(epoch, 0).unwrap().next().unwrap().unwrap();
    assert_eq!(batch.indices, loader.plan(epoch).unwrap()[0].items);
    batch.indices
}

#[test]
fn a_shuffled_epoch_has_the_order_of_the_first_release() {
    assert_eq!(
        shuffled(1000, 9, 1),
        [74, 720, 758, 458, 753, 866, 351, 984, 899, 179, 155, 909, 644, 69, 451, 719]
    );
    assert_eq!(
        shuffled(1000, 9, 2),
        [435, 95, 997, 861, 98, 8, 900, 864, 765, 632, 369, 398, 432, 81, 573, 164]
    );
    assert_eq!(
        shuffled(60_000, 42, 3),
        [
            18636, 46579, 24673, 54883, 55728, 52758, 59161, 25285, 51330, 4766, 31671, 31984, 406,
            31852, 43593, 1755
        ]
    );
}

/// A checksum of all bits of the inputs (FNV-1a, 64 bits).
fn checksum(sample: &Sample) -> u64 {
    let bytes = sample.inputs.values().unwrap().iter().flat_map(|value| value.to_le_bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |sum, byte| {
        (sum ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
    })
}

/// Sample 3 of each split.
fn third(config: &impl DatasetConfig) -> [Sample; 3] {
    let splits = config.load(None, 7).unwrap();
    [&splits.train, &splits.valid, &splits.test].map(|split| split.sample(3, None).unwrap())
}

#[test]
fn generated_samples_are_those_of_the_first_release() {
    let samples = third(&AddingConfig::default());
    assert_eq!(
        samples.each_ref().map(checksum),
        [12785074286435710644, 5129399480918160124, 8990785569718434464]
    );
    let sums = [1.098117, 0.50036204, 1.2464404];
    assert_eq!(samples.map(|sample| sample.target), sums.map(Target::Value));

    let samples = third(&DelayCopyConfig::default());
    assert_eq!(
        samples.each_ref().map(checksum),
        [3540924655812146885, 9442912024754537365, 14870585767505002085]
    );
    let words = samples.map(|sample| match sample.target {
        Target::Classes(labels) => labels.into_iter().flatten().collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    });
    assert_eq!(words[0], [0, 1, 5, 1, 5, 4, 7, 0, 0, 0]);
    assert_eq!(words[1], [5, 2, 2, 4, 7, 7, 7, 2, 4, 6]);
    assert_eq!(words[2], [6, 4, 4, 2, 1, 4, 1, 6, 4, 3]);

    // Pixels go through the sine of the platform: tests/mnist.rs holds those to the fixtures.
    let plain = GlyphsConfig {
        by: ScanBy::Pixel,
        permutation: Permutation::BitReversal,
        noise: 0.0,
        distortion: 0.0,
        ..Default::default()
    };
    for config in [GlyphsConfig::default(), plain] {
        let classes = third(&config).map(|sample| sample.target);
        assert_eq!(classes, [1, 1, 3].map(Target::Class));
    }
}

#[test]
fn the_held_out_images_are_those_of_the_first_release() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../datasets/fixtures");
    let config = SmnistConfig { by: ScanBy::Row, ..Default::default() };
    let splits = config.load(Some(&root), 7).unwrap();
    let first = |split: &Arc<dyn SequenceDataset>| -> Vec<u64> {
        (0..4).map(|index| checksum(&split.sample(index, None).unwrap())).collect()
    };
    assert_eq!(
        first(&splits.train),
        [6908260064356692728, 15965898613786074641, 13119970655604312923, 7117855120917370711]
    );
    assert_eq!(
        first(&splits.valid),
        [17343557998592016742, 5821938811993722977, 14498490555044574212, 6108626398675547947]
    );
    assert_eq!(
        first(&splits.test),
        [3652038635801987906, 6357750043531299508, 5858582848415188536, 913399767789651811]
    );
}
