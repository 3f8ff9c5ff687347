//! Our times beside those of other libraries.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use egru::Products;
use serde::Serialize;

use crate::division::Division;
use crate::error::BenchError;
use crate::machine::Machine;
use crate::record::{OURS, Record};
use crate::times::min_median_max;
use crate::workload::{Pass, Shape};

/// What a set of records shows.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Compared {
    /// A row for every pool of ours.
    pub rows: Vec<ComparedRow>,
    /// Records of others that stand beside none of ours, in words.
    pub unmatched: Vec<String>,
}

/// Our times on one pass of one workload, and everybody else's.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ComparedRow {
    /// The machine that all of them ran on.
    pub machine: Machine,
    /// The workload's name.
    pub workload: String,
    /// Its sizes.
    pub shape: Shape,
    /// The pass.
    pub pass: Pass,
    /// Threads.
    pub threads: usize,
    /// Share of active outputs that was asked for.
    pub activity: Option<f64>,
    /// Our times, of all records with the same settings.
    pub ours: Pooled,
    /// Those of the others, in the order in which they appear.
    pub peers: Vec<Peer>,
}

/// Another library beside us.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Peer {
    /// Its times.
    #[serde(flatten)]
    pub times: Pooled,
    /// Its median over ours: above 1, we are faster.
    pub ratio: f64,
    /// Its memory over ours, where both are known: above 1, we need less.
    pub memory_ratio: Option<f64>,
}

/// All samples of one implementation with the same settings.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Pooled {
    /// What was measured, as in [`Record::implementation`].
    pub implementation: String,
    /// What executes it.
    pub backend: String,
    /// Our products.
    pub products: Option<Products>,
    /// How many samples there are.
    pub samples: usize,
    /// Their median.
    pub median_ms: f64,
    /// The fastest.
    pub min_ms: f64,
    /// The slowest.
    pub max_ms: f64,
    /// The median of each phase, where the records have any.
    pub division_ms: Option<Division>,
    /// The median of the added memories.
    pub added_memory_mib: Option<f64>,
    /// Whether the times were calculated instead of measured.
    pub derived: bool,
    /// The commits that were measured.
    pub commits: Vec<String>,
}

/// Pools the samples of records with the same implementation, backend, products, workload, shape, pass, threads,
/// activity and machine, and puts every pool of ours beside the others' on the same work. A dense cell's record,
/// which has no activity, stands beside all of ours. A record that is there twice counts once.
///
/// # Errors
/// A record's results were wrong, or one of ours was not checked; or none is ours.
pub fn compare(records: &[Record]) -> Result<Compared, BenchError> {
    let mut pools: Vec<Vec<&Record>> = Vec::new();
    for record in records {
        let passed = record.check.as_ref().map(|check| check.passed);
        if passed == Some(false) || (passed.is_none() && record.implementation == OURS) {
            return Err(BenchError::Unchecked {
                implementation: record.implementation.clone(),
                workload: record.workload.clone(),
                pass: record.pass,
            });
        }
        match pools.iter_mut().find(|pool| same_settings(pool[0], record)) {
            // A file given twice, or a copy of it.
            Some(pool) if pool.contains(&record) => {}
            Some(pool) => pool.push(record),
            None => pools.push(vec![record]),
        }
    }
    let is_ours = |pool: &&Vec<&Record>| pool[0].implementation == OURS;
    let rows: Vec<_> = pools
        .iter()
        .filter(is_ours)
        .map(|ours| {
            let (first, times) = (ours[0], pooled(ours));
            let others = pools.iter().filter(|pool| !is_ours(pool));
            let peers = others.filter(|peer| same_work(first, peer[0])).map(|peer| {
                let peer = pooled(peer);
                let memory = peer.added_memory_mib.zip(times.added_memory_mib);
                Peer {
                    ratio: peer.median_ms / times.median_ms,
                    memory_ratio: memory.map(|(theirs, ours)| theirs / ours),
                    times: peer,
                }
            });
            ComparedRow {
                machine: first.machine.clone(),
                workload: first.workload.clone(),
                shape: first.shape,
                pass: first.pass,
                threads: first.threads,
                activity: first.activity,
                peers: peers.collect(),
                ours: times,
            }
        })
        .collect();
    if rows.is_empty() {
        return Err(BenchError::NothingToCompare);
    }
    let ours: Vec<&Record> = pools.iter().filter(is_ours).map(|pool| pool[0]).collect();
    let unmatched = pools.iter().map(|pool| pool[0]).filter(|peer| {
        peer.implementation != OURS && !ours.iter().any(|ours| same_work(ours, peer))
    });
    Ok(Compared { unmatched: unmatched.map(described).collect(), rows })
}

