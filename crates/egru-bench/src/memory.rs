//! The memory that a training step adds.

use burn::tensor::Device;
use egru::Products;

use crate::error::BenchError;
use crate::machine::is_processor;
use crate::problem::Problem;
use crate::work::Work;
use crate::workload::{Operand, Pass, Shape, Workload};

/// The peak of this process's resident memory during its first training step of this size, above what was resident
/// before it, in MiB; `None` where the system does not tell, or where the device is not the processor. A very small step comes before it, so that code that is
/// loaded when first called does not count. A process that has done other work keeps memory of it for use again,
/// which then does not count either: measure in a fresh one.
///
/// # Errors
/// The operation has no fused form on the device, or the workload no training step.
pub fn first_step_memory(
    problem: &Problem,
    products: Products,
    device: &Device,
) -> Result<Option<f64>, BenchError> {
    let has = problem.workload.passes();
    if !has.contains(&Pass::Train) {
        let workload = problem.workload.name;
        return Err(BenchError::NoPass { workload, asked: vec![Pass::Train], has });
    }
    if !is_processor(device) {
        return Ok(None);
    }
    drop(Work::new(&small(problem), device)?.run(Pass::Train, products)?);
    let work = Work::new(problem, device)?;
    let before = reset_peak().and_then(|()| resident("VmRSS"));
    let results = work.run(Pass::Train, products)?;
    let peak = resident("VmHWM");
    drop(results);
    Ok(before.zip(peak).map(|(before, peak)| peak - before))
}

/// The same operation at a size of no consequence.
fn small(problem: &Problem) -> Problem {
    let shape = match problem.workload.shape {
        Shape::Sequence { .. } => Shape::Sequence { time: 4, batch: 8, input: 32, hidden: 64 },
        Shape::Linear { .. } => Shape::Linear { rows: 32, input: 32, output: 64 },
    };
    let workload = Workload { shape, operand: Operand::Events, ..problem.workload };
    Problem { workload, ..*problem }
}

/// Sets the peak to what is resident now, where the system is Linux and lets us.
fn reset_peak() -> Option<()> {
    std::fs::write("/proc/self/clear_refs", "5").ok()
}

/// A figure of `/proc/self/status`, in MiB.
fn resident(name: &str) -> Option<f64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    let kib: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib / 1024.0)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_at_least_what_is_resident() {
        let (now, peak) = (resident("VmRSS").unwrap(), resident("VmHWM").unwrap());
        assert!(now > 0.0 && peak >= now, "{now} {peak}");
        assert_eq!(resident("VmNothing"), None);
    }
}
