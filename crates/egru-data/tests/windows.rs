//! Contiguous windows: every target once and in order, carried state, and what is refused.

use std::sync::Arc;

use egru_data::{
    Batch, BatchTargets, DataError, DatasetConfig, Draw, Inputs, Layout, Loader, LoaderConfig,
    Output, Sample, Sampler, SamplerConfig, SequenceDataset, Spec, Target, adding::AddingConfig,
    delay_copy::DelayCopyConfig, stream::TokenStream,
};

const VOCABULARY: usize = 5000;

/// Token `i` is `i`, so that a target says where in the stream it stands.
fn counting(len: usize) -> Arc<TokenStream> {
    Arc::new(TokenStream::new("counting", (0..len as u32).collect(), VOCABULARY).unwrap())
}

fn loader(
    dataset: Arc<dyn SequenceDataset>,
    batch_size: usize,
    sampler: SamplerConfig,
) -> Result<Loader, DataError> {
    let config =
        LoaderConfig { batch_size, sampler: Arc::new(sampler), seed: 3, ..Default::default() };
    Loader::new(dataset, config)
}

fn labels(batch: &Batch) -> &[Option<usize>] {
    match &batch.targets {
        BatchTargets::PerStep(labels) => labels,
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_token_but_the_first_is_a_target_once_and_in_order() {
    for len in [2, 3, 64, 65, 66, 1000, 1537] {
        for batch_size in [1, 10, 64] {
            for window in [1, 7, 35] {
                for jitter in [false, true] {
                    let sampler = SamplerConfig::Contiguous { window, jitter };
                    check_stream(len, batch_size, sampler, window, jitter);
                }
            }
        }
    }
}

fn check_stream(
    len: usize,
    batch_size: usize,
    sampler: SamplerConfig,
    window: usize,
    jitter: bool,
) {
    let case = format!("{len} tokens, batch {batch_size}, {sampler:?}");
    let loader = loader(counting(len), batch_size, sampler).unwrap();
    let mut tracks = vec![Vec::new(); batch_size];
    let mut start = 0;
    let windows = loader.plan(2).unwrap();
    for (place, batch) in loader.epoch(2, 0).unwrap().enumerate() {
        let batch = batch.unwrap();
        assert_eq!((batch.batch, batch.channels, &batch.lengths), (batch_size, 1, &None), "{case}");
        // The windows are contiguous, and each but the first goes on from the one before.
        assert_eq!((batch.start, batch.carries), (start, place > 0), "{case}");
        assert_eq!(batch.rate, windows[place].rate, "{case}");
        start += batch.steps;
        let last = place + 1 == windows.len();
        if jitter {
            assert!(batch.steps >= 5 || last, "{case}: {} steps", batch.steps);
        } else {
            assert_eq!(batch.rate, 1.0, "{case}");
            assert!(batch.steps == window || last && batch.steps < window, "{case}");
        }
        let tokens = batch.inputs.tokens().unwrap();
        for (place, (label, &token)) in labels(&batch).iter().zip(tokens).enumerate() {
            match label {
                // The token that is predicted follows the one that is read.
                Some(label) => {
                    assert_eq!(*label, token as usize + 1, "{case}");
                    tracks[place % batch_size].push(*label);
                }
                None => assert_eq!(token, 0, "{case}: padding"),
            }
        }
    }
    assert_eq!(start, (len - 1).div_ceil(batch_size), "{case}");
    let scored: Vec<usize> = tracks.concat();
    assert_eq!(scored, (1..len).collect::<Vec<_>>(), "{case}");
}

#[test]
fn random_lengths_differ_by_epoch_and_follow_from_the_seed() {
    let sampler = SamplerConfig::Contiguous { window: 35, jitter: true };
    let plan = |epoch| loader(counting(5000), 2, sampler).unwrap().plan(epoch).unwrap();
    assert_eq!(plan(1), plan(1));
    assert_ne!(plan(1), plan(2));
    let lengths: Vec<usize> =
        plan(1).iter().map(|window| window.steps.as_ref().unwrap().len()).collect();
    assert!(lengths.iter().any(|&length| length != lengths[0]));
    for (window, length) in plan(1).iter().zip(lengths) {
        let base = length as f64 / window.rate;
        assert!([35.0, 17.5].iter().any(|about| (base - about).abs() < 1e-9), "{base}");
    }
}

#[test]
fn resuming_in_mid_epoch_continues_the_same_windows() {
    let loader =
        loader(counting(900), 3, SamplerConfig::Contiguous { window: 20, jitter: true }).unwrap();
    let all = |first| -> Vec<Batch> {
        loader.epoch(4, first).unwrap().collect::<Result<_, _>>().unwrap()
    };
    let whole = all(0);
    assert_eq!(all(5), whole[5..]);
    assert!(all(5)[0].carries);
    assert_eq!(loader.epoch(4, 5).unwrap().windows(), whole.len());
}

#[test]
fn independent_items_start_from_a_fresh_state() {
    let config = DelayCopyConfig { delay: 3, length: 2, train: 5, ..Default::default() };
    let splits = config.load(None, 1).unwrap();
    let sampler = SamplerConfig::Contiguous { window: 4, jitter: false };
    let loader = loader(splits.train.clone(), 2, sampler).unwrap();
    let plan: Vec<_> = loader
        .plan(0)
        .unwrap()
        .iter()
        .map(|w| (w.items.clone(), w.steps.clone(), w.carries))
        .collect();
    let of =
        |items: &[usize]| [(items.to_vec(), Some(0..4), false), (items.to_vec(), Some(4..7), true)];
    assert_eq!(plan, [of(&[0, 1]), of(&[2, 3]), of(&[4])].concat());
    // A window is what the whole items hold at its steps.
    let whole = Batch::collate(splits.train.as_ref(), &[2, 3]).unwrap();
    let part = loader.epoch(0, 3).unwrap().next().unwrap().unwrap();
    let row = 2 * whole.channels;
    assert_eq!(part.inputs.values().unwrap(), &whole.inputs.values().unwrap()[4 * row..]);
    assert_eq!(labels(&part), &labels(&whole)[4 * 2..]);
}

#[test]
fn evaluation_reads_windows_of_one_length_and_whole_items_in_order() {
    let jittered = SamplerConfig::Contiguous { window: 9, jitter: true };
    assert_eq!(jittered.for_evaluation(), SamplerConfig::Contiguous { window: 9, jitter: false });
    assert_eq!(SamplerConfig::Shuffled.for_evaluation(), SamplerConfig::InOrder);
    assert!(jittered.carries() && !SamplerConfig::Shuffled.carries());
}

#[test]
fn settings_are_read_by_their_names() {
    let parse = toml::from_str::<SamplerConfig>;
    assert_eq!(parse("type = 'in-order'").unwrap(), SamplerConfig::InOrder);
    assert_eq!(
        parse("type = 'contiguous'\nwindow = 70").unwrap(),
        SamplerConfig::Contiguous { window: 70, jitter: false }
    );
    assert!(parse("type = 'contiguous'\nwindow = 70\njiter = true").is_err());
    let written = toml::to_string(&SamplerConfig::Shuffled).unwrap();
    assert_eq!(parse(&written).unwrap(), SamplerConfig::default());
}

/// Items of `index + 1` steps.
struct Ragged(Spec);

impl SequenceDataset for Ragged {
    fn spec(&self) -> &Spec {
        &self.0
    }

    fn len(&self) -> usize {
        3
    }

    fn steps(&self, index: usize) -> usize {
        index + 1
    }

    fn sample(&self, index: usize, _draw: Option<Draw>) -> Result<Sample, DataError> {
        let steps = self.steps(index);
        let target = Target::Classes(vec![Some(0); steps]);
        Ok(Sample { inputs: Inputs::Values(vec![0.5; steps]), steps, target })
    }
}

fn ragged() -> Arc<Ragged> {
    let output = Output::PerStep { classes: 1 };
    Arc::new(Ragged(Spec {
        name: "ragged".into(),
        steps: 3,
        layout: Layout::Flat { channels: 1 },
        output,
    }))
}

#[test]
fn what_cannot_be_read_in_windows_is_refused_by_field() {
    let sampler = SamplerConfig::Contiguous { window: 2, jitter: false };
    let adding = AddingConfig::default().load(None, 1).unwrap().train;
    let message =
        |data, batch_size, sampler| loader(data, batch_size, sampler).unwrap_err().to_string();
    let one_target = message(adding, 4, sampler);
    assert!(one_target.starts_with("sampling.type = \"contiguous\""), "{one_target}");
    assert!(one_target.contains("`adding` has one target for a whole sequence"), "{one_target}");
    let uneven = message(ragged(), 2, sampler);
    assert!(uneven.starts_with("sampling.type = \"contiguous\""), "{uneven}");
    assert!(uneven.contains("item 0 has 1 steps and item 1 has 2"), "{uneven}");
    let zero = message(counting(9), 2, SamplerConfig::Contiguous { window: 0, jitter: true });
    assert!(zero.starts_with("sampling.window = 0"), "{zero}");
    // One at a time, items may have any length.
    let alone = loader(ragged(), 1, sampler).unwrap();
    let steps: Vec<usize> = alone.epoch(0, 0).unwrap().map(|batch| batch.unwrap().steps).collect();
    assert_eq!(steps, [1, 2, 2, 1]);
    let error = sampler.epoch(ragged().as_ref(), 0, 1, 1).unwrap_err();
    assert!(error.to_string().starts_with("batch_size = 0"), "{error}");
}

#[test]
fn steps_that_an_item_does_not_have_are_refused() {
    let error = ragged().part(1, 1..3, None).unwrap_err().to_string();
    assert!(error.contains("`ragged`, sample 1: steps 1..3"), "{error}");
    let stream = counting(10);
    assert!(matches!(stream.part(0, 5..10, None), Err(DataError::Sample { .. })));
    assert!(matches!(stream.part(1, 0..1, None), Err(DataError::Index { .. })));
}

#[test]
fn an_unfolded_stream_is_one_item() {
    let stream = counting(10);
    assert_eq!((stream.len(), stream.steps(0), stream.vocabulary()), (1, 9, VOCABULARY));
    assert_eq!(
        stream.spec().to_string(),
        "counting: 9 tokens of 5000 kinds -> one of 5000 classes per scored step"
    );
    let sample = stream.sample(0, None).unwrap();
    assert_eq!(sample.inputs, Inputs::Tokens((0..9).collect()));
    assert_eq!(sample.target, Target::Classes((1..10).map(Some).collect()));
    assert_eq!(stream.sample(0, Some(Draw { seed: 1, epoch: 1 })).unwrap(), sample);
}

#[test]
fn tokens_that_make_no_stream_are_refused() {
    let message = |tokens| TokenStream::new("text", tokens, 4).unwrap_err().to_string();
    assert_eq!(
        message(vec![0, 3, 4, 1]),
        "token stream `text`: token 4 at position 2, where tokens are below the vocabulary's 4"
    );
    assert!(message(vec![1]).contains("at least 2"));
}