/// A peer's record in words.
fn described(record: &Record) -> String {
    let activity = record.activity.map_or_else(String::new, |a| format!(", activity {a}"));
    format!(
        "{} on {}, {}, {} threads{activity} ({}; {})",
        record.implementation,
        record.workload,
        record.pass,
        record.threads,
        record.shape,
        record.machine
    )
}

/// Whether two records are samples of the same thing.
fn same_settings(a: &Record, b: &Record) -> bool {
    let of =
        |record: &Record| (record.implementation.clone(), record.backend.clone(), record.products);
    of(a) == of(b) && a.activity == b.activity && a.machine == b.machine && on_the_same(a, b)
}

/// Whether a peer does the same work as we.
fn same_work(ours: &Record, peer: &Record) -> bool {
    (peer.activity.is_none() || peer.activity == ours.activity) && on_the_same(ours, peer)
}

/// Whether two records are of the same pass of a workload at one shape, on as many threads of one machine.
fn on_the_same(a: &Record, b: &Record) -> bool {
    a.workload == b.workload
        && (a.shape, a.pass, a.threads) == (b.shape, b.pass, b.threads)
        && a.machine.is_same(&b.machine)
}

fn pooled(records: &[&Record]) -> Pooled {
    let samples: Vec<f64> = records.iter().flat_map(|record| &record.samples_ms).copied().collect();
    let (min_ms, median_ms, max_ms) = min_median_max(&samples);
    let memories: Vec<f64> = records.iter().filter_map(|record| record.added_memory_mib).collect();
    let mut commits: Vec<String> =
        records.iter().filter_map(|record| record.commit.clone()).collect();
    commits.dedup();
    Pooled {
        implementation: records[0].implementation.clone(),
        backend: records[0].backend.clone(),
        products: records[0].products,
        samples: samples.len(),
        median_ms,
        min_ms,
        max_ms,
        division_ms: pooled_division(records),
        added_memory_mib: (!memories.is_empty()).then(|| min_median_max(&memories).1),
        derived: records.iter().any(|record| record.derived_from.is_some()),
        commits,
    }
}

/// The medians of the phases, each over the records that have it.
fn pooled_division(records: &[&Record]) -> Option<Division> {
    let mut samples: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for (name, &ms) in records.iter().filter_map(|record| record.division_ms.as_ref()).flatten() {
        samples.entry(name).or_default().push(ms);
    }
    let medians = samples.into_iter().map(|(name, ms)| (name.to_owned(), min_median_max(&ms).1));
    let medians: Division = medians.collect();
    (!medians.is_empty()).then_some(medians)
}

/// The comparison as tables in Markdown, for each machine: times, memory and how our time divides, as far as
/// they were measured.
pub fn markdown(compared: &Compared) -> String {
    let mut machines: Vec<&Machine> = Vec::new();
    for row in &compared.rows {
        if !machines.contains(&&row.machine) {
            machines.push(&row.machine);
        }
    }
    let sections = machines.into_iter().map(|machine| {
        let rows: Vec<&ComparedRow> =
            compared.rows.iter().filter(|row| row.machine == *machine).collect();
        section(machine, &rows)
    });
    let mut text = sections.collect::<Vec<_>>().join("\n\n");
    if !compared.unmatched.is_empty() {
        text += "\n\nBeside none of ours, for want of the same work on the same processor and threads:\n";
        for record in &compared.unmatched {
            let _ = write!(text, "\n- {record}");
        }
    }
    text
}

fn section(machine: &Machine, rows: &[&ComparedRow]) -> String {
    let mut text = format!(
        "{machine}. Milliseconds, median [fastest, slowest]; in brackets the peer's median over ours.\n\n"
    );
    let time = |times: &Pooled| {
        let derived = if times.derived { ", derived" } else { "" };
        format!(
            "{} [{}, {}{derived}]",
            short(times.median_ms),
            short(times.min_ms),
            short(times.max_ms)
        )
    };
    text += &table(
        rows,
        |ours| Some(time(ours)),
        |peer| Some(format!("{} ({:.2}×)", time(&peer.times), peer.ratio)),
    );
    if rows.iter().any(|row| row.ours.added_memory_mib.is_some()) {
        text += "\nMiB that the first training step adds; in brackets the peer's over ours.\n\n";
        let measured: Vec<&ComparedRow> =
            rows.iter().copied().filter(|row| row.ours.added_memory_mib.is_some()).collect();
        let memory = |peer: &Peer| {
            Some(format!("{:.1} ({:.2}×)", peer.times.added_memory_mib?, peer.memory_ratio?))
        };
        text += &table(&measured, |ours| Some(format!("{:.1}", ours.added_memory_mib?)), memory);
    }
    text += &divisions(rows);
    text += &notes(rows);
    text.trim_end().to_owned()
}

