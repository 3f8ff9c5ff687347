use egru_data::events::{
    EventError,
    labels::{self, Label},
    write,
};
use proptest::prelude::*;

fn file(lines: &str) -> String {
    format!("class,startTime_usec,endTime_usec\n{lines}")
}

fn error(text: &str) -> (usize, String) {
    match labels::read(text.as_bytes(), 11) {
        Err(EventError::Line { line, problem }) => (line, problem),
        other => panic!("{other:?}"),
    }
}

#[test]
fn line_ends_blanks_and_a_byte_order_mark_do_not_matter() {
    let plain = labels::read(file("1,2,3\n11,4,5").as_bytes(), 11).unwrap();
    let odd = format!("\u{feff}{}\r\n\r\n", file("1 , 2,3\n\n11,4,5\n").replace('\n', "\r\n"));
    assert_eq!(labels::read(odd.as_bytes(), 11).unwrap(), plain);
    assert_eq!(plain.labels[1], Label { class: 11, start: 4, end: 5 });
    assert!(plain.notes.warnings().is_empty());
}

#[test]
fn overlaps_repetitions_and_empty_gestures_load_and_are_counted() {
    // As in user22_led (9 ends after 10 starts) and user26_fluorescent (a class twice).
    let labels =
        labels::read(file("9,0,50\n10,40,90\n3,100,100\n3,120,110\n10,130,140\n").as_bytes(), 11);
    let labels = labels.unwrap();
    assert_eq!(labels.labels.iter().map(|label| label.class).collect::<Vec<_>>(), [9, 10, 10]);
    let notes = labels.notes;
    assert_eq!((notes.overlapping, notes.repeated, notes.empty), (1, 1, 2));
    let said = notes.warnings().join("\n");
    assert!(said.contains("2 gestures end at or before their start; they are left out"), "{said}");
    assert!(said.contains("1 gestures end after the next one starts"), "{said}");
}

#[test]
fn labels_beyond_the_recording_are_cut_or_left_out() {
    let mut labels =
        labels::read(file("1,0,50\n2,60,90\n3,95,101\n4,101,120\n").as_bytes(), 11).unwrap();
    labels.check(10, 99).unwrap();
    assert_eq!(labels.labels.iter().map(|label| label.class).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!((labels.notes.cut, labels.notes.outside), (2, 1));
    // The label that ends with the last event is whole.
    let mut whole = labels::read(file("1,10,100\n").as_bytes(), 11).unwrap();
    whole.check(10, 99).unwrap();
    assert_eq!(whole.notes.cut, 0);
    let error = whole.check(100, 200).unwrap_err();
    assert!(matches!(error, EventError::ForeignLabels { labels: 1, first: 100, last: 200 }));
}

#[test]
fn wrong_lines_are_named() {
    assert_eq!(error("").0, 1);
    assert!(error("class;start;end\n1;2;3\n").1.contains("class,startTime_usec,endTime_usec"));
    assert_eq!(error("1,2,3\n").0, 1);
    assert_eq!(error(&file("\n")).0, 2);
    for (line, problem) in [
        ("1,2", "three integers"),
        ("1,2,3,4", "three integers"),
        ("1,2,x", "three integers"),
        ("1,2,99999999999999999999", "three integers"),
        ("0,2,3", "classes are 1 to 11"),
        ("12,2,3", "classes are 1 to 11"),
        ("257,2,3", "classes are 1 to 11"),
        ("1,-2,3", "times are 0 and above"),
    ] {
        let (number, said) = error(&file(&format!("1,2,3\n{line}\n")));
        assert_eq!(number, 3);
        assert!(said.contains(problem), "{said}");
    }
    let large = file(&"1,2,3\n".repeat(300_000));
    assert!(matches!(labels::read(large.as_bytes(), 11), Err(EventError::TooLarge { .. })));
}

proptest! {
    #[test]
    fn what_is_written_is_read(gestures in prop::collection::vec((1_u8..12, 0_i64..1 << 50, 1_i64..1000), 1..30)) {
        let made: Vec<Label> = gestures
            .into_iter()
            .map(|(class, start, length)| Label { class, start, end: start + length })
            .collect();
        let mut file = Vec::new();
        write::labels(&mut file, &made).unwrap();
        prop_assert_eq!(labels::read(&file[..], 11).unwrap().labels, made);
    }

    #[test]
    fn noise_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
        let _ = labels::read(&bytes[..], 11);
        let _ = labels::read(&[file("").as_bytes(), &bytes].concat()[..], 11);
    }
}
