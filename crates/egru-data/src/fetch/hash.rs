//! Checksums of files.

use std::{
    fs::File,
    io::{self, Read, Write},
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
    let mut hash = HashWriter(Sha256::new());
    let mut file = File::open(path).map_err(FetchError::io("open", path))?;
    let bytes = io::copy(&mut file, &mut hash).map_err(FetchError::io("read", path))?;
    Ok((hash.hexadecimal(), bytes))
}

/// SHA-256 of what a file holds, decompressed if it is gzip; `None` for damaged gzip data and for a
/// content of another size than `bytes`.
pub(super) fn sha256_of_contents(path: &Path, bytes: u64) -> Result<Option<String>, FetchError> {
    let file = File::open(path).map_err(FetchError::io("open", path))?;
    let contents = Contents::new(file).map_err(FetchError::io("read", path))?;
    let mut hash = HashWriter(Sha256::new());
    match io::copy(&mut contents.take(bytes.saturating_add(1)), &mut hash) {
        Ok(size) => Ok((size == bytes).then(|| hash.hexadecimal())),
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

/// Feeds what is written to a hash.
struct HashWriter(Sha256);

impl HashWriter {
    fn hexadecimal(self) -> String {
        self.0.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl Write for HashWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