/// One table: a row for each of ours, a column for each peer.
fn table(
    rows: &[&ComparedRow],
    ours: impl Fn(&Pooled) -> Option<String>,
    theirs: impl Fn(&Peer) -> Option<String>,
) -> String {
    let mut peers: Vec<(&str, &str)> = Vec::new();
    for peer in rows.iter().flat_map(|row| &row.peers) {
        if !peers.contains(&id(&peer.times)) {
            peers.push(id(&peer.times));
        }
    }
    let columns =
        peers.iter().map(|(implementation, backend)| format!("{implementation}, {backend}"));
    let heads = KEYS.into_iter().chain([OURS]).map(str::to_owned);
    let heads: Vec<String> = heads.chain(columns).collect();
    let mut text = line(&heads) + &line(&vec!["---".to_owned(); heads.len()]);
    for row in rows {
        let mut cells = keys(row);
        cells.push(ours(&row.ours).unwrap_or_else(none));
        cells.extend(peers.iter().map(|peer| {
            let found = row.peers.iter().find(|other| id(&other.times) == *peer);
            found.and_then(&theirs).unwrap_or_else(none)
        }));
        text += &line(&cells);
    }
    text
}

/// How our times divide, a column for each phase; nothing where no record tells.
fn divisions(rows: &[&ComparedRow]) -> String {
    let known = rows.iter().filter_map(|row| row.ours.division_ms.as_ref());
    let mut phases: Vec<&String> = known.flat_map(Division::keys).collect();
    phases.sort();
    phases.dedup();
    if phases.is_empty() {
        return String::new();
    }
    let heads = KEYS.map(str::to_owned).into_iter();
    let heads: Vec<String> =
        heads.chain(phases.iter().map(|name| name.replace('_', " "))).collect();
    let mut text =
        "\nHow our time divides: milliseconds of one thread in runs of their own; the threads do equal work.\n\n"
            .to_owned();
    text += &(line(&heads) + &line(&vec!["---".to_owned(); heads.len()]));
    for row in rows {
        let Some(division) = &row.ours.division_ms else { continue };
        let mut cells = keys(row);
        cells.extend(phases.iter().map(|&name| match division.get(name) {
            Some(&ms) if ms > 0.0 => short(ms),
            _ => none(),
        }));
        text += &line(&cells);
    }
    text
}

/// The columns that say what a row is about.
const KEYS: [&str; 7] = ["workload", "batch", "pass", "threads", "activity", "backend", "products"];

fn keys(row: &ComparedRow) -> Vec<String> {
    vec![
        row.workload.clone(),
        row.shape.batch().map_or_else(none, |samples| samples.to_string()),
        row.pass.to_string(),
        row.threads.to_string(),
        row.activity.map_or_else(none, |activity| activity.to_string()),
        row.ours.backend.clone(),
        row.ours.products.map_or_else(none, |products| products.to_string()),
    ]
}

fn none() -> String {
    "–".to_owned()
}

fn id(times: &Pooled) -> (&str, &str) {
    (&times.implementation, &times.backend)
}

fn line(cells: &[String]) -> String {
    format!("| {} |\n", cells.join(" | "))
}

/// Three figures, more where the value is large.
fn short(ms: f64) -> String {
    let decimals = match ms {
        ms if ms < 1.0 => 4,
        ms if ms < 10.0 => 3,
        ms if ms < 100.0 => 2,
        _ => 1,
    };
    format!("{ms:.decimals$}")
}

