//! `bench`: measuring, recording, comparing.

const PROGRAM: &str = env!("CARGO_BIN_EXE_egru-cpu");

mod common;

use common::{arg, egru, fails, json, last_json, succeeds, text};

#[test]
fn workloads_are_listed_with_their_shapes() {
    let list = succeeds(&["bench", "--list"]);
    assert!(list.contains("smnist") && list.contains("time 196, batch 32, input 1, hidden 590"));
    let workloads = json(&["bench", "--list"]);
    let workloads = workloads["workloads"].as_array().unwrap();
    let decoder = workloads.iter().find(|w| w["name"] == "decoder").unwrap();
    assert_eq!(decoder["shape"]["output"], 33278);
    assert_eq!(decoder["op"], "event_linear");
    let step = workloads.iter().find(|w| w["name"] == "step").unwrap();
    assert_eq!(step["passes"].as_array().unwrap().len(), 1);
}

#[test]
fn a_measurement_is_checked_recorded_and_compared() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("records.jsonl");
    for backend in ["flex", "ndarray"] {
        let result = json(&[
            "bench",
            "tiny",
            "--activity",
            "0.15,1.0",
            "--products",
            "auto,dense",
            "--rounds",
            "2",
            "--memory",
            "--threads",
            "1",
            "--backend",
            backend,
            "--out",
            arg(&file),
        ]);
        let records = result["records"].as_array().unwrap();
        assert_eq!(records.len(), 8, "two activities, passes and choices of products");
        for record in records {
            assert_eq!(record["backend"], backend);
            assert_eq!(record["check"]["passed"], true);
            assert_eq!(record["samples_ms"].as_array().unwrap().len(), 2);
            assert_eq!(record["threads"], 1);
            let measured = record["measured_activity"].as_f64().unwrap();
            assert!((measured - record["activity"].as_f64().unwrap()).abs() < 0.01, "{record}");
            let trains = record["pass"] == "train";
            assert_eq!(record["added_memory_mib"].is_number(), trains && cfg!(target_os = "linux"));
        }
    }

    // A peer on the same machine is the same line with another name.
    let text = std::fs::read_to_string(&file).unwrap();
    assert_eq!(text.lines().count(), 16);
    let mut peer: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    peer["implementation"] = "nn.GRU".into();
    peer["backend"] = "torch".into();
    peer["activity"] = serde_json::Value::Null;
    peer["check"] = serde_json::Value::Null;
    let others = folder.path().join("peers.jsonl");
    std::fs::write(&others, format!("{peer}\n")).unwrap();
    let table = succeeds(&["bench", "compare", arg(&file), arg(&others)]);
    assert!(table.contains("nn.GRU, torch") && table.contains("×"), "{table}");
    let rows = json(&["bench", "compare", arg(&file), arg(&others)]);
    let rows = rows["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 16);
    let first = &rows[0];
    let ratio = peer["median_ms"].as_f64().unwrap() / first["ours"]["median_ms"].as_f64().unwrap();
    assert_eq!(first["peers"][0]["ratio"].as_f64().unwrap(), ratio);
    assert!(rows.iter().all(|row| row["pass"] == "forward" || row["peers"][0].is_null()));
}

#[test]
fn a_batch_is_measured_and_recorded() {
    let result =
        json(&["bench", "tiny", "--batch", "1,3", "--rounds", "1", "--pass", "train", "--memory"]);
    let batches: Vec<_> =
        result["records"].as_array().unwrap().iter().map(|r| &r["shape"]["batch"]).collect();
    assert_eq!(batches, [1, 3]);
    let error = fails(&["bench", "tiny", "decoder", "--batch", "1"], 1);
    assert!(error.contains("`decoder` has no batch"), "{error}");
}

#[test]
fn the_table_for_people_has_a_line_per_record() {
    let table = succeeds(&["bench", "tiny", "--rounds", "1"]);
    let lines: Vec<_> = table.lines().filter(|line| line.starts_with("tiny")).collect();
    assert_eq!(lines.len(), 2, "{table}");
    assert!(lines[0].contains("forward") && lines[1].contains("train"), "{table}");
}

#[test]
fn what_cannot_be_measured_or_read_is_explained() {
    let error = fails(&["bench", "smnits"], 2);
    assert!(error.contains("there are: smnist, dvs"), "{error}");
    let error = fails(&["bench", "tiny", "--activity", "1.5"], 2);
    assert!(error.contains("above 0 and at most 1"), "{error}");
    let error = fails(&["bench", "step", "--pass", "train"], 2);
    assert!(error.contains("no pass train; it has: forward"), "{error}");
    let error = fails(&["bench", "tiny", "--backend", "abacus"], 2);
    assert!(error.contains("flex"), "{error}");
    let error = fails(&["bench", "compare", "nowhere.jsonl"], 1);
    assert!(error.contains("cannot read nowhere.jsonl"), "{error}");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("records.jsonl");
    std::fs::write(&file, "\n{\"schema\": 7}\n").unwrap();
    let error = fails(&["bench", "compare", arg(&file)], 1);
    assert!(error.contains("records.jsonl, line 2") && error.contains("schema 7"), "{error}");
    let error = fails(&["bench", "tiny", "--out", arg(folder.path())], 1);
    assert!(error.contains("cannot write"), "{error}");
}

#[test]
fn a_point_without_events_does_not_end_the_others() {
    let output =
        egru(&["bench", "tiny", "--activity", "0.0001,0.3", "--rounds", "1", "--format", "json"]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let result = last_json(&text(&output.stdout));
    assert_eq!(result["records"].as_array().unwrap().len(), 2, "the other activity is measured");
    let failed = result["failed"].as_array().unwrap();
    assert_eq!((failed.len(), &failed[0]["activity"]), (1, &0.0001.into()));
    let problem = failed[0]["problem"].as_str().unwrap();
    assert!(problem.contains("no events") && !problem.contains("wrong, so"), "{problem}");
    assert!(text(&output.stderr).contains("NOT MEASURED"), "{}", text(&output.stderr));
}

#[test]
fn files_of_records_are_read_as_they_come() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("records.jsonl");
    succeeds(&["bench", "tiny", "--rounds", "2", "--pass", "train", "--out", arg(&file)]);
    let line = std::fs::read_to_string(&file).unwrap();
    let samples = |files: &[&str]| {
        json(&[&["bench", "compare"], files].concat())["rows"][0]["ours"]["samples"].clone()
    };
    assert_eq!(samples(&[arg(&file)]), 2);
    assert_eq!(samples(&[arg(&file), arg(&file)]), 2, "a file given twice counts once");
    std::fs::write(&file, format!("\u{feff}{line}")).unwrap();
    assert_eq!(samples(&[arg(&file)]), 2);

    let refused = |content: &[u8], told: &str| {
        std::fs::write(&file, content).unwrap();
        let error = fails(&["bench", "compare", arg(&file)], 1);
        assert!(error.contains(told), "{error}");
    };
    refused(format!("[{}]", line.trim()).as_bytes(), "one object a line");
    let mut record: serde_json::Value = serde_json::from_str(&line).unwrap();
    record["samples_ms"] = serde_json::json!([1.0, 0.0]);
    refused(record.to_string().as_bytes(), "not above 0");
    let utf16: Vec<u8> =
        [0xfeff].into_iter().chain(line.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    refused(&utf16, "UTF-16");
}
