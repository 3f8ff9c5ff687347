//! What every cell must satisfy, on every CPU backend.

mod common;

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use common::{assert_close, devices, input, values};
use egru::cells::{Egru, Elstm, EventConfig, GatedConfig, Gru, Lstm};
use egru::events::{EgruParams, Threshold};
use egru::{
    Cell, CellError, EgruConfig, Execution, Form, GruConfig, Keep, Layer, LayerConfig,
    SequenceOptions, SequenceOutput, swap_order, testing,
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
fn by_steps<C: Cell>(layer: &Layer<C>, x: &Tensor<3>, draws: &C::Draws) -> SequenceOutput {
    let mut state = layer.cell.zero_state(B);
    let mut steps = Vec::new();
    for t in 0..T {
        let x = x.clone().narrow(0, t, 1).squeeze_dim(0);
        let (output, next) = layer.step(x, state, draws, t, Execution::default()).unwrap();
        steps.push(output);
        state = next;
    }
    SequenceOutput::stack(steps, Keep::ALL)
}

macro_rules! every_cell {
    ($($test:ident: $cell:ty, $config:expr;)+) => {$(
        mod $test {
            use super::*;

            #[test]
            fn conforms() {
                for (_, device) in devices() {
                    testing::check_cell::<$cell>(&$config(0.0, 0.0), &device);
                    testing::check_cell::<$cell>(&$config(0.3, 0.4), &device);
                }
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
            let trace = output.events.expect("an event-based cell").trace.expect("kept");
            let loss = (output.y * 2.0 + output.c.expect("kept") + trace * 3.0).square().sum();
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
        let options = SequenceOptions::keeping(Keep::ALL);
        let sequence = layer.forward_with(x.clone(), None, &draws, &options).unwrap();
        assert_eq!(sequence.form.form, Form::Fused);
        let sequence = gradients(sequence.output);
        let steps = gradients(by_steps(&layer, &x, &draws));
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
    let options = SequenceOptions::keeping(Keep::ALL);
    let output = layer.forward_with(x.clone(), None, &layer.draw(T, B), &options).unwrap().output;
    let all_c = output.c.expect("kept");
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
        assert_close(&c, &all_c.clone().narrow(0, t, 1).squeeze_dim(0), "c");
    }
}

#[test]
fn naive_and_fused_agree_on_the_elstm() {
    let device = Device::flex().autodiff();
    let layer = layer::<Elstm>(&events(0.0, 0.0), &device);
    let x = input([T, B, C], &device).require_grad();
    let run = |execution| {
        let options = SequenceOptions { execution, ..SequenceOptions::keeping(Keep::ALL) };
        let draws = layer.draw(T, B);
        let output = layer.forward_with(x.clone(), None, &draws, &options).unwrap().output;
        let grads = (output.y.clone().square().sum() + output.c.unwrap().sum()).backward();
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
    let draws = layer.draw(T, B);
    let run = |x: Tensor<3>, state, options: SequenceOptions| {
        layer.forward_with(x, state, &draws, &options).unwrap_err()
    };
    let wrong = run(Tensor::zeros([T, B, C + 1], &device), None, Default::default());
    assert!(matches!(wrong, CellError::Shape { tensor, .. } if tensor == "x"));
    let x = Tensor::<3>::zeros([T, B, C], &device);
    let state = layer.cell.zero_state(B + 1);
    let wrong = run(x.clone(), Some(state), Default::default());
    assert!(matches!(wrong, CellError::Shape { tensor, .. } if tensor == "state.h"));
    for lengths in [vec![1, 2], vec![1, 2, 0], vec![1, 2, T + 1]] {
        let wrong = run(x.clone(), None, SequenceOptions::with_lengths(lengths));
        assert!(matches!(wrong, CellError::Lengths { .. }));
    }
    let needs = Some(Tensor::zeros([T, B, C + 1], &device));
    let wrong = run(x, None, SequenceOptions { x_needs_grad: needs, ..Default::default() });
    assert!(matches!(wrong, CellError::Shape { tensor, .. } if tensor == "x_needs_grad"));
    let empty = run(Tensor::zeros([T, 0, C], &device), None, Default::default());
    assert!(matches!(empty, CellError::Config { field, .. } if field == "batch"));
    let unknown = serde_json::from_str::<EventConfig>(r#"{"treshold_mean": 0.1}"#);
    assert!(unknown.unwrap_err().to_string().contains("threshold_mean"));
}

#[test]
fn layers_are_made_by_burns_conventions() {
    let device = Device::flex();
    let config = EgruConfig::new(C, H).with_eps(1.7).with_zoneout(0.25).with_threshold_mean(0.1);
    assert_eq!(
        (config.cell.eps, config.cell.zoneout, config.cell.threshold_mean),
        (1.7, 0.25, 0.1)
    );
    device.seed(5);
    let layer = config.init(&device);
    device.seed(5);
    let same = Layer::<Egru>::init(&config.cell, C, H, &device).unwrap();
    assert_eq!(values(&layer.cell.weights.r.val()), values(&same.cell.weights.r.val()));
    let x = input([T, B, C], &device);
    let (y, state) = layer.forward(x.clone(), None);
    let out = same.forward_with(x, None, &same.draw(T, B), &Default::default()).unwrap();
    assert_eq!(values(&y), values(&out.output.y));
    assert_eq!(values(&state.trace), values(&out.state.trace));

    let by_name = LayerConfig::<Lstm>::new(C, H).with_cell(dense(0.0, 0.1));
    assert_eq!(by_name.init(&device).cell.size().hidden, H);
    assert!(GruConfig::new(C, 0).try_init(&device).is_err());
}

#[test]
#[should_panic(expected = "`x` has shape [9, 3, 5], expected [T = 9, B = 3, C = 4]")]
fn forward_panics_with_the_error() {
    let device = Device::flex();
    GruConfig::new(C, H).init(&device).forward(Tensor::zeros([T, B, C + 1], &device), None);
}

#[test]
fn batch_first_data_is_swapped_outside() {
    let device = Device::flex();
    let x = input([T, B, C], &device);
    let swapped = swap_order(x.clone());
    assert_eq!(swapped.dims(), [B, T, C]);
    let at = |series: &Tensor<3>, a: usize, b: usize| {
        values(&series.clone().slice([a..a + 1, b..b + 1]))
    };
    assert_eq!(at(&swapped, 2, 5), at(&x, 5, 2));
    assert_eq!(values(&swap_order(swapped)), values(&x));
}
