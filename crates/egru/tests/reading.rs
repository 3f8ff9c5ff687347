//! The loss by chunks against the plain one, in value and in every gradient.

mod common;

use burn::nn::loss::CrossEntropyLossConfig;
use burn::tensor::{DType, Device, Distribution, Int, Tensor};
use common::{devices, values};
use egru::{CellError, Execution, Products, Reading};

/// A reading before a head, with its leaves.
struct Case {
    values: Tensor<2>,
    weight: Tensor<2>,
    bias: Tensor<1>,
    window: Tensor<2>,
    classes: Vec<usize>,
}

impl Case {
    /// Mostly zero values, as of events, and a window around them.
    fn new([rows, hidden, outputs]: [usize; 3], dtype: DType, device: &Device) -> Self {
        device.seed(9);
        let normal = |shape: [usize; 2], deviation| {
            Tensor::<2>::random(shape, Distribution::Normal(0.0, deviation), device).cast(dtype)
        };
        let values = normal([rows, hidden], 2.0);
        let values = values.clone().mask_fill(values.lower_elem(1.0), 0.0);
        let near = normal([rows, hidden], 1.0).greater_elem(0.5);
        let window = values.clone().not_equal_elem(0.0).float().cast(dtype).mask_fill(near, 1.0);
        Self {
            values: values.detach().require_grad(),
            weight: normal([hidden, outputs], 0.5).require_grad(),
            bias: normal([1, outputs], 0.5).squeeze_dim::<1>(0).detach().require_grad(),
            window: window.detach(),
            classes: (0..rows).map(|row| row * row % outputs).collect(),
        }
    }

    /// Through operations on either side, so that neither operand is a leaf and the loss is not the end.
    fn gradients(
        &self,
        loss: impl Fn(Reading) -> Tensor<1>,
        execution: Execution,
        needs_grad: bool,
    ) -> (f64, [Vec<f64>; 3]) {
        // What made the events multiplies the gradient by zero outside the window.
        let values = self.values.clone() * self.window.clone();
        let reading = Reading::new(values, self.weight.clone(), self.bias.clone())
            .with_needs_grad(needs_grad.then(|| self.window.clone()))
            .with_execution(execution);
        let loss = loss(reading);
        let grads = (loss.clone() * 0.25).backward();
        let read = |tensor: Option<Tensor<2>>| {
            tensor.expect("a gradient").into_data().iter::<f64>().collect::<Vec<_>>()
        };
        let bias = self.bias.grad(&grads).map(Tensor::unsqueeze);
        let gradients =
            [read(self.values.grad(&grads)), read(self.weight.grad(&grads)), read(bias)];
        (loss.into_scalar::<f64>(), gradients)
    }

    fn plain(&self) -> (f64, [Vec<f64>; 3]) {
        let whole = |reading: Reading| {
            let logits = reading.logits().unwrap();
            let labels = labels(&self.classes, &logits.device());
            let mean = CrossEntropyLossConfig::new().init(&logits.device()).forward(logits, labels);
            mean * self.classes.len() as f64
        };
        self.gradients(whole, Execution::naive(), false)
    }
}

fn labels(classes: &[usize], device: &Device) -> Tensor<1, Int> {
    let labels: Vec<i64> = classes.iter().map(|&class| class as i64).collect();
    Tensor::from_ints(labels.as_slice(), device)
}

#[track_caller]
fn assert_close(got: &[f64], expected: &[f64], tolerance: f64, what: &str) {
    assert_eq!(got.len(), expected.len(), "{what}");
    let scale = expected.iter().fold(0.0f64, |scale, value| scale.max(value.abs()));
    assert!(scale > 0.0, "{what} is zero");
    for (k, (a, b)) in got.iter().zip(expected).enumerate() {
        let bound = tolerance * (scale + b.abs());
        assert!((a - b).abs() <= bound, "{what}[{k}]: {a} is not {b}, largest {scale}");
    }
}

