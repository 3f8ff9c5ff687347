//! What every cell must satisfy, on every CPU backend.

mod common;

use burn::module::Module;
use burn::tensor::{Device, Int, Tensor};
use common::{assert_close, assert_same, devices, input, values};
use egru::cells::{Egru, Elstm, EventConfig, GatedConfig, Gru, Lstm};
use egru::events::{EgruParams, Threshold};
use egru::{
    Cell, CellError, CellState, Execution, Layer, Order, Path, SequenceOptions, SequenceOutput,
};

const T: usize = 9;
const B: usize = 3;
const C: usize = 4;
const H: usize = 7;

fn events(zoneout: f64, dropconnect: f64) -> EventConfig {
    EventConfig { zoneout, dropconnect, threshold_mean: 0.2, gain: 2.0, ..EventConfig::default() }
}

fn dense(zoneout: f64, dropconnect: f64) -> GatedConfig {
    GatedConfig { zoneout, dropconnect, gain: 2.0 }
}

fn layer<C: Cell>(config: &C::Config, device: &Device) -> Layer<C> {
    device.seed(5);
    Layer::init(config, self::C, H, device).expect("valid configuration")
}

/// Loops over `Layer::step` with the same draws.
fn by_steps<C: Cell>(
    layer: &Layer<C>,
    x: &Tensor<3>,
    draws: &C::Draws,
) -> (SequenceOutput, C::State) {
    let mut state = layer.cell.zero_state(B);
    let mut steps = Vec::new();
    for t in 0..T {
        let x = x.clone().narrow(0, t, 1).squeeze_dim(0);
        let (output, next) = layer.step(x, state, draws, t, Execution::default()).unwrap();
        steps.push(output);
        state = next;
    }
    (SequenceOutput::stack(steps), state)
}

fn assert_outputs_close(got: &SequenceOutput, expected: &SequenceOutput) {
    assert_close(&got.y, &expected.y, "y");
    assert_close(&got.c, &expected.c, "c");
    assert_eq!(got.events.is_some(), expected.events.is_some());
    if let (Some(got), Some(expected)) = (&got.events, &expected.events) {
        assert_close(&got.o, &expected.o, "o");
        assert_close(&got.trace, &expected.trace, "trace");
        assert_close(&got.window, &expected.window, "window");
    }
}

fn assert_states_close<S: CellState>(got: S, expected: S) {
    let both = got.into_tensors().into_iter().zip(expected.into_tensors());
    for ((got, expected), name) in both.zip(S::NAMES) {
        assert_close(&got, &expected, name);
    }
}

/// In training, with random masks: step after step gives what the sequence gives.
fn streaming_equals_sequence<C: Cell>(config: &C::Config) {
    for (name, device) in devices() {
        let device = device.autodiff();
        let layer = layer::<C>(config, &device);
        let x = input([T, B, self::C], &device);
        let draws = layer.draw(T, B);
        let zero = layer.cell.zero_state(B);
        let (output, state, _) =
            layer.forward_with(x.clone(), zero, &draws, &SequenceOptions::default()).unwrap();
        let (steps, last) = by_steps(&layer, &x, &draws);
        assert_outputs_close(&steps, &output);
        assert_states_close(last, state);
        assert!(values(&output.y).iter().any(|&y| y != 0.0), "{name}: something happens");
    }
}

