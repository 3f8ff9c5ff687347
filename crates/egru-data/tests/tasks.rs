//! The generated tasks and the configuration that picks them.

use egru_data::{
    DataError, DatasetConfig, Layout, Output, Split, Target, adding::AddingConfig,
    delay_copy::DelayCopyConfig, fetch::FetchPolicy, glyphs::GlyphsConfig, mnist::SmnistConfig,
};

#[test]
fn delay_copy_asks_for_the_word_after_the_mark() {
    let config = DelayCopyConfig { delay: 5, symbols: 4, length: 3, ..Default::default() };
    let splits = config.load(None, 1).unwrap();
    assert_eq!(splits.train.spec().output, Output::PerStep { classes: 4 });
    for index in 0..50 {
        let sample = splits.train.sample(index, None).unwrap();
        let values = sample.inputs.values().unwrap();
        let tokens: Vec<usize> = values
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
    let splits = config.load(None, 1).unwrap();
    let mut squares = 0.0;
    for index in 0..2000 {
        let sample = splits.train.sample(index, None).unwrap();
        let values = sample.inputs.values().unwrap();
        let marked: Vec<usize> = (0..9).filter(|t| values[2 * t + 1] == 1.0).collect();
        assert!(matches!(marked[..], [a, b] if a < 4 && (4..9).contains(&b)), "{marked:?}");
        let sum: f32 = marked.iter().map(|t| values[2 * t]).sum();
        assert_eq!(sample.target, Target::Value(sum));
        squares += (sum - 1.0).powi(2) / 2000.0;
    }
    // The variance of the sum of two uniform numbers.
    assert!((squares - 1.0 / 6.0).abs() < 0.02, "{squares}");
}

#[test]
fn samples_depend_on_seed_split_and_index_alone() {
    let load = |seed, train| GlyphsConfig { train, ..Default::default() }.load(None, seed).unwrap();
    let (small, large) = (load(1, 10), load(1, 5000));
    assert_eq!(small.train.sample(7, None).unwrap(), large.train.sample(7, None).unwrap());
    let sample = small.train.sample(7, None).unwrap();
    assert_ne!(sample, small.valid.sample(7, None).unwrap());
    assert_ne!(sample, small.train.sample(8, None).unwrap());
    assert_ne!(sample, load(2, 10).train.sample(7, None).unwrap());
    assert!(small.train.sample(10, None).is_err());
}

/// A classifier by the nearest class mean is linear in the pixels: it must learn something, and
/// far from everything.
#[test]
fn glyphs_are_balanced_and_not_linearly_easy() {
    let splits = GlyphsConfig::default().load(None, 1).unwrap();
    let sample = |split: &dyn egru_data::SequenceDataset, index| {
        let sample = split.sample(index, None).unwrap();
        let Target::Class(class) = sample.target else { panic!("wrong kind of target") };
        let values = sample.inputs.values().unwrap().to_vec();
        assert!(values.iter().all(|value| (0.0..=1.0).contains(value)));
        (values, class)
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
    let sample = |text: &str| {
        let config: GlyphsConfig = toml::from_str(text).unwrap();
        config.load(None, 4).unwrap().valid.sample(3, None).unwrap()
    };
    let plain = sample("by = 'pixel'");
    let permuted = sample("by = 'pixel'\npermutation = 'bit-reversal'");
    assert_eq!((plain.steps, permuted.steps), (784, 784));
    assert_eq!(permuted.inputs.values().unwrap()[1], plain.inputs.values().unwrap()[512]);
    assert_eq!(sample("by = 'row'").inputs, plain.inputs);
}

#[test]
fn the_layout_says_which_steps_make_a_picture() {
    let layout = |text: &str| {
        let config: GlyphsConfig = toml::from_str(text).unwrap();
        config.load(None, 4).unwrap().train.spec().layout
    };
    assert_eq!(layout("by = 'row'").picture(), Some((28, 28)));
    assert_eq!(layout("by = 'pixel'"), Layout::Picture { rows: 28, columns: 28, channels: 1 });
    let permuted = layout("by = 'pixel'\npermutation = 'bit-reversal'");
    assert_eq!((permuted, permuted.picture()), (Layout::Flat { channels: 1 }, None));
}

/// Its name, its task and its settings written out and read again.
fn written<D: DatasetConfig>() -> (&'static str, &'static str) {
    let config = D::default();
    let text = toml::to_string(&config).unwrap();
    assert_eq!(toml::from_str::<D>(&text).unwrap(), config, "{text}");
    assert_eq!(toml::from_str::<D>("").unwrap(), config);
    (D::NAME, config.task())
}

#[test]
fn every_data_set_survives_writing_and_reading_its_settings() {
    assert_eq!(written::<SmnistConfig>(), ("smnist", "classification"));
    assert_eq!(written::<GlyphsConfig>(), ("glyphs", "classification"));
    assert_eq!(written::<DelayCopyConfig>(), ("delay-copy", "classification"));
    assert_eq!(written::<AddingConfig>(), ("adding", "regression"));
}

#[test]
fn unknown_fields_are_refused_with_those_that_exist() {
    let message = |text| toml::from_str::<SmnistConfig>(text).unwrap_err().to_string();
    assert!(message("valid_share = 0.1").contains("valid_fraction"));
    assert!(message("by = 'column'").contains("`pixel`"));
}

#[test]
fn settings_out_of_range_are_refused_by_name() {
    fn refused<D: DatasetConfig>(text: &str, start: &str) {
        let error = toml::from_str::<D>(text).unwrap().load(None, 1).unwrap_err();
        assert!(error.to_string().starts_with(start), "{error}");
    }
    refused::<AddingConfig>("length = 1", "data.length = 1");
    refused::<DelayCopyConfig>("delay = 0", "data.delay = 0");
    refused::<DelayCopyConfig>("symbols = 1", "data.symbols = 1");
    refused::<DelayCopyConfig>("length = 0", "data.length = 0");
    refused::<GlyphsConfig>("noise = nan", "data.noise = NaN");
    refused::<GlyphsConfig>("distortion = -1.0", "data.distortion = -1");
    refused::<GlyphsConfig>("valid = 0", "data set `glyphs by row (Valid)` is empty");
}

#[test]
fn splits_that_need_different_networks_are_refused() {
    let mut splits = AddingConfig { length: 9, ..Default::default() }.load(None, 1).unwrap();
    let longer = AddingConfig { length: 12, ..Default::default() };
    splits.test = longer.load_with(None, 1, FetchPolicy::Never).unwrap().test;
    splits.check().unwrap();
    splits.test = GlyphsConfig::default().load(None, 1).unwrap().test;
    let error = splits.check().unwrap_err();
    assert!(matches!(error, DataError::SplitMismatch { split: Split::Test, .. }));
    let message = error.to_string();
    assert!(message.contains("adding: 9 steps") && message.contains("glyphs by row"), "{message}");
}
