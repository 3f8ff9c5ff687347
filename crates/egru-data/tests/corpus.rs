//! Corpora from folders: good ones, bad ones, and WikiText-2 where it is at hand.

use std::{
    fs,
    io::{self, Read},
    path::Path,
};

use egru_data::{
    Batch, BatchTargets, DataError, DatasetConfig, Inputs, Loader, LoaderConfig, SamplerConfig,
    SequenceDataset, Split, Splits,
    corpus::{LONGEST_WORD, TextError, TokensConfig, Vocabulary, WikiText2Config, read_text},
};
use tempfile::TempDir;

/// A folder with these texts, named by `name` with the split for `*`.
fn folder(name: &str, texts: [&[u8]; 3]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (split, text) in Split::ALL.iter().zip(texts) {
        let name = name.replace('*', &split.to_string());
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn load(folder: &Path) -> Result<Splits, Box<DataError>> {
    TokensConfig { corpus: folder.into() }.load(None, 1).map_err(Box::new)
}

fn tokens(data: &dyn SequenceDataset) -> Vec<u32> {
    // The last token is a target only.
    let sample = data.sample(0, None).unwrap();
    let Inputs::Tokens(mut tokens) = sample.inputs else { panic!() };
    let egru_data::Target::Classes(targets) = sample.target else { panic!() };
    tokens.push(targets.last().unwrap().unwrap() as u32);
    tokens
}

fn refused(train: &[u8]) -> String {
    let folder = folder("*.txt", [train, b"a b\n", b"a b\n"]);
    let error = load(folder.path()).unwrap_err();
    assert!(matches!(*error, DataError::Corpus { .. }), "{error:?}");
    assert!(error.to_string().contains("train.txt"), "{error}");
    error.to_string()
}

#[test]
fn each_naming_is_found_and_numbers_follow_first_appearance() {
    for name in ["*.txt", "wiki.*.tokens", "ptb.*.txt"] {
        let folder = folder(name, [b" \n = b =\n", b"a b\n", b"c\n"]);
        let splits = load(folder.path()).unwrap();
        let words = splits.train.class_names().unwrap();
        assert_eq!(words, ["<eos>", "=", "b", "a", "c"], "{name}");
        assert_eq!(tokens(splits.train.as_ref()), [0, 1, 2, 1, 0]);
        assert_eq!(tokens(splits.valid.as_ref()), [3, 2, 0]);
        assert_eq!(tokens(splits.test.as_ref()), [4, 0]);
        splits.check().unwrap();
        assert_eq!(splits.provenance.len(), 3);
        assert_eq!(splits.provenance[1].bytes, 4);
        let folded = splits.train.clone().folded(2).unwrap();
        assert_eq!(folded.class_names().unwrap(), words);
        // Its name says that it is the Penn Treebank, and its counts that it is not.
        assert_eq!(!splits.warnings.is_empty(), name == "ptb.*.txt", "{:?}", splits.warnings);
    }
}

#[test]
fn the_folder_is_looked_for_under_the_data_folder() {
    let root = tempfile::tempdir().unwrap();
    let texts = folder("*.txt", [b"a b", b"a", b"b"]);
    fs::rename(texts.path(), root.path().join("mine")).unwrap();
    let config = TokensConfig { corpus: "mine".into() };
    assert!(config.load(Some(root.path()), 1).is_ok());
    let error = config.load(None, 1).unwrap_err();
    assert!(matches!(&error, DataError::NoText { split: Split::Train, .. }), "{error}");
    assert!(error.to_string().contains("wiki.train.tokens"), "{error}");
    let error = TokensConfig::default().load(None, 1).unwrap_err().to_string();
    assert!(error.contains("data.corpus"), "{error}");
    fs::remove_file(root.path().join("mine/test.txt")).unwrap();
    let error = config.load(Some(root.path()), 1).unwrap_err();
    assert!(matches!(error, DataError::NoText { split: Split::Test, .. }), "{error}");
}

#[test]
fn line_ends_and_marks_of_other_systems_change_nothing() {
    let read = |text: &str| {
        let mut vocabulary = Vocabulary::default();
        let tokens = read_text(text.as_bytes(), &mut vocabulary).unwrap();
        (tokens, vocabulary.words().map(str::to_owned).collect::<Vec<_>>())
    };
    let plain = read("a b\n\nb\n");
    assert_eq!(plain.0, [0, 1, 2, 2, 1, 2]);
    for other in ["a b\r\n\r\nb\r\n", "\u{feff}a b\n\nb\n", "a b\n\nb", " a\t b \n \n\u{a0}b"] {
        assert_eq!(read(other), plain, "{other:?}");
    }
    assert_eq!(read("").0, []);
    assert_eq!(read("\n").0, [0]);
}

#[test]
fn texts_that_are_none_are_refused_with_the_line() {
    assert!(refused(b"").contains("empty"));
    assert!(refused(b"\n").contains("empty"));
    assert!(refused(b"a\nb \xff c\n").contains("line 2 is not valid UTF-8"));
    assert!(refused(b"a\n\nb\0c\n").contains("line 3 has a zero byte"));
    // UTF-16.
    assert!(refused(b"\xff\xfea\0b\0").contains("line 1"));
    let long = "x".repeat(LONGEST_WORD + 1);
    assert!(refused(format!("a\n{long}").as_bytes()).contains("line 2 has a word of more than"));
    assert!(refused(format!("a\n{long} b\n").as_bytes()).contains("line 2 has a word of more"));
}

#[test]
fn a_word_without_an_end_is_not_read_to_its_end() {
    /// Counts what is taken of it.
    struct Endless<'a>(&'a mut usize);
    impl Read for Endless<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            buffer.fill(b'x');
            *self.0 += buffer.len();
            Ok(buffer.len())
        }
    }
    let mut taken = 0;
    let error = read_text(Endless(&mut taken), &mut Vocabulary::default()).unwrap_err();
    assert!(matches!(error, TextError::LongWord { line: 1 }), "{error}");
    assert!(taken < 1 << 22, "{taken}");
}