/// Each sample of a batch with lengths equals the same sample cut to its length and run alone, and
/// what lies behind its end has no effect, forward or backward.
fn lengths_equal_shorter_sequences<C: Cell>(config: &C::Config) {
    let lengths = [4, T, 1];
    for (_, device) in devices() {
        let layer = layer::<C>(config, &device.clone().autodiff());
        let x = input([T, B, self::C], &layer.cell.device()).require_grad();
        let options = SequenceOptions::with_lengths(lengths);
        let (output, state, _) = layer.forward(x.clone(), None, &options).unwrap();
        let loss = output.y.clone().sum() + output.c.clone().sum();
        let gradient = x.grad(&loss.backward()).expect("the input is tracked");
        for (b, &length) in lengths.iter().enumerate() {
            let alone = x.clone().detach().slice([0..length, b..b + 1]);
            let (short, last, _) = layer.forward(alone, None, &SequenceOptions::default()).unwrap();
            let cut = |series: &Tensor<3>| series.clone().slice([0..length, b..b + 1]);
            assert_close(&cut(&output.y), &short.y, "y");
            assert_close(&cut(&output.c), &short.c, "c");
            let sample = Tensor::<1, Int>::from_ints([b as i64], &device);
            assert_states_close(state.clone().select(sample), last);
            if length < T {
                let rest = |series: &Tensor<3>| series.clone().slice([length..T, b..b + 1]);
                assert!(values(&rest(&output.y)).iter().all(|&y| y == 0.0), "silent past the end");
                assert!(
                    values(&rest(&gradient)).iter().all(|&g| g == 0.0),
                    "no gradient past the end"
                );
                let held = output.c.clone().slice([length - 1..length, b..b + 1]);
                assert_same(&rest(&output.c), &held.expand([T - length, 1, H]), "c is held");
            }
        }
    }
}

/// Batch-first is the transpose of time-first.
fn orders_agree<C: Cell>(config: &C::Config) {
    let layer = layer::<C>(config, &Device::flex());
    let x = input([T, B, self::C], &layer.cell.device());
    let options = SequenceOptions::with_lengths([4, T, 1]);
    let (time_first, state, _) = layer.forward(x.clone(), None, &options).unwrap();
    let layer = layer.with_order(Order::BatchFirst);
    let (batch_first, same, _) = layer.forward(x.swap_dims(0, 1), None, &options).unwrap();
    assert_outputs_close(&batch_first.swap_order(), &time_first);
    assert_states_close(same, state);
}

macro_rules! every_cell {
    ($($test:ident: $cell:ty, $config:expr;)+) => {$(
        mod $test {
            use super::*;

            #[test]
            fn streaming_equals_sequence() {
                super::streaming_equals_sequence::<$cell>(&$config(0.3, 0.4));
            }

            #[test]
            fn lengths_equal_shorter_sequences() {
                super::lengths_equal_shorter_sequences::<$cell>(&$config(0.0, 0.0));
            }

            #[test]
            fn orders_agree() {
                super::orders_agree::<$cell>(&$config(0.3, 0.0));
            }
        }
    )+};
}

every_cell! {
    egru_cell: Egru, events;
    elstm_cell: Elstm, events;
    gru_cell: Gru, dense;
    lstm_cell: Lstm, dense;
}

#[test]
fn egru_gradients_agree_between_steps_and_sequence() {
    for (_, device) in devices() {
        let layer = layer::<Egru>(&events(0.2, 0.3), &device.autodiff());
        let x = input([T, B, C], &layer.cell.device()).require_grad();
        let draws = layer.draw(T, B);
        let gradients = |output: SequenceOutput| {
            let trace = output.events.expect("an event-based cell").trace;
            let loss = (output.y * 2.0 + output.c + trace * 3.0).square().sum();
            let grads = loss.backward();
            let weights = &layer.cell.weights;
            (
                x.grad(&grads).unwrap(),
                weights.w.val().grad(&grads).unwrap(),
                weights.r.val().grad(&grads).unwrap(),
                weights.bias_r.val().grad(&grads).unwrap(),
                layer.cell.threshold.theta.val().grad(&grads).unwrap(),
            )
        };
        let zero = layer.cell.zero_state(B);
        let options = SequenceOptions::default();
        let (sequence, _, path) = layer.forward_with(x.clone(), zero, &draws, &options).unwrap();
        assert_eq!(path.path, Path::Fused);
        let sequence = gradients(sequence);
        let steps = gradients(by_steps(&layer, &x, &draws).0);
        // Sums of squares grow with the number of terms, so does their rounding.
        let scale = |t: Tensor<2>| t / 100.0;
        assert_close(&(steps.0 / 100.0), &(sequence.0 / 100.0), "dx");
        assert_close(&scale(steps.1), &scale(sequence.1), "dW");
        assert_close(&scale(steps.2), &scale(sequence.2), "dR");
        assert_close(&(steps.3 / 100.0), &(sequence.3 / 100.0), "db_R");
        assert_close(&(steps.4 / 100.0), &(sequence.4 / 100.0), "dtheta");
    }
}

