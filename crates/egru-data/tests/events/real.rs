//! The data sets under EGRU_DATA; without it each test says that it does nothing.

use std::{
    fs::{self, File},
    io::Write,
    path::PathBuf,
};

use egru_data::events::{
    self, Event, EventError, EventReader, Sensor, aedat, bs2, in_order, labels, slice, stats::Stats,
};
use flate2::read::GzDecoder;

/// A file under EGRU_DATA, if it is there.
fn file(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("EGRU_DATA").map(|root| PathBuf::from(root).join(name));
    let path = path.filter(|path| path.exists());
    if path.is_none() {
        let _ = writeln!(std::io::stderr(), "skipped: no {name} under EGRU_DATA");
    }
    path
}

/// `timestamp_us,x,y,polarity` of every line, without the packet before them.
fn expected(csv: &str) -> Vec<[i64; 4]> {
    csv.lines()
        .skip(1)
        .map(|line| {
            let mut numbers = line.split(',').skip(1).map(|number| number.trim().parse().unwrap());
            std::array::from_fn(|_| numbers.next().unwrap())
        })
        .collect()
}

fn numbers(event: &Event) -> [i64; 4] {
    [event.t, event.x.into(), event.y.into(), event.polarity.bit().into()]
}

#[test]
fn files_of_a_third_party_hold_the_events_it_says() {
    for (name, gestures) in
        [("aedat1_for_testing", [3, 3, 0].as_slice()), ("aedat2_led", &[1, 1, 3, 3])]
    {
        let Some(path) = file(&format!("dvs128/aedat31/{name}.aedat")) else {
            return;
        };
        let text = fs::read_to_string(path.with_file_name(format!("{name}_expected.csv"))).unwrap();
        let mut reader = aedat::map(&path, Sensor::DVS128).unwrap();
        let mut events = reader.read_all().unwrap();
        assert_eq!(events.iter().map(numbers).collect::<Vec<_>>(), expected(&text));
        // These files set no mark, and are good all the same.
        assert_eq!(reader.notes().unmarked, events.len() as u64);
        assert_eq!(reader.notes().warnings().len(), 1);

        let path = path.with_file_name(format!("{name}_labels.csv"));
        let mut labels = labels::open(&path, 11).unwrap();
        assert_eq!(in_order(&mut events), 0);
        labels.check(events[0].t, events[events.len() - 1].t).unwrap();
        let parts = slice::by_label(&events, &labels.labels).unwrap();
        assert_eq!(parts.map(|(_, part)| part.events.len()).collect::<Vec<_>>(), gestures);
    }
}

#[test]
fn the_seven_clips_parse() {
    let mut counts = Vec::new();
    for class in 1..=7 {
        let Some(path) = file(&format!("dvs128/clips/{class}.bs2")) else {
            return;
        };
        let mut reader = events::open(&path, None).unwrap();
        let stats: Stats = reader.read_all().unwrap().iter().collect();
        let notes = reader.notes();
        assert_eq!((notes.wraps, notes.overflow_marks, notes.out_of_order), (0, 0, 0), "{class}");
        assert!((1_400_000..1_500_000).contains(&stats.duration()), "{class}: {stats}");
        assert!(stats.on > stats.count / 10 && stats.off > stats.count / 10, "{class}: {stats}");
        counts.push(stats.count);
    }
    // 5 bytes an event.
    assert_eq!(counts, [63_471, 84_260, 113_063, 151_879, 181_179, 124_244, 159_617]);
}

#[test]
fn every_recording_of_the_small_nmnist_parses() {
    let Some(path) = file("n-mnist/nmnist-small-bs2.tar.gz") else {
        return;
    };
    let mut archive = tar::Archive::new(GzDecoder::new(File::open(path).unwrap()));
    let (mut train, mut test, mut recordings, mut latest) = (0, 0, 0, 0);
    for entry in archive.entries().unwrap() {
        let entry = entry.unwrap();
        let number: u32 =
            entry.path().unwrap().file_stem().unwrap().to_str().unwrap().parse().unwrap();
        let mut reader = bs2::stream(entry, Sensor::NMNIST).unwrap();
        let stats: Stats = reader.read_all().unwrap().iter().collect();
        assert_eq!(stats.out_of_order, 0, "{number}");
        latest = latest.max(stats.last.unwrap());
        *(if number > 60_000 { &mut test } else { &mut train }) += stats.count;
        recordings += 1;
    }
    assert_eq!((recordings, train, test), (1100, 4_133_231, 385_596));
    // Found by a few lines of Python on the same bytes.
    assert_eq!(latest, 336_040);
}

#[test]
fn other_fixtures_are_read_or_named() {
    let Some(path) = file("dvs128/other_fixtures/sample_nmnist.bin") else {
        return;
    };
    assert_eq!(events::open(&path, None).unwrap().read_all().unwrap().len(), 4325);
    let path = path.with_file_name("sample_aedat_header.aedat");
    let error = events::open(&path, None).err().unwrap();
    let EventError::In { source, .. } = error else {
        panic!("{error}");
    };
    assert!(matches!(*source, EventError::Format { found: "AEDAT 2.0", .. }));
}
