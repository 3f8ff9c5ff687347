//! Texts to learn a language from: WikiText-2, and any folder of texts to train, validate and test on.
//!
//! A text is split at white space, with `<eos>` after each line; the vocabulary has the words in the order
//! of their first appearance over the three texts. Each split is one [`TokenStream`], whose
//! [class names](crate::SequenceDataset::class_names) are the words.
//!
//! ```
//! use egru_data::{DatasetConfig, corpus::TokensConfig};
//! let folder = tempfile::tempdir()?;
//! for (name, text) in [("train", "a b\nb a\n"), ("valid", "a a\n"), ("test", "c")] {
//!     std::fs::write(folder.path().join(format!("{name}.txt")), text)?;
//! }
//! let splits = TokensConfig { corpus: folder.path().into() }.load(None, 1)?;
//! assert_eq!(splits.train.class_names().unwrap(), ["a", "b", "<eos>", "c"]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! S. Merity, C. Xiong, J. Bradbury, R. Socher: Pointer sentinel mixture models. ICLR 2017.

mod plain;
mod read;
mod vocabulary;

use std::{
    fs::File,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::{Deserialize, Serialize};

use crate::{
    catalogue::{self, DatasetInfo},
    config::DatasetConfig,
    dataset::SequenceDataset,
    error::DataError,
    fetch::Hashed,
    sample::Split,
    splits::{FileRecord, Splits},
    stream::TokenStream,
};

pub use plain::PlainText;
pub use read::{LONGEST_WORD, TextError, read_text};
pub use vocabulary::{Encoded, Vocabulary};

/// The task of a corpus.
const TASK: &str = "language";

/// What is known of a published corpus.
struct Known {
    title: &'static str,
    /// Tokens of train, valid and test.
    tokens: [usize; 3],
    /// Different tokens in all three.
    types: usize,
}

/// With `<eos>`, as every publication counts it.
const WIKITEXT_2_COUNTS: Known =
    Known { title: "WikiText-2", tokens: [2_088_628, 217_646, 245_569], types: 33_278 };

/// The Penn Treebank as prepared by Mikolov et al. 2010, with `<eos>`.
const PENN_TREEBANK: Known =
    Known { title: "the Penn Treebank", tokens: [929_589, 73_760, 82_430], types: 10_000 };

/// WikiText-2: Wikipedia's verified articles, rare words replaced by `<unk>`. It has no settings.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WikiText2Config {}

impl DatasetConfig for WikiText2Config {
    const NAME: &'static str = "wikitext-2";

    /// Reads `wiki.{train,valid,test}.tokens` under `root`. Other counts than the published ones, or
    /// another checksum, are a warning.
    ///
    /// # Errors
    /// [`DataError::NoRoot`] and [`DataError::Missing`] say how to get the files, [`DataError::Corpus`] what
    /// is wrong with one.
    fn load(&self, root: Option<&Path>, _seed: u64) -> Result<Splits, DataError> {
        let info = catalogue::find(Self::NAME)?;
        let root = info.require_root(root)?;
        let [train, valid, test] = info.files.as_slice() else {
            return Err(DataError::Config {
                field: "data.name",
                value: Self::NAME.to_owned(),
                problem: "the catalogue does not have its three files".to_owned(),
            });
        };
        let path = |file| info.find(file, root);
        let paths = [path(train)?, path(valid)?, path(test)?];
        load(Self::NAME, paths, Some((&WIKITEXT_2_COUNTS, Some(info))))
    }

    fn files(&self) -> Result<Option<&'static DatasetInfo>, DataError> {
        catalogue::find(Self::NAME).map(Some)
    }

    fn task(&self) -> &'static str {
        TASK
    }
}

/// Any folder of three texts, in one of these namings:
/// `wiki.train.tokens`, `train.txt`, `ptb.train.txt`, and so on for `valid` and `test`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TokensConfig {
    /// The folder; one that is not absolute is looked for under the data folder, then as it stands.
    pub corpus: PathBuf,
}

impl DatasetConfig for TokensConfig {
    const NAME: &'static str = "tokens";

