//! Shared by the tests: devices, deterministic inputs, comparison.
#![allow(dead_code)] // every test binary uses a part of it

use std::io::Write as _;
use std::sync::Once;

use burn::tensor::{Device, Distribution, Tensor};

/// The backends of this build, by name; says once, past the capture of test output, which they are.
#[allow(deprecated)] // burn-ndarray and burn-tch, by upstream
pub fn devices() -> Vec<(&'static str, Device)> {
    let devices = vec![
        ("flex", Device::flex()),
        ("ndarray", Device::ndarray()),
        #[cfg(feature = "wgpu")]
        ("wgpu", Device::wgpu(Default::default())),
        #[cfg(feature = "tch")]
        ("tch", Device::libtorch()),
    ];
    static TOLD: Once = Once::new();
    TOLD.call_once(|| {
        let names: Vec<_> = devices.iter().map(|(name, _)| *name).collect();
        let line = format!("backends under test: {}\n", names.join(", "));
        std::io::stderr().write_all(line.as_bytes()).unwrap();
    });
    devices
}

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
