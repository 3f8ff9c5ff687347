//! Encoders, and the head that is tied to one.

mod common;

use burn::module::{Module, ModuleVisitor, Param, ParamId};
use burn::optim::{GradientsParams, SgdConfig};
use burn::tensor::{Device, Int, Tensor, TensorData};
use common::{assert_close, assert_same, devices, input, values};
use egru::activity::footprint_bytes;
use egru::cells::{Egru, EventConfig, Gru};
use egru::{
    ConvBlockConfig, ConvConfig, ConvEncoder, Encoder, EncoderConfig, HeadKind, Input, InputShape,
    Network, NetworkConfig, Readout, SequenceOptions,
};

const T: usize = 4;
const B: usize = 3;
const V: usize = 7;
const E: usize = 5;
const TOKENS: InputShape = InputShape::Tokens { vocabulary: V };

fn tokens(device: &Device) -> Tensor<2, Int> {
    let numbers: Vec<i64> = (0..T * B).map(|k| (k * k % V) as i64).collect();
    Tensor::from_data(TensorData::new(numbers, [T, B]), device)
}

fn tied(layers: Vec<usize>, dropout: f64) -> NetworkConfig<EventConfig> {
    NetworkConfig {
        encoder: EncoderConfig::Embedding { size: E, dropout, input_dropout: dropout },
        head: HeadKind::Tied,
        layers,
        readout: Readout::PerStep,
        cell: EventConfig { gain: 2.0, threshold_mean: 0.05, ..EventConfig::default() },
        ..Default::default()
    }
}

#[test]
fn an_embedding_looks_up_rows_and_drops_whole_words() {
    for (_, device) in devices() {
        let device = device.autodiff();
        device.seed(2);
        let config = EncoderConfig::Embedding { size: E, dropout: 0.5, input_dropout: 0.0 };
        let encoder = Encoder::init(&config, TOKENS, &device).unwrap();
        let weight = encoder.embedding.as_ref().unwrap().weight.val();
        let weights = values(&weight);
        assert!(weights.iter().all(|w| w.abs() <= 0.1) && weights.iter().any(|w| w.abs() > 0.05));
        let plain = encoder.forward(tokens(&device).into(), &Default::default()).unwrap();
        let draws = encoder.draw(B);
        assert!(draws.output.is_none());
        let mask = values(draws.words.as_ref().unwrap());
        assert!(mask.iter().all(|&m| m == 0.0 || m == 2.0) && mask.contains(&0.0));
        let dropped = encoder.forward(tokens(&device).into(), &draws).unwrap();
        assert_eq!(plain.dims(), [T, B, E]);
        let (plain, dropped) = (values(&plain), values(&dropped));
        for (k, row) in plain.chunks(E).enumerate() {
            let word = k * k % V;
            assert_eq!(row, &weights[word * E..(word + 1) * E], "row {k}");
            let expected: Vec<f32> = row.iter().map(|value| value * mask[word]).collect();
            assert_eq!(dropped[k * E..(k + 1) * E], expected, "row {k}");
        }
        assert!(encoder.valid().draw(B).words.is_none(), "off in evaluation");
    }
}

#[test]
fn dropout_of_the_input_is_constant_over_time_and_exact() {
    let device = Device::flex().autodiff();
    device.seed(3);
    let config = NetworkConfig { layers: vec![6, E], ..tied(vec![], 0.4) };
    let network = Network::<Egru>::init(&config, TOKENS, V, &device).unwrap();
    let draws = network.draw(T, B);
    let mask = draws.encoder.output.clone().unwrap();
    assert_eq!(mask.dims(), [B, E]);
    let gradient = |execution| {
        let options = SequenceOptions { execution, ..Default::default() };
        let out = network.forward_with(tokens(&device), None, &draws, &options).unwrap();
        for t in 0..T {
            let step = values(&out.encoded.clone().narrow(0, t, 1));
            let zeros = step.iter().zip(values(&mask)).all(|(x, m)| m != 0.0 || *x == 0.0);
            assert!(zeros, "the same channels in every step");
        }
        let grads = out.reading.logits().unwrap().square().sum().backward();
        embedding(&network).val().grad(&grads).unwrap()
    };
    // Skipped gradients of dropped inputs are those that have no effect.
    let fused = gradient(egru::Execution::fused(egru::Products::Events));
    let naive = gradient(egru::Execution::naive());
    assert_close(&fused, &naive, "dE");
    assert!(values(&naive).iter().any(|&g| g != 0.0));
}

