//! What the GPU backends share: devices by number, and what to do where there is none.

use burn::tensor::{Device, DeviceType};
use egru_cli::BackendEntry;

/// A GPU backend, by the name of its feature.
pub(crate) const fn gpu(
    name: &'static str,
    description: &'static str,
    compiled: bool,
    device: fn(&str) -> Result<Device, String>,
    devices: fn() -> Vec<(String, String)>,
) -> BackendEntry {
    BackendEntry {
        name,
        feature: name,
        description,
        compiled,
        device,
        devices,
        set_threads: |_| (),
    }
}

/// The device of an index among those found; `default` opens the one to take when none is given.
pub(crate) fn pick(
    kind: DeviceType,
    index: &str,
    remedy: &str,
    default: impl FnOnce() -> Result<Device, String>,
) -> Result<Device, String> {
    let found = Device::enumerate(kind).into_vec();
    if found.is_empty() {
        return Err(format!("none is found on this machine; {remedy}"));
    }
    if index.is_empty() {
        return default();
    }
    let count = found.len();
    index.parse().ok().and_then(|n: usize| found.into_iter().nth(n)).ok_or_else(|| {
        format!("this machine has {count}, of index 0 to {} (`devices` lists them)", count - 1)
    })
}

/// The devices found, by index and the name that each gives itself.
pub(crate) fn list(kind: DeviceType) -> Vec<(String, String)> {
    let found = Device::enumerate(kind).into_vec();
    let named = found.iter().enumerate().map(|(index, device)| {
        let name = device.identity().map_or_else(|| format!("{device:?}"), |known| known.name);
        (index.to_string(), name)
    });
    named.collect()
}
