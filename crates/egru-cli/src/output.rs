//! Standard output for people or for programs.

use std::io::{self, Write};

use crate::args::Format;

/// Writes for whoever reads: text to standard output, or one JSON object there as the last line with
/// the text on standard error.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    format: Format,
}

impl Output {
    pub fn new(format: Format) -> Self {
        Self { format }
    }

    /// Writes a line (or several) for people.
    pub fn say(&self, text: impl std::fmt::Display) -> io::Result<()> {
        match self.format {
            Format::Human => writeln!(io::stdout().lock(), "{text}"),
            Format::Json => writeln!(io::stderr().lock(), "{text}"),
        }
    }

    /// Writes a part of a line for people, to be seen at once.
    pub fn stream(&self, text: &str) -> io::Result<()> {
        let mut to: Box<dyn Write> = match self.format {
            Format::Human => Box::new(io::stdout().lock()),
            Format::Json => Box::new(io::stderr().lock()),
        };
        to.write_all(text.as_bytes())?;
        to.flush()
    }

    /// Whether [`say`](Self::say) writes to a terminal.
    pub fn is_terminal(&self) -> bool {
        match self.format {
            Format::Human => io::IsTerminal::is_terminal(&io::stdout()),
            Format::Json => io::IsTerminal::is_terminal(&io::stderr()),
        }
    }

    /// Writes the result for programs; the last thing that a command does.
    pub fn finish(&self, result: &serde_json::Value) -> io::Result<()> {
        if self.format == Format::Json {
            let mut stdout = io::stdout().lock();
            writeln!(stdout, "{result}")?;
            stdout.flush()?;
        }
        Ok(())
    }
}