/// What a reader must know of the samples.
fn notes(rows: &[&ComparedRow]) -> String {
    let mut text = String::new();
    let mixed = rows.iter().filter(|row| row.ours.commits.len() > 1).count();
    if mixed > 0 {
        let _ = write!(text, "\n{mixed} of the rows pool samples of several commits.\n");
    }
    if rows.iter().flat_map(|row| &row.peers).any(|peer| peer.times.derived) {
        text +=
            "\nDerived times were calculated, not measured: see `derived_from` of the records.\n";
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::tests::example;

    #[test]
    fn samples_are_pooled_and_ratios_are_peer_over_ours() {
        let records = [
            example(OURS, Pass::Train, &[10.0, 30.0]),
            example("nn.GRU", Pass::Train, &[40.0, 60.0, 80.0]),
            example(OURS, Pass::Train, &[20.0]),
            example("nn.GRU", Pass::Forward, &[1.0]),
            example(OURS, Pass::Forward, &[4.0]),
        ];
        let compared = compare(&records).unwrap();
        let rows = &compared.rows;
        assert_eq!(rows.len(), 2);
        let train = &rows[0];
        assert_eq!((train.pass, train.ours.samples, train.ours.median_ms), (Pass::Train, 3, 20.0));
        assert_eq!((train.ours.min_ms, train.ours.max_ms), (10.0, 30.0));
        assert_eq!(train.ours.added_memory_mib, Some(101.25));
        assert_eq!(train.peers.len(), 1);
        assert_eq!((train.peers[0].times.samples, train.peers[0].ratio), (3, 3.0));
        assert_eq!(rows[1].peers[0].ratio, 0.25);
        assert!(compared.unmatched.is_empty());
        let text = markdown(&compared);
        assert!(
            text.contains("| workload | batch | pass |") && text.contains("nn.GRU, torch 2.9.0"),
            "{text}"
        );
        assert!(text.contains("20.00 [10.00, 30.00] | 60.00 [40.00, 80.00] (3.00×)"), "{text}");
        assert!(text.contains("| 101.2 | – |"), "{text}");
        assert!(
            text.contains("| products | pointwise |") && text.contains("| auto | 1.500 |"),
            "{text}"
        );
    }

    #[test]
    fn other_work_is_another_row() {
        let ours = example(OURS, Pass::Train, &[10.0]);
        let mut records = vec![ours.clone(), example("nn.GRU", Pass::Train, &[20.0])];
        let change = |change: fn(&mut Record)| {
            let mut record = ours.clone();
            change(&mut record);
            record
        };
        records.extend([
            change(|r| r.activity = Some(1.0)),
            change(|r| r.threads = 1),
            change(|r| r.products = Some(Products::Dense)),
            change(|r| r.backend = "ndarray".into()),
            change(|r| r.machine.cpu = Some("another".into())),
            change(|r| r.shape = Shape::Sequence { time: 1, batch: 2, input: 3, hidden: 4 }),
        ]);
        let mut stray = example("nn.LSTM", Pass::Train, &[20.0]);
        stray.threads = 4;
        records.push(stray);
        let compared = compare(&records).unwrap();
        let peers: Vec<usize> = compared.rows.iter().map(|row| row.peers.len()).collect();
        // The dense cell, measured once, stands beside every activity, choice of products and backend of ours.
        assert_eq!(peers, [1, 1, 0, 1, 1, 0, 0]);
        let text = markdown(&compared);
        assert_eq!(text.matches("2 cores, linux x86_64. ").count(), 2, "one section each: {text}");
        assert_eq!(compared.unmatched.len(), 1);
        assert!(text.contains("- nn.LSTM on lm, train, 4 threads (time 70"), "{text}");
    }

    #[test]
    fn batches_of_a_workload_are_kept_apart() {
        let with = |implementation: &str, batch: usize, ms: f64| {
            let record = example(implementation, Pass::Train, &[ms]);
            let shape = Shape::Sequence { time: 70, batch, input: 750, hidden: 1350 };
            Record { shape, ..record }
        };
        let records = [
            with("nn.GRU", 128, 300.0),
            with("nn.GRU", 1, 30.0),
            with(OURS, 1, 10.0),
            with(OURS, 128, 200.0),
            with(OURS, 32, 70.0),
        ];
        let compared = compare(&records).unwrap();
        let ratios: Vec<Vec<f64>> = compared
            .rows
            .iter()
            .map(|row| row.peers.iter().map(|peer| peer.ratio).collect())
            .collect();
        assert_eq!(ratios, [vec![3.0], vec![1.5], vec![]]);
        let text = markdown(&compared);
        assert!(text.contains("| lm | 1 | train |") && text.contains("| lm | 128 |"), "{text}");
    }

    #[test]
    fn memory_is_compared_where_both_are_known() {
        let mut peer = example("nn.LSTM", Pass::Train, &[20.0]);
        peer.added_memory_mib = Some(405.0);
        peer.derived_from = Some("something".into());
        let mut later = example(OURS, Pass::Train, &[10.0]);
        later.commit = Some("b".into());
        let first = Record { commit: Some("a".into()), ..later.clone() };
        // Another program may see another number of cores.
        peer.machine.cores = 64;
        let compared = compare(&[first, later, peer]).unwrap();
        assert_eq!(compared.rows[0].peers[0].memory_ratio, Some(4.0));
        let text = markdown(&compared);
        assert!(text.contains("405.0 (4.00×)") && text.contains("derived"), "{text}");
        assert!(text.contains("1 of the rows pool samples of several commits"), "{text}");
    }

    #[test]
    fn no_ratio_without_a_passed_check() {
        let mut unchecked = example(OURS, Pass::Train, &[10.0]);
        unchecked.check = None;
        let error = compare(&[unchecked]).unwrap_err().to_string();
        assert!(error.contains("no passed check"), "{error}");
        let mut wrong = example(OURS, Pass::Train, &[10.0]);
        wrong.check.as_mut().unwrap().passed = false;
        assert!(compare(&[wrong]).is_err());
        let peers = [example("nn.GRU", Pass::Train, &[1.0])];
        assert!(matches!(compare(&peers), Err(BenchError::NothingToCompare)));
    }
}
