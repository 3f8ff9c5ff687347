//! What can go wrong between a mirror and the data folder.

use std::{io, path::PathBuf};

/// Why files could not be fetched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// The network is needed and not allowed.
    #[error(
        "{file} is {state} and fetching is switched off.\n{}{remedy}",
        looked_for_lines(looked_for)
    )]
    Offline {
        /// Name in the catalogue.
        dataset: String,
        /// Name of the file.
        file: String,
        /// `missing` or `corrupt`.
        state: &'static str,
        /// Every path tried, of a file that is missing.
        looked_for: Vec<PathBuf>,
        /// How to place it by hand.
        remedy: String,
    },
    /// The file is not to be had from any address.
    #[error(
        "{file} is {state} and has no public address of its own.\n{}{remedy}",
        looked_for_lines(looked_for)
    )]
    NoAddress {
        /// Name of the file.
        file: String,
        /// `missing` or `corrupt`.
        state: &'static str,
        /// Every path tried, of a file that is missing.
        looked_for: Vec<PathBuf>,
        /// How to place it by hand.
        remedy: String,
    },
    /// No mirror delivered the file.
    #[error("{file} could not be fetched:\n{}{remedy}", attempt_lines(attempts))]
    AllMirrors {
        /// Name of the file.
        file: String,
        /// Each address tried, and what went wrong there.
        attempts: Vec<(String, String)>,
        /// How to place it by hand.
        remedy: String,
    },
    /// A file is there that is not the published one, and nobody said to replace it.
    #[error(
        "{} is not the published file: {}. It is left alone, since it may be your own: move it away, or ask for its replacement",
        path.display(), difference(*is, expected, got)
    )]
    Differs {
        /// The file.
        path: PathBuf,
        /// The published SHA-256.
        expected: String,
        /// That of the file.
        got: String,
        /// What it is, if it is something that is often found in place of data.
        is: Option<&'static str>,
    },
    /// Another process is at it.
    #[error(
        "{} is being written by another process: wait for it to finish, then try again", part.display()
    )]
    Busy {
        /// The partial file.
        part: PathBuf,
    },
    /// An archive holds something that is not unpacked, or is damaged.
    #[error("{}: {problem}; nothing was unpacked. Delete it and fetch it again", archive.display())]
    Archive {
        /// The archive.
        archive: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The operating system refused something.
    #[error("cannot {action} {}: {source}. Check the free space and the permissions of the folder, or choose another data folder", path.display())]
    Io {
        /// What was attempted, as a verb.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
}

impl FetchError {
    /// For `map_err`: an I/O failure with the path and the attempted action, a verb.
    pub(super) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }
}

/// What a file is, or else its checksums.
fn difference(is: Option<&str>, expected: &str, got: &str) -> String {
    match is {
        Some(is) => format!("it is {is}"),
        None => format!("its sha256 is {got}, not {expected}"),
    }
}

/// One indented path a line, under a heading; nothing for none.
fn looked_for_lines(paths: &[PathBuf]) -> String {
    let lines: String = paths.iter().map(|path| format!("  {}\n", path.display())).collect();
    if lines.is_empty() { lines } else { format!("Looked for:\n{lines}") }
}

fn attempt_lines(attempts: &[(String, String)]) -> String {
    attempts.iter().map(|(url, problem)| format!("  {url}: {problem}\n")).collect()
}
