//! What every cell must satisfy, as checks that a cell from any crate can be put through in its tests.
//!
//! ```
//! use burn::tensor::Device;
//! use egru::{cells::{Elstm, EventConfig}, testing};
//!
//! let config = EventConfig { threshold_mean: 0.2, ..EventConfig::default() };
//! testing::check_cell::<Elstm>(&config, &Device::flex());
//! ```
//!
//! The checks seed the device's generator, and panic with the name of what does not agree.

use burn::tensor::{Device, Distribution, Int, Tensor};
use egru_ops::{Execution, Keep};

use crate::{
    Cell, CellState, Layer, SequenceOptions, SequenceOutput, StackState, StepOutput,
    error::or_panic,
};

const STEPS: usize = 9;
const BATCH: usize = 3;
const INPUT: usize = 4;
const HIDDEN: usize = 7;
/// Steps of each sample, where they differ.
const LENGTHS: [usize; BATCH] = [4, STEPS, 1];

/// All checks of this module. Choose a configuration in which units fire.
///
/// # Panics
/// When one of them fails.
pub fn check_cell<C: Cell>(config: &C::Config, device: &Device) {
    steps_equal_sequence::<C>(config, device);
    lengths_equal_shorter_sequences::<C>(config, device);
    kept_series_change_nothing::<C>(config, device);
    window_is_exact::<C>(config, device);
}

/// In training, with the same draws: step after step gives what the sequence gives, and something happens.
///
/// # Panics
/// If not.
pub fn steps_equal_sequence<C: Cell>(config: &C::Config, device: &Device) {
    let (layer, x) = layer::<C>(config, &device.clone().autodiff());
    let draws = layer.draw(STEPS, BATCH);
    let options = SequenceOptions::keeping(Keep::ALL);
    let out = or_panic(layer.forward_with(x.clone(), None, &draws, &options));
    let mut state = layer.cell.zero_state(BATCH);
    let mut steps: Vec<StepOutput> = Vec::new();
    for t in 0..STEPS {
        let x = x.clone().narrow(0, t, 1).squeeze_dim(0);
        let (output, next) = or_panic(layer.step(x, state, &draws, t, Execution::default()));
        steps.push(output);
        state = next;
    }
    assert_outputs_close(&SequenceOutput::stack(steps, Keep::ALL), &out.output);
    assert_states_close(state, out.state);
    assert!(values(&out.output.y).iter().any(|&y| y != 0.0), "all outputs are zero");
}

/// Each sample of a batch with lengths equals the same sample cut to its length and run alone, and what lies behind its
/// end has no effect, forward or backward. In evaluation, so that nothing is random, but with gradients.
///
/// # Panics
/// If not.
pub fn lengths_equal_shorter_sequences<C: Cell>(config: &C::Config, device: &Device) {
    let (layer, x) = layer::<C>(config, &device.clone().autodiff());
    let x = x.require_grad();
    let keep = Keep { c: true, ..Keep::OUTPUT };
    let calm = |steps, batch| layer.cell.draw(steps, batch, false);
    let run = |x, draws: &C::Draws, options: &SequenceOptions| {
        let out = or_panic(layer.forward_with(x, None, draws, options));
        (out.output.y, out.output.c.expect("`c` was asked for"), out.state)
    };
    let options = SequenceOptions { keep, ..SequenceOptions::with_lengths(LENGTHS) };
    let (y, c, state) = run(x.clone(), &calm(STEPS, BATCH), &options);
    let gradient = x.grad(&(y.clone().sum() + c.clone().sum()).backward());
    let gradient = gradient.expect("a gradient of the input");
    for (b, &length) in LENGTHS.iter().enumerate() {
        let cut = |series: &Tensor<3>| series.clone().slice([0..length, b..b + 1]);
        let alone =
            run(cut(&x.clone().detach()), &calm(length, 1), &SequenceOptions::keeping(keep));
        assert_close(&cut(&y), &alone.0, "y of a shorter sample");
        assert_close(&cut(&c), &alone.1, "c of a shorter sample");
        let sample = Tensor::<1, Int>::from_ints([b as i64], &y.device());
        assert_states_close(state.clone().select(sample), alone.2);
        if length < STEPS {
            let rest = |series: &Tensor<3>| series.clone().slice([length..STEPS, b..b + 1]);
            assert!(values(&rest(&y)).iter().all(|&y| y == 0.0), "y past a sample's end");
            let late = values(&rest(&gradient));
            assert!(late.iter().all(|&g| g == 0.0), "a gradient from past a sample's end");
            let held = c.clone().slice([length - 1..length, b..b + 1]);
            let held = held.expand([STEPS - length, 1, HIDDEN]);
            assert_eq!(values(&rest(&c)), values(&held), "c past a sample's end");
        }
    }
}

