//! `data events`: the events of a recording, or what they are in a few numbers.

use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::process::ExitCode;

use egru_data::DataError;
use egru_data::events::stats::Stats;
use egru_data::events::{self, Event, EventError, EventReader, Sensor};
use serde_json::{Value, json};

use crate::args::Format;
use crate::commands::Outcome;
use crate::output::Output;

/// What a line of events holds.
const COLUMNS: &str = "timestamp_us,x,y,polarity";

/// Prints the recording at `file`. A reader that has enough, as `head`, ends the work: there is nothing else to it.
pub(super) fn run(out: &Output, file: &Path, stats: bool, sensor: Option<Sensor>) -> Outcome {
    let nobody_reads = |error: &anyhow::Error| {
        let error = error.downcast_ref::<io::Error>();
        error.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    };
    match print(out, file, stats, sensor) {
        Err(error) if nobody_reads(&error) => Ok(ExitCode::SUCCESS),
        printed => printed,
    }
}

/// Prints the recording, run by run. Before an error come the good events.
fn print(out: &Output, file: &Path, stats: bool, sensor: Option<Sensor>) -> Outcome {
    let mut reader = events::open(file, sensor).map_err(DataError::from)?;
    let mut lines = BufWriter::new(io::stdout().lock());
    let format = out.format();
    if !stats && format != Format::Json {
        writeln!(lines, "{COLUMNS}")?;
    }
    let read = each(reader.as_mut(), |event| match stats {
        true => Ok(()),
        false => line(&mut lines, format, event),
    })?;
    let counted = match read {
        Ok(counted) => counted,
        Err(error) => {
            lines.flush()?;
            return Err(DataError::from(EventError::within(file.display())(error)).into());
        }
    };
    let (notes, sensor) = (reader.notes(), reader.sensor());
    match (format, stats) {
        (Format::Json, _) => {}
        (Format::Human, true) => {
            writeln!(lines, "{counted}\nsensor        {sensor}")?;
            notes.warnings().iter().try_for_each(|odd| writeln!(lines, "note: {odd}"))?;
        }
        (Format::Csv, true) => table(&mut lines, &counted)?,
        (_, false) => {}
    }
    lines.flush()?;
    drop(lines);
    if !(stats && format == Format::Human) {
        let mut told = io::stderr().lock();
        notes.warnings().iter().try_for_each(|odd| writeln!(told, "note: {odd}"))?;
    }
    out.finish(&json!({
        "file": file.display().to_string(),
        "sensor": sensor.to_string(),
        "stats": figures(&counted),
        "warnings": notes.warnings(),
    }));
    Ok(ExitCode::SUCCESS)
}

/// Shows `see` every event, run by run. Writing fails in the outer result, reading in the inner one.
fn each(
    reader: &mut dyn EventReader,
    mut see: impl FnMut(&Event) -> io::Result<()>,
) -> io::Result<Result<Stats, EventError>> {
    let (mut stats, mut run) = (Stats::default(), Vec::new());
    loop {
        run.clear();
        let read = reader.read_into(&mut run);
        for event in &run {
            stats.add(event);
            see(event)?;
        }
        match read {
            Ok(0) => return Ok(Ok(stats)),
            Ok(_) => {}
            Err(error) => return Ok(Err(error)),
        }
    }
}

fn line(out: &mut impl Write, format: Format, event: &Event) -> io::Result<()> {
    let Event { t, x, y, .. } = event;
    let polarity = event.polarity.bit();
    match format {
        Format::Human | Format::Csv => writeln!(out, "{t},{x},{y},{polarity}"),
        Format::Json => {
            writeln!(out, r#"{{"timestamp_us":{t},"x":{x},"y":{y},"polarity":{polarity}}}"#)
        }
    }
}

/// The numbers as people and programs ask for them.
fn figures(stats: &Stats) -> Value {
    let mut figures = json!(stats);
    figures["duration_us"] = json!(stats.duration());
    figures["rate_per_second"] = json!(stats.rate());
    figures
}

/// One line of numbers below their names; what is unknown is empty.
fn table(out: &mut impl Write, stats: &Stats) -> io::Result<()> {
    let figures = figures(stats);
    let figures = figures.as_object().into_iter().flatten();
    let (names, values): (Vec<&str>, Vec<String>) = figures
        .map(|(name, value)| {
            let value = if value.is_null() { String::new() } else { value.to_string() };
            (name.as_str(), value)
        })
        .unzip();
    writeln!(out, "{}\n{}", names.join(","), values.join(","))
}