fn embedding(network: &Network<Egru>) -> &Param<Tensor<2>> {
    &network.encoder.embedding.as_ref().unwrap().weight
}

#[derive(Default)]
struct Ids(Vec<ParamId>);

impl ModuleVisitor for Ids {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.0.push(param.id);
    }
}

#[test]
fn a_tied_weight_is_one_parameter_with_two_uses() {
    for (_, device) in devices() {
        let device = device.autodiff();
        device.seed(4);
        let network = Network::<Egru>::init(&tied(vec![6, E], 0.0), TOKENS, V, &device).unwrap();
        assert!(network.head.weight.is_none());
        let layer = |input: usize, hidden: usize| 3 * hidden * (input + hidden + 2) + hidden;
        let parameters = V * E + layer(E, 6) + layer(6, E) + V;
        assert_eq!(network.num_params(), parameters);
        assert_eq!(footprint_bytes(&network), 4 * parameters as u64);
        let mut ids = Ids::default();
        network.visit(&mut ids);
        let count = ids.0.len();
        ids.0.sort();
        ids.0.dedup();
        assert_eq!((ids.0.len(), count), (12, 12), "every parameter is visited once");

        // Both uses add up in one gradient: that of the input alone, plus that of the head alone.
        let draws = network.draw(T, B);
        let run = || network.forward_with(tokens(&device), None, &draws, &Default::default());
        let out = run().unwrap();
        let read = out.reading.values.clone();
        let logits = out.reading.logits().unwrap();
        let by_hand = read.clone().matmul(embedding(&network).val().transpose());
        assert_close(&logits, &by_hand, "logits");
        let slope = input([T, B, V], &device).reshape([T * B, V]).set_require_grad(false);
        let grads = (logits * slope.clone()).sum().backward();
        let whole = embedding(&network).val().grad(&grads).unwrap();

        let out = run().unwrap();
        let fixed = embedding(&network).val().set_require_grad(false).transpose();
        let grads = (out.reading.values.matmul(fixed) * slope.clone()).sum().backward();
        let lower = embedding(&network).val().grad(&grads).unwrap();
        let upper = slope.inner().transpose().matmul(read.inner());
        assert!(values(&lower).iter().any(|&g| g != 0.0));
        assert!(values(&upper).iter().any(|&g| g != 0.0));
        assert_close(&whole, &(lower + upper), "dE");
    }
}

#[test]
fn an_optimiser_step_moves_both_uses_and_records_round_trip() {
    let device = Device::flex().autodiff();
    device.seed(4);
    let config = tied(vec![E], 0.0);
    let network = Network::<Egru>::init(&config, TOKENS, V, &device).unwrap();
    let before = values(&embedding(&network).val());
    let (logits, _) = network.forward(tokens(&device), None);
    let grads = GradientsParams::from_grads(logits.square().sum().backward(), &network);
    let mut optimiser = SgdConfig::new().init();
    let network = optimiser.step(0.5, network, grads);
    let after = embedding(&network).val();
    assert_ne!(values(&after), before);
    let looked_up = network.encoder.forward(tokens(&device).into(), &Default::default()).unwrap();
    let first = looked_up.narrow(0, 0, 1).narrow(1, 0, 1).reshape([1, E]);
    assert_same(&first, &after.clone().narrow(0, 0, 1), "the embedding of token 0");
    let head = network.head.weight(Some(embedding(&network))).unwrap();
    assert_same(&head, &after.transpose(), "the head's weights");

    let other = Network::<Egru>::init(&config, TOKENS, V, &device).unwrap();
    let other = other.load_record(network.clone().into_record());
    let same = |network: &Network<Egru>| values(&network.forward(tokens(&device), None).0);
    assert_eq!(same(&other), same(&network));
    assert!(other.head.weight.is_none());
}