/// Output, state and gradients are the same whatever series are kept, and those that were asked for are there.
///
/// # Panics
/// If not.
pub fn kept_series_change_nothing<C: Cell>(config: &C::Config, device: &Device) {
    let (layer, x) = layer::<C>(config, &device.clone().autodiff());
    let x = x.require_grad();
    let draws = layer.draw(STEPS, BATCH);
    let run = |keep| {
        let options = SequenceOptions { keep, ..SequenceOptions::with_lengths(LENGTHS) };
        let out = or_panic(layer.forward_with(x.clone(), None, &draws, &options));
        let last = StackState { layers: vec![out.state.clone()] };
        let last = last.into_tensors().into_iter().map(|(_, tensor)| tensor.sum());
        let loss = last.fold(out.output.y.clone().square().sum(), |sum, last| sum + last);
        let gradient = x.grad(&loss.backward()).expect("a gradient of the input");
        (out.output, out.state, gradient)
    };
    let all = run(Keep::ALL);
    for bits in 0..16 {
        let keep = Keep {
            c: bits & 1 != 0,
            o: bits & 2 != 0,
            trace: bits & 4 != 0,
            window: bits & 8 != 0,
        };
        let some = run(keep);
        assert_eq!(values(&some.0.y), values(&all.0.y), "y with {keep:?}");
        assert_eq!(values(&some.2), values(&all.2), "dx with {keep:?}");
        assert_states_close(some.1, all.1.clone());
        assert_eq!(some.0.c.is_some(), keep.c, "c with {keep:?}");
        assert_eq!(some.0.events.is_some(), all.0.events.is_some(), "events with {keep:?}");
        if let Some(events) = &some.0.events {
            let kept = (events.o.is_some(), events.trace.is_some(), events.window.is_some());
            assert_eq!(kept, (keep.o, keep.trace, keep.window), "events with {keep:?}");
        }
    }
}

/// A gradient of `y` where the window is zero has no effect. Nothing is checked of a dense cell.
///
/// # Panics
/// If it has.
pub fn window_is_exact<C: Cell>(config: &C::Config, device: &Device) {
    let (layer, x) = layer::<C>(config, &device.clone().autodiff());
    let x = x.require_grad();
    let draws = layer.draw(STEPS, BATCH);
    let shape = [STEPS, BATCH, HIDDEN];
    let slope = Tensor::random(shape, Distribution::Normal(0.0, 1.0), &x.device());
    let keep = Keep { window: true, ..Keep::OUTPUT };
    let gradient = |only_in_window: bool| {
        let options = SequenceOptions::keeping(keep);
        let out = or_panic(layer.forward_with(x.clone(), None, &draws, &options));
        let window = out.output.events?.window.expect("`window` was asked for");
        let outside = if only_in_window { 0.0 } else { 1.0 };
        let slope = slope.clone().mask_where(window.equal_elem(0.0), slope.clone() * outside);
        x.grad(&(out.output.y * slope).sum().backward())
    };
    if let (Some(inside), Some(all)) = (gradient(true), gradient(false)) {
        assert_close(&inside, &all, "dx by a gradient outside the window");
    }
}

/// A new layer and an input in which units fire.
fn layer<C: Cell>(config: &C::Config, device: &Device) -> (Layer<C>, Tensor<3>) {
    device.seed(5);
    let layer = or_panic(Layer::init(config, INPUT, HIDDEN, device));
    let shape = [STEPS, BATCH, INPUT];
    (layer, Tensor::random(shape, Distribution::Normal(0.0, 1.5), device))
}

fn assert_outputs_close(got: &SequenceOutput, expected: &SequenceOutput) {
    let both =
        |got: &Option<Tensor<3>>, expected: &Option<Tensor<3>>, what: &str| match (got, expected) {
            (Some(got), Some(expected)) => assert_close(got, expected, what),
            (got, expected) => assert_eq!(got.is_some(), expected.is_some(), "{what} is there"),
        };
    assert_close(&got.y, &expected.y, "y");
    both(&got.c, &expected.c, "c");
    assert_eq!(got.events.is_some(), expected.events.is_some(), "events are there");
    if let (Some(got), Some(expected)) = (&got.events, &expected.events) {
        both(&got.o, &expected.o, "o");
        both(&got.trace, &expected.trace, "trace");
        both(&got.window, &expected.window, "window");
    }
}

fn assert_states_close<S: CellState>(got: S, expected: S) {
    let both = got.into_tensors().into_iter().zip(expected.into_tensors());
    for ((got, expected), name) in both.zip(S::NAMES) {
        assert_close(&got, &expected, &format!("the last {name}"));
    }
}

/// Equal to rounding, relative to the larger of 1 and the value.
fn assert_close<const D: usize>(got: &Tensor<D>, expected: &Tensor<D>, what: &str) {
    assert_eq!(got.dims(), expected.dims(), "the shape of {what}");
    for (k, (a, b)) in values(got).into_iter().zip(values(expected)).enumerate() {
        assert!((a - b).abs() <= 1e-5 * b.abs().max(1.0), "{what}[{k}]: {a} is not {b}");
    }
}

fn values<const D: usize>(tensor: &Tensor<D>) -> Vec<f32> {
    tensor.clone().into_data().iter::<f32>().collect()
}
