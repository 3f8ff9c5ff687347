//! Where numbers come from: the machine.

use burn::tensor::Device;
use serde::{Deserialize, Serialize};

/// The machine of a measurement or a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// The processor's model, where the system tells it.
    pub cpu: Option<String>,
    /// Threads that it runs at once.
    pub cores: usize,
    /// Operating system, such as `linux`.
    pub os: String,
    /// Instruction set, such as `x86_64`.
    pub architecture: String,
    /// The card that computes, by its name, where it is not the processor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
}

impl Machine {
    /// The machine that this process runs on.
    pub fn here() -> Self {
        Self {
            cpu: cpu(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            os: std::env::consts::OS.to_owned(),
            architecture: std::env::consts::ARCH.to_owned(),
            device: None,
        }
    }

    /// Whether two descriptions are of one machine. How many cores a process may use is told differently by different
    /// programs; so is a card's name, to which a driver may add its own.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let Self { cpu, cores: _, os, architecture, device } = other;
        let same_device = match (&self.device, device) {
            (Some(a), Some(b)) => a.contains(b.as_str()) || b.contains(a.as_str()),
            (a, b) => a == b,
        };
        same_device && (&self.cpu, &self.os, &self.architecture) == (cpu, os, architecture)
    }
}

/// Whether a device is the processor, so that what it keeps is in this process's memory. Its name is the only sign
/// that all backends give.
pub fn is_processor(device: &Device) -> bool {
    format!("{device:?}").contains("(Cpu)")
}

impl std::fmt::Display for Machine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let cpu = self.cpu.as_deref().unwrap_or("unknown processor");
        if let Some(device) = &self.device {
            write!(f, "{device}; ")?;
        }
        write!(f, "{cpu}, {} cores, {} {}", self.cores, self.os, self.architecture)
    }
}

/// The processor's model, where the system tells it in a file.
fn cpu() -> Option<String> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machines_are_told_in_a_line() {
        let machine = machine(None);
        assert_eq!(machine.to_string(), "unknown processor, 2 cores, linux x86_64");
        let machine = Machine { device: Some("a card".into()), ..machine };
        assert_eq!(machine.to_string(), "a card; unknown processor, 2 cores, linux x86_64");
    }

    #[test]
    fn a_card_is_another_machine_than_its_processor() {
        let card = machine(Some("AMD Radeon RX 7900 XTX"));
        assert!(card.is_same(&machine(Some("AMD Radeon RX 7900 XTX (RADV NAVI31)"))));
        assert!(!card.is_same(&machine(None)) && !card.is_same(&machine(Some("another"))));
        let fewer = Machine { cores: 1, ..machine(None) };
        assert!(fewer.is_same(&machine(None)));
    }

    #[test]
    fn a_cpu_backend_computes_on_the_processor() {
        assert!(is_processor(&Device::flex()) && is_processor(&Device::flex().autodiff()));
    }

    fn machine(device: Option<&str>) -> Machine {
        Machine {
            cpu: None,
            cores: 2,
            os: "linux".into(),
            architecture: "x86_64".into(),
            device: device.map(str::to_owned),
        }
    }
}
