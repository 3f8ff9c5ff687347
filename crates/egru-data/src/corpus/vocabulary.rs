//! The words of a corpus and their numbers.

use std::{collections::HashMap, sync::Arc};

use crate::error::DataError;

/// Words by number, in the order in which they were added.
///
/// ```
/// use egru_data::corpus::Vocabulary;
/// let mut vocabulary = Vocabulary::default();
/// let numbers: Vec<u32> = ["to", "be", "or", "not", "to", "be"].map(|w| vocabulary.add(w)).into();
/// assert_eq!(numbers, [0, 1, 2, 3, 0, 1]);
/// assert_eq!((vocabulary.len(), vocabulary.word(3)), (4, Some("not")));
/// ```
#[derive(Debug, Clone, Default)]
pub struct Vocabulary {
    words: Vec<Arc<str>>,
    numbers: HashMap<Arc<str>, u32>,
}

/// A text in numbers of words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    /// The words, in order.
    pub tokens: Vec<u32>,
    /// The words that the vocabulary lacks, which became [`Vocabulary::UNKNOWN`], in order.
    pub unknown: Vec<String>,
}

impl Vocabulary {
    /// What ends each line.
    pub const LINE_END: &str = "<eos>";
    /// What stands for words outside of the vocabulary, in corpora that have such a word.
    pub const UNKNOWN: &str = "<unk>";

    /// The vocabulary of these words, whose numbers are their places. Of equal words the first has
    /// a number to be found by.
    pub fn from_words<W: Into<Arc<str>>>(words: impl IntoIterator<Item = W>) -> Self {
        let words: Vec<Arc<str>> = words.into_iter().map(Into::into).collect();
        let mut numbers = HashMap::with_capacity(words.len());
        for (number, word) in words.iter().enumerate() {
            numbers.entry(word.clone()).or_insert(number as u32);
        }
        Self { words, numbers }
    }

    /// The number of a word, which is added if it is new.
    pub fn add(&mut self, word: &str) -> u32 {
        if let Some(&number) = self.numbers.get(word) {
            return number;
        }
        let (number, word) = (self.words.len() as u32, Arc::<str>::from(word));
        self.words.push(word.clone());
        self.numbers.insert(word, number);
        number
    }

    /// Words.
    pub fn len(&self) -> usize {
        self.words.len()
    }

    /// Whether there is no word.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// The number of a word.
    pub fn number(&self, word: &str) -> Option<u32> {
        self.numbers.get(word).copied()
    }

    /// The word of a number.
    pub fn word(&self, number: u32) -> Option<&str> {
        self.words.get(number as usize).map(AsRef::as_ref)
    }

    /// The words, in the order of their numbers.
    pub fn words(&self) -> impl ExactSizeIterator<Item = &str> {
        self.words.iter().map(AsRef::as_ref)
    }

    /// A text that was not among those the vocabulary was made of, such as the beginning of one that is
    /// to be continued: split at white space, with `<eos>` between its lines where the vocabulary has
    /// that. Unknown words become `<unk>`.
    ///
    /// # Errors
    /// [`DataError::UnknownWord`] for an unknown word where the vocabulary has no `<unk>`.
    ///
    /// ```
    /// use egru_data::corpus::Vocabulary;
    /// let vocabulary = Vocabulary::from_words(["the", "<unk>", "<eos>"]);
    /// let text = vocabulary.encode("the owl\nthe")?;
    /// assert_eq!((text.tokens, text.unknown), (vec![0, 1, 2, 0], vec!["owl".to_owned()]));
    /// assert!(Vocabulary::from_words(["the"]).encode("owl").is_err());
    /// # Ok::<(), egru_data::DataError>(())
    /// ```
    pub fn encode(&self, text: &str) -> Result<Encoded, DataError> {
        let mut encoded = Encoded { tokens: Vec::new(), unknown: Vec::new() };
        let line_end = self.number(Self::LINE_END);
        for (line, words) in text.lines().enumerate() {
            encoded.tokens.extend(line_end.filter(|_| line > 0));
            for word in words.split_whitespace() {
                let number = self.number(word).or_else(|| {
                    encoded.unknown.push(word.to_owned());
                    self.number(Self::UNKNOWN)
                });
                let unknown = || DataError::UnknownWord { word: word.to_owned() };
                encoded.tokens.push(number.ok_or_else(unknown)?);
            }
        }
        Ok(encoded)
    }
}
