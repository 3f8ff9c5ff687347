//! The IDX format of MNIST: a big-endian header and bytes, plain or gzip.
//!
//! | bytes | images | labels |
//! |---|---|---|
//! | 0..4 | magic `0x00000803` | magic `0x00000801` |
//! | 4..8 | number of images | number of labels |
//! | 8..16 | rows, columns | (data starts here) |
//! | then | one byte a pixel, row-major | one byte a label |
//!
//! Nothing is believed before it is checked: no more is allocated or decompressed than the header
//! announces, no more than [`MAX_BYTES`] may be announced, and a byte too many is an error. Behind gzip
//! data zeros are ignored, and anything else is too, as [`Parsed::ignored`] tells.
//!
//! ```
//! let file = [0, 0, 8, 1, 0, 0, 0, 3, 7, 2, 1];
//! assert_eq!(egru_data::idx::read_labels(&file[..], 10)?, [7, 2, 1]);
//! # Ok::<(), egru_data::idx::IdxError>(())
//! ```

use std::io::{self, ErrorKind, Read};

use crate::container::{Contents, START, foreign};

/// The largest body that is read: twice that of EMNIST's training images.
pub const MAX_BYTES: usize = 1 << 30;

/// The largest image side that is read.
pub const MAX_SIDE: u32 = 4096;

const IMAGES: u32 = 0x0803;
const LABELS: u32 = 0x0801;

/// What is wrong with an IDX file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IdxError {
    /// The file starts with the wrong number.
    #[error("magic number 0x{found:08x}, where 0x{expected:08x} is needed: {}", describe(*found))]
    Magic {
        /// What the kind of file asked for starts with.
        expected: u32,
        /// What this one starts with.
        found: u32,
    },
    /// Something else lies under the file's name.
    #[error("it is {0}")]
    Foreign(&'static str),
    /// The file ends too early.
    #[error("truncated: {part} needs {needed} bytes and the file ends after {found}")]
    Truncated {
        /// `header` or `body`.
        part: &'static str,
        /// Bytes that it needs.
        needed: usize,
        /// Bytes of it that are there.
        found: usize,
    },
    /// The header announces nothing.
    #[error("the header announces 0 {0}")]
    Zero(&'static str),
    /// The header announces more than any file of this kind holds.
    #[error("the header announces {announced} {what}, more than the limit of {limit}")]
    TooLarge {
        /// What there is too much of.
        what: &'static str,
        /// How much the header says.
        announced: u64,
        /// How much is read at most.
        limit: u64,
    },
    /// The file goes on after its last item.
    #[error("data follows after the {announced} bytes that the header announces")]
    Trailing {
        /// Size of the body by the header.
        announced: usize,
    },
    /// A label names no class.
    #[error("label {value} at position {index}, where labels are {lowest} to {highest}")]
    Label {
        /// Its position.
        index: usize,
        /// The label.
        value: u8,
        /// The label of the first class.
        lowest: u8,
        /// The label of the last class.
        highest: u8,
    },
    /// The gzip stream is damaged.
    #[error("damaged gzip data: {0}")]
    Gzip(io::Error),
    /// The file could not be read.
    #[error("cannot read: {0}")]
    Read(io::Error),
}

fn describe(magic: u32) -> &'static str {
    match magic {
        IMAGES => "this is an image file",
        LABELS => "this is a label file",
        _ => "this is not an IDX file of bytes",
    }
}

/// Grey-scale images of one size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Images {
    /// Number of images, at least 1.
    pub count: usize,
    /// Height.
    pub rows: usize,
    /// Width.
    pub columns: usize,
    /// Row-major `[count, rows, columns]`, 0 black to 255 white.
    pub pixels: Vec<u8>,
}

/// What was read of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parsed<T> {
    /// What it holds.
    pub items: T,
    /// Whether bytes other than zeros follow its gzip data. `gzip` warns of them, too.
    pub ignored: bool,
}

/// Reads an image file, plain or gzip, to its end.
///
/// # Errors
/// Any [`IdxError`] but [`IdxError::Label`].
pub fn read_images(reader: impl Read) -> Result<Images, IdxError> {
    images(reader).map(|parsed| parsed.items)
}

/// Reads a label file, plain or gzip, to its end. Labels are below `classes`.
///
/// # Errors
/// Any [`IdxError`].
pub fn read_labels(reader: impl Read, classes: u8) -> Result<Vec<u8>, IdxError> {
    let labels = labels(reader)?.items;
    check_labels(&labels, 0, classes.saturating_sub(1))?;
    Ok(labels)
}

