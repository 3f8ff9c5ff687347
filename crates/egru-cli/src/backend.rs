//! The backends that a binary offers, and the choice among them.

use burn::tensor::Device;
use thiserror::Error;

/// A backend that a binary knows of, compiled in or not.
///
/// The first compiled entry of the list given to [`run`](crate::run) is the default.
#[derive(Clone, Copy)]
pub struct BackendEntry {
    /// What `--backend` calls it.
    pub name: &'static str,
    /// The cargo feature of the binary that adds it.
    pub feature: &'static str,
    /// One line for people.
    pub description: &'static str,
    /// Whether this binary has it.
    pub compiled: bool,
    /// The device of an index (`""` when none was given), or why there is no such device and what to do.
    /// Not called unless `compiled`.
    pub device: fn(index: &str) -> Result<Device, String>,
    /// The devices of this machine, as their indices and what they are; none if it has none. Not
    /// called unless `compiled`.
    pub devices: fn() -> Vec<(String, String)>,
    /// What a device calls itself; `None` where it is the processor. Called only if `compiled`.
    pub card: fn(&Device) -> Option<String>,
    /// Sets the number of threads of the backend's own operations, where they are not rayon's. Called only if
    /// `compiled`.
    pub set_threads: fn(usize),
}

impl BackendEntry {
    /// A backend of the processor by the name of its feature, the operations of which run on rayon's threads.
    pub const fn new(
        name: &'static str,
        description: &'static str,
        compiled: bool,
        device: fn(&str) -> Result<Device, String>,
        devices: fn() -> Vec<(String, String)>,
    ) -> Self {
        let (card, set_threads) = (|_: &Device| None, |_| ());
        Self { name, feature: name, description, compiled, device, devices, card, set_threads }
    }
}

/// Why a backend cannot be used.
#[derive(Debug, Error, PartialEq, Eq)]
pub(crate) enum BackendError {
    #[error(
        "backend `{name}` is not compiled into this program: build it with `--features {feature}`"
    )]
    NotCompiled { name: String, feature: String },
    #[error("there is no backend `{name}`; this program knows: {known}{elsewhere}")]
    Unknown { name: String, known: String, elsewhere: String },
    #[error(
        "the devices of backend `{name}` cannot add up gradients among themselves, which `--strategy ddp` needs; \
         use `--strategy multi-device`"
    )]
    NoAllReduce { name: String },
    #[error("backend `{name}` has no {which}: {problem}")]
    NoDevice { name: String, which: String, problem: String },
    #[error(
        "no backend is compiled into this program: build it with one of `--features {features}`"
    )]
    None { features: String },
}

/// The chosen backend's entry and device; `choice` is `NAME` or `NAME:INDEX`.
pub(crate) fn select<'a>(
    backends: &'a [BackendEntry],
    choice: Option<&str>,
) -> Result<(&'a BackendEntry, Device), BackendError> {
    let (name, index) = match choice {
        Some(choice) => parts(choice),
        None => match backends.iter().find(|entry| entry.compiled) {
            Some(entry) => (entry.name, ""),
            None => return Err(BackendError::None { features: join(backends, |e| e.feature) }),
        },
    };
    let entry = backends.iter().find(|entry| entry.name == name).ok_or_else(|| {
        let elsewhere = elsewhere(name);
        BackendError::Unknown {
            name: name.to_owned(),
            known: join(backends, |e| e.name),
            elsewhere,
        }
    })?;
    if !entry.compiled {
        let (name, feature) = (name.to_owned(), entry.feature.to_owned());
        return Err(BackendError::NotCompiled { name, feature });
    }
    let device = (entry.device)(index).map_err(|problem| BackendError::NoDevice {
        name: name.to_owned(),
        which: match index {
            "" => "device".to_owned(),
            index => format!("device `{index}`"),
        },
        problem,
    })?;
    Ok((entry, device))
}

/// The programs of this project and their backends: what one lacks, another may have.
const PROGRAMS: [(&str, &[&str]); 3] = [
    ("egru-cpu", &["flex", "ndarray"]),
    ("egru-gpu", &["wgpu", "vulkan", "cuda"]),
    ("egru-tch", &["tch"]),
];

/// `; the program ... has it` for the backend of another program, or nothing.
fn elsewhere(backend: &str) -> String {
    let program = PROGRAMS.iter().find(|(_, backends)| backends.contains(&backend));
    program.map_or_else(String::new, |(name, _)| format!("; the program `{name}` has it"))
}

/// The name and the index of `NAME` or `NAME:INDEX`.
fn parts(choice: &str) -> (&str, &str) {
    choice.split_once(':').unwrap_or((choice, ""))
}

/// The name of the card that computes, of a `choice` that [`select`] made; `None` where the processor does.
pub(crate) fn card(backends: &[BackendEntry], choice: &str, device: &Device) -> Option<String> {
    let entry = backends.iter().find(|entry| entry.name == parts(choice).0)?;
    (entry.card)(device)
}

/// Whether a card of this name is a processor that a driver presents as one.
pub(crate) fn is_software(card: &str) -> bool {
    ["llvmpipe", "SwiftShader", "Basic Render"].iter().any(|driver| card.contains(driver))
}

fn join(backends: &[BackendEntry], part: fn(&BackendEntry) -> &'static str) -> String {
    backends.iter().map(part).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &'static str, compiled: bool) -> BackendEntry {
        let device = |index: &str| Err(format!("not `{index}`"));
        BackendEntry::new(name, "", compiled, device, Vec::new)
    }

    fn error(choice: Option<&str>, backends: &[BackendEntry]) -> String {
        select(backends, choice).map(|(entry, _)| entry.name).unwrap_err().to_string()
    }

    #[test]
    fn a_software_device_is_known_by_its_name() {
        assert!(is_software("llvmpipe (LLVM 15.0.6, 256 bits)"));
        assert!(!is_software("NVIDIA H100 PCIe"));
    }

    #[test]
    fn every_refusal_says_what_to_do() {
        let backends = [entry("tch", false), entry("flex", true)];
        assert!(error(Some("tch"), &backends).contains("--features tch"));
        let cuda = error(Some("cuda"), &backends);
        assert!(cuda.contains("knows: tch, flex; the program `egru-gpu` has it"), "{cuda}");
        assert!(error(Some("abacus"), &backends).ends_with("knows: tch, flex"));
        assert!(error(Some("flex:3"), &backends).contains("no device `3`"));
        assert!(error(None, &backends).contains("`flex`"), "the first compiled one is the default");
        assert!(error(None, &backends[..1]).contains("no backend is compiled"));
    }
}
