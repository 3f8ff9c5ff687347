//! Checksums of files.

use std::{
    fs::File,
    io::{self, Write},
    path::Path,
};

use sha2::{Digest, Sha256};

use super::error::FetchError;

/// SHA-256 in lower-case hexadecimal, and size, of a file.
///
/// # Errors
/// [`FetchError::Io`].
pub fn sha256_of(path: &Path) -> Result<(String, u64), FetchError> {
    let mut hash = HashWriter(Sha256::new());
    let mut file = File::open(path).map_err(FetchError::io("open", path))?;
    let bytes = io::copy(&mut file, &mut hash).map_err(FetchError::io("read", path))?;
    Ok((hash.0.finalize().iter().map(|byte| format!("{byte:02x}")).collect(), bytes))
}

/// Feeds what is written to a hash.
struct HashWriter(Sha256);

impl Write for HashWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