/// As [`read_images`], and tells what was ignored.
///
/// # Errors
/// Any [`IdxError`] but [`IdxError::Label`].
pub fn images(reader: impl Read) -> Result<Parsed<Images>, IdxError> {
    let mut reader = Contents::new(reader).map_err(IdxError::Read)?;
    let [count, rows, columns] = header(&mut reader, IMAGES)?;
    non_zero("images", count)?;
    for (what, side) in [("rows", rows), ("columns", columns)] {
        non_zero(what, side)?;
        at_most(what, side.into(), MAX_SIDE.into())?;
    }
    let bytes = u64::from(count) * u64::from(rows) * u64::from(columns);
    let pixels = body(&mut reader, bytes)?;
    let items =
        Images { count: count as usize, rows: rows as usize, columns: columns as usize, pixels };
    Ok(Parsed { items, ignored: reader.ignored() })
}

/// Reads a label file, plain or gzip, to its end, whatever the labels.
///
/// # Errors
/// Any [`IdxError`] but [`IdxError::Label`].
pub fn labels(reader: impl Read) -> Result<Parsed<Vec<u8>>, IdxError> {
    let mut reader = Contents::new(reader).map_err(IdxError::Read)?;
    let [count] = header(&mut reader, LABELS)?;
    non_zero("labels", count)?;
    let items = body(&mut reader, count.into())?;
    Ok(Parsed { items, ignored: reader.ignored() })
}

/// [`IdxError::Label`] for the first that is not `lowest` to `highest`.
pub(crate) fn check_labels(labels: &[u8], lowest: u8, highest: u8) -> Result<(), IdxError> {
    match labels.iter().position(|label| !(lowest..=highest).contains(label)) {
        Some(index) => Err(IdxError::Label { index, value: labels[index], lowest, highest }),
        None => Ok(()),
    }
}

/// The magic number, which is checked, and the `N` sizes after it.
fn header<const N: usize>(reader: &mut dyn Read, expected: u32) -> Result<[u32; N], IdxError> {
    let bytes = read_up_to(reader, 4 + 4 * N)?;
    let mut words = bytes.chunks_exact(4).map(|b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]));
    // The magic number first: of a short file of another kind, the kind is the better message.
    match words.next() {
        Some(found) if found != expected => {
            let mut start = bytes.clone();
            start.extend(read_up_to(reader, START)?);
            return Err(match foreign(&start) {
                Some(what) => IdxError::Foreign(what),
                None => IdxError::Magic { expected, found },
            });
        }
        _ if bytes.len() < 4 + 4 * N => {
            let (needed, found) = (4 + 4 * N, bytes.len());
            return Err(IdxError::Truncated { part: "header", needed, found });
        }
        _ => {}
    }
    Ok(std::array::from_fn(|_| words.next().unwrap_or_default()))
}

/// Exactly `announced` bytes and then the end of the file, whose gzip checksum is verified by
/// reaching it.
fn body(reader: &mut dyn Read, announced: u64) -> Result<Vec<u8>, IdxError> {
    at_most("bytes", announced, MAX_BYTES as u64)?;
    let needed = announced as usize;
    let body = read_up_to(reader, needed)?;
    if body.len() < needed {
        return Err(IdxError::Truncated { part: "body", needed, found: body.len() });
    }
    let mut rest = Vec::new();
    reader.take(1).read_to_end(&mut rest).map_err(read_error)?;
    if !rest.is_empty() {
        return Err(IdxError::Trailing { announced: needed });
    }
    Ok(body)
}

/// At most `limit` bytes, fewer at the end of the file. Grows with what really arrives, so that
/// a small file with a large announcement costs nothing.
fn read_up_to(reader: &mut dyn Read, limit: usize) -> Result<Vec<u8>, IdxError> {
    let mut bytes = Vec::with_capacity(limit.min(1 << 16));
    match reader.take(limit as u64).read_to_end(&mut bytes) {
        Ok(_) => Ok(bytes),
        // The decoder's word for a gzip stream that stops: the caller sees that it is short.
        Err(error) if error.kind() == ErrorKind::UnexpectedEof && bytes.len() < limit => Ok(bytes),
        Err(error) => Err(read_error(error)),
    }
}

/// The decoder reports bad data by these kinds; a file system does not.
fn read_error(error: io::Error) -> IdxError {
    match error.kind() {
        ErrorKind::InvalidInput | ErrorKind::InvalidData | ErrorKind::UnexpectedEof => {
            IdxError::Gzip(error)
        }
        _ => IdxError::Read(error),
    }
}

fn non_zero(what: &'static str, value: u32) -> Result<(), IdxError> {
    if value == 0 { Err(IdxError::Zero(what)) } else { Ok(()) }
}

fn at_most(what: &'static str, announced: u64, limit: u64) -> Result<(), IdxError> {
    if announced > limit { Err(IdxError::TooLarge { what, announced, limit }) } else { Ok(()) }
}
