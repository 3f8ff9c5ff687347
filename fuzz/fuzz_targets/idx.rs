//! Any bytes at all, read as an IDX file: no panic, no runaway allocation.
//!
//! `cargo +nightly fuzz run idx datasets/fixtures/mnist -- -rss_limit_mb=512`
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = egru_data::idx::read_images(bytes);
    let _ = egru_data::idx::read_labels(bytes, 10);
});