#[test]
fn words_may_lie_across_any_two_reads() {
    /// Gives a few bytes at a time, as a slow pipe does.
    struct Drops<'a>(&'a [u8], usize);
    impl Read for Drops<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = self.1.min(self.0.len()).min(buffer.len());
            buffer[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }
    let text = "größe  über\n\n alle\u{2003}maßen\nein ende".as_bytes();
    let mut words = Vocabulary::default();
    let whole = read_text(text, &mut words).unwrap();
    assert_eq!(whole.len(), 10);
    for count in 1..12 {
        let mut again = Vocabulary::default();
        assert_eq!(read_text(Drops(text, count), &mut again).unwrap(), whole, "{count}");
        assert!(again.words().eq(words.words()));
    }
}

#[test]
fn one_word_is_a_corpus_and_a_batch_may_be_larger_than_it() {
    let folder = folder("*.txt", [b"word", b"word\n", b"word word word"]);
    let splits = load(folder.path()).unwrap();
    for (split, targets) in [(Split::Train, 1), (Split::Test, 3)] {
        for (batch_size, window) in [(1, 1), (1, 70), (5, 1), (100, 70)] {
            let sampler = std::sync::Arc::new(SamplerConfig::Contiguous { window, jitter: false });
            let config = LoaderConfig { batch_size, sampler, ..Default::default() };
            let loader = Loader::new(splits.get(split).clone(), config).unwrap();
            let scored = |batch: Result<Batch, DataError>| {
                let BatchTargets::PerStep(targets) = batch.unwrap().targets else { panic!() };
                targets.iter().flatten().count()
            };
            let scored: usize = loader.epoch(0, 0).unwrap().map(scored).sum();
            assert_eq!(scored, targets, "{split}, batch {batch_size}, window {window}");
        }
    }
}

#[test]
fn wikitext_2_says_how_it_differs() {
    let error = WikiText2Config::default().load(None, 1).unwrap_err();
    assert_eq!(error.cured_by_fetching(), Some("wikitext-2"));
    let root = tempfile::tempdir().unwrap();
    let error = WikiText2Config::default().load(Some(root.path()), 1).unwrap_err();
    assert!(error.to_string().contains("wiki.train.tokens"), "{error}");
    // Another text under its name is used, and said to be another.
    let texts = folder("wiki.*.tokens", [b"a b\n", b"a\n", b"b\n"]);
    fs::rename(texts.path(), root.path().join("wikitext-2")).unwrap();
    let warnings = WikiText2Config::default().load(Some(root.path()), 1).unwrap().warnings;
    assert!(warnings[0].contains("3 tokens, where that of WikiText-2 has 2088628"), "{warnings:?}");
    assert!(warnings.last().unwrap().contains("this is not WikiText-2"), "{warnings:?}");
}

#[test]
fn the_real_wikitext_2_has_the_known_counts() {
    let Some(root) = std::env::var_os("EGRU_DATA") else { return };
    if !Path::new(&root).join("wikitext-2").is_dir() {
        return;
    }
    let splits = WikiText2Config::default().load(Some(Path::new(&root)), 1).unwrap();
    let words = splits.train.class_names().unwrap();
    assert_eq!((words.len(), &words[9][..]), (33_278, "<unk>"));
    let targets = Split::ALL.map(|split| splits.get(split).spec().steps);
    assert_eq!(targets, [2_088_627, 217_645, 245_568]);
    // No warning of counts; at most that of the order of the training articles.
    assert!(splits.warnings.iter().all(|w| w.contains("another order")), "{:?}", splits.warnings);
    assert!(splits.warnings.len() <= 1);
}
