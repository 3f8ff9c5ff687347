//! How fast a corpus is loaded: read, hashed, split and numbered, on one core, from the page cache.
//!
//! `cargo run --release -p egru-data --example read_corpus DIR` with the data folder that holds `wikitext-2/`.

use std::{
    env,
    error::Error,
    io::{self, Write},
    path::Path,
    time::Instant,
};

use egru_data::{DatasetConfig, Split, corpus::WikiText2Config};

/// The best of so many.
const REPEATS: usize = 5;

fn main() -> Result<(), Box<dyn Error>> {
    let root = env::args().nth(1).ok_or("give the data folder")?;
    let mut out = io::stdout().lock();
    let mut best = f64::INFINITY;
    for _ in 0..REPEATS {
        let start = Instant::now();
        let splits = WikiText2Config::default().load(Some(Path::new(&root)), 1)?;
        best = best.min(start.elapsed().as_secs_f64());
        for split in Split::ALL {
            let data = splits.get(split);
            writeln!(out, "{split}: {} targets", data.spec().steps * data.len())?;
        }
    }
    writeln!(out, "loaded in {:.0} ms (the best of {REPEATS})", 1e3 * best)?;
    Ok(())
}
