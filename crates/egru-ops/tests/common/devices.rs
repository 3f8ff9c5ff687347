//! What the tests of all crates run on.

use std::io::Write as _;
use std::sync::Once;

use burn::tensor::Device;

/// A device of every backend of this build, by name; says once, past the capture of test output, which they are.
#[allow(deprecated)] // burn-ndarray and burn-tch, by upstream
pub fn devices() -> Vec<(&'static str, Device)> {
    let devices = vec![
        ("flex", Device::flex()),
        ("ndarray", Device::ndarray()),
        #[cfg(feature = "wgpu")]
        ("wgpu", Device::wgpu(Default::default())),
        #[cfg(feature = "cuda")]
        ("cuda", Device::cuda(0)),
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
