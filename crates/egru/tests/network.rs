//! Whole networks: encoder, stack, read-out, head.

mod common;

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use common::{assert_close, devices, input};
use egru::cells::{Egru, EventConfig, Gru};
use egru::{
    CellError, ConvConfig, EncoderConfig, Execution, HeadKind, InputShape, Network, NetworkConfig,
    Readout, SequenceOptions,
};

const T: usize = 8;
const B: usize = 3;
const C: usize = 5;
const VALUES: InputShape = InputShape::Values { channels: C };

fn config() -> EventConfig {
    EventConfig { threshold_mean: 0.2, gain: 2.0, ..EventConfig::default() }
}

#[test]
fn read_outs_respect_lengths() {
    for (_, device) in devices() {
        let lengths = [T, 2, 5];
        let x = input([T, B, C], &device);
        let logits = |readout, lengths: Option<&[usize]>, x: Tensor<3>| {
            device.seed(3);
            let config =
                NetworkConfig { layers: vec![9, 6], readout, cell: config(), ..Default::default() };
            let network = Network::<Egru>::init(&config, VALUES, 4, &device).unwrap();
            let lengths = lengths.map(<[usize]>::to_vec);
            let options = SequenceOptions { lengths, ..Default::default() };
            let [steps, batch, _] = x.dims();
            let draws = network.draw(steps, batch);
            let out = network.forward_with(x, None, &draws, &options).unwrap();
            out.reading.logits().unwrap()
        };
        let per_step = logits(Readout::PerStep, Some(&lengths), x.clone());
        assert_eq!(per_step.dims(), [T * B, 4]);
        for readout in [Readout::LastOutput, Readout::LastTrace, Readout::MeanLogits] {
            let all = logits(readout, Some(&lengths), x.clone());
            for (b, &length) in lengths.iter().enumerate() {
                let alone = logits(readout, None, x.clone().slice([0..length, b..b + 1]));
                assert_close(&all.clone().narrow(0, b, 1), &alone, "logits");
            }
        }
        let last = logits(Readout::LastOutput, Some(&lengths), x.clone());
        let mean = logits(Readout::MeanLogits, Some(&lengths), x.clone());
        for (b, &length) in lengths.iter().enumerate() {
            let row = (length - 1) * B + b;
            assert_close(
                &per_step.clone().narrow(0, row, 1),
                &last.clone().narrow(0, b, 1),
                "the last step's logits",
            );
            let rows: Vec<_> =
                (0..length).map(|t| per_step.clone().narrow(0, t * B + b, 1)).collect();
            let average = Tensor::cat(rows, 0).mean_dim(0);
            assert_close(&mean.clone().narrow(0, b, 1), &average, "mean of the steps' logits");
        }
    }
}

#[test]
fn a_network_streams() {
    let device = Device::flex();
    device.seed(4);
    let config = NetworkConfig {
        layers: vec![9, 6],
        readout: Readout::LastTrace,
        cell: config(),
        ..Default::default()
    };
    let network = Network::<Egru>::init(&config, VALUES, 4, &device).unwrap();
    let x = input([T, B, C], &device);
    let (whole, last) = network.forward(x.clone(), None);
    let draws = network.draw(1, B);
    let mut state = network.stack.zero_state(B);
    let mut logits = whole.zeros_like();
    for t in 0..T {
        let x = x.clone().narrow(0, t, 1);
        let step = network.step(x, state, &draws, t, Execution::default()).unwrap();
        (state, logits) = (step.state, step.logits);
    }
    for ((name, a), (_, b)) in state.clone().into_tensors().into_iter().zip(last.into_tensors()) {
        assert_close(&a, &b, &name);
    }
    let refused = network.step(x, state, &draws, 0, Execution::default()).unwrap_err();
    assert_eq!(refused.to_string(), "`steps` is 8, expected 1, the step that is run");
    assert_close(&logits, &whole, "logits of the last step");
}

