//! Stacks and whole models.

mod common;

use burn::module::Module;
use burn::tensor::{Device, Int, Tensor};
use common::{assert_close, assert_same, devices, input, values};
use egru::cells::{Egru, EventConfig, Gru};
use egru::{
    CellError, CellState, Execution, ModelConfig, Order, PathChoice, Products, Readout,
    SequenceModel, SequenceOptions, SequenceOutput, Stack, StackState,
};

const T: usize = 8;
const B: usize = 3;
const C: usize = 5;

fn config() -> EventConfig {
    EventConfig { threshold_mean: 0.2, gain: 2.0, ..EventConfig::default() }
}

fn stack(dropout: f64, device: &Device) -> Stack<Egru> {
    device.seed(3);
    Stack::init(&config(), C, &[9, 6], dropout, device).expect("valid configuration")
}

#[test]
fn streaming_equals_sequence_in_training() {
    for (_, device) in devices() {
        let device = device.autodiff();
        let stack = stack(0.4, &device);
        let x = input([T, B, C], &device);
        let draws = stack.draw(T, B);
        let zero = stack.zero_state(B);
        let out = stack.forward_with(x.clone(), zero, &draws, &SequenceOptions::default()).unwrap();
        let mut state = stack.zero_state(B);
        let mut top = Vec::new();
        for t in 0..T {
            let x = x.clone().narrow(0, t, 1).squeeze_dim(0);
            let (mut layers, next) = stack.step(x, state, &draws, t, Execution::default()).unwrap();
            top.push(layers.pop().expect("two layers"));
            state = next;
        }
        assert_close(&SequenceOutput::stack(top).y, &out.layers[1].y, "y");
        for ((name, a), (_, b)) in state.into_tensors().into_iter().zip(out.state.into_tensors()) {
            assert_close(&a, &b, &name);
        }
    }
}

#[test]
fn dropout_is_constant_over_time_and_differs_by_sample() {
    let device = Device::flex().autodiff();
    let stack = stack(0.5, &device);
    let draws = stack.draw(T, 64);
    assert!(draws.dropout[0].is_none(), "the input itself is not dropped");
    let mask = draws.dropout[1].clone().expect("training");
    assert_eq!(mask.dims(), [64, 9], "one value per sample and channel, none per step");
    let rows: Vec<Vec<f32>> = values(&mask).chunks(9).map(<[f32]>::to_vec).collect();
    assert!(rows.iter().flatten().all(|&m| m == 0.0 || m == 2.0), "rescaled");
    assert!(rows.windows(2).any(|pair| pair[0] != pair[1]), "samples differ");
    assert!(stack.valid().draw(T, 64).dropout[1].is_none(), "off in evaluation");
}

/// The gradient that layers leave out has no effect: all gradients equal those of the dense, plain path.
#[test]
fn skipping_is_exact_through_layers() {
    for (_, device) in devices() {
        let device = device.autodiff();
        let stack = stack(0.3, &device);
        let x = input([T, B, C], &device);
        let draws = stack.draw(T, B);
        let gradients = |execution| {
            let options = SequenceOptions { execution, ..SequenceOptions::with_lengths([T, 3, 6]) };
            let zero = stack.zero_state(B);
            let out = stack.forward_with(x.clone(), zero, &draws, &options).unwrap();
            let grads = out.layers[1].y.clone().square().sum().backward();
            let bottom = &stack.layers[0].cell;
            (
                bottom.weights.w.val().grad(&grads).unwrap(),
                bottom.weights.r.val().grad(&grads).unwrap(),
                bottom.threshold.theta.val().grad(&grads).unwrap(),
            )
        };
        let skipped = gradients(Execution::fused(Products::Events));
        let dense = gradients(Execution::naive());
        assert_close(&skipped.0, &dense.0, "dW");
        assert_close(&skipped.1, &dense.1, "dR");
        assert_close(&skipped.2, &dense.2, "dtheta");
        assert!(values(&dense.0).iter().any(|&g| g != 0.0));
    }
}

#[test]
fn a_carried_state_continues_the_sequence() {
    let device = Device::flex();
    let stack = stack(0.0, &device).with_order(Order::BatchFirst);
    let x = input([B, T, C], &device);
    let whole = stack.forward(x.clone(), None, &Default::default()).unwrap();
    let first = stack.forward(x.clone().slice([0..B, 0..3]), None, &Default::default()).unwrap();
    // Through the names that a checkpoint would store.
    let state = StackState::from_tensors(first.state.detach().into_tensors()).unwrap();
    let second = stack.forward(x.slice([0..B, 3..T]), Some(state), &Default::default()).unwrap();
    let both = Tensor::cat(vec![first.layers[1].y.clone(), second.layers[1].y.clone()], 1);
    assert_close(&both, &whole.layers[1].y, "y");
    for ((name, a), (_, b)) in
        second.state.into_tensors().into_iter().zip(whole.state.into_tensors())
    {
        assert_close(&a, &b, &name);
    }
}

