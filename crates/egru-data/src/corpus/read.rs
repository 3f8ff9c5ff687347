//! From a file of text to numbers of words.

use std::io::{self, ErrorKind, Read};

use super::Vocabulary;

/// The longest word, in bytes. A longer one is no word: the file is something else than text.
pub const LONGEST_WORD: usize = 1 << 16;

/// Bytes that are looked at together.
const BLOCK: usize = 1 << 20;

/// Why a text cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TextError {
    /// The reader failed.
    #[error("cannot be read: {0}")]
    Read(#[from] io::Error),
    /// The bytes are not UTF-8.
    #[error("line {line} is not valid UTF-8: convert the file to UTF-8")]
    NotUtf8 {
        /// Counted from 1.
        line: u64,
    },
    /// A zero byte, which no text has.
    #[error(
        "line {line} has a zero byte, so that this is no UTF-8 text: convert the file if it is UTF-16, or give another"
    )]
    Zero {
        /// Counted from 1.
        line: u64,
    },
    /// A word beyond the limit.
    #[error(
        "line {line} has a word of more than {LONGEST_WORD} bytes: the file is to hold words between white space"
    )]
    LongWord {
        /// Counted from 1.
        line: u64,
    },
    /// More different words than numbers.
    #[error("it has more than {} different words", u32::MAX)]
    TooManyWords,
}

/// Reads a text to its end: its words as they stand between white space, and
/// [`<eos>`](Vocabulary::LINE_END) after each line, blank lines included, and after a last line that
/// lacks its line feed. New words are added to the vocabulary.
///
/// A carriage return is white space, and a byte-order mark at the start is left out. What is held at a
/// time is bounded, but for the numbers themselves.
///
/// # Errors
/// [`TextError`] names the line.
///
/// ```
/// use egru_data::corpus::{Vocabulary, read_text};
/// let mut vocabulary = Vocabulary::default();
/// let tokens = read_text("a rose\r\n\nis a rose".as_bytes(), &mut vocabulary)?;
/// assert_eq!(tokens, [0, 1, 2, 2, 3, 0, 1, 2]);
/// assert_eq!(vocabulary.words().collect::<Vec<_>>(), ["a", "rose", "<eos>", "is"]);
/// # Ok::<(), egru_data::corpus::TextError>(())
/// ```
pub fn read_text(
    mut reader: impl Read,
    vocabulary: &mut Vocabulary,
) -> Result<Vec<u32>, TextError> {
    let mut text = Text { vocabulary, tokens: Vec::new(), line: 1, open: false, begun: false };
    let mut buffer = vec![0; BLOCK];
    // Bytes at the front of the buffer that may go on: the start of a word.
    let mut held = 0;
    loop {
        let read = match reader.read(&mut buffer[held..]) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            read => read?,
        };
        let filled = held + read;
        let end = match read {
            0 => filled,
            _ => match buffer[held..filled].iter().rposition(u8::is_ascii_whitespace) {
                Some(last) => held + last + 1,
                None => 0,
            },
        };
        text.take(&buffer[..end])?;
        buffer.copy_within(end..filled, 0);
        held = filled - end;
        if held > LONGEST_WORD {
            return Err(TextError::LongWord { line: text.line });
        }
        if read == 0 {
            break;
        }
    }
    if text.open {
        text.push(Vocabulary::LINE_END)?;
    }
    Ok(text.tokens)
}

/// A text on its way.
struct Text<'a> {
    vocabulary: &'a mut Vocabulary,
    tokens: Vec<u32>,
    /// The line at hand, counted from 1.
    line: u64,
    /// Whether the line at hand has begun.
    open: bool,
    /// Whether anything has been taken in.
    begun: bool,
}

impl Text<'_> {
    /// Takes in whole words.
    fn take(&mut self, bytes: &[u8]) -> Result<(), TextError> {
        let lines = |bytes: &[u8]| bytes.iter().filter(|&&byte| byte == b'\n').count() as u64;
        if let Some(zero) = bytes.iter().position(|&byte| byte == 0) {
            return Err(TextError::Zero { line: self.line + lines(&bytes[..zero]) });
        }
        let text = std::str::from_utf8(bytes).map_err(|error| TextError::NotUtf8 {
            line: self.line + lines(&bytes[..error.valid_up_to()]),
        })?;
        let mark = if self.begun { None } else { text.strip_prefix('\u{feff}') };
        self.begun |= !text.is_empty();
        for line in mark.unwrap_or(text).split_inclusive('\n') {
            for word in line.split_whitespace() {
                if word.len() > LONGEST_WORD {
                    return Err(TextError::LongWord { line: self.line });
                }
                self.push(word)?;
            }
            self.open = !line.ends_with('\n');
            if !self.open {
                self.push(Vocabulary::LINE_END)?;
                self.line += 1;
            }
        }
        Ok(())
    }

    fn push(&mut self, word: &str) -> Result<(), TextError> {
        if self.vocabulary.len() >= u32::MAX as usize {
            return Err(TextError::TooManyWords);
        }
        self.tokens.push(self.vocabulary.add(word));
        Ok(())
    }
}
