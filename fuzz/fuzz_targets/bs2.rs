//! Any bytes at all, read as .bs2: no panic, no runaway allocation; what was read and is written is read again.
//!
//! `cargo +nightly fuzz run bs2 fuzz/corpus/bs2 fuzz/seeds/bs2 -- -rss_limit_mb=512`
#![no_main]

use egru_data::events::{Event, EventReader, Sensor, bs2, reader::RUN};
use libfuzzer_sys::fuzz_target;

fn drain(bytes: &[u8], sensor: Sensor) -> Vec<Event> {
    let mut events = Vec::new();
    if let Ok(mut reader) = bs2::stream(bytes, sensor) {
        while let Ok(count @ 1..) = reader.read_into(&mut events) {
            assert!(count <= RUN);
        }
    }
    events
}

fuzz_target!(|bytes: &[u8]| {
    let tall = Sensor { width: 256, height: 256 };
    assert!(drain(bytes, tall).len() <= bytes.len() / 5);
    let low = Sensor { width: 256, height: 240 };
    let events = drain(bytes, low);
    let mut file = Vec::new();
    bs2::write(&events, &mut file).expect("events of 240 rows fit");
    // Marks and rounds of the clock may not come back, pixels do.
    let pixels = |events: &[Event]| -> Vec<_> {
        events.iter().map(|event| (event.x, event.y, event.polarity)).collect()
    };
    // Without the marks before them, events may look like the first line of another format.
    if bs2::bytes(&file, low).is_ok() {
        assert_eq!(pixels(&events), pixels(&drain(&file, low)));
    }
});
