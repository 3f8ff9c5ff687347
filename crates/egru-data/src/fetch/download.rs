//! One file from its mirrors.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use ureq::{Agent, Body, http::Response};

use super::{
    durable::{create_folders, sync_folder},
    error::FetchError,
    hash::sha256_of,
    monitor::FetchMonitor,
};
use crate::catalogue::FileInfo;

/// Fetches `file` into `folder` and returns its path. See the [module above](super) for the rules.
pub(super) fn download(
    file: &FileInfo,
    folder: &Path,
    progress: &dyn FetchMonitor,
    remedy: String,
) -> Result<PathBuf, FetchError> {
    create_folders(folder)?;
    let target = folder.join(&file.name);
    let part_path = folder.join(format!("{}.part", file.name));
    let mut part = Part::open(&part_path)?;
    let agent = agent();
    let mut attempts = Vec::new();
    for url in &file.urls {
        // A mirror gets a second chance if what it continued was already bad.
        for _ in 0..2 {
            let resumed = part.len()? > 0;
            match transfer(&agent, url, file, &mut part, progress)? {
                Ok(()) => {
                    part.file.sync_all().map_err(FetchError::io("write", &part_path))?;
                    fs::rename(&part_path, &target)
                        .map_err(FetchError::io("rename to", &target))?;
                    sync_folder(folder)?;
                    progress.finish(&file.name);
                    return Ok(target);
                }
                Err(problem) => {
                    progress.note(&file.name, &format!("{url}: {problem}"));
                    attempts.push((url.clone(), problem.to_string()));
                    if !(resumed && problem.spoils()) {
                        break;
                    }
                }
            }
        }
    }
    if part.len()? == 0 {
        fs::remove_file(&part_path).map_err(FetchError::io("remove", &part_path))?;
    }
    Err(FetchError::AllMirrors { file: file.name.clone(), attempts, remedy })
}

/// Waits for answers, but not for ever; a large file on a slow line may take as long as it likes.
fn agent() -> Agent {
    Agent::config_builder()
        .http_status_as_error(false)
        .timeout_connect(Some(Duration::from_secs(30)))
        .timeout_recv_response(Some(Duration::from_secs(60)))
        .timeout_per_read(Some(Duration::from_secs(60)))
        .build()
        .new_agent()
}

/// What went wrong with one mirror; the next one may do better.
#[derive(Debug, thiserror::Error)]
enum Problem {
    #[error("{0}")]
    Request(#[from] ureq::Error),
    #[error("HTTP status {0}")]
    Status(u16),
    #[error("it sends more than the {0} bytes of the published file")]
    TooLarge(u64),
    #[error("the connection ended after {got} of {expected} bytes: {reason}")]
    Interrupted { got: u64, expected: u64, reason: String },
    #[error("sha256 is {got}, not {expected}")]
    WrongHash { got: String, expected: String },
    #[error("it cannot continue the partial file")]
    Range,
}

impl Problem {
    /// Whether the partial file was the trouble (it is gone now), so that a fresh start may help.
    fn spoils(&self) -> bool {
        matches!(self, Self::WrongHash { .. } | Self::Range | Self::TooLarge(_))
    }
}

/// Continues `part` from `url` up to the whole, correct file. The outer error is the local disk's,
/// which no other mirror would cure.
fn transfer(
    agent: &Agent,
    url: &str,
    file: &FileInfo,
    part: &mut Part,
    progress: &dyn FetchMonitor,
) -> Result<Result<(), Problem>, FetchError> {
    let mut done = part.len()?;
    if done > file.bytes {
        part.truncate()?;
        done = 0;
    }
    if done < file.bytes {
        let response = match request(agent, url, done) {
            Ok(response) => response,
            Err(problem) => {
                if problem.spoils() {
                    part.truncate()?;
                }
                return Ok(Err(problem));
            }
        };
        if response.status() == 200 && done > 0 {
            // The server knows no ranges and starts over.
            part.truncate()?;
            done = 0;
        }
        progress.start(&file.name, url, done, file.bytes);
        if let Err(problem) = receive(response, file, done, part, progress)? {
            if problem.spoils() {
                part.truncate()?;
            }
            return Ok(Err(problem));
        }
    }
    let (got, _) = sha256_of(&part.path)?;
    if got != file.sha256 {
        part.truncate()?;
        return Ok(Err(Problem::WrongHash { got, expected: file.sha256.clone() }));
    }
    Ok(Ok(()))
}

/// Asks for the file from byte `done` on; the answer is the whole (200) or just that (206).
fn request(agent: &Agent, url: &str, done: u64) -> Result<Response<Body>, Problem> {
    let mut request = agent.get(url).header("accept-encoding", "identity");
    if done > 0 {
        request = request.header("range", format!("bytes={done}-"));
    }
    let response = request.call()?;
    match response.status().as_u16() {
        200 => Ok(response),
        206 => {
            let range = response.headers().get("content-range").and_then(|v| v.to_str().ok());
            let continues = range.is_some_and(|range| range.starts_with(&format!("bytes {done}-")));
            if done > 0 && continues { Ok(response) } else { Err(Problem::Range) }
        }
        416 => Err(Problem::Range),
        status => Err(Problem::Status(status)),
    }
}

/// Appends the body to `part`, no further than the published size.
fn receive(
    response: Response<Body>,
    file: &FileInfo,
    mut done: u64,
    part: &mut Part,
    progress: &dyn FetchMonitor,
) -> Result<Result<(), Problem>, FetchError> {
    let mut body = response.into_body();
    if body.content_length().is_some_and(|length| done.saturating_add(length) > file.bytes) {
        return Ok(Err(Problem::TooLarge(file.bytes)));
    }
    let mut reader = body.as_reader();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let count = match reader.read(&mut buffer) {
            Ok(0) if done == file.bytes => return Ok(Ok(())),
            Ok(0) => {
                let reason = "end of data".into();
                return Ok(Err(Problem::Interrupted { got: done, expected: file.bytes, reason }));
            }
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => {
                let reason = error.to_string();
                return Ok(Err(Problem::Interrupted { got: done, expected: file.bytes, reason }));
            }
        };
        if done + count as u64 > file.bytes {
            return Ok(Err(Problem::TooLarge(file.bytes)));
        }
        part.file.write_all(&buffer[..count]).map_err(FetchError::io("write", &part.path))?;
        done += count as u64;
        progress.advance(&file.name, done);
    }
}

/// The partial file, locked against other processes for as long as it is open.
struct Part {
    path: PathBuf,
    file: File,
}

impl Part {
    /// Opens or creates it, ready to be continued.
    fn open(path: &Path) -> Result<Self, FetchError> {
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(FetchError::io("create", path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(FetchError::Busy { part: path.to_path_buf() });
            }
            // Some network file systems have no locks; fetching alone is safe without.
            Err(TryLockError::Error(error)) => log::debug!("{}: {error}", path.display()),
        }
        file.seek(SeekFrom::End(0)).map_err(FetchError::io("read", path))?;
        Ok(Self { path: path.to_path_buf(), file })
    }

    fn len(&self) -> Result<u64, FetchError> {
        Ok(self.file.metadata().map_err(FetchError::io("read", &self.path))?.len())
    }

    fn truncate(&mut self) -> Result<(), FetchError> {
        self.file.set_len(0).map_err(FetchError::io("write", &self.path))?;
        self.file.rewind().map_err(FetchError::io("write", &self.path))
    }
}
