//! Records of measurements, one JSON object per line, ours and those of other libraries.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::Path;

use egru::Products;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::calibration::Measured;
use crate::division::Division;
use crate::error::BenchError;
use crate::machine::Machine;
use crate::measure::Timed;
use crate::problem::Problem;
use crate::verification::Verified;
use crate::workload::{Op, Pass, Shape};

/// The version of the format.
pub const SCHEMA: u32 = 1;
/// What a record calls this project.
pub const OURS: &str = "egru";

/// The times of one implementation on one pass of one workload.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// [`SCHEMA`].
    pub schema: u32,
    /// What was measured: [`OURS`], or a layer of another library, such as `nn.GRU`.
    pub implementation: String,
    /// What executes it: a backend, or a library and its version.
    pub backend: String,
    /// The operation.
    pub op: Op,
    /// The products; `None` for others.
    pub products: Option<Products>,
    /// The workload's name.
    pub workload: String,
    /// The pass.
    pub pass: Pass,
    /// The workload's sizes.
    pub shape: Shape,
    /// Share of non-zero outputs (operands, of a linear product) asked for; `None` of a dense cell, whose time does
    /// not depend on it.
    pub activity: Option<f64>,
    /// That share as measured.
    pub measured_activity: Option<f64>,
    /// Share of (unit, step, sample) that a gradient reaches, as measured.
    pub measured_window: Option<f64>,
    /// Share of non-zero inputs.
    pub input_activity: f64,
    /// Threads.
    pub threads: usize,
    /// Milliseconds of every sample, in the order in which they ran.
    pub samples_ms: Vec<f64>,
    /// Their median.
    pub median_ms: f64,
    /// The fastest.
    pub min_ms: f64,
    /// The slowest.
    pub max_ms: f64,
    /// Milliseconds of each phase on one of the threads, which do equal work; `None` where nothing tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub division_ms: Option<Division>,
    /// Peak of resident memory in a process's first training step above what was resident before it.
    pub added_memory_mib: Option<f64>,
    /// The check that the results passed.
    pub check: Option<Verified>,
    /// The machine.
    pub machine: Machine,
    /// The program and its version.
    pub program: String,
    /// The commit.
    pub commit: Option<String>,
    /// Where the times were calculated instead of measured: from what.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub derived_from: Option<String>,
}

/// Where a record comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The backend's name.
    pub backend: String,
    /// Threads.
    pub threads: usize,
    /// The machine.
    pub machine: Machine,
    /// The program and its version.
    pub program: String,
    /// The commit.
    pub commit: Option<String>,
}

impl Record {
    /// The record of our own times.
    pub fn new(
        problem: &Problem,
        measured: &Measured,
        timed: Timed,
        added_memory_mib: Option<f64>,
        origin: &Origin,
    ) -> Self {
        let origin = origin.clone();
        Self {
            schema: SCHEMA,
            implementation: OURS.to_owned(),
            backend: origin.backend,
            op: problem.workload.op(),
            products: Some(timed.products),
            workload: problem.workload.name.to_owned(),
            pass: timed.pass,
            shape: problem.workload.shape,
            activity: Some(problem.activity),
            measured_activity: Some(measured.activity),
            measured_window: measured.window,
            input_activity: measured.input_activity,
            threads: origin.threads,
            samples_ms: timed.times.samples_ms,
            median_ms: timed.times.median_ms,
            min_ms: timed.times.min_ms,
            max_ms: timed.times.max_ms,
            division_ms: timed.division,
            added_memory_mib,
            check: Some(timed.check),
            machine: origin.machine,
            program: origin.program,
            commit: origin.commit,
            derived_from: None,
        }
    }
}

/// The records of a file, one JSON object per line; blank lines are passed over.
///
/// # Errors
/// The file cannot be read, or a line is not a record of this [`SCHEMA`].
pub fn read_records(path: &Path) -> Result<Vec<Record>, BenchError> {
    let text = std::fs::read(path).and_then(text).map_err(|source| BenchError::File {
        verb: "read",
        path: path.to_owned(),
        source,
    })?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(index, line)| {
            record(line).map_err(|problem| BenchError::Line {
                path: path.to_owned(),
                line: index + 1,
                problem,
            })
        })
        .collect()
}

/// The bytes of a file as text, without the mark that some editors put before it.
fn text(bytes: Vec<u8>) -> io::Result<String> {
    let problem = match bytes.as_slice() {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => "it is UTF-16; save it as UTF-8",
        _ => "it is not text in UTF-8",
    };
    let text = String::from_utf8(bytes)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, problem))?;
    Ok(text.strip_prefix('\u{feff}').map_or(text.clone(), str::to_owned))
}

/// The record of a line, or what is wrong with it.
fn record(line: &str) -> Result<Record, String> {
    if line.trim_start().starts_with('[') {
        return Err(
            "a JSON array; a file of records has one object a line (`jq -c '.[]'` makes that)"
                .to_owned(),
        );
    }
    let value: Value = serde_json::from_str(line).map_err(|error| format!("not JSON: {error}"))?;
    match value.get("schema") {
        Some(schema) if *schema == SCHEMA => {}
        Some(schema) => {
            return Err(format!(
                "a record of schema {schema}, but this program reads schema {SCHEMA}"
            ));
        }
        None => return Err("not a record: it has no `schema`".to_owned()),
    }
    let record: Record =
        serde_json::from_value(value).map_err(|error| format!("not a record: {error}"))?;
    if record.samples_ms.is_empty() {
        return Err("`samples_ms` is empty".to_owned());
    }
    if !record.samples_ms.iter().all(|&ms| ms.is_finite() && ms > 0.0) {
        return Err("`samples_ms` has a time that is not above 0".to_owned());
    }
    Ok(record)
}

