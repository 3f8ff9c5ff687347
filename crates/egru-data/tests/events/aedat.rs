use std::io::{self, Read};

use egru_data::events::{
    Event, EventError, EventReader, Polarity, Sensor, aedat, reader::RUN, write::AedatWriter,
};
use proptest::prelude::*;

use crate::support::{aedat as file_of, drain, event, header, packet, raw};

const SENSOR: Sensor = Sensor::DVS128;

fn read(file: &[u8]) -> (Vec<Event>, Option<EventError>) {
    match aedat::bytes(file, SENSOR) {
        Ok(reader) => drain(reader),
        Err(error) => (Vec::new(), Some(error)),
    }
}

/// As many bytes a call as it likes: what a pipe does.
struct Pieces<'a>(&'a [u8], usize);

impl Read for Pieces<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.1 = self.1 * 7 % 13 + 1;
        let count = into.len().min(self.1);
        self.0.read(&mut into[..count])
    }
}

#[test]
fn a_file_is_read_alike_from_memory_a_pipe_a_file_and_a_map() {
    let events: Vec<Event> = (0..10_000)
        .map(|t| event(t * 3, (t % 128) as u16, (t / 128) as u16, (t % 2) as u8))
        .collect();
    let file = file_of(&events);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.aedat");
    std::fs::write(&path, &file).unwrap();
    assert_eq!(aedat::bytes(&file, SENSOR).unwrap().read_all().unwrap(), events);
    assert_eq!(aedat::stream(Pieces(&file, 1), SENSOR).unwrap().read_all().unwrap(), events);
    assert_eq!(aedat::open(&path, SENSOR).unwrap().read_all().unwrap(), events);
    assert_eq!(aedat::map(&path, SENSOR).unwrap().read_all().unwrap(), events);
    assert_eq!(egru_data::events::open(&path, None).unwrap().read_all().unwrap(), events);
    let one_by_one: Result<Vec<Event>, _> = aedat::bytes(&file, SENSOR).unwrap().collect();
    assert_eq!(one_by_one.unwrap(), events);
}

#[test]
fn runs_are_bounded_and_mix_with_the_iterator() {
    let events: Vec<Event> = (0..3 * RUN as i64).map(|t| event(t, 1, 2, 0)).collect();
    let body: Vec<u8> = events.iter().flat_map(|&event| raw(event)).collect();
    let number = events.len() as i32;
    let file = [header(), packet(1, [8, 4, 0, number, number, number]), body].concat();
    let mut reader = aedat::bytes(&file, SENSOR).unwrap();
    let mut read = vec![reader.next().unwrap().unwrap()];
    assert_eq!(reader.read_into(&mut read).unwrap(), RUN - 1);
    assert_eq!(reader.read_into(&mut read).unwrap(), RUN);
    assert_eq!(read, events[..2 * RUN]);
    assert_eq!(reader.count(), RUN);
}

#[test]
fn times_go_beyond_31_and_32_bits() {
    let times = [0, i64::from(i32::MAX), 1 << 31, (1 << 31) + 5, 1 << 32, 7 << 40, (1 << 62) - 1];
    let events = times.map(|t| event(t, 5, 6, 1));
    let mut reader = aedat::bytes(&file_of(&events), SENSOR).unwrap().read_all().unwrap();
    assert_eq!(reader.drain(..).map(|event| event.t).collect::<Vec<_>>(), times);
    let file = [header(), packet(1, [8, 4, 3, 1, 1, 1]), raw(event(9, 0, 0, 0))].concat();
    assert_eq!(read(&file).0[0].t, (3 << 31) + 9);
}

#[test]
fn other_packets_are_skipped_whatever_they_hold() {
    let frame = [packet(2, [100, 4, 0, 2, 2, 2]), vec![0x23; 200]].concat();
    let special = [packet(0, [8, 4, 0, 3, 1, 1]), vec![0xff; 8]].concat();
    let own = packet(1000, [8, 4, 0, 5, 0, 0]);
    let file = file_of(&[event(1, 2, 3, 1)]);
    let (head, body) = file.split_at(header().len());
    let file = [head, &frame, body, &special, &own, body].concat();
    let mut reader = aedat::bytes(&file, SENSOR).unwrap();
    assert_eq!(reader.read_all().unwrap(), [event(1, 2, 3, 1); 2]);
    assert_eq!(reader.notes().skipped_packets, 3);
    assert_eq!(reader.notes().warnings(), ["3 packets of other types than polarity were skipped"]);
}

