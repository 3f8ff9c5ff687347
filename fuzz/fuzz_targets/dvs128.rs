//! Any bytes at all, read as the archive of DVS128 Gesture, lists, labels and recordings: no panic, no runaway
//! allocation.
//!
//! `cargo +nightly fuzz run dvs128 fuzz/corpus/dvs128 fuzz/seeds/dvs128 -- -rss_limit_mb=512`
#![no_main]

use std::{fs, path::PathBuf, sync::LazyLock};

use egru_data::events::{dvs128::Dvs128, slice};
use libfuzzer_sys::fuzz_target;

static PLACE: LazyLock<PathBuf> =
    LazyLock::new(|| std::env::temp_dir().join(format!("egru-fuzz-{}.tar", std::process::id())));

fuzz_target!(|bytes: &[u8]| {
    fs::write(&*PLACE, bytes).expect("a folder for temporary files");
    if let Ok(data) = Dvs128::open(&PLACE) {
        let _ = data.warnings();
        let _ = data.for_each(|recording| {
            let loaded = recording.load()?;
            let parts = slice::by_label(&loaded.events, &loaded.labels.labels)?;
            parts.for_each(|(label, part)| {
                assert!(label.start < label.end && part.span == label.span())
            });
            Ok::<(), egru_data::events::EventError>(())
        });
    }
});
