//! Any bytes at all, read as a text: no panic; each number is that of a word, and the words, written, are read again.
//!
//! `cargo +nightly fuzz run corpus fuzz/corpus/corpus fuzz/seeds/corpus -- -rss_limit_mb=512`
#![no_main]

use egru_data::corpus::{Vocabulary, read_text};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut vocabulary = Vocabulary::default();
    let Ok(tokens) = read_text(bytes, &mut vocabulary) else {
        return;
    };
    let words = tokens.iter().map(|&token| vocabulary.word(token).expect("a known word"));
    // What a line's end became is a word now. The blank: a mark at the very start would be left out.
    let text = format!(" {}", words.collect::<Vec<_>>().join(" "));
    let mut again = Vocabulary::default();
    let read = read_text(text.as_bytes(), &mut again).expect("own text");
    assert_eq!(read[..tokens.len()], tokens[..]);
});
