//! `bench`: times of the operations, each with its check, and their comparison with other libraries.

use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context as _, bail};
use burn::tensor::Device;
use egru::Products;
use egru_bench::{
    BenchError, Machine, Origin, Pass, Plan, Problem, Record, WORKLOADS, Workload, append_records,
    compare, first_step_memory, markdown, measure, read_records,
};
use serde_json::{Value, json};

use super::{Context, Outcome};
use crate::args::{BenchArgs, BenchCommand};
use crate::backend::card;
use crate::table::list;
use crate::{failure, place};

/// Measures, compares, or lists what can be measured.
pub(crate) fn run(context: &Context<'_>, args: &BenchArgs) -> Outcome {
    if let Some(BenchCommand::Compare { files }) = &args.command {
        return compare_files(context, files);
    }
    if args.list {
        return list_workloads(context);
    }
    let (backend, device) = place::device(context, &args.device)?;
    if args.first_step_memory.is_some() {
        return memory_of_this_process(context, args, &device);
    }
    let origin = Origin {
        threads: egru_kernels::threads(),
        machine: Machine { device: card(context.backends, &backend, &device), ..Machine::here() },
        backend,
        program: place::program(context),
        commit: place::commit(),
    };
    let workloads = workloads(args)?;
    let out = &context.out;
    if let Some(path) = &args.out {
        // What cannot be kept is not worth measuring.
        append_records(path, &[])?;
    }
    out.say(format!("{}, {} threads, {}", origin.backend, origin.threads, origin.machine));
    out.say(HEAD.join("  "));
    let (mut all, mut failed) = (Vec::new(), Vec::new());
    for workload in workloads {
        for &activity in &args.activity {
            let records = match records(args, workload, activity, &device, &origin) {
                Ok(records) => records,
                Err(error) if is_of_one_point(&error) => {
                    let problem = failure::message(&error);
                    out.say(format!("{:<9}  NOT MEASURED: {problem}", workload.name));
                    failed.push(json!({ "workload": workload.name, "activity": activity, "problem": problem }));
                    continue;
                }
                Err(error) => return Err(error),
            };
            if let Some(path) = &args.out {
                append_records(path, &records)?;
            }
            for record in &records {
                out.say(row(record));
            }
            all.extend(records);
        }
    }
    out.finish(&json!({ "records": all, "failed": failed }));
    Ok(if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Whether an error is about one workload at one activity, so that others can be measured all the same.
fn is_of_one_point(error: &anyhow::Error) -> bool {
    error.is::<NoMemory>()
        || matches!(
            error.downcast_ref(),
            Some(
                BenchError::CheckFailed { .. }
                    | BenchError::NoEvents { .. }
                    | BenchError::Activity { .. }
                    | BenchError::Op { .. }
            )
        )
}

/// What to time: the workloads asked for, or all of them, each with every batch asked for, or its own.
fn workloads(args: &BenchArgs) -> anyhow::Result<Vec<Workload>> {
    let named = if args.workloads.is_empty() { &WORKLOADS[..] } else { &args.workloads };
    if args.batch.is_empty() {
        return Ok(named.to_vec());
    }
    let sizes = named.iter().flat_map(|w| args.batch.iter().map(move |&samples| (w, samples)));
    let sized = sizes.map(|(workload, samples)| {
        let error = || format!("`{}` has no batch: leave it or --batch out", workload.name);
        workload.with_batch(usize::from(samples)).with_context(error)
    });
    sized.collect()
}

/// Checks and times a workload at one activity.
fn records(
    args: &BenchArgs,
    workload: Workload,
    activity: f64,
    device: &Device,
    origin: &Origin,
) -> anyhow::Result<Vec<Record>> {
    let (problem, measured) = Problem::calibrated(workload, activity, device)?;
    let plan = Plan {
        passes: args.passes.clone(),
        products: args.products.clone(),
        rounds: usize::from(args.rounds),
    };
    let mut records = Vec::new();
    for timed in measure(&problem, &plan, device)? {
        let memory = match timed.pass {
            Pass::Train if args.memory => memory_of_a_process(&problem, timed.products, origin)?,
            _ => None,
        };
        records.push(Record::new(&problem, &measured, timed, memory, origin));
    }
    Ok(records)
}

/// The memory of a first training step, measured by this program in a process that does nothing else.
fn memory_of_a_process(
    problem: &Problem,
    products: Products,
    origin: &Origin,
) -> anyhow::Result<Option<f64>> {
    let program = std::env::current_exe().context("cannot find this program to start it again")?;
    let calibration = problem.calibration;
    let output = Command::new(program)
        .args(["bench", problem.workload.name, "--format", "json"])
        .arg(format!("--activity={}", problem.activity))
        .arg(format!("--first-step-memory={},{}", calibration.theta, calibration.eps))
        .arg(format!("--products={}", products))
        .arg(format!("--backend={}", origin.backend))
        .arg(format!("--threads={}", origin.threads))
        .args(problem.workload.shape.batch().map(|samples| format!("--batch={samples}")))
        .output()
        .context("cannot start this program again to measure memory")?;
    if !output.status.success() {
        let error = String::from_utf8_lossy(&output.stderr);
        let problem = error.trim().trim_start_matches("error: ").to_owned();
        return Err(NoMemory(problem).into());
    }
    let result: Value = serde_json::from_slice(&output.stdout)
        .context("the process that measured memory gave no figure")?;
    Ok(result["added_memory_mib"].as_f64())
}

/// The process that was to measure memory failed, for want of it perhaps.
#[derive(Debug, thiserror::Error)]
#[error("memory cannot be measured: {0}")]
struct NoMemory(String);

/// What [`memory_of_a_process`] starts.
fn memory_of_this_process(context: &Context<'_>, args: &BenchArgs, device: &Device) -> Outcome {
    let (&[workload], &[activity], &[products], Some(calibration)) =
        (&workloads(args)?[..], &args.activity[..], &args.products[..], args.first_step_memory)
    else {
        bail!("--first-step-memory takes one workload, one activity and one choice of products");
    };
    let problem = Problem { workload, activity, calibration };
    let memory = first_step_memory(&problem, products, device)?;
    let figure = memory.map_or_else(|| "not told".to_owned(), |mib| format!("{mib:.1} MiB"));
    context.out.say(format!("memory that the first training step adds: {figure}"));
    context.out.finish(&json!({ "added_memory_mib": memory }));
    Ok(ExitCode::SUCCESS)
}

/// The head of the table whose rows [`row`] makes.
const HEAD: [&str; 12] = [
    "workload ",
    "batch",
    "pass   ",
    "products",
    "activity",
    "measured",
    "window",
    "  median ms",
    " fastest ms",
    " slowest ms",
    "memory MiB",
    "difference",
];

/// A record, as a line of the table.
fn row(record: &Record) -> String {
    let optional = |value: Option<f64>, decimals: usize| {
        value.map_or_else(|| "–".to_owned(), |value| format!("{value:.decimals$}"))
    };
    let difference = record.check.as_ref().map(|check| check.max_relative_difference);
    let cells = [
        record.workload.clone(),
        record.shape.batch().map_or_else(|| "–".to_owned(), |samples| samples.to_string()),
        record.pass.to_string(),
        record.products.map_or_else(String::new, |products| products.to_string()),
        optional(record.activity, 2),
        optional(record.measured_activity, 4),
        optional(record.measured_window, 3),
        format!("{:.4}", record.median_ms),
        format!("{:.4}", record.min_ms),
        format!("{:.4}", record.max_ms),
        optional(record.added_memory_mib, 1),
        difference.map_or_else(String::new, |difference| format!("{difference:.1e}")),
    ];
    let padded = cells.iter().zip(HEAD).enumerate().map(|(column, (cell, head))| {
        let width = head.chars().count();
        if [0, 2, 3].contains(&column) {
            format!("{cell:<width$}")
        } else {
            format!("{cell:>width$}")
        }
    });
    padded.collect::<Vec<_>>().join("  ")
}

fn list_workloads(context: &Context<'_>) -> Outcome {
    let described = |w: Workload| (w.name, format!("{} ({})", w.description, w.shape));
    context.out.say("Workloads (time them with `bench NAME`):");
    context.out.say(list(Workload::all().map(described)));
    let objects = Workload::all().map(|workload| {
        json!({
            "name": workload.name,
            "description": workload.description,
            "op": workload.op(),
            "shape": workload.shape,
            "passes": workload.passes(),
        })
    });
    context.out.finish(&json!({ "workloads": objects.collect::<Vec<_>>() }));
    Ok(ExitCode::SUCCESS)
}

fn compare_files(context: &Context<'_>, files: &[impl AsRef<Path>]) -> Outcome {
    let mut records = Vec::new();
    for file in files {
        records.extend(read_records(file.as_ref())?);
    }
    let compared = compare(&records)?;
    context.out.say(markdown(&compared));
    context.out.finish(&json!(compared));
    Ok(ExitCode::SUCCESS)
}
