//! What the GPU backends share: devices by number, and what to do where there is none.

use burn::tensor::{Device, DeviceType};

/// Declares backends: a constant for each, the name of its feature, a line for people, Burn's kind of its devices, the
/// constructor of the one to take when none is named, and the remedy where there is none.
macro_rules! gpu {
    ($(
        $(#[$doc:meta])*
        $entry:ident = $name:literal, $description:literal, $kind:ident,
            $constructor:ident($argument:expr), $remedy:expr;
    )*) => {$(
        $(#[$doc])*
        pub(crate) const $entry: egru_cli::BackendEntry = {
            #[cfg(feature = $name)]
            fn device(index: &str) -> Result<egru_cli::Device, String> {
                crate::adapters::pick(burn::tensor::DeviceType::$kind, index, $remedy, || {
                    egru_cli::Device::$constructor($argument)
                })
            }
            #[cfg(feature = $name)]
            fn devices() -> Vec<(String, String)> {
                crate::adapters::list(burn::tensor::DeviceType::$kind)
            }
            #[cfg(feature = $name)]
            fn card(device: &egru_cli::Device) -> Option<String> {
                Some(crate::adapters::name(device))
            }
            #[cfg(not(feature = $name))]
            fn device(_index: &str) -> Result<egru_cli::Device, String> {
                Err("it is not compiled in".to_owned())
            }
            #[cfg(not(feature = $name))]
            fn devices() -> Vec<(String, String)> {
                Vec::new()
            }
            #[cfg(not(feature = $name))]
            fn card(_device: &egru_cli::Device) -> Option<String> {
                None
            }
            let compiled = cfg!(feature = $name);
            egru_cli::BackendEntry {
                card,
                ..egru_cli::BackendEntry::new($name, $description, compiled, device, devices)
            }
        };
    )*};
}
pub(crate) use gpu;

/// The device of an index among those found; `default` is the one to take when none is given.
pub(crate) fn pick(
    kind: DeviceType,
    index: &str,
    remedy: &str,
    default: impl FnOnce() -> Device,
) -> Result<Device, String> {
    let found = Device::enumerate(kind).into_vec();
    if found.is_empty() {
        return Err(format!("none is found on this machine; {remedy}"));
    }
    if index.is_empty() {
        return Ok(default());
    }
    let count = found.len();
    index.parse().ok().and_then(|n: usize| found.into_iter().nth(n)).ok_or_else(|| {
        format!("this machine has {count}, of index 0 to {} (`devices` lists them)", count - 1)
    })
}

/// The devices found, by index and the name that each gives itself.
pub(crate) fn list(kind: DeviceType) -> Vec<(String, String)> {
    let found = Device::enumerate(kind).into_vec();
    found.iter().enumerate().map(|(index, device)| (index.to_string(), name(device))).collect()
}

/// The name that a device gives itself.
pub(crate) fn name(device: &Device) -> String {
    device.identity().map_or_else(|| format!("{device:?}"), |known| known.name)
}