#[test]
fn events_without_the_valid_mark_are_kept_and_counted() {
    let unmarked = Event { valid: false, ..event(1, 2, 3, 1) };
    let mut reader =
        aedat::stream(io::Cursor::new(file_of(&[unmarked, event(2, 0, 0, 0)])), SENSOR).unwrap();
    assert_eq!(reader.read_all().unwrap(), [unmarked, event(2, 0, 0, 0)]);
    assert_eq!((reader.notes().unmarked, reader.notes().events), (1, 2));
}

#[test]
fn a_capacity_above_the_number_is_counted_and_the_number_read() {
    let one = raw(event(4, 1, 1, 1));
    let file =
        [header(), packet(1, [8, 4, 0, 9, 1, 2]), one.clone(), packet(1, [8, 4, 0, 1, 1, 1]), one]
            .concat();
    let mut reader = aedat::bytes(&file, SENSOR).unwrap();
    assert_eq!(reader.read_all().unwrap().len(), 2);
    assert_eq!((reader.notes().uneven_packets, reader.notes().contradictory_packets), (1, 1));
}

#[test]
fn longer_events_are_read_by_their_stride() {
    let mut body = vec![0xee; 48];
    for (at, t) in [(0, 7), (24, 8)] {
        let raw = raw(event(t, 3, 4, 1));
        body[at..at + 4].copy_from_slice(&raw[..4]);
        body[at + 12..at + 16].copy_from_slice(&raw[4..]);
    }
    let file = [header(), packet(1, [24, 12, 0, 2, 2, 2]), body].concat();
    assert_eq!(read(&file).0, [event(7, 3, 4, 1), event(8, 3, 4, 1)]);
}

#[test]
fn impossible_packet_headers_name_their_field() {
    let field = |kind, words| match read(&[header(), packet(kind, words), vec![0; 100]].concat()).1
    {
        Some(EventError::Packet { field, packet: 0, offset, .. }) => {
            assert_eq!(offset, header().len() as u64);
            field
        }
        other => panic!("{words:?}: {other:?}"),
    };
    for size in [7, 4, 0, -8, i32::MIN] {
        assert_eq!(field(1, [size, 4, 0, 1, 1, 1]), "eventSize");
        assert_eq!(field(2, [size, 4, 0, 1, 1, 1]), "eventSize");
    }
    assert_eq!(field(1, [1 << 20, 4, 0, 1, 1, 1]), "eventSize");
    assert_eq!(field(1, [8, 4, 0, i32::MIN, i32::MIN, 0]), "eventNumber"); // 2^31 without a sign
    assert_eq!(field(1, [8, 4, 0, 1, 2, 1]), "eventCapacity");
    assert_eq!(field(1, [8, 5, 0, 1, 1, 1]), "eventTSOffset");
    assert_eq!(field(1, [8, 0, 0, 1, 1, 1]), "eventTSOffset");
    assert_eq!(field(1, [8, 4, -1, 1, 1, 1]), "eventTSOverflow");
    assert_eq!(field(-1, [8, 4, 0, 1, 1, 1]), "eventType");
}

#[test]
fn a_packet_that_claims_all_it_can_costs_nothing_and_is_cut_short() {
    let most = i32::MAX;
    let file = [header(), packet(1, [8, 4, 0, most, most, most]), raw(event(1, 2, 3, 0))].concat();
    let (events, error) = read(&file);
    assert_eq!(events, [event(1, 2, 3, 0)]);
    assert!(matches!(error, Some(EventError::Truncated { part: "an event", found: 0, .. })));
    let file = [header(), packet(2, [most, 4, 0, most, most, most]), vec![0; 10]].concat();
    let error = read(&file).1.unwrap();
    let needed = i32::MAX as u64 * i32::MAX as u64;
    assert!(matches!(error, EventError::Truncated { needed: n, found: 10, .. } if n == needed));
}

#[test]
fn times_that_run_backwards_are_counted_and_negative_ones_refused() {
    let mut reader = aedat::stream(
        io::Cursor::new(file_of(&[
            event(5, 0, 0, 0),
            event(4, 0, 0, 0),
            event(4, 0, 0, 0),
            event(6, 0, 0, 0),
        ])),
        SENSOR,
    )
    .unwrap();
    assert_eq!(reader.read_all().unwrap().len(), 4);
    assert_eq!(reader.notes().out_of_order, 1);

    let mut file = file_of(&[event(5, 0, 0, 0), event(6, 0, 0, 0)]);
    *file.last_mut().unwrap() = 0x80;
    let (events, error) = read(&file);
    assert_eq!(events, [event(5, 0, 0, 0)]);
    assert!(matches!(error, Some(EventError::NegativeTime { event: 1 })));
}

