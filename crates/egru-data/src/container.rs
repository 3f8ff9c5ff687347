//! A published file as people really have it: plain or gzip, with something behind the gzip data, or
//! something else altogether under its name.

use std::io::{self, BufRead, BufReader, Chain, Cursor, ErrorKind, Read};

use flate2::bufread::GzDecoder;

/// The first two bytes of gzip data.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Bytes that are enough to tell what a file is.
pub(crate) const START: usize = 64;

/// What a file is that starts with `start`, if it is what is often found in place of data: for a
/// message that says "it is ...".
pub(crate) fn foreign(start: &[u8]) -> Option<&'static str> {
    const SIGNS: [(&[u8], &str); 11] = [
        (
            b"version https://git-lfs",
            "a Git LFS pointer, which only stands for the file: `git lfs pull` in its repository gets the file",
        ),
        (b"<!doctype html", HTML),
        (b"<html", HTML),
        (b"<head", HTML),
        (b"<?xml", "an XML text, such as a server sends when it cannot give the file"),
        (b"pk\x03\x04", "a zip archive: unpack it first"),
        (b"7z\xbc\xaf\x27\x1c", "a 7z archive: unpack it first"),
        (b"\xfd7zxz\0", "compressed by xz: decompress it first"),
        (b"bzh", "compressed by bzip2: decompress it first"),
        (b"\x28\xb5\x2f\xfd", "compressed by zstd: decompress it first"),
        (b"\x93numpy", "a NumPy array, which is not read here"),
    ];
    const HTML: &str = "an HTML page, such as a server sends when it cannot give the file";
    let start = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start).trim_ascii_start();
    let start = start.to_ascii_lowercase();
    SIGNS.iter().find(|(sign, _)| start.starts_with(sign)).map(|(_, what)| *what)
}

/// The first bytes of `reader`, which goes on behind them.
pub(crate) fn start_of(reader: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut start = Vec::with_capacity(START);
    reader.take(START as u64).read_to_end(&mut start)?;
    Ok(start)
}

type Whole<R> = BufReader<Chain<Cursor<Vec<u8>>, R>>;

/// Reads what a file holds, decompressed if it is gzip.
///
/// As the `gzip` program, it takes several streams for one, and ignores what follows them that is
/// no stream: zeros, with which media are filled up, without a word; anything else is told by
/// [`ignored`](Self::ignored).
pub(crate) struct Contents<R: Read> {
    source: Source<R>,
    ignored: bool,
}

enum Source<R: Read> {
    Plain(Whole<R>),
    Gzip(GzDecoder<Whole<R>>),
    Ended,
}

impl<R: Read> Contents<R> {
    /// Looks at the first bytes to tell gzip from plain.
    pub(crate) fn new(mut reader: R) -> io::Result<Self> {
        let start = start_of(&mut reader)?;
        let gzip = start.starts_with(&GZIP);
        let whole = BufReader::new(Cursor::new(start).chain(reader));
        let source = if gzip { Source::Gzip(GzDecoder::new(whole)) } else { Source::Plain(whole) };
        Ok(Self { source, ignored: false })
    }

    /// Whether something other than zeros was ignored behind the gzip data. Known at the end.
    pub(crate) fn ignored(&self) -> bool {
        self.ignored
    }

    /// Goes on to the next stream, if there is one.
    fn next_stream(&mut self, mut rest: Whole<R>) -> io::Result<()> {
        loop {
            let bytes = match rest.fill_buf() {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                bytes => bytes?,
            };
            let (zeros, first) = match bytes.iter().position(|&byte| byte != 0) {
                Some(at) => (at, Some(bytes[at])),
                None if bytes.is_empty() => return Ok(()),
                None => (bytes.len(), None),
            };
            rest.consume(zeros);
            match first {
                None => {}
                Some(byte) if byte == GZIP[0] => {
                    self.source = Source::Gzip(GzDecoder::new(rest));
                    return Ok(());
                }
                Some(_) => {
                    self.ignored = true;
                    return Ok(());
                }
            }
        }
    }
}

impl<R: Read> Read for Contents<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match &mut self.source {
                Source::Plain(whole) => return whole.read(buffer),
                Source::Ended => return Ok(0),
                Source::Gzip(stream) => {
                    let count = stream.read(buffer)?;
                    if count > 0 || buffer.is_empty() {
                        return Ok(count);
                    }
                }
            }
            if let Source::Gzip(stream) = std::mem::replace(&mut self.source, Source::Ended) {
                self.next_stream(stream.into_inner())?;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    /// Gives a byte at a time, as a slow pipe does.
    struct Slow<'a>(&'a [u8]);

    impl Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let length = buffer.len().min(1);
            self.0.read(&mut buffer[..length])
        }
    }

    fn read(file: &[u8]) -> io::Result<(Vec<u8>, bool)> {
        let mut contents = Contents::new(Slow(file))?;
        let mut bytes = Vec::new();
        contents.read_to_end(&mut bytes)?;
        Ok((bytes, contents.ignored()))
    }

    #[test]
    fn what_follows_gzip_data_is_taken_as_gzip_takes_it() {
        let (one, two) = (gzip(b"one"), gzip(b"two"));
        assert_eq!(read(b"plain").unwrap(), (b"plain".to_vec(), false));
        assert_eq!(read(&one).unwrap(), (b"one".to_vec(), false));
        assert_eq!(
            read(&[one.clone(), two.clone()].concat()).unwrap(),
            (b"onetwo".to_vec(), false)
        );
        let zeros = vec![0; 70_000];
        assert_eq!(read(&[one.clone(), zeros.clone()].concat()).unwrap(), (b"one".to_vec(), false));
        let behind_zeros = [one.clone(), zeros, two].concat();
        assert_eq!(read(&behind_zeros).unwrap(), (b"onetwo".to_vec(), false));
        let text = [&one[..], b"\0\0some text"].concat();
        assert_eq!(read(&text).unwrap(), (b"one".to_vec(), true));
        // The start of a stream that is none, and a stream cut short.
        assert!(read(&[&one[..], b"\x1f\x8b"].concat()).is_err());
        assert!(read(&one[..one.len() - 1]).is_err());
        assert_eq!(read(b"").unwrap(), (Vec::new(), false));
    }

    #[test]
    fn what_is_found_in_place_of_data_is_recognised() {
        for (start, word) in [
            (&b"<!DOCTYPE html>"[..], "HTML"),
            (b"\xef\xbb\xbf\r\n<HTML lang=", "HTML"),
            (b"<?xml version", "XML"),
            (b"version https://git-lfs.github.com/spec/v1\noid", "Git LFS"),
            (b"PK\x03\x04", "zip"),
            (b"\x93NUMPY", "NumPy"),
        ] {
            assert!(foreign(start).unwrap().contains(word), "{word}");
        }
        assert_eq!(foreign(&[0, 0, 8, 3]), None);
        assert_eq!(foreign(b""), None);
    }
}