#[test]
fn a_tied_head_must_fit() {
    let device = Device::flex();
    let refused = |config: NetworkConfig<_>, input, outputs| {
        Network::<Egru>::init(&config, input, outputs, &device).unwrap_err().to_string()
    };
    assert_eq!(
        refused(tied(vec![6], 0.0), TOKENS, V),
        "`layers` is [6], expected a last layer of 5 units, the size of the tied embedding"
    );
    assert_eq!(
        refused(tied(vec![E], 0.0), TOKENS, V + 1),
        "`output` is 8, expected 7, the vocabulary of the tied embedding"
    );
    let direct = NetworkConfig { encoder: EncoderConfig::Direct, ..tied(vec![E], 0.0) };
    let message = refused(direct.clone(), InputShape::Values { channels: 2 }, V);
    assert!(message.starts_with("`head` is tied, expected `linear`"), "{message}");
    let message = refused(direct, TOKENS, V);
    assert_eq!(
        message,
        "`encoder` is direct, expected `embedding`, for tokens of a vocabulary of 7"
    );
    let message = refused(tied(vec![E], 1.0), TOKENS, V);
    assert!(message.contains("encoder.dropout"), "{message}");
}

#[test]
fn inputs_of_another_kind_are_refused() {
    let device = Device::flex();
    let config = EncoderConfig::Embedding { size: E, dropout: 0.0, input_dropout: 0.0 };
    let words = Encoder::init(&config, TOKENS, &device).unwrap();
    let direct = EncoderConfig::Direct;
    let plain = Encoder::init(&direct, InputShape::Values { channels: E }, &device).unwrap();
    let numbers = Input::from(Tensor::<3>::zeros([T, B, E], &device));
    assert!(words.forward(numbers.clone(), &Default::default()).is_err());
    assert!(plain.forward(tokens(&device).into(), &Default::default()).is_err());
    assert_eq!(plain.forward(numbers, &Default::default()).unwrap().dims(), [T, B, E]);
    let frames = InputShape::Frames { polarities: 2, rows: 3, columns: 4 };
    assert_eq!(Encoder::init(&direct, frames, &device).unwrap().output_size(), 24);
    assert!(Encoder::init(&config, frames, &device).is_err());
    let conv = EncoderConfig::Conv(ConvConfig::default());
    assert!(Encoder::init(&conv, TOKENS, &device).is_err());
    assert!(Encoder::init(&conv, InputShape::Values { channels: 24 }, &device).is_err());
}

fn block(channels: usize, kernel: usize) -> ConvBlockConfig {
    ConvBlockConfig { channels, kernel, ..Default::default() }
}

/// AlexNet in small: a wide stride first, overlapping pools.
#[test]
fn convolutions_have_the_shapes_of_their_configuration() {
    for (_, device) in devices() {
        device.seed(5);
        let first = ConvBlockConfig {
            channels: 6,
            kernel: 5,
            stride: 2,
            padding: 2,
            pool: 3,
            pool_stride: 2,
        };
        let last = ConvBlockConfig { pool: 1, padding: 0, ..block(4, 2) };
        let config =
            ConvConfig { blocks: vec![first, block(3, 3), last], features: 11, dropout: 0.0 };
        let encoder = ConvEncoder::init(&config, [2, 26, 19], &device).unwrap();
        // Rows 26 -> 13 -> 6 -> 6 -> 3 -> 2, columns 19 -> 10 -> 4 -> 4 -> 2 -> 1.
        assert_eq!(encoder.linear.weight.dims(), [4 * 2, 11]);
        let frames = input([T, B, 2 * 26 * 19], &device);
        let features = encoder.forward(frames.clone()).unwrap();
        assert_eq!(features.dims(), [T, B, 11]);
        // A frame's features do not depend on the others.
        let alone = frames.narrow(0, 2, 1).narrow(1, 1, 1);
        let expected = features.narrow(0, 2, 1).narrow(1, 1, 1);
        assert_close(&encoder.forward(alone).unwrap(), &expected, "features");
    }
}