#[test]
fn pixels_outside_of_the_sensor_are_refused_after_the_good_events() {
    for (x, y) in [(128, 0), (0, 128), (0x7fff, 0x7fff)] {
        let (events, error) = read(&file_of(&[event(1, 127, 127, 0), event(2, x, y, 0)]));
        assert_eq!(events, [event(1, 127, 127, 0)]);
        let error = error.unwrap();
        let at = (x, y);
        assert!(matches!(error, EventError::OutsideSensor { event: 1, x, y, .. } if (x, y) == at));
        assert!(error.to_string().contains("128x128"), "{error}");
    }
    let reader = aedat::bytes(&file_of(&[event(1, 200, 0, 0)]), SENSOR).map(drain).unwrap();
    assert!(reader.0.is_empty() && reader.1.is_some());
}

#[test]
fn an_error_ends_the_events() {
    let file = file_of(&[event(1, 2, 3, 0), event(1, 200, 3, 0), event(1, 2, 3, 0)]);
    let read: Vec<bool> = aedat::bytes(&file, SENSOR).unwrap().map(|event| event.is_ok()).collect();
    assert_eq!(read, [true, false]);
}

#[test]
fn every_truncated_prefix_is_an_error_or_fewer_events() {
    let events: Vec<Event> = (0..20).map(|t| event(t << 30, 1, 2, 1)).collect();
    let file = file_of(&events);
    let head = header().len();
    for length in 0..file.len() {
        let (read, error) = read(&file[..length]);
        assert_eq!(read, events[..read.len()], "{length}");
        // A file that ends after a packet is a shorter recording.
        let whole = (head..=length).contains(&head) && error.is_none();
        assert!(
            whole || matches!(error, Some(EventError::Truncated { .. })),
            "{length}: {error:?}"
        );
        assert!(read.len() < events.len());
    }
}

#[test]
fn a_recording_without_events_says_so_when_it_is_loaded() {
    let mut reader = aedat::stream(io::Cursor::new(header()), SENSOR).unwrap();
    assert!(matches!(reader.read_all(), Err(EventError::Empty)));
    assert!(matches!(read(b"").1, Some(EventError::Truncated { part: "the text header", .. })));
}

#[test]
fn what_does_not_fit_is_not_written() {
    let write = |event| AedatWriter::new(Vec::new(), "x").unwrap().write(&[event]).unwrap_err();
    for (t, x, y, name) in
        [(-1, 0, 0, "t"), (1 << 62, 0, 0, "t"), (0, 32_768, 0, "x"), (0, 0, 40_000, "y")]
    {
        assert!(
            matches!(write(event(t, x, y, 0)), EventError::Unwritable { field, .. } if field == name)
        );
    }
    assert!(AedatWriter::new(Vec::new(), "two\r\nlines").is_err());
}

fn any_event() -> impl Strategy<Value = Event> {
    let t = prop_oneof![0_i64..1000, 0_i64..1 << 33, 0_i64..1 << 62];
    (t, 0_u16..128, 0_u16..128, any::<bool>(), any::<bool>())
        .prop_map(|(t, x, y, on, valid)| Event { t, x, y, polarity: Polarity::from_bit(on), valid })
}

proptest! {
    #[test]
    fn what_is_written_is_read(events in prop::collection::vec(any_event(), 0..300)) {
        let file = file_of(&events);
        let (all, error) = read(&file);
        prop_assert!(error.is_none());
        prop_assert_eq!(&all, &events);
        prop_assert_eq!(aedat::stream(Pieces(&file, 3), SENSOR).map(drain).unwrap().0, events);
    }

    #[test]
    fn a_prefix_gives_a_start_of_the_events(
        events in prop::collection::vec(any_event(), 1..50),
        cut in any::<prop::sample::Index>(),
    ) {
        let file = file_of(&events);
        let (start, _) = read(&file[..cut.index(file.len())]);
        prop_assert_eq!(&start[..], &events[..start.len()]);
        prop_assert!(start.len() < events.len());
    }

    #[test]
    fn damage_never_panics(
        events in prop::collection::vec(any_event(), 1..20),
        place in any::<prop::sample::Index>(),
        noise in prop::collection::vec(any::<u8>(), 1..40),
    ) {
        let mut file = file_of(&events);
        let at = place.index(file.len());
        let end = file.len().min(at + noise.len());
        file[at..end].copy_from_slice(&noise[..end - at]);
        let (from_memory, error) = read(&file);
        match aedat::stream(Pieces(&file, 5), SENSOR) {
            Ok(reader) => {
                let streamed = drain(reader);
                prop_assert_eq!(streamed.0, from_memory);
                prop_assert_eq!(
                    streamed.1.map(|error| error.to_string()),
                    error.map(|error| error.to_string())
                );
            }
            Err(_) => prop_assert!(error.is_some()),
        }
        let _ = read(&noise);
        let _ = read(&[header(), noise].concat());
    }
}