fn agrees_with_the_plain_loss(dtype: DType, tolerance: f64) {
    for (name, device) in devices() {
        // The operations do not compute in double precision there, whatever the device says it holds.
        if dtype == DType::F64 && name == "wgpu" {
            continue;
        }
        let device = device.autodiff();
        for rows in [1, 63, 590] {
            for outputs in [5, 1350] {
                let case = Case::new([rows, 24, outputs], dtype, &device);
                let (value, expected) = case.plain();
                for chunk in [1, 7, rows + 100] {
                    if chunk == 1 && rows * outputs > 100_000 {
                        continue; // the same code as with fewer rows, and slow in a debug build
                    }
                    for (execution, needs_grad) in [
                        (Execution::naive(), false),
                        (Execution::default(), false),
                        (Execution::fused(Products::Events), true),
                    ] {
                        let what = format!("{name}, {rows} x {outputs} by {chunk}, {execution:?}");
                        let chunked =
                            |reading: Reading| reading.cross_entropy(&case.classes, chunk).unwrap();
                        let got = case.gradients(chunked, execution, needs_grad);
                        assert_close(&[got.0], &[value], tolerance, &format!("{what}: loss"));
                        let names = ["values", "weight", "bias"];
                        for ((got, expected), name) in got.1.iter().zip(&expected).zip(names) {
                            assert_close(got, expected, tolerance, &format!("{what}: d{name}"));
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn agrees_with_the_plain_loss_in_f32() {
    agrees_with_the_plain_loss(DType::F32, 2e-6);
}

#[test]
fn agrees_with_the_plain_loss_in_f64() {
    agrees_with_the_plain_loss(DType::F64, 1e-14);
}

/// A weight with two uses: transposed in the head, as it is in another term.
#[test]
fn a_tied_weight_gets_both_gradients() {
    let device = Device::flex().autodiff();
    let case = Case::new([13, 6, 9], DType::F32, &device);
    let table = case.weight.clone().detach().transpose().detach().require_grad();
    let gradient = |chunked: bool| {
        let weight = table.clone().transpose();
        let reading = Reading::new(case.values.clone(), weight, case.bias.clone());
        let loss = if chunked {
            reading.cross_entropy(&case.classes, 4).unwrap()
        } else {
            let labels = labels(&case.classes, &device).unsqueeze_dim(1);
            let logits = burn::tensor::activation::log_softmax(reading.logits().unwrap(), 1);
            logits.gather(1, labels).sum().neg()
        };
        let grads = (loss + table.clone().square().sum()).backward();
        table.grad(&grads).unwrap().into_data().iter::<f64>().collect::<Vec<_>>()
    };
    assert_close(&gradient(true), &gradient(false), 2e-6, "dE");
}

#[test]
fn only_what_is_tracked_gets_a_gradient() {
    let device = Device::flex().autodiff();
    let case = Case::new([5, 6, 4], DType::F32, &device);
    let fixed = case.weight.clone().set_require_grad(false);
    let reading = Reading::new(case.values.clone(), fixed, case.bias.clone());
    let grads = reading.cross_entropy(&case.classes, 2).unwrap().backward();
    assert!(case.values.grad(&grads).is_some() && case.bias.grad(&grads).is_some());
    assert!(case.weight.grad(&grads).is_none());

    // What is read may be without a tape of its own.
    let given = case.values.clone().inner();
    let reading = Reading::new(given, case.weight.clone(), case.bias.clone());
    let grads = reading.cross_entropy(&case.classes, 2).unwrap().backward();
    assert!(case.values.grad(&grads).is_none());
    assert!(case.weight.grad(&grads).is_some() && case.bias.grad(&grads).is_some());

    // In evaluation there is the loss alone.
    let [values, weight] = [case.values.clone(), case.weight.clone()].map(Tensor::inner);
    let calm = Reading::new(values, weight, case.bias.clone().inner());
    let loss = calm.cross_entropy(&case.classes, 2).unwrap();
    assert!(!loss.is_autodiff());
    assert!((loss.into_scalar::<f64>() - case.plain().0).abs() < 1e-5);
}

/// Logits so large that their exponentials overflow, and so different that some underflow.
#[test]
fn large_logits_stay_finite() {
    let device = Device::flex().autodiff();
    let one = Tensor::<2>::ones([2, 1], &device).require_grad();
    let weight = Tensor::<2>::from_floats([[1000.0, -1000.0, 0.0]], &device).require_grad();
    let bias = Tensor::<1>::zeros([3], &device).require_grad();
    let reading = Reading::new(one.clone(), weight, bias.clone());
    let loss = reading.cross_entropy(&[0, 1], 1).unwrap();
    assert_eq!(loss.clone().into_scalar::<f32>(), 2000.0);
    let grads = loss.backward();
    assert_eq!(values(&bias.grad(&grads).unwrap().unsqueeze::<2>()), [1.0, -1.0, 0.0]);
    assert_eq!(values(&one.grad(&grads).unwrap()), [0.0, 2000.0]);
}

#[test]
fn rows_are_selected_with_their_window() {
    let device = Device::flex();
    let values_in = Tensor::<2>::from_floats([[1.0], [2.0], [3.0]], &device);
    let weight = Tensor::<2>::from_floats([[10.0, 20.0]], &device);
    let bias = Tensor::<1>::from_floats([0.5, 0.0], &device);
    let window = Tensor::<2>::from_floats([[1.0], [0.0], [1.0]], &device);
    let reading = Reading::new(values_in, weight, bias).with_needs_grad(Some(window));
    let picked = reading.select(&[2, 0]);
    assert_eq!(values(&picked.logits().unwrap()), [30.5, 60.0, 10.5, 20.0]);
    assert_eq!(values(picked.needs_grad.as_ref().unwrap()), [1.0, 1.0]);
    let middle = reading.slice(1..2);
    assert_eq!(values(&middle.logits().unwrap()), [20.5, 40.0]);
    assert_eq!(values(middle.needs_grad.as_ref().unwrap()), [0.0]);
}

#[test]
fn classes_that_do_not_fit_are_refused() {
    let device = Device::flex();
    let ones = Tensor::<2>::ones([2, 3], &device);
    let reading = Reading::new(ones.clone(), ones.transpose(), Tensor::zeros([2], &device));
    let refused = |classes: &[usize], chunk| match reading.cross_entropy(classes, chunk) {
        Err(CellError::Config { field, .. }) => field,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(&[0], 4), "classes");
    assert_eq!(refused(&[0, 2], 4), "classes");
    assert_eq!(refused(&[0, 1], 0), "chunk");
    assert!(reading.cross_entropy(&[0, 1], 4).is_ok());
}
