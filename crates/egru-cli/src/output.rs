//! Standard output for people or for programs.

use std::io::{self, Write};

use crate::args::Format;

/// Writes for whoever reads: text to standard output, or one JSON object there as the last line with
/// the text on standard error; a table there is its command's own affair.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    format: Format,
}

impl Output {
    pub fn new(format: Format) -> Self {
        Self { format }
    }

    /// Who reads.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Writes a line (or several) for people.
    pub fn say(&self, text: impl std::fmt::Display) -> io::Result<()> {
        match self.format {
            Format::Human => writeln!(io::stdout().lock(), "{text}"),
            Format::Json | Format::Csv => writeln!(io::stderr().lock(), "{text}"),
        }
    }

    /// Whether [`say`](Self::say) writes to a terminal.
    pub fn is_terminal(&self) -> bool {
        match self.format {
            Format::Human => io::IsTerminal::is_terminal(&io::stdout()),
            Format::Json | Format::Csv => io::IsTerminal::is_terminal(&io::stderr()),
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
