//! The generated tasks and the configuration that picks them.

use egru_data::{
    DatasetConfig, Output, Target,
    adding::{self, AddingConfig},
    delay_copy::{self, DelayCopyConfig},
    glyphs::{self, GlyphsConfig},
};

#[test]
fn delay_copy_asks_for_the_word_after_the_mark() {
    let config = DelayCopyConfig { delay: 5, symbols: 4, length: 3, ..Default::default() };
    let splits = delay_copy::load(&config, 1).unwrap();
    assert_eq!(splits.train.spec().output, Output::PerStep { classes: 4 });
    for index in 0..50 {
        let sample = splits.train.sample(index).unwrap();
        let tokens: Vec<usize> = sample
            .inputs
            .chunks(6)
            .map(|step| {
                assert_eq!(step.iter().sum::<f32>(), 1.0);
                step.iter().position(|&value| value == 1.0).unwrap()
            })
            .collect();
        let (word, rest) = tokens.split_at(3);
        assert!(word.iter().all(|&symbol| symbol < 4));
        assert_eq!(rest, [4, 4, 4, 4, 5, 4, 4, 4]);
        let Target::Classes(labels) = sample.target else { panic!("wrong kind of target") };
        assert_eq!(labels[..8], [None; 8]);
        assert_eq!(labels[8..], word.iter().map(|&symbol| Some(symbol)).collect::<Vec<_>>());
    }
}

#[test]
fn adding_marks_one_number_in_each_half() {
    let config = AddingConfig { length: 9, ..Default::default() };
    let splits = adding::load(&config, 1).unwrap();
    let mut squares = 0.0;
    for index in 0..2000 {
        let sample = splits.train.sample(index).unwrap();
        let marked: Vec<usize> = (0..9).filter(|t| sample.inputs[2 * t + 1] == 1.0).collect();
        assert!(matches!(marked[..], [a, b] if a < 4 && (4..9).contains(&b)), "{marked:?}");
        let sum: f32 = marked.iter().map(|t| sample.inputs[2 * t]).sum();
        assert_eq!(sample.target, Target::Value(sum));
        squares += (sum - 1.0).powi(2) / 2000.0;
    }
    // The variance of the sum of two uniform numbers.
    assert!((squares - 1.0 / 6.0).abs() < 0.02, "{squares}");
}

#[test]
fn samples_depend_on_seed_split_and_index_alone() {
    let load =
        |seed, train| glyphs::load(&GlyphsConfig { train, ..Default::default() }, seed).unwrap();
    let (small, large) = (load(1, 10), load(1, 5000));
    assert_eq!(small.train.sample(7).unwrap(), large.train.sample(7).unwrap());
    let sample = small.train.sample(7).unwrap();
    assert_ne!(sample, small.valid.sample(7).unwrap());
    assert_ne!(sample, small.train.sample(8).unwrap());
    assert_ne!(sample, load(2, 10).train.sample(7).unwrap());
    assert!(small.train.sample(10).is_err());
}

/// A classifier by the nearest class mean is linear in the pixels: it must learn something, and
/// far from everything.
#[test]
fn glyphs_are_balanced_and_not_linearly_easy() {
    let splits = glyphs::load(&GlyphsConfig::default(), 1).unwrap();
    let sample = |split: &dyn egru_data::SequenceDataset, index| {
        let sample = split.sample(index).unwrap();
        let Target::Class(class) = sample.target else { panic!("wrong kind of target") };
        assert!(sample.inputs.iter().all(|value| (0.0..=1.0).contains(value)));
        (sample.inputs, class)
    };
    let mut means = vec![vec![0.0; 784]; 10];
    let mut counts = [0_usize; 10];
    for index in 0..2000 {
        let (pixels, class) = sample(splits.train.as_ref(), index);
        counts[class] += 1;
        means[class].iter_mut().zip(pixels).for_each(|(mean, pixel)| *mean += pixel);
    }
    assert!(counts.iter().all(|count| (150..=250).contains(count)), "{counts:?}");
    for (mean, count) in means.iter_mut().zip(counts) {
        mean.iter_mut().for_each(|pixel| *pixel /= count as f32);
    }
    let distance =
        |a: &[f32], b: &[f32]| -> f32 { a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum() };
    let right = (0..500)
        .filter(|&index| {
            let (pixels, class) = sample(splits.test.as_ref(), index);
            let nearest = (0..10).min_by(|&a, &b| {
                distance(&means[a], &pixels).total_cmp(&distance(&means[b], &pixels))
            });
            nearest == Some(class)
        })
        .count();
    assert!((200..450).contains(&right), "{right} of 500");
}

#[test]
fn permuted_glyphs_hold_the_same_pixels() {
    let load = |text: &str| {
        DatasetConfig::parse(&format!("name = 'glyphs'\n{text}")).unwrap().load(None, 4).unwrap()
    };
    let plain = load("by = 'pixel'").valid.sample(3).unwrap();
    let permuted = load("by = 'pixel'\npermutation = 'bit-reversal'").valid.sample(3).unwrap();
    assert_eq!((plain.steps, permuted.steps), (784, 784));
    assert_eq!(permuted.inputs[1], plain.inputs[512]);
    assert_eq!(load("by = 'row'").valid.sample(3).unwrap().inputs, plain.inputs);
}

#[test]
fn every_data_set_survives_writing_and_reading_its_settings() {
    for name in ["smnist", "glyphs", "delay-copy", "adding"] {
        let config = DatasetConfig::parse(&format!("name = '{name}'")).unwrap();
        assert_eq!(config.name(), name);
        let text = toml::to_string(&config).unwrap();
        assert_eq!(DatasetConfig::parse(&text).unwrap(), config, "{text}");
    }
}

#[test]
fn unknown_names_and_fields_are_refused_with_those_that_exist() {
    let message = |text| DatasetConfig::parse(text).unwrap_err().to_string();
    assert!(message("name = 'cifar'").contains("`smnist`"));
    assert!(message("name = 'smnist'\nvalid_share = 0.1").contains("valid_fraction"));
    assert!(message("name = 'smnist'\nby = 'column'").contains("`pixel`"));
}

#[test]
fn settings_out_of_range_are_refused_by_name() {
    for (text, field) in [
        ("name = 'adding'\nlength = 1", "data.length = 1"),
        ("name = 'delay-copy'\ndelay = 0", "data.delay = 0"),
        ("name = 'delay-copy'\nsymbols = 1", "data.symbols = 1"),
        ("name = 'delay-copy'\nlength = 0", "data.length = 0"),
        ("name = 'glyphs'\nnoise = nan", "data.noise = NaN"),
        ("name = 'glyphs'\ndistortion = -1.0", "data.distortion = -1"),
        ("name = 'glyphs'\nvalid = 0", "data set `glyphs by row (Valid)` is empty"),
    ] {
        let error = DatasetConfig::parse(text).unwrap().load(None, 1).unwrap_err();
        assert!(error.to_string().starts_with(field), "{error}");
    }
}
