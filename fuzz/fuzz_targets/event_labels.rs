//! Any bytes at all, read as a label file: no panic; what was read and is written is read again.
//!
//! `cargo +nightly fuzz run event_labels fuzz/corpus/event_labels fuzz/seeds/event_labels -- -rss_limit_mb=512`
#![no_main]

use egru_data::events::{labels, write};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(mut read) = labels::read(bytes, 11) else {
        return;
    };
    let mut file = Vec::new();
    write::labels(&mut file, &read.labels).expect("memory takes all");
    assert_eq!(labels::read(&file[..], 11).expect("own file").labels, read.labels);
    let _ = read.check(100, 1_000_000);
    let _ = read.notes.warnings();
});
