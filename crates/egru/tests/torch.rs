//! Conversion from and to the layout of `torch.nn.GRU`.

mod common;

use burn::nn::gru::GruConfig;
use burn::tensor::{Device, Tensor};
use common::{assert_close, assert_same, devices, input};
use egru::cells::{Egru, Gru, Lstm};
use egru::{Cell, CellError, Layer, swap_order, torch::TorchGru};

const C: usize = 3;
const H: usize = 2;

#[test]
fn round_trip_is_exact_and_keeps_parameters() {
    for (_, device) in devices() {
        let device = device.autodiff();
        device.seed(8);
        let egru = Egru::init(&Default::default(), C, H, &device).unwrap();
        let torch = TorchGru::from_weights(&egru.weights).unwrap();
        let other = Egru::init(&Default::default(), C, H, &device).unwrap();
        let id = other.weights.r.id;
        let back = torch.into_weights(other.weights).unwrap();
        assert_same(&back.w.val(), &egru.weights.w.val(), "w");
        assert_same(&back.r.val(), &egru.weights.r.val(), "r");
        assert_same(&back.bias_w.val(), &egru.weights.bias_w.val(), "bias_w");
        assert_same(&back.bias_r.val(), &egru.weights.bias_r.val(), "bias_r");
        assert_eq!(back.r.id, id);
        assert!(back.r.val().is_require_grad() && back.r.val().device().is_autodiff());
    }
}

/// One unit per gate in PyTorch's order, worked out with its formulas:
/// `r = s(W_ir x + W_hr h)`, `z = s(W_iz x + W_hz h)`, `n = tanh(W_in x + r*(W_hn h + b_hn))`,
/// `h' = (1-z)*n + z*h`.
#[test]
fn one_unit_by_hand() {
    let device = Device::flex();
    let weights = Gru::init(&Default::default(), 1, 1, &device).unwrap().weights;
    let torch = TorchGru {
        weight_ih: Tensor::from_floats([[0.5], [-1.0], [2.0]], &device),
        weight_hh: Tensor::from_floats([[0.3], [0.7], [-0.4]], &device),
        bias_ih: Tensor::from_floats([0.1, 0.2, -0.3], &device),
        bias_hh: Tensor::from_floats([0.0, -0.1, 0.6], &device),
    };
    let layer = Layer::new(Gru { weights: torch.into_weights(weights).unwrap() });
    let x = Tensor::<3>::from_floats([[[0.8]], [[-0.5]]], &device);
    let (y, _) = layer.forward(x, None);
    let s = |v: f64| 1.0 / (1.0 + (-v).exp());
    let mut h = 0.0;
    let mut expected = Vec::new();
    for x in [0.8, -0.5] {
        let r = s(0.5 * x + 0.1 + 0.3 * h);
        let z = s(-x + 0.2 + 0.7 * h - 0.1);
        let n = (2.0 * x - 0.3 + r * (-0.4 * h + 0.6)).tanh();
        h = (1.0 - z) * n + z * h;
        expected.push(h as f32);
    }
    let expected = Tensor::<1>::from_floats(expected.as_slice(), &device).reshape([2, 1, 1]);
    assert_close(&y, &expected, "h");
}

/// Another implementation of the same equations.
#[test]
fn agrees_with_burn_nn() {
    for (_, device) in devices() {
        device.seed(6);
        let gru = Gru::init(&Default::default(), C, H, &device).unwrap();
        let torch = TorchGru::from_weights(&gru.weights).unwrap();
        let mut burn = GruConfig::new(C, H, true).with_reset_after(true).init(&device);
        let [r, z, n] = [0, 1, 2].map(|k| {
            let rows = |matrix: &Tensor<2>| matrix.clone().narrow(0, k * H, H).transpose();
            let part = |bias: &Tensor<1>| bias.clone().narrow(0, k * H, H);
            (
                rows(&torch.weight_ih),
                rows(&torch.weight_hh),
                part(&torch.bias_ih),
                part(&torch.bias_hh),
            )
        });
        let gates =
            [(&mut burn.reset_gate, r), (&mut burn.update_gate, z), (&mut burn.new_gate, n)];
        for (gate, (w, u, b, c)) in gates {
            let (input, hidden) = (&mut gate.input_transform, &mut gate.hidden_transform);
            input.weight = input.weight.clone().map(|_| w);
            hidden.weight = hidden.weight.clone().map(|_| u);
            input.bias = input.bias.clone().map(|bias| bias.map(|_| b));
            hidden.bias = hidden.bias.clone().map(|bias| bias.map(|_| c));
        }
        let x = input([6, 4, C], &device);
        let (y, _) = Layer::new(gru).forward(x.clone(), None);
        let expected = swap_order(burn.forward(swap_order(x), None));
        assert_close(&y, &expected, "h");
    }
}

#[test]
fn other_shapes_are_refused() {
    let device = Device::flex();
    let lstm = Lstm::init(&Default::default(), C, H, &device).unwrap();
    assert!(matches!(TorchGru::from_weights(&lstm.weights), Err(CellError::Config { .. })));
    let small = Gru::init(&Default::default(), C, H, &device).unwrap();
    let large = Gru::init(&Default::default(), C, H + 1, &device).unwrap();
    let refused = TorchGru::from_weights(&small.weights).unwrap().into_weights(large.weights);
    assert!(matches!(refused, Err(CellError::Shape { tensor, .. }) if tensor == "weight_ih"));
}
