//! How fast recordings are decoded on one core, from the page cache, beside a plain copy of the same bytes.
//!
//! `cargo run --release -p egru-data --example decode_events [MILLIONS OF EVENTS]`

use std::{
    env,
    error::Error,
    fs::{self, File},
    hint::black_box,
    io::{self, BufWriter, Write},
    path::Path,
    time::Instant,
};

use egru_data::events::{
    Event, EventError, EventReader, Polarity, Sensor, aedat, bs2, reader::RUN, write::AedatWriter,
};

/// The best of so many.
const REPEATS: usize = 7;

fn main() -> Result<(), Box<dyn Error>> {
    let millions: u64 = env::args().nth(1).map_or(Ok(16), |text| text.parse())?;
    let count = millions * 1_000_000;
    let folder = env::temp_dir().join(format!("egru-decode-events-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let measured = measure(&folder, count);
    fs::remove_dir_all(&folder)?;
    measured
}

fn measure(folder: &Path, count: u64) -> Result<(), Box<dyn Error>> {
    let mut out = io::stdout().lock();
    let (aedat_path, bs2_path) = (folder.join("events.aedat"), folder.join("events.bs2"));
    let create = |path| File::create(path).map(|file| BufWriter::with_capacity(1 << 20, file));
    let mut writer = AedatWriter::new(create(&aedat_path)?, "bench")?;
    let mut bs2_file = create(&bs2_path)?;
    let mut made = 0;
    while made < count {
        let run: Vec<Event> = (made..count.min(made + RUN as u64)).map(event).collect();
        writer.write(&run)?;
        bs2::write(&run, &mut bs2_file)?;
        made += run.len() as u64;
    }
    drop(writer.finish()?);
    drop(bs2_file);

    for (name, path, size) in [("AEDAT 3.1", &aedat_path, 8), (".bs2", &bs2_path, 5)] {
        let bytes = fs::read(path)?; // from here on in the page cache
        let mut copy = vec![0; bytes.len()];
        let plain = best(|| {
            copy.copy_from_slice(black_box(&bytes));
            black_box(&mut copy);
            Ok(count)
        })?;
        let gigabytes = plain * size as f64 / 1e9;
        writeln!(out, "{name}: {} bytes, a plain copy takes {gigabytes:.1} GB/s", bytes.len())?;
        drop((bytes, copy));
        let sensor = Sensor::DVS128;
        let ways: [(&str, f64); 3] = if size == 8 {
            [
                ("memory map, runs", best(|| runs(aedat::map(path, sensor)?))?),
                ("stream, runs", best(|| runs(aedat::open(path, sensor)?))?),
                ("memory map, one by one", best(|| one_by_one(aedat::map(path, sensor)?))?),
            ]
        } else {
            [
                ("memory map, runs", best(|| runs(bs2::map(path, sensor)?))?),
                ("stream, runs", best(|| runs(bs2::open(path, sensor)?))?),
                ("memory map, one by one", best(|| one_by_one(bs2::map(path, sensor)?))?),
            ]
        };
        for (way, rate) in ways {
            let ratio = plain / rate;
            writeln!(
                out,
                "  {way:<24} {:>7.1} M events/s, {ratio:.2} times as long as the copy",
                rate / 1e6
            )?;
        }
    }
    Ok(())
}

/// A dot that runs over the picture, an event every 4 us.
fn event(number: u64) -> Event {
    let place = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let (x, y) = ((place >> 40) as u16 % 128, (place >> 50) as u16 % 128);
    Event::new(number as i64 * 4, x, y, Polarity::from_bit(place >> 63 == 1))
}

/// Events a second, in the best of some runs.
fn best(mut run: impl FnMut() -> Result<u64, EventError>) -> Result<f64, EventError> {
    let mut best = 0.0_f64;
    for _ in 0..REPEATS {
        let start = Instant::now();
        let events = run()?;
        best = best.max(events as f64 / start.elapsed().as_secs_f64());
    }
    Ok(best)
}

fn runs(mut reader: impl EventReader) -> Result<u64, EventError> {
    let mut run = Vec::with_capacity(RUN);
    while reader.read_into(&mut run)? > 0 {
        black_box(&mut run);
        run.clear();
    }
    Ok(reader.notes().events)
}

fn one_by_one(mut reader: impl EventReader) -> Result<u64, EventError> {
    for event in &mut reader {
        black_box(event?);
    }
    Ok(reader.notes().events)
}
