//! burn-tch, deprecated upstream: to drop it, delete this program and `egru-ops`' file of the same name.

use egru_cli::BackendEntry;

/// The backend as `--backend tch`.
pub(crate) const ENTRY: BackendEntry = BackendEntry {
    card,
    set_threads,
    ..BackendEntry::new(
        "tch",
        "libtorch, on the CPU or CUDA",
        cfg!(feature = "tch"),
        device,
        devices,
    )
};

#[cfg(feature = "tch")]
#[allow(deprecated)]
fn device(index: &str) -> Result<egru_cli::Device, String> {
    use egru_cli::Device;

    let cards = cards();
    let number = match index {
        "" | "cpu" => return Ok(Device::libtorch()),
        "cuda" => Some(0),
        other => other.strip_prefix("cuda:").and_then(|number| number.parse().ok()),
    };
    match number {
        Some(number) if number < cards => Ok(Device::libtorch_cuda(number)),
        Some(_) if cards == 0 => Err("this libtorch sees no CUDA device; \
            link one that is built for CUDA (docs/src/backends.md)"
            .to_owned()),
        Some(_) => Err(format!("libtorch sees {cards} CUDA devices, the first is `cuda:0`")),
        None => Err("give `cpu`, `cuda` or `cuda:1`".to_owned()),
    }
}

#[cfg(feature = "tch")]
fn devices() -> Vec<(String, String)> {
    let cpu = ("cpu".to_owned(), "the CPU, through libtorch".to_owned());
    let cuda = (0..cards()).map(|n| (format!("cuda:{n}"), card_name(n)));
    std::iter::once(cpu).chain(cuda).collect()
}

#[cfg(feature = "tch")]
#[allow(deprecated)]
fn card(device: &egru_cli::Device) -> Option<String> {
    (0..cards()).find(|&n| *device == egru_cli::Device::libtorch_cuda(n)).map(card_name)
}

/// What a CUDA device is called, since libtorch gives no name.
#[cfg(feature = "tch")]
fn card_name(number: usize) -> String {
    format!("CUDA device {number}")
}

/// How many CUDA devices libtorch sees.
#[cfg(feature = "tch")]
fn cards() -> usize {
    egru_cli::Device::enumerate(burn::tensor::DeviceType::LibTorch).into_vec().len()
}

#[cfg(not(feature = "tch"))]
fn device(_index: &str) -> Result<egru_cli::Device, String> {
    Err("it is not compiled in".to_owned())
}

#[cfg(feature = "tch")]
fn set_threads(threads: usize) {
    ::tch::set_num_threads(i32::try_from(threads).unwrap_or(i32::MAX));
}

#[cfg(not(feature = "tch"))]
fn card(_device: &egru_cli::Device) -> Option<String> {
    None
}

#[cfg(not(feature = "tch"))]
fn set_threads(_threads: usize) {}

#[cfg(not(feature = "tch"))]
fn devices() -> Vec<(String, String)> {
    Vec::new()
}