#[test]
fn states_detach_select_and_refuse_other_architectures() {
    let device = Device::flex().autodiff();
    let stack = stack(0.0, &device);
    let x = input([T, B, C], &device);
    let state = stack.forward(x.clone(), None, &Default::default()).unwrap().state;
    assert!(state.layers[0].c.is_tracked());
    let names: Vec<String> =
        state.clone().into_tensors().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["0.c", "0.y", "0.trace", "1.c", "1.y", "1.trace"]);
    let detached = state.clone().detach();
    assert!(!detached.layers[0].c.is_tracked());
    let picked = detached.clone().select(Tensor::<1, Int>::from_ints([2, 0], &device));
    assert_eq!(picked.batch(), 2);
    let expected = Tensor::cat(
        vec![
            detached.layers[1].y.clone().narrow(0, 2, 1),
            detached.layers[1].y.clone().narrow(0, 0, 1),
        ],
        0,
    );
    assert_same(&picked.layers[1].y, &expected, "selected");

    let mut tensors = detached.clone().into_tensors();
    tensors.pop();
    let partial = StackState::<egru_ops::EgruState>::from_tensors(tensors);
    assert!(matches!(partial, Err(CellError::State { .. })));
    assert!(egru_ops::EgruState::from_tensors(vec![]).is_err());
    let lower = StackState { layers: detached.layers[..1].to_vec() };
    let refused = stack.forward(x, Some(lower), &Default::default());
    assert!(matches!(refused, Err(CellError::State { .. })));
}

#[test]
fn read_outs_respect_lengths() {
    for (_, device) in devices() {
        let lengths = [T, 2, 5];
        let x = input([T, B, C], &device);
        let logits = |readout, lengths: Option<&[usize]>, x: Tensor<3>| {
            device.seed(3);
            let config =
                ModelConfig { layers: vec![9, 6], readout, cell: config(), ..Default::default() };
            let model = SequenceModel::<Egru>::init(&config, C, 4, &device).unwrap();
            let lengths = lengths.map(<[usize]>::to_vec);
            let options = SequenceOptions { lengths, ..Default::default() };
            model.forward(x, None, &options).unwrap().logits
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
fn a_model_streams() {
    let device = Device::flex();
    device.seed(4);
    let config = ModelConfig {
        layers: vec![9, 6],
        readout: Readout::LastTrace,
        cell: config(),
        ..Default::default()
    };
    let model = SequenceModel::<Egru>::init(&config, C, 4, &device).unwrap();
    let x = input([T, B, C], &device);
    let whole = model.forward(x.clone(), None, &Default::default()).unwrap();
    let draws = model.draw(1, B);
    let mut state = model.stack.zero_state(B);
    let mut logits = whole.logits.zeros_like();
    for t in 0..T {
        let x = x.clone().narrow(0, t, 1).squeeze_dim(0);
        let step = model.step(x, state, &draws, t, Execution::default()).unwrap();
        (state, logits) = (step.state, step.logits);
    }
    assert_close(&logits, &whole.logits, "logits of the last step");
}

#[test]
fn configurations_round_trip_and_bad_ones_are_refused() {
    let config: ModelConfig<EventConfig> =
        serde_json::from_str(r#"{"layers": [4], "readout": "mean-logits", "cell": {"eps": 1.7}}"#)
            .unwrap();
    assert_eq!((config.readout, config.cell.eps), (Readout::MeanLogits, 1.7));
    let text = serde_json::to_string(&config).unwrap();
    assert_eq!(serde_json::from_str::<ModelConfig<EventConfig>>(&text).unwrap(), config);
    assert!(serde_json::from_str::<ModelConfig<EventConfig>>(r#"{"layer": [4]}"#).is_err());

    let device = Device::flex();
    let refused =
        |config: ModelConfig<_>| SequenceModel::<Egru>::init(&config, 2, 3, &device).unwrap_err();
    let message = refused(ModelConfig { layers: vec![], ..Default::default() }).to_string();
    assert_eq!(message, "`layers` is [], expected units per layer, e.g. [128]");
    refused(ModelConfig { layers: vec![4, 0], ..Default::default() });
    refused(ModelConfig { dropout: 1.0, ..Default::default() });
    refused(ModelConfig { head_dropout: -0.1, ..Default::default() });
    let dense = ModelConfig { readout: Readout::LastTrace, ..Default::default() };
    let model = SequenceModel::<Gru>::init(&dense, 2, 3, &device).unwrap();
    let error = model.forward(input([T, B, 2], &device), None, &Default::default()).unwrap_err();
    assert!(matches!(error, CellError::NoEvents { .. }), "a dense cell has no trace");
}

#[test]
fn a_path_is_reported_or_refused() {
    let device = Device::flex();
    let stack = stack(0.0, &device);
    let x = input([T, B, C], &device);
    let path = |path| {
        let execution = Execution { path, ..Default::default() };
        let options = SequenceOptions { execution, ..Default::default() };
        stack.forward(x.clone(), None, &options).unwrap().path.path
    };
    assert_eq!(path(PathChoice::Auto), egru::Path::Fused);
    assert_eq!(path(PathChoice::Naive), egru::Path::Naive);
    let dense = Stack::<Gru>::init(&Default::default(), C, &[4], 0.0, &device).unwrap();
    let report = dense.forward(x.clone(), None, &Default::default()).unwrap().path;
    assert_eq!((report.path, report.backend.as_str()), (egru::Path::Naive, "flex"));
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
    let mut paths = Paths::default();
    let config = ModelConfig { layers: vec![4], cell: config(), ..Default::default() };
    SequenceModel::<Egru>::init(&config, 2, 3, &Device::flex()).unwrap().visit(&mut paths);
    let cell = "stack.layers.0.cell";
    let expected = [
        format!("{cell}.weights.w"),
        format!("{cell}.weights.r"),
        format!("{cell}.weights.bias_w"),
        format!("{cell}.weights.bias_r"),
        format!("{cell}.threshold.theta"),
        "head.weight".into(),
        "head.bias".into(),
    ];
    assert_eq!(paths.1, expected);
}