#[test]
fn configurations_round_trip_and_bad_ones_are_refused() {
    let config: NetworkConfig<EventConfig> =
        serde_json::from_str(r#"{"layers": [4], "readout": "mean-logits", "head": "tied",
                "encoder": {"type": "embedding", "size": 4, "dropout": 0.1}, "cell": {"eps": 1.7}}"#)
            .unwrap();
    assert_eq!((config.readout, config.cell.eps), (Readout::MeanLogits, 1.7));
    let expected = EncoderConfig::Embedding { size: 4, dropout: 0.1, input_dropout: 0.0 };
    assert_eq!((&config.encoder, config.head), (&expected, HeadKind::Tied));
    let text = serde_json::to_string(&config).unwrap();
    assert_eq!(serde_json::from_str::<NetworkConfig<EventConfig>>(&text).unwrap(), config);
    for wrong in [
        r#"{"layer": [4]}"#,
        r#"{"encoder": {"type": "direct", "size": 4}}"#,
        r#"{"encoder": {"type": "embedding", "size": 4, "dropuot": 0.1}}"#,
        r#"{"encoder": {"type": "conv", "kernel": 4}}"#,
        r#"{"encoder": {"type": "conv", "blocks": [{"channel": 4}]}}"#,
    ] {
        let refused = serde_json::from_str::<NetworkConfig<EventConfig>>(wrong);
        assert!(refused.is_err(), "{wrong}");
    }

    let device = Device::flex();
    let refused =
        |config: NetworkConfig<_>| Network::<Egru>::init(&config, VALUES, 3, &device).unwrap_err();
    let message = refused(NetworkConfig { layers: vec![], ..Default::default() }).to_string();
    assert_eq!(message, "`layers` is [], expected units per layer, e.g. [128]");
    refused(NetworkConfig { layers: vec![4, 0], ..Default::default() });
    refused(NetworkConfig { dropout: 1.0, ..Default::default() });
    refused(NetworkConfig { head_dropout: -0.1, ..Default::default() });
    let dense = NetworkConfig { readout: Readout::LastTrace, ..Default::default() };
    let network = Network::<Gru>::init(&dense, VALUES, 3, &device).unwrap();
    let (x, draws) = (input([T, B, C], &device), network.draw(T, B));
    let error = network.forward_with(x, None, &draws, &Default::default()).unwrap_err();
    assert!(matches!(error, CellError::NoEvents { .. }), "a dense cell has no trace");
}

#[test]
fn parameters_have_stable_paths() {
    use burn::module::{ModuleVisitor, Param};
    #[derive(Default)]
    struct Paths(Vec<String>, Vec<String>);
    impl ModuleVisitor for Paths {
        fn enter_module(&mut self, name: &str, _: &str) {
            self.0.push(name.to_owned());
        }
        fn exit_module(&mut self, _: &str, _: &str) {
            self.0.pop();
        }
        fn visit_float<const D: usize>(&mut self, _: &Param<Tensor<D>>) {
            self.1.push(self.0.join("."));
        }
    }
    let paths = |config: NetworkConfig<EventConfig>, input, outputs| {
        let mut paths = Paths::default();
        let network = Network::<Egru>::init(&config, input, outputs, &Device::flex()).unwrap();
        network.visit(&mut paths);
        paths.1
    };
    let config = NetworkConfig { layers: vec![4], cell: config(), ..Default::default() };
    let cell = "stack.layers.0.cell";
    let stack = [
        format!("{cell}.weights.w"),
        format!("{cell}.weights.r"),
        format!("{cell}.weights.bias_w"),
        format!("{cell}.weights.bias_r"),
        format!("{cell}.threshold.theta"),
    ];
    let plain = paths(config.clone(), VALUES, 3);
    assert_eq!(plain[..5], stack);
    assert_eq!(plain[5..], ["head.weight", "head.bias"]);

    let encoder = EncoderConfig::Embedding { size: 4, dropout: 0.0, input_dropout: 0.0 };
    let tied = NetworkConfig { encoder, head: HeadKind::Tied, ..config.clone() };
    let tied = paths(tied, InputShape::Tokens { vocabulary: 7 }, 7);
    assert_eq!(tied[0], "encoder.embedding.weight");
    assert_eq!(tied[1..6], stack);
    assert_eq!(tied[6..], ["head.bias"]);

    let encoder = EncoderConfig::Conv(ConvConfig::default());
    let frames = InputShape::Frames { polarities: 2, rows: 8, columns: 8 };
    let conv = paths(NetworkConfig { encoder, ..config }, frames, 3);
    let expected = [
        "encoder.conv.blocks.0.conv.weight",
        "encoder.conv.blocks.0.conv.bias",
        "encoder.conv.blocks.1.conv.weight",
        "encoder.conv.blocks.1.conv.bias",
        "encoder.conv.linear.weight",
        "encoder.conv.linear.bias",
    ];
    assert_eq!(conv[..6], expected);
    assert_eq!(conv[6..11], stack);
}
