use std::io::Cursor;

use egru_data::events::{Event, EventError, EventReader, Sensor, bs2};
use proptest::prelude::*;

use crate::support::{drain, event};

fn file_of(events: &[Event]) -> Vec<u8> {
    let mut file = Vec::new();
    bs2::write(events, &mut file).unwrap();
    file
}

#[test]
fn bits_are_where_the_format_says() {
    // x 33, y 2, polarity 1, t 0x7f_ffff; then the same with polarity 0 and t 0x7f_ffff again.
    let file = [33, 2, 0xff, 0xff, 0xff, 33, 2, 0x7f, 0xff, 0xff];
    let events = bs2::bytes(&file, Sensor::NMNIST).unwrap().read_all().unwrap();
    assert_eq!(events, [event(0x7f_ffff, 33, 2, 1), event(0x7f_ffff, 33, 2, 0)]);
}

#[test]
fn the_clock_goes_on_when_its_23_bits_begin_anew() {
    let times: Vec<i64> = (0..20).map(|step| step * 3_000_000).collect();
    let events: Vec<Event> = times.iter().map(|&t| event(t, 1, 1, 0)).collect();
    let mut reader = bs2::stream(Cursor::new(file_of(&events)), Sensor::DVS128).unwrap();
    assert_eq!(reader.read_all().unwrap(), events);
    assert_eq!(reader.notes().wraps, 57_000_000 >> 23);
    assert_eq!(reader.notes().out_of_order, 0);
}

#[test]
fn small_steps_back_are_out_of_order_and_no_new_round() {
    let events = [event(8_388_600, 0, 0, 0), event(8_388_500, 0, 0, 0), event(8_388_601, 0, 0, 0)];
    let mut reader = bs2::stream(Cursor::new(file_of(&events)), Sensor::DVS128).unwrap();
    assert_eq!(reader.read_all().unwrap(), events);
    assert_eq!((reader.notes().wraps, reader.notes().out_of_order), (0, 1));
}

#[test]
fn row_240_marks_an_overflow_where_the_sensor_has_no_such_row() {
    let mut file = vec![0, 240, 0, 0, 0];
    file.extend(file_of(&[event(5, 1, 2, 1)]));
    file.extend([0, 240, 0, 0, 0]);
    file.extend(file_of(&[event(6, 1, 2, 1)]));
    let mut reader = bs2::bytes(&file, Sensor::NMNIST).unwrap();
    assert_eq!(reader.read_all().unwrap(), [event(8197, 1, 2, 1), event(16390, 1, 2, 1)]);
    assert_eq!(reader.notes().overflow_marks, 2);
    // More marks than a run holds are not the end.
    let marks = [0, 240, 0, 0, 0].repeat(10_000);
    let file = [marks, file_of(&[event(5, 1, 2, 1)])].concat();
    let events = bs2::bytes(&file, Sensor::NMNIST).unwrap().read_all().unwrap();
    assert_eq!(events, [event(10_000 * 8192 + 5, 1, 2, 1)]);
    let tall = Sensor { width: 304, height: 241 };
    let events = bs2::bytes(&[0, 240, 0, 0, 9], tall).unwrap().read_all().unwrap();
    assert_eq!(events, [event(9, 0, 240, 0)]);
}

#[test]
fn truncation_is_told_from_every_length() {
    let events: Vec<Event> = (0..5).map(|t| event(t, 1, 2, 0)).collect();
    let file = file_of(&events);
    for length in 0..file.len() {
        let (read, error) = drain(bs2::stream(&file[..length], Sensor::NMNIST).unwrap());
        assert_eq!(read, events[..length / 5]);
        let (start, part) = ((length / 5 * 5) as u64, (length % 5) as u64);
        match error {
            None => assert_eq!(part, 0),
            Some(EventError::Truncated { offset, needed: 5, found, .. }) => {
                assert_eq!((offset, found), (start, part));
            }
            Some(other) => panic!("{other}"),
        }
    }
    let mut empty = bs2::bytes(&[], Sensor::NMNIST).unwrap();
    assert!(matches!(empty.read_all(), Err(EventError::Empty)));
}

#[test]
fn pixels_outside_of_the_sensor_are_refused() {
    let file = file_of(&[event(0, 33, 33, 0), event(0, 34, 0, 0)]);
    let (events, error) = drain(bs2::bytes(&file, Sensor::NMNIST).unwrap());
    assert_eq!(events.len(), 1);
    assert!(matches!(error, Some(EventError::OutsideSensor { event: 1, x: 34, .. })));
}

#[test]
fn an_aedat_file_is_recognised() {
    let file = crate::support::header();
    let error = bs2::bytes(&file, Sensor::DVS128).err().unwrap();
    assert!(matches!(error, EventError::Format { found: "AEDAT 3.1", .. }), "{error}");
}

#[test]
fn what_does_not_fit_is_not_written() {
    for unfit in [event(0, 256, 0, 0), event(0, 0, 240, 0), event(-1, 0, 0, 0)] {
        let error = bs2::write(&[unfit], std::io::sink()).unwrap_err();
        assert!(matches!(error, EventError::Unwritable { event: 0, .. }));
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        steps in prop::collection::vec((0_i64..1 << 22, 0_u16..256, 0_u16..240, 0_u8..2), 0..300),
    ) {
        let mut t = 0;
        let events: Vec<Event> = steps
            .into_iter()
            .map(|(step, x, y, polarity)| {
                t += step;
                event(t, x, y, polarity)
            })
            .collect();
        let sensor = Sensor { width: 256, height: 240 };
        let (read, error) = drain(bs2::bytes(&file_of(&events), sensor).unwrap());
        prop_assert!(error.is_none());
        prop_assert_eq!(read, events);
    }

    #[test]
    fn noise_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        for sensor in [Sensor::NMNIST, Sensor { width: 256, height: 256 }] {
            if let Ok(reader) = bs2::bytes(&bytes, sensor) {
                let (events, _) = drain(reader);
                prop_assert!(events.iter().all(|event| sensor.holds(event.x, event.y) && event.t >= 0));
            }
        }
    }
}
