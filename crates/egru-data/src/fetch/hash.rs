//! Checksums of files.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use sha2::{Digest, Sha256};

use super::error::FetchError;
use crate::container::Contents;

/// SHA-256 in lower-case hexadecimal, and size, of a file.
///
/// # Errors
/// [`FetchError::Io`].
pub fn sha256_of(path: &Path) -> Result<(String, u64), FetchError> {
    let mut file = Hashed::new(File::open(path).map_err(FetchError::io("open", path))?);
    io::copy(&mut file, &mut io::sink()).map_err(FetchError::io("read", path))?;
    Ok(file.finish())
}

/// SHA-256 of what a file holds, decompressed if it is gzip; `None` for damaged gzip data and for a
/// content of another size than `bytes`.
pub(super) fn sha256_of_contents(path: &Path, bytes: u64) -> Result<Option<String>, FetchError> {
    let file = File::open(path).map_err(FetchError::io("open", path))?;
    let contents = Contents::new(file).map_err(FetchError::io("read", path))?;
    let mut contents = Hashed::new(contents.take(bytes.saturating_add(1)));
    match io::copy(&mut contents, &mut io::sink()) {
        Ok(size) => Ok((size == bytes).then(|| contents.finish().0)),
        // The decoder reports bad data by these kinds; a file system does not.
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::InvalidInput
                    | io::ErrorKind::InvalidData
                    | io::ErrorKind::UnexpectedEof
            ) =>
        {
            Ok(None)
        }
        Err(error) => Err(FetchError::io("read", path)(error)),
    }
}

/// A reader that hashes what is read.
pub(crate) struct Hashed<R> {
    inner: R,
    hash: Sha256,
    bytes: u64,
}

impl<R: Read> Hashed<R> {
    pub(crate) fn new(inner: R) -> Self {
        Self { inner, hash: Sha256::new(), bytes: 0 }
    }

    /// SHA-256 in lower-case hexadecimal, and size, of what has been read.
    pub(crate) fn finish(self) -> (String, u64) {
        (self.hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect(), self.bytes)
    }
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.hash.update(&buffer[..read]);
        self.bytes += read as u64;
        Ok(read)
    }
}
