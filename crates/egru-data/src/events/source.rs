//! Where bytes come from: a slice of memory that is all there, or a stream that is read piece by piece.

use std::io::{ErrorKind, Read};

use super::error::EventError;

/// Bytes that can be looked at before they are taken. The buffer behind it grows with what is asked for, never
/// with what a file claims.
pub trait Source {
    /// The bytes ahead: at least `count`, fewer only at the end of the data, more where they are at hand.
    ///
    /// # Errors
    /// [`EventError::Read`].
    fn ahead(&mut self, count: usize) -> Result<&[u8], EventError>;

    /// Takes `count` of the bytes ahead, which must be there.
    fn take(&mut self, count: usize);
}

/// All bytes at hand.
impl Source for &[u8] {
    fn ahead(&mut self, _: usize) -> Result<&[u8], EventError> {
        Ok(self)
    }

    fn take(&mut self, count: usize) {
        *self = &self[count..];
    }
}

/// A stream behind a buffer. It waits only for what is needed: an event that has arrived is not held back for
/// the buffer to fill, so that live input flows.
#[derive(Debug)]
pub struct Stream<R> {
    read: R,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

/// Small enough for the second-level cache: decoding finds there what reading left.
const BUFFER: usize = 256 << 10;

impl<R: Read> Stream<R> {
    /// Reads from `read`, which needs no buffer of its own.
    pub fn new(read: R) -> Self {
        Self { read, buffer: vec![0; BUFFER], start: 0, end: 0 }
    }
}

impl<R: Read> Source for Stream<R> {
    fn ahead(&mut self, count: usize) -> Result<&[u8], EventError> {
        if self.end - self.start < count {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
            if self.buffer.len() < count {
                self.buffer.resize(count, 0);
            }
            while self.end < count {
                match self.read.read(&mut self.buffer[self.end..]) {
                    Ok(0) => break,
                    Ok(read) => self.end += read,
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(error) => return Err(EventError::Read(error)),
                }
            }
        }
        Ok(&self.buffer[self.start..self.end])
    }

    fn take(&mut self, count: usize) {
        assert!(count <= self.end - self.start, "only what lies ahead can be taken");
        self.start += count;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One byte a call.
    struct Drip<'a>(&'a [u8]);

    impl Read for Drip<'_> {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            let count = 1.min(into.len());
            self.0.read(&mut into[..count])
        }
    }

    #[test]
    fn a_stream_gives_what_is_asked_for_and_fewer_at_the_end() {
        let bytes: Vec<u8> = (0..10).collect();
        let mut stream = Stream::new(Drip(&bytes));
        assert_eq!(stream.ahead(3).unwrap(), [0, 1, 2]);
        stream.take(2);
        assert_eq!(stream.ahead(1).unwrap(), [2]);
        assert_eq!(stream.ahead(4).unwrap(), [2, 3, 4, 5]);
        stream.take(4);
        assert_eq!(stream.ahead(100).unwrap(), [6, 7, 8, 9]);
        stream.take(4);
        assert!(stream.ahead(1).unwrap().is_empty());
    }
}