/// Adds records to the end of a file, which is made if it is not there, also for no records at all.
///
/// # Errors
/// The file cannot be written.
pub fn append_records(path: &Path, records: &[Record]) -> Result<(), BenchError> {
    let lines: String =
        records.iter().map(|record| serde_json::json!(record).to_string() + "\n").collect();
    let file = OpenOptions::new().append(true).create(true).open(path);
    file.and_then(|mut file| file.write_all(lines.as_bytes())).map_err(|source| BenchError::File {
        verb: "write",
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::workload::WORKLOADS;

    /// A record of `lm`.
    pub(crate) fn example(implementation: &str, pass: Pass, samples_ms: &[f64]) -> Record {
        let ours = implementation == OURS;
        let (min_ms, median_ms, max_ms) = crate::times::min_median_max(samples_ms);
        let check = Verified {
            passed: true,
            max_relative_difference: 1.2e-6,
            against: "the naive form".into(),
        };
        Record {
            schema: SCHEMA,
            implementation: implementation.into(),
            backend: if ours { "flex" } else { "torch 2.9.0" }.into(),
            op: Op::EgruSequence,
            products: ours.then_some(Products::Auto),
            workload: "lm".into(),
            pass,
            shape: WORKLOADS[2].shape,
            activity: ours.then_some(0.15),
            measured_activity: ours.then_some(0.1 + 0.05 + 1e-5),
            measured_window: ours.then_some(0.45),
            input_activity: 1.0,
            threads: 2,
            samples_ms: samples_ms.to_vec(),
            median_ms,
            min_ms,
            max_ms,
            division_ms: ours.then(|| [("pointwise".to_owned(), 1.5)].into()),
            added_memory_mib: (ours && pass == Pass::Train).then_some(101.25),
            check: ours.then_some(check),
            machine: Machine {
                cpu: Some("a processor".into()),
                cores: 2,
                os: "linux".into(),
                architecture: "x86_64".into(),
                device: None,
            },
            program: "egru-cpu 0.1.0".into(),
            commit: None,
            derived_from: None,
        }
    }

    #[test]
    fn records_come_back_as_they_were() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("records.jsonl");
        let ours = example(OURS, Pass::Train, &[0.1 + 0.2, 1.0 / 3.0, 7.0]);
        let mut theirs = example("EvNN", Pass::Forward, &[9.0]);
        theirs.derived_from = Some("nn.GRU".into());
        theirs.op = Op::EventLinear;
        theirs.shape = WORKLOADS[7].shape;
        append_records(&path, &[]).unwrap();
        assert_eq!(read_records(&path).unwrap(), []);
        append_records(&path, std::slice::from_ref(&ours)).unwrap();
        append_records(&path, std::slice::from_ref(&theirs)).unwrap();
        assert_eq!(read_records(&path).unwrap(), [ours, theirs]);
    }

    #[test]
    fn the_format_is_that_of_the_peers() {
        let line = r#"{"schema": 1, "implementation": "nn.GRU", "backend": "torch 2.9.0", "op": "event_linear",
            "products": null, "workload": "decoder", "pass": "train", "shape": {"rows": 2240, "input": 750,
            "output": 33278}, "activity": null, "measured_activity": null, "measured_window": null,
            "input_activity": 0.15, "threads": 2, "samples_ms": [1, 2.5], "median_ms": 1.75, "min_ms": 1,
            "max_ms": 2.5, "added_memory_mib": null, "check": null, "machine": {"cpu": "x", "cores": 2,
            "os": "linux", "architecture": "x86_64"}, "program": "benches/peers/peers.py", "commit": null}"#;
        let record = record(&line.replace('\n', " ")).unwrap();
        assert_eq!((record.op, record.pass), (Op::EventLinear, Pass::Train));
        assert_eq!(record.shape, WORKLOADS[7].shape);
        let ours = serde_json::json!(example(OURS, Pass::Forward, &[1.0]));
        assert_eq!(ours["op"], "egru_sequence");
        assert_eq!(ours["pass"], "forward");
        assert_eq!(ours["products"], "auto");
        assert_eq!(ours["shape"]["hidden"], 1350);
        assert_eq!(ours["check"]["passed"], true);
        assert!(ours.get("derived_from").is_none());
    }

    #[test]
    fn damaged_lines_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("records.jsonl");
        let error = |text: &str| {
            std::fs::write(&path, text).unwrap();
            read_records(&path).unwrap_err().to_string()
        };
        let good = serde_json::json!(example(OURS, Pass::Forward, &[1.0])).to_string();
        let message = error(&format!("{good}\n\n{{\"schema\": 1, \n"));
        assert!(message.contains("records.jsonl, line 3: not JSON"), "{message}");
        let message = error(&good.replace("\"schema\":1", "\"schema\":2"));
        assert!(message.contains("line 1") && message.contains("schema 2"), "{message}");
        let message = error(&good.replace("\"threads\"", "\"thraeds\""));
        assert!(message.contains("missing field `threads`"), "{message}");
        assert!(error("{}").contains("no `schema`"));
        assert!(error(&good.replace("[1.0]", "[]")).contains("`samples_ms` is empty"));
        let missing = folder.path().join("nowhere.jsonl");
        let message = read_records(&missing).unwrap_err().to_string();
        assert!(message.contains("cannot read") && message.contains("nowhere.jsonl"), "{message}");
        let message = append_records(folder.path(), &[]).unwrap_err().to_string();
        assert!(message.contains("cannot write"), "{message}");
    }
}
