//! A file that the operating system shows as memory.

use std::{fs::File, path::Path};

use memmap2::Mmap;

use super::{error::EventError, source::Source};

/// The bytes of a file, read from the page cache without a copy.
///
/// The file must not be cut while it is mapped: the system then ends the program (SIGBUS). Recordings that are
/// still being written are for a [`Stream`](super::source::Stream).
#[derive(Debug)]
pub struct Mapped {
    map: Mmap,
    position: usize,
}

impl Mapped {
    /// Maps the file at `path` for reading.
    ///
    /// # Errors
    /// [`EventError::Io`].
    pub fn open(path: &Path) -> Result<Self, EventError> {
        let file = File::open(path).map_err(EventError::io("open", path))?;
        // SAFETY: the bytes are only read, copied out one by one and checked like any input, so that what they are
        // decides nothing but values. What is left is that another program changes or cuts the file meanwhile: no
        // system offers a guard, and the documentation above makes it the caller's part.
        let map = unsafe { Mmap::map(&file) }.map_err(EventError::io("map", path))?;
        #[cfg(unix)]
        {
            // A hint only: without it reading is slower, not wrong.
            let _ = map.advise(memmap2::Advice::Sequential);
        }
        Ok(Self { map, position: 0 })
    }
}

impl Source for Mapped {
    fn ahead(&mut self, _: usize) -> Result<&[u8], EventError> {
        Ok(&self.map[self.position..])
    }

    fn take(&mut self, count: usize) {
        self.position += count;
        assert!(self.position <= self.map.len(), "only what lies ahead can be taken");
    }
}