/// The fused operation is the composition that the documentation says it is.
#[test]
fn egru_is_the_event_part_over_a_gru() {
    let device = Device::flex();
    let layer = layer::<Egru>(&events(0.0, 0.0), &device);
    let gru = Layer::new(Gru { weights: layer.cell.weights.clone() });
    let x = input([T, B, C], &device);
    let (output, ..) = layer.forward(x.clone(), None, &SequenceOptions::default()).unwrap();
    // A GRU whose memory path starts from c and whose recurrent path starts from y.
    let (mut c, mut y) = (Tensor::<2>::zeros([B, H], &device), Tensor::<2>::zeros([B, H], &device));
    for t in 0..T {
        let x = x.clone().narrow(0, t, 1);
        let a = gru.cell.weights.project(x).squeeze_dim::<2>(0);
        let k = gru.cell.weights.feed_back(y, &gru.draw(1, B));
        let part = |series: &Tensor<2>, n: usize| series.clone().narrow(1, n * H, H);
        let z = burn::tensor::activation::sigmoid(part(&a, 0) + part(&k, 0));
        let r = burn::tensor::activation::sigmoid(part(&a, 1) + part(&k, 1));
        let g = (part(&a, 2) + r * part(&k, 2)).tanh();
        let fired = layer.cell.threshold.fire(z.clone() * c + (z.neg() + 1.0) * g);
        (c, y) = (fired.c, fired.y);
        assert_close(&y, &output.y.clone().narrow(0, t, 1).squeeze_dim(0), "y");
        assert_close(&c, &output.c.clone().narrow(0, t, 1).squeeze_dim(0), "c");
    }
}

#[test]
fn naive_and_fused_agree_on_the_elstm() {
    let device = Device::flex().autodiff();
    let layer = layer::<Elstm>(&events(0.0, 0.0), &device);
    let x = input([T, B, C], &device).require_grad();
    let run = |execution| {
        let options = SequenceOptions { execution, ..SequenceOptions::default() };
        let (output, ..) = layer.forward(x.clone(), None, &options).unwrap();
        let grads = (output.y.clone().square().sum() + output.c.sum()).backward();
        let theta = layer.cell.threshold.theta.val().grad(&grads).unwrap();
        (output.y, x.grad(&grads).unwrap(), layer.cell.weights.r.val().grad(&grads).unwrap(), theta)
    };
    let fused = run(Execution::fused(egru::Products::Events));
    let naive = run(Execution::naive());
    assert_close(&fused.0, &naive.0, "y");
    assert_close(&fused.1, &naive.1, "dx");
    assert_close(&fused.2, &naive.2, "dR");
    assert_close(&fused.3, &naive.3, "dtheta");
}

#[test]
fn zoneout_in_evaluation_is_the_expectation() {
    let device = Device::flex();
    let layer = layer::<Gru>(&dense(0.25, 0.9), &device);
    let draws = layer.draw(1, B);
    assert!(draws.dropconnect.is_none(), "nothing is dropped in evaluation");
    let new = Tensor::<2>::ones([B, H], &device);
    let old = new.zeros_like();
    assert_close(&draws.zone_out(0, new, old), &Tensor::full([B, H], 0.75, &device), "mix");
}

#[test]
fn zoneout_masks_differ_between_steps() {
    let device = Device::flex().autodiff();
    let layer = layer::<Egru>(&events(0.5, 0.5), &device);
    let draws = layer.draw(2, 16);
    let ones = Tensor::<2>::ones([16, H], &device);
    let at = |t| values(&draws.zone_out(t, ones.clone(), ones.zeros_like()));
    assert_ne!(at(0), at(1));
    let dropped = values(&draws.dropconnect.expect("training"));
    assert!(dropped.iter().all(|&w| w == 0.0 || w == 2.0), "rescaled");
    assert!(dropped.contains(&0.0) && dropped.contains(&2.0));
    assert!(layer.valid().draw(2, 16).dropconnect.is_none(), "`valid` turns it off");
}

