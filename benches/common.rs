//! The workloads of `egru-cpu bench` as criterion benches, `BACKEND/OPERATION-PASS/WORKLOAD/ACTIVITY`.

use std::cell::OnceCell;
use std::time::Duration;

use burn::tensor::Device;
use criterion::{BatchSize, Criterion, SamplingMode};
use egru::Products;
use egru_bench::{Op, Problem, Work, Workload, verify};

const ACTIVITIES: [f64; 2] = [0.15, 1.0];
/// What a benchmark that meets a wrong result has to say.
const REFUSED: &str = "a result that can be timed";

/// Times every workload that the command line asks for, each after a check of its results.
pub fn run(backend: &str, device: &Device) {
    // As in the binaries.
    egru_alloc::keep_pages();
    let mut criterion = Criterion::default().configure_from_args();
    for workload in Workload::all() {
        for activity in ACTIVITIES {
            time(&mut criterion, backend, workload, activity, device);
        }
    }
    criterion.final_summary();
}

fn time(
    criterion: &mut Criterion,
    backend: &str,
    workload: Workload,
    activity: f64,
    device: &Device,
) {
    // Made by the first benchmark that is not filtered out.
    let work = OnceCell::new();
    let make = || {
        let (problem, _) = Problem::calibrated(workload, activity, device).expect(REFUSED);
        verify(&problem, Products::Auto, device).expect(REFUSED);
        Work::new(&problem, device).expect(REFUSED)
    };
    let op = match workload.op() {
        Op::EgruSequence => "egru_sequence",
        Op::EventLinear => "event_linear",
    };
    for &pass in workload.passes() {
        let mut group = criterion.benchmark_group(format!("{backend}/{op}-{pass}"));
        // Many of the workloads take a second.
        group
            .sample_size(10)
            .sampling_mode(SamplingMode::Flat)
            .warm_up_time(Duration::from_secs(1));
        group.bench_function(format!("{}/{activity}", workload.name), |bencher| {
            let work = work.get_or_init(make);
            let run = || work.run(pass, Products::Auto).expect(REFUSED);
            // One result at a time, dropped when the clock has stopped.
            bencher.iter_batched(|| (), |()| run(), BatchSize::PerIteration);
        });
        group.finish();
    }
}
