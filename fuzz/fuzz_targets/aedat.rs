//! Any bytes at all, read as AEDAT 3.1: no panic, no runaway allocation, and memory and stream alike.
//!
//! `cargo +nightly fuzz run aedat fuzz/corpus/aedat fuzz/seeds/aedat -- -rss_limit_mb=512`
#![no_main]

use std::io::{self, Read};

use egru_data::events::{Event, EventReader, Sensor, aedat, reader::RUN};
use libfuzzer_sys::fuzz_target;

/// A pipe that gives a few bytes a call.
struct Pieces<'a>(&'a [u8]);

impl Read for Pieces<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = into.len().min(13);
        self.0.read(&mut into[..count])
    }
}

fn drain(reader: Result<impl EventReader, impl ToString>) -> (Vec<Event>, Option<String>) {
    let mut events = Vec::new();
    let mut reader = match reader {
        Ok(reader) => reader,
        Err(error) => return (events, Some(error.to_string())),
    };
    loop {
        let before = events.len();
        match reader.read_into(&mut events) {
            Ok(0) => return (events, None),
            Ok(count) => assert!(count <= RUN && events.len() == before + count),
            Err(error) => return (events, Some(error.to_string())),
        }
    }
}

fuzz_target!(|bytes: &[u8]| {
    let read = drain(aedat::bytes(bytes, Sensor::DVS128));
    assert_eq!(read, drain(aedat::stream(Pieces(bytes), Sensor::DVS128)));
    assert!(read.0.len() <= bytes.len() / 8);
    assert!(read.0.iter().all(|event| event.t >= 0 && Sensor::DVS128.holds(event.x, event.y)));
});