    /// Reads the folder's three texts.
    ///
    /// # Errors
    /// [`DataError::Config`] without a folder, [`DataError::NoText`] without a text, [`DataError::Corpus`] for
    /// one that cannot be used.
    fn load(&self, root: Option<&Path>, _seed: u64) -> Result<Splits, DataError> {
        if self.corpus.as_os_str().is_empty() {
            return Err(DataError::Config {
                field: "data.corpus",
                value: "\"\"".into(),
                problem: "name the folder of the corpus".into(),
            });
        }
        // An absolute path stays itself when joined.
        let under_root = root.map(|root| root.join(&self.corpus)).filter(|path| path.is_dir());
        let folder = under_root.unwrap_or_else(|| self.corpus.clone());
        let path = |split| text_of(&folder, split);
        let paths = [path(Split::Train)?, path(Split::Valid)?, path(Split::Test)?];
        let name = paths[0].file_name().unwrap_or_default().to_string_lossy();
        let known = name.starts_with("ptb.").then_some((&PENN_TREEBANK, None));
        load(Self::NAME, paths, known)
    }

    fn task(&self) -> &'static str {
        TASK
    }
}

/// The text of a split in a folder.
fn text_of(folder: &Path, split: Split) -> Result<PathBuf, DataError> {
    let names =
        [format!("wiki.{split}.tokens"), format!("{split}.txt"), format!("ptb.{split}.txt")];
    let paths = names.map(|name| folder.join(name));
    let found = paths.iter().find(|path| path.is_file()).cloned();
    found.ok_or_else(|| DataError::NoText { split, looked_for: paths.into() })
}

/// Reads three texts. Of a known corpus also the catalogue's entry, if it has one.
fn load(
    name: &str,
    paths: [PathBuf; 3],
    known: Option<(&Known, Option<&DatasetInfo>)>,
) -> Result<Splits, DataError> {
    let mut vocabulary = Vocabulary::default();
    let texts = paths.map(|path| Text::read(path, &mut vocabulary));
    let [train, valid, test] = texts;
    let texts = [train?, valid?, test?];
    let warnings = match known {
        Some((known, info)) => warnings(known, info, &texts, vocabulary.len()),
        None => Vec::new(),
    };
    let provenance = texts.iter().map(|text| text.record.clone()).collect();
    let words: Arc<[String]> = vocabulary.words().map(str::to_owned).collect();
    let streams = texts.map(|text| -> Result<Arc<dyn SequenceDataset>, DataError> {
        Ok(Arc::new(TokenStream::new(name, text.tokens, words.len())?.with_words(words.clone())?))
    });
    let [train, valid, test] = streams;
    Ok(Splits { train: train?, valid: valid?, test: test?, provenance, warnings })
}

/// A text as read.
struct Text {
    tokens: Vec<u32>,
    record: FileRecord,
}

impl Text {
    fn read(path: PathBuf, vocabulary: &mut Vocabulary) -> Result<Self, DataError> {
        let mut file = Hashed::new(File::open(&path).map_err(DataError::io("open", &path))?);
        let tokens = read_text(&mut file, vocabulary).map_err(|error| match error {
            TextError::Read(source) => DataError::io("read", &path)(source),
            other => DataError::Corpus { path: path.clone(), problem: other.to_string() },
        })?;
        if tokens.len() < 2 {
            let problem = "it is empty: a text needs at least one word and the end of its line";
            return Err(DataError::Corpus { path, problem: problem.into() });
        }
        let (sha256, bytes) = file.finish();
        Ok(Self { tokens, record: FileRecord { path, sha256, bytes } })
    }
}

/// How the texts differ from the published ones.
fn warnings(
    known: &Known,
    info: Option<&DatasetInfo>,
    texts: &[Text; 3],
    types: usize,
) -> Vec<String> {
    let Known { title, .. } = known;
    let mut warnings = Vec::new();
    for (text, tokens) in texts.iter().zip(known.tokens) {
        let found = text.tokens.len();
        if found != tokens {
            let path = text.record.path.display();
            warnings.push(format!("{path}: {found} tokens, where that of {title} has {tokens}"));
        }
    }
    if types != known.types {
        warnings.push(format!("{types} different words, where {title} has {}", known.types));
    }
    if !warnings.is_empty() {
        warnings.push(format!("this is not {title}: perplexities on it cannot be compared"));
        return warnings;
    }
    let other = |text: &&Text| {
        info.is_some_and(|info| info.files.iter().all(|file| file.sha256 != text.record.sha256))
    };
    let other = texts.iter().filter(other).map(|Text { record, .. }| {
        format!(
            "{}: sha256 {} is not that of the published file, though the numbers of tokens and of different words of \
             {title} are right: its lines may be in another order",
            record.path.display(),
            record.sha256
        )
    });
    other.collect()
}
