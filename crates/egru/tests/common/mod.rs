//! Shared by the tests: devices, deterministic inputs, comparison.
#![allow(dead_code, unused_imports)] // every test binary uses a part of it

#[path = "../../../egru-ops/tests/common/devices.rs"]
mod devices;

use burn::tensor::{Device, Distribution, Tensor};

pub use devices::devices;

/// Normal values from a fixed seed; large enough that units fire.
pub fn input(shape: [usize; 3], device: &Device) -> Tensor<3> {
    device.seed(11);
    Tensor::random(shape, Distribution::Normal(0.0, 1.5), device)
}

pub fn values<const D: usize>(tensor: &Tensor<D>) -> Vec<f32> {
    tensor.clone().into_data().iter::<f32>().collect()
}

/// Equal to rounding, relative to the larger of 1 and the value.
#[track_caller]
pub fn assert_close<const D: usize>(got: &Tensor<D>, expected: &Tensor<D>, what: &str) {
    assert_eq!(got.dims(), expected.dims(), "{what}: shapes");
    for (k, (a, b)) in values(got).into_iter().zip(values(expected)).enumerate() {
        assert!((a - b).abs() <= 1e-5 * b.abs().max(1.0), "{what}[{k}]: {a} is not {b}");
    }
}

#[track_caller]
pub fn assert_same<const D: usize>(got: &Tensor<D>, expected: &Tensor<D>, what: &str) {
    assert_eq!(got.dims(), expected.dims(), "{what}: shapes");
    assert_eq!(values(got), values(expected), "{what}");
}
