//! Standard output for people or for programs.

use std::io::{self, Write};
use std::sync::{Arc, OnceLock};

use anyhow::Context as _;

use crate::args::Format;

/// Writes for whoever reads: text to standard output, or one JSON object there as the last line with
/// the text on standard error; a table there is its command's own affair.
///
/// Work does not stop for want of a reader. Text that cannot be written is lost; whether that is a failure, [`check`](Self::check)
/// tells at the end.
#[derive(Clone, Debug)]
pub(crate) struct Output {
    format: Format,
    /// Whether nobody wants to see progress, notes and warnings.
    pub quiet: bool,
    /// The first reason why text was lost, other than a reader that went away.
    lost: Arc<OnceLock<io::Error>>,
}

impl Output {
    pub fn new(format: Format, quiet: bool) -> Self {
        Self { format, quiet, lost: Arc::default() }
    }

    /// Who reads.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Writes a line (or several) for people.
    pub fn say(&self, text: impl std::fmt::Display) {
        self.keep(match self.format {
            Format::Human => writeln!(io::stdout().lock(), "{text}"),
            Format::Json | Format::Csv => writeln!(io::stderr().lock(), "{text}"),
        });
    }

    /// Writes a line that only tells how the work goes.
    pub fn tell(&self, text: impl std::fmt::Display) {
        if !self.quiet {
            self.say(text);
        }
    }

    /// Writes a part of a line for people, to be seen at once. Tells whether anybody reads the output that counts.
    pub fn stream(&self, text: &str) -> bool {
        let all = |to: &mut dyn Write| to.write_all(text.as_bytes()).and_then(|()| to.flush());
        let written = match self.format {
            Format::Human => all(&mut io::stdout().lock()),
            Format::Json | Format::Csv => all(&mut io::stderr().lock()),
        };
        let read = written.is_ok() || self.format != Format::Human;
        self.keep(written);
        read
    }

    /// Whether [`say`](Self::say) writes to a terminal.
    pub fn is_terminal(&self) -> bool {
        match self.format {
            Format::Human => io::IsTerminal::is_terminal(&io::stdout()),
            Format::Json | Format::Csv => io::IsTerminal::is_terminal(&io::stderr()),
        }
    }

    /// Writes the result for programs; the last thing that a command does.
    pub fn finish(&self, result: &serde_json::Value) {
        if self.format == Format::Json {
            let mut stdout = io::stdout().lock();
            self.keep(writeln!(stdout, "{result}").and_then(|()| stdout.flush()));
        }
    }

    /// An error if something could not be written; not for a reader that went away, as `head` does: it has what it wants.
    pub fn check(&self) -> anyhow::Result<()> {
        match self.lost.get() {
            None => Ok(()),
            Some(error) => Err(io::Error::new(error.kind(), error.to_string()))
                .context("the work is done, but its output could not be written"),
        }
    }

    fn keep(&self, written: io::Result<()>) {
        match written {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                let _ = self.lost.set(error);
            }
            _ => {}
        }
    }
}
