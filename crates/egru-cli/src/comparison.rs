//! The time per training step of a run's model along its own path, our dense path and the naive form.

use std::path::Path;

use egru::{Execution, Products};
use egru_bench::{Budget, Results, Step, step_times};
use egru_train::probe::TrainingStep;
use egru_train::report_data::{Comparison, ComparisonRow, Summary};
use egru_train::{Registry, RunDir, TrainError, TrainOptions};

/// Steps that the paths are checked on, and the sequences of each: small, so that few contain a state
/// within rounding of its threshold.
const CHECKS: u64 = 4;
const CHECK_BATCH: usize = 4;
/// The naive form keeps dozens of tensors per step: beyond this many states (steps x batch x units) it is
/// checked but not timed, for the memory.
const NAIVE_STATES: usize = 2_000_000;

/// Times a training step of the run that `summary` is about.
pub(crate) fn compare(
    registry: &Registry,
    summary: &Summary,
    options: &TrainOptions,
) -> Result<Comparison, TrainError> {
    let (run, recipe) = RunDir::open(&summary.run_dir)?;
    let recipe = registry.resolve(&recipe)?;
    let experiment = registry.get(&recipe.model.cell.name)?;
    let step = Probe(experiment.training_step(&run, &recipe, options)?);
    let mut checks = Vec::new();
    for index in 0..CHECKS {
        let mut small = recipe.clone();
        small.training.batch_size = recipe.training.batch_size.min(CHECK_BATCH);
        // Another seed is another order, so that each check sees other samples.
        small.seed = recipe.seed.wrapping_add(index);
        checks.push(Probe(experiment.training_step(&run, &small, options)?));
    }

    let splits = recipe.data.load(options.data_root.as_deref(), recipe.seed)?;
    let units: usize = recipe.model.layers.iter().sum();
    let states = splits.train.spec().steps * recipe.training.batch_size * units;
    let mut timed = vec![recipe.execution.into(), Execution::fused(Products::Dense)];
    if states <= NAIVE_STATES {
        timed.push(Execution::naive());
    }
    let measured = step_times(&step, &checks, &timed, Execution::naive(), Budget::default())?;

    let sparsity = summary.activity_sparsity;
    let activity = sparsity.map(|s| format!(", activity {:.1} %", 100.0 * (1.0 - s)));
    let threads = egru_kernels::threads();
    Ok(Comparison {
        workload: format!(
            "{}{}, {}, {threads} {}",
            step.0.workload(),
            activity.unwrap_or_default(),
            summary.backend,
            if threads == 1 { "thread" } else { "threads" },
        ),
        check_passed: measured.check.passed,
        max_relative_difference: measured.check.max_relative_difference,
        rows: measured
            .rows
            .into_iter()
            .map(|row| ComparisonRow {
                path: row.path,
                median_ms: row.median_ms,
                min_ms: row.min_ms,
                max_ms: row.max_ms,
            })
            .collect(),
    })
}

/// Where a run keeps its comparison, for later reports.
pub(crate) fn file(run: &Path) -> std::path::PathBuf {
    run.join("comparison.json")
}

/// A training step of the trainer as the bench knows it.
struct Probe(Box<dyn TrainingStep>);

impl Step for Probe {
    type Error = TrainError;

    fn run(&self, execution: Execution) -> Result<(), TrainError> {
        self.0.run(execution).map(drop)
    }

    fn results(&self, execution: Execution) -> Result<Results, TrainError> {
        let result = self.0.check(execution)?;
        let gradients = result.gradients.into_iter().map(|(_, values)| values);
        Ok(Results {
            // The report starts with the form: "fused on flex (...)".
            path: result.path.split(' ').next().unwrap_or_default().to_owned(),
            active: result.activity_sparsity,
            tensors: std::iter::once(vec![result.loss as f32]).chain(gradients).collect(),
        })
    }
}