#[test]
fn thresholds_follow_the_beta_distribution_and_the_seed() {
    let device = Device::flex();
    let theta = |seed| {
        device.seed(seed);
        values(&Threshold::init(0.3, EgruParams::default(), 4000, &device).unwrap().value())
    };
    let (first, again, other) = (theta(1), theta(1), theta(2));
    assert_eq!(first, again);
    assert_ne!(first, other);
    let mean = first.iter().sum::<f32>() / 4000.0;
    // Beta(9/7, 3) has the variance m(1-m)/(1 + 9/7 + 3) = 0.0397.
    let variance = first.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / 4000.0;
    assert!((mean - 0.3).abs() < 0.012, "mean {mean}");
    assert!((variance - 0.0397).abs() < 0.004, "variance {variance}");
}

#[test]
fn thresholds_are_clamped_and_stay_trainable() {
    let device = Device::flex().autodiff();
    let mut layer = layer::<Egru>(&events(0.0, 0.0), &device);
    let outside = Tensor::from_floats([-0.5, 0.0, 0.3, 0.9, 1.0, 1.2, 7.0], &device);
    layer.cell.threshold.theta = layer.cell.threshold.theta.map(|_| outside.require_grad());
    let inside = [0.0, 0.0, 0.3, 0.9, 1.0, 1.0, 1.0];
    assert_eq!(values(&layer.cell.threshold.value()), inside);
    let grads = layer.cell.threshold.value().sum().backward();
    let gradient = layer.cell.threshold.theta.val().grad(&grads).unwrap();
    assert_eq!(values(&gradient), [1.0; H]);
    let id = layer.cell.threshold.theta.id;
    let layer = layer.constrain();
    assert_eq!(values(&layer.cell.threshold.theta.val()), inside);
    assert_eq!(layer.cell.threshold.theta.id, id);
    assert!(layer.cell.threshold.theta.val().is_require_grad());
}

#[test]
fn bad_input_is_refused_by_name() {
    let device = Device::flex();
    let config = EventConfig { zoneout: 1.5, ..EventConfig::default() };
    let error = Egru::init(&config, 2, 3, &device).unwrap_err();
    assert_eq!(error.to_string(), "`zoneout` is 1.5, expected a probability in [0, 1)");
    let error =
        Egru::init(&EventConfig { threshold_mean: -0.2465, ..Default::default() }, 2, 3, &device);
    assert!(matches!(error, Err(CellError::Config { field, .. }) if field == "threshold_mean"));
    assert!(matches!(Gru::init(&dense(0.0, 0.0), 2, 0, &device), Err(CellError::Config { .. })));

    let layer = layer::<Gru>(&dense(0.0, 0.0), &device);
    let wrong = layer.forward(Tensor::zeros([T, B, C + 1], &device), None, &Default::default());
    assert!(matches!(wrong, Err(CellError::Shape { tensor, .. }) if tensor == "x"));
    let x = Tensor::<3>::zeros([T, B, C], &device);
    let state = layer.cell.zero_state(B + 1);
    let wrong = layer.forward(x.clone(), Some(state), &Default::default());
    assert!(matches!(wrong, Err(CellError::Shape { tensor, .. }) if tensor == "state.h"));
    for lengths in [vec![1, 2], vec![1, 2, 0], vec![1, 2, T + 1]] {
        let wrong = layer.forward(x.clone(), None, &SequenceOptions::with_lengths(lengths));
        assert!(matches!(wrong, Err(CellError::Lengths { .. })));
    }
    let empty = layer.forward(Tensor::zeros([T, 0, C], &device), None, &Default::default());
    assert!(matches!(empty, Err(CellError::Config { field, .. }) if field == "batch"));
    let unknown = serde_json::from_str::<EventConfig>(r#"{"treshold_mean": 0.1}"#);
    assert!(unknown.unwrap_err().to_string().contains("threshold_mean"));
}
