//! The time per training step of a run's model along its own path, our dense path and the naive form.

use std::path::Path;

use egru::{Execution, Products};
use egru_bench::{Budget, Results, Step, step_times};
use egru_data::SamplerConfig;
use egru_train::report_data::{Comparison, Summary};
use egru_train::{Probe, ProbeRequest, Session, TrainError};

/// Steps that the paths are checked on, and the sequences of each: small, so that few contain a state
/// within rounding of its threshold.
const CHECKS: u64 = 4;
const CHECK_BATCH: usize = 4;
/// The naive form keeps dozens of tensors per step: beyond this many states (steps x batch x units) it is
/// checked but not timed, for the memory.
const NAIVE_STATES: usize = 2_000_000;

/// Times a training step of the run that `summary` is about; `None` when `stop` says so in between.
pub(crate) fn compare(
    session: &mut dyn Session,
    summary: &Summary,
    stop: &dyn Fn() -> bool,
) -> Result<Option<Comparison>, TrainError> {
    match measured(session, summary, stop) {
        Ok(comparison) => Ok(Some(comparison)),
        Err(Ended::Stopped) => Ok(None),
        Err(Ended::Failed(error)) => Err(error),
    }
}

/// Why there are no times.
enum Ended {
    Stopped,
    Failed(TrainError),
}

impl From<TrainError> for Ended {
    fn from(error: TrainError) -> Self {
        Self::Failed(error)
    }
}

fn measured(
    session: &mut dyn Session,
    summary: &Summary,
    stop: &dyn Fn() -> bool,
) -> Result<Comparison, Ended> {
    let timed = |probe| Timed { probe, stop };
    let step = timed(session.probe(ProbeRequest { batch_size: None, shift: 0 })?);
    let recipe = session.recipe().clone();
    let batch_size = Some(recipe.training.batch_size.min(CHECK_BATCH));
    let checks = (0..CHECKS)
        .map(|shift| Ok(timed(session.probe(ProbeRequest { batch_size, shift })?)))
        .collect::<Result<Vec<_>, TrainError>>()?;

    let units: usize = recipe.model.layers.iter().sum();
    let whole = session.data().train.spec().steps;
    let steps = match recipe.sampling {
        SamplerConfig::Contiguous { window, .. } => window.min(whole),
        _ => whole,
    };
    let states = steps.saturating_mul(recipe.training.batch_size).saturating_mul(units);
    let mut timed = vec![recipe.execution, Execution::fused(Products::Dense)];
    if states <= NAIVE_STATES {
        timed.push(Execution::naive());
    }
    let measured = step_times(&step, &checks, &timed, Execution::naive(), Budget::default())?;

    let sparsity = summary.figure("activity_sparsity");
    let activity = sparsity.map(|s| format!(", activity {:.1} %", 100.0 * (1.0 - s)));
    let threads = egru_kernels::threads();
    Ok(Comparison {
        workload: format!(
            "{}{}, {}, {threads} {}",
            step.probe.workload(),
            activity.unwrap_or_default(),
            summary.backend,
            if threads == 1 { "thread" } else { "threads" },
        ),
        check_passed: measured.check.passed,
        max_relative_difference: measured.check.max_relative_difference,
        rows: measured.rows,
    })
}

/// Where a run keeps its comparison, for later reports.
pub(crate) fn file(run: &Path) -> std::path::PathBuf {
    run.join("comparison.json")
}

/// A training step as the bench takes it, until `stop` says so.
struct Timed<'a> {
    probe: Box<dyn Probe>,
    stop: &'a dyn Fn() -> bool,
}

impl Timed<'_> {
    fn go_on(&self) -> Result<(), Ended> {
        if (self.stop)() { Err(Ended::Stopped) } else { Ok(()) }
    }
}

impl Step for Timed<'_> {
    type Error = Ended;

    fn run(&self, execution: Execution) -> Result<(), Ended> {
        self.go_on()?;
        Ok(self.probe.run(execution)?)
    }

    fn results(&self, execution: Execution) -> Result<Results, Ended> {
        self.go_on()?;
        Ok(self.probe.results(execution)?)
    }
}
