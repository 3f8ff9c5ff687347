//! The one error type of the crate. Every message names the file or field and what to do about it.

use std::path::PathBuf;

use crate::{events::EventError, fetch::error::FetchError, idx::IdxError, sample::Split};

/// Why a data set could not be loaded, read or batched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// The data set is read from files, and no folder was given to look in.
    #[error(
        "data set `{dataset}` is read from files and no data folder was given: name the folder that holds them, or is to hold them.\n{remedy}"
    )]
    NoRoot {
        /// Name in the catalogue.
        dataset: String,
        /// How to get the files.
        remedy: String,
    },
    /// A file is in none of the places where it is looked for.
    #[error("data set `{dataset}`: {file} is missing. Looked for:\n{}{remedy}", lines(looked_for))]
    Missing {
        /// Name in the catalogue.
        dataset: String,
        /// Name of the file.
        file: String,
        /// Every path tried.
        looked_for: Vec<PathBuf>,
        /// How to get the file.
        remedy: String,
    },
    /// A data set that no address is known for, or whose terms ask for a person, is not there.
    #[error(
        "data set `{dataset}` is not there{}.\n{how}", if looked_for.is_empty() { ": no data folder was given".to_owned() }
        else { format!(". Looked for:\n{}", lines(looked_for).trim_end()) }
    )]
    Unplaced {
        /// Its name in recipes.
        dataset: String,
        /// Every path tried; none without a data folder.
        looked_for: Vec<PathBuf>,
        /// What to get from where, and where to put it.
        how: &'static str,
    },
    /// Prepared data could not be kept on disk or read from there.
    #[error(
        "the cache {} cannot be used: {source}; name a folder that can be written, with enough space, in the variable EGRU_CACHE",
        path.display()
    )]
    Cache {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// An IDX file is damaged or is something else.
    #[error("{}: {source}.\n{remedy}", path.display())]
    Idx {
        /// Name in the catalogue.
        dataset: String,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: IdxError,
        /// How to get a good one.
        remedy: String,
    },
    /// Two files that belong together hold different numbers of items.
    #[error(
        "{} holds {image_count} images but {} holds {label_count} labels: they are not a pair.\n{remedy}",
        images.display(), labels.display()
    )]
    CountMismatch {
        /// Name in the catalogue.
        dataset: String,
        /// The image file.
        images: PathBuf,
        /// Items in it.
        image_count: usize,
        /// The label file.
        labels: PathBuf,
        /// Items in it.
        label_count: usize,
        /// How to get a pair.
        remedy: String,
    },
    /// Images to train on and images to test on are of different size.
    #[error(
        "{} holds images of {}x{} pixels but {} holds images of {}x{}: one network cannot read both.\n{remedy}",
        train.display(), train_size[0], train_size[1], test.display(), test_size[0], test_size[1]
    )]
    SizeMismatch {
        /// Name in the catalogue.
        dataset: String,
        /// The file of the images to train on.
        train: PathBuf,
        /// Their rows and columns.
        train_size: [u32; 2],
        /// The file of the images to test on.
        test: PathBuf,
        /// Their rows and columns.
        test_size: [u32; 2],
        /// How to get files that go together.
        remedy: String,
    },
    /// The splits of a data set need different networks.
    #[error(
        "the {split} split differs from the train split in what a step or a target is: `{other}`, `{train}`; load both alike"
    )]
    SplitMismatch {
        /// The split that differs.
        split: Split,
        /// What the training split holds.
        train: String,
        /// What this one holds.
        other: String,
    },
    /// The operating system refused something.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was attempted, as a verb.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A setting is outside its range.
    #[error("{field} = {value} is not usable: {problem}")]
    Config {
        /// Path of the field in the recipe, such as `data.valid_fraction`.
        field: &'static str,
        /// The value given.
        value: String,
        /// What is wrong and which values work.
        problem: String,
    },
    /// A set without samples cannot be batched.
    #[error("data set `{dataset}` is empty: ask for at least one sample in every split")]
    Empty {
        /// Name in the set's [`Spec`](crate::Spec).
        dataset: String,
    },
    /// A sample was asked for by an index that the set does not have.
    #[error("data set `{dataset}` has {len} samples (0 to {last}), so there is no sample {index}", last = len.saturating_sub(1))]
    Index {
        /// Name in the set's [`Spec`](crate::Spec).
        dataset: String,
        /// The index asked for.
        index: usize,
        /// Samples in the set.
        len: usize,
    },
    /// A sample contradicts its set's [`Spec`](crate::Spec).
    #[error("data set `{dataset}`, sample {index}: {problem}; correct its SequenceDataset::sample")]
    Sample {
        /// Name in the set's [`Spec`](crate::Spec).
        dataset: String,
        /// The sample.
        index: usize,
        /// The contradiction.
        problem: String,
    },
    /// Tokens do not make a stream.
    #[error("token stream `{dataset}`: {problem}")]
    Tokens {
        /// Name of the stream.
        dataset: String,
        /// What is wrong, and what is needed.
        problem: String,
    },
    /// A text of a corpus cannot be used.
    #[error("{}: {problem}", path.display())]
    Corpus {
        /// The file.
        path: PathBuf,
        /// What is wrong, where, and what is needed.
        problem: String,
    },
    /// A folder lacks the text of a split.
    #[error(
        "the corpus has no text of the {split} split. Looked for:\n{}place it there, or give another folder in data.corpus",
        lines(looked_for)
    )]
    NoText {
        /// The split.
        split: Split,
        /// Every path tried.
        looked_for: Vec<PathBuf>,
    },
    /// A word that the vocabulary lacks, where it has none for unknown words.
    #[error(
        "the word `{word}` is not in the vocabulary, which has no `<unk>` to stand for it: use words of the corpus, in its spelling"
    )]
    UnknownWord {
        /// The word.
        word: String,
    },
    /// A loader's worker thread could not start, or panicked.
    #[error("a data loading thread failed: {message}")]
    Worker {
        /// The panic's message or the system's reason.
        message: String,
    },
    /// Files could not be fetched.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// A recording of an event camera could not be read, cut or made into frames.
    #[error(transparent)]
    Events(Box<EventError>),
}

impl From<EventError> for DataError {
    fn from(error: EventError) -> Self {
        Self::Events(Box::new(error))
    }
}

impl DataError {
    /// For `map_err`: an I/O failure with the path and the attempted action, a verb.
    pub(crate) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }

    /// For `map_err`: a setting outside its range, with the table of a recipe that it stands in.
    pub(crate) fn setting_in(table: &'static str) -> impl FnOnce(EventError) -> Self {
        move |error| match error {
            EventError::Setting { field, value, problem } => Self::Config {
                field: table,
                value: format!("{{ {field} = {value} }}"),
                problem: problem.to_owned(),
            },
            other => other.into(),
        }
    }
}

/// One indented path a line.
fn lines(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| format!("  {}\n", path.display())).collect()
}
