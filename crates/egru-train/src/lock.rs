//! One process at a time trains a run.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::Path;

use crate::TrainError;
use crate::files::FileError;

/// The right to write into a run's folder. The operating system takes it back when the process ends, however it ends.
#[derive(Debug)]
pub(crate) struct RunLock {
    _file: File,
}

impl RunLock {
    /// Takes the lock of the run in `folder`. On a file system without locks it does nothing but say so to `notice`.
    ///
    /// # Errors
    /// Another process holds it ([`TrainError::Locked`] says which), or the file cannot be made.
    pub(crate) fn take(folder: &Path, notice: &dyn Fn(String)) -> Result<Self, TrainError> {
        let path = folder.join("lock");
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&path)
            .map_err(FileError::new("write", &path))?;
        match file.try_lock() {
            Ok(()) => {
                let me =
                    format!("process {} since {}\n", std::process::id(), jiff::Timestamp::now());
                let written = file.set_len(0).and_then(|()| file.write_all(me.as_bytes()));
                written.map_err(FileError::new("write", &path))?;
            }
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // Who holds it is only told if it can be read.
                let _ = file.rewind().and_then(|()| file.read_to_string(&mut holder));
                let holder = match holder.trim() {
                    "" => "another process".to_owned(),
                    known => known.to_owned(),
                };
                return Err(TrainError::Locked { path: folder.to_owned(), holder });
            }
            Err(TryLockError::Error(error)) => notice(format!(
                "{} cannot be locked ({error}): take care that no other process trains this run",
                path.display()
            )),
        }
        Ok(Self { _file: file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_holder_is_told_of_the_first() {
        let run = tempfile::tempdir().unwrap();
        let first = RunLock::take(run.path(), &|_| ()).unwrap();
        let error = RunLock::take(run.path(), &|_| ()).unwrap_err();
        assert!(error.to_string().contains(&format!("process {}", std::process::id())), "{error}");
        drop(first);
        RunLock::take(run.path(), &|_| ()).unwrap();
    }
}
