//! Stacks of layers.

mod common;

use burn::module::Module;
use burn::tensor::{Device, Int, Tensor};
use common::{assert_close, assert_same, devices, input, values};
use egru::cells::{Egru, EventConfig, Gru};
use egru::{
    CellError, CellState, Execution, FormChoice, Keep, Products, SequenceOptions, SequenceOutput,
    Stack, StackState,
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
        let out = stack.forward_with(x.clone(), None, &draws, &Default::default()).unwrap();
        let mut state = stack.zero_state(B);
        let mut top = Vec::new();
        for t in 0..T {
            let x = x.clone().narrow(0, t, 1).squeeze_dim(0);
            let (mut layers, next) = stack.step(x, state, &draws, t, Execution::default()).unwrap();
            top.push(layers.pop().expect("two layers"));
            state = next;
        }
        assert_close(&SequenceOutput::stack(top, Keep::OUTPUT).y, &out.layers[1].y, "y");
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
            let out = stack.forward_with(x.clone(), None, &draws, &options).unwrap();
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
    let stack = stack(0.0, &device);
    let x = input([T, B, C], &device);
    let (whole, last) = stack.forward(x.clone(), None);
    let (first, state) = stack.forward(x.clone().slice([0..3]), None);
    // Through the names that a checkpoint would store.
    let state = StackState::from_tensors(state.detach().into_tensors()).unwrap();
    let (second, state) = stack.forward(x.slice([3..T]), Some(state));
    assert_close(&Tensor::cat(vec![first, second], 0), &whole, "y");
    for ((name, a), (_, b)) in state.into_tensors().into_iter().zip(last.into_tensors()) {
        assert_close(&a, &b, &name);
    }
}

/// What is kept changes neither outputs nor gradients, and what was not asked for is not there.
#[test]
fn layers_keep_what_was_asked_for() {
    for (_, device) in devices() {
        let device = device.autodiff();
        let stack = stack(0.3, &device);
        let x = input([T, B, C], &device);
        let draws = stack.draw(T, B);
        let run = |keep| {
            let options = SequenceOptions { keep, ..SequenceOptions::with_lengths([T, 3, 6]) };
            let out = stack.forward_with(x.clone(), None, &draws, &options).unwrap();
            let grads = out.top().y.clone().square().sum().backward();
            let gradient = stack.layers[0].cell.weights.w.val().grad(&grads).unwrap();
            (out, gradient)
        };
        let (all, expected) = run(Keep::ALL);
        let (some, gradient) = run(Keep { c: true, ..Keep::OUTPUT });
        assert_same(&gradient, &expected, "dW");
        for (some, all) in some.layers.iter().zip(&all.layers) {
            assert_same(&some.y, &all.y, "y");
            assert_same(some.c.as_ref().unwrap(), all.c.as_ref().unwrap(), "c");
            let (some, all) = (some.events.as_ref().unwrap(), all.events.as_ref().unwrap());
            assert!(some.o.is_none() && some.trace.is_none() && some.window.is_none());
            assert!(all.o.is_some() && all.trace.is_some() && all.window.is_some());
        }
    }
}

#[test]
fn states_detach_select_and_refuse_other_architectures() {
    let device = Device::flex().autodiff();
    let stack = stack(0.0, &device);
    let x = input([T, B, C], &device);
    let state = stack.forward(x.clone(), None).1;
    assert!(state.layers[0].c.is_tracked());
    let names: Vec<String> =
        state.clone().into_tensors().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["0.c", "0.y", "0.trace", "1.c", "1.y", "1.trace"]);
    let emitted = state.clone().emitted().layers.remove(0);
    assert_eq!(emitted.c.abs().max().into_scalar::<f32>(), 0.0);
    emitted.y.into_data().assert_eq(&state.layers[0].y.clone().into_data(), true);
    emitted.trace.into_data().assert_eq(&state.layers[0].trace.clone().into_data(), true);
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
    let refused = stack.forward_with(x, Some(lower), &stack.draw(T, B), &Default::default());
    assert!(matches!(refused, Err(CellError::State { .. })));
}

#[test]
fn a_path_is_reported_or_refused() {
    let device = Device::flex();
    let stack = stack(0.0, &device);
    let x = input([T, B, C], &device);
    let form = |form| {
        let execution = Execution { form, ..Default::default() };
        let options = SequenceOptions { execution, ..Default::default() };
        stack.forward_with(x.clone(), None, &stack.draw(T, B), &options).unwrap().form.form
    };
    assert_eq!(form(FormChoice::Auto), egru::Form::Fused);
    assert_eq!(form(FormChoice::Naive), egru::Form::Naive);
    let dense = Stack::<Gru>::init(&Default::default(), C, &[4], 0.0, &device).unwrap();
    let draws = dense.draw(T, B);
    let report = dense.forward_with(x, None, &draws, &Default::default()).unwrap().form;
    assert_eq!((report.form, report.backend.as_str()), (egru::Form::Naive, "flex"));
}