/// One pixel at a time, with a kernel of one: a linear map that can be worked out.
#[test]
fn a_convolution_by_hand() {
    let device = Device::flex();
    let one = ConvBlockConfig { channels: 1, kernel: 1, padding: 0, ..Default::default() };
    let config = ConvConfig { blocks: vec![one], features: 1, dropout: 0.0 };
    let mut encoder = ConvEncoder::init(&config, [2, 2, 2], &device).unwrap();
    let block = &mut encoder.blocks[0].conv;
    block.weight = block.weight.clone().map(|weight| {
        Tensor::<1>::from_floats([2.0, -1.0], &weight.device()).reshape([1, 2, 1, 1])
    });
    block.bias = block.bias.clone().map(|bias| bias.map(|bias| bias.zeros_like()));
    let linear = &mut encoder.linear;
    linear.weight = linear.weight.clone().map(|weight| weight.ones_like() * 3.0);
    linear.bias = linear.bias.clone().map(|bias| bias.map(|bias| bias.ones_like()));
    // Two polarities of 2 x 2: the largest of 2a - b is 2*4 - 1, or nothing where all are below zero.
    let frames = Tensor::<3>::from_floats(
        [[[1.0, 4.0, 2.0, 0.0, 1.0, 1.0, 5.0, 1.0]], [[0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 5.0, 1.0]]],
        &device,
    );
    assert_eq!(values(&encoder.forward(frames).unwrap()), [22.0, 1.0]);
}

#[test]
fn gradients_reach_every_parameter_of_a_convolution() {
    for (_, device) in devices() {
        let device = device.autodiff();
        device.seed(6);
        let config = NetworkConfig {
            encoder: EncoderConfig::Conv(ConvConfig { dropout: 0.3, ..Default::default() }),
            layers: vec![8],
            ..Default::default()
        };
        let frames = InputShape::Frames { polarities: 2, rows: 10, columns: 9 };
        let network = Network::<Gru>::init(&config, frames, 3, &device).unwrap();
        let x = input([T, B, 2 * 10 * 9], &device);
        let (logits, _) = network.forward(x, None);
        let grads = GradientsParams::from_grads(logits.square().sum().backward(), &network);
        let mut ids = Ids::default();
        network.visit(&mut ids);
        assert_eq!(ids.0.len(), 6 + 4 + 2);
        assert_eq!(grads.len(), ids.0.len(), "a gradient per parameter");
        let conv = network.encoder.conv.as_ref().unwrap();
        let first = grads.get::<4>(conv.blocks[0].conv.weight.id).unwrap();
        assert!(values(&first).iter().any(|&g| g != 0.0));
    }
}

#[test]
fn a_picture_may_not_get_smaller_than_a_kernel() {
    let device = Device::flex();
    let refused = |blocks, frame| {
        let config = ConvConfig { blocks, ..Default::default() };
        ConvEncoder::init(&config, frame, &device).unwrap_err().to_string()
    };
    let valid = |kernel| ConvBlockConfig { padding: 0, ..block(4, kernel) };
    assert_eq!(
        refused(vec![valid(3), valid(5)], [2, 9, 20]),
        "`encoder.blocks.1.kernel` is 5, expected at most 3, as the picture is 3 x 9 there"
    );
    assert_eq!(
        refused(vec![valid(3)], [2, 3, 20]),
        "`encoder.blocks.0.pool` is 2, expected at most 1, as the picture is 1 x 18 there"
    );
    assert!(refused(vec![block(0, 3)], [2, 9, 9]).contains("encoder.blocks.0.channels"));
    assert!(refused(vec![], [2, 0, 9]).contains("`rows` is 0"));
    let encoder = ConvEncoder::init(&ConvConfig::default(), [1, 8, 8], &device).unwrap();
    assert!(encoder.forward(Tensor::zeros([T, B, 63], &device)).is_err());
}
