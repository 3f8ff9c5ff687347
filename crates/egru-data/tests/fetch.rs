//! Fetching from servers that work, fail, lie and break off.

mod support;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Mutex,
};

use egru_data::{
    DatasetInfo, FileInfo, catalogue,
    fetch::{self, FetchError, FetchMonitor, FetchOptions, FileState, Silent, sha256_of},
};
use support::{Page, Server};

const ONLINE: FetchOptions<'static> = FetchOptions { offline: false, progress: &Silent };

fn content() -> Vec<u8> {
    (0..200_000_u32).flat_map(|i| i.wrapping_mul(2_654_435_761).to_le_bytes()).collect()
}

/// The content with one byte changed.
fn damaged() -> Vec<u8> {
    let mut bytes = content();
    bytes[1000] ^= 1;
    bytes
}

/// A data root, and a set of one file that holds [`content`].
struct Case {
    root: tempfile::TempDir,
    info: DatasetInfo,
}

impl Case {
    fn new(urls: Vec<String>) -> Self {
        let root = tempfile::tempdir().unwrap();
        let original = root.path().join("original");
        fs::write(&original, content()).unwrap();
        let (sha256, bytes) = sha256_of(&original).unwrap();
        let file =
            FileInfo { name: "f.bin".into(), sha256, bytes, urls, plain: None, unpack: None };
        let info = DatasetInfo {
            name: "set".into(),
            title: "Set".into(),
            description: String::new(),
            used_by: Vec::new(),
            licence: String::new(),
            citation: String::new(),
            files: vec![file],
        };
        Self { root, info }
    }

    fn target(&self) -> PathBuf {
        self.root.path().join("set/f.bin")
    }

    fn part(&self) -> PathBuf {
        self.root.path().join("set/f.bin.part")
    }

    fn write(&self, path: &Path, bytes: &[u8]) {
        fs::create_dir_all(self.root.path().join("set")).unwrap();
        fs::write(path, bytes).unwrap();
    }

    fn fetch(&self) -> Result<Vec<fetch::Outcome>, FetchError> {
        fetch::fetch(&self.info, self.root.path(), ONLINE)
    }

    /// Fetches, and checks that the file is whole and nothing else is left.
    fn fetch_well(&self) {
        let outcomes = self.fetch().unwrap();
        assert!(outcomes[0].fetched);
        assert_eq!(outcomes[0].path, self.target());
        assert_eq!(fs::read(self.target()).unwrap(), content());
        assert!(!self.part().exists());
        assert!(fetch::verify(&self.info, self.root.path()).unwrap().all_ok());
    }

    /// Fetches in vain: the problem of each attempt.
    fn fetch_badly(&self) -> Vec<String> {
        match self.fetch().unwrap_err() {
            FetchError::AllMirrors { attempts, remedy, .. } => {
                assert!(remedy.contains("or place by hand"), "{remedy}");
                attempts.into_iter().map(|(_, problem)| problem).collect()
            }
            other => panic!("{other}"),
        }
    }
}

#[test]
fn a_file_is_fetched_once() {
    let server = Server::start(vec![("/f", Page::Good(content()))]);
    let case = Case::new(vec![server.url("/f")]);
    case.fetch_well();
    assert!(!case.fetch().unwrap()[0].fetched);
    assert_eq!(server.requests(), ["/f"]);
}

#[test]
fn progress_reports_every_stage() {
    #[derive(Default)]
    struct Log(Mutex<Vec<String>>);
    impl FetchMonitor for Log {
        fn start(&self, file: &str, _url: &str, done: u64, total: u64) {
            self.0.lock().unwrap().push(format!("start {file} {done}/{total}"));
        }
        fn advance(&self, _file: &str, done: u64) {
            if done == 800_000 {
                self.0.lock().unwrap().push("all there".into());
            }
        }
        fn finish(&self, file: &str) {
            self.0.lock().unwrap().push(format!("finish {file}"));
        }
    }
    let server = Server::start(vec![("/f", Page::Good(content()))]);
    let case = Case::new(vec![server.url("/f")]);
    let log = Log::default();
    let options = FetchOptions { offline: false, progress: &log };
    fetch::fetch(&case.info, case.root.path(), options).unwrap();
    assert_eq!(*log.0.lock().unwrap(), ["start f.bin 0/800000", "all there", "finish f.bin"]);
}

#[test]
fn a_partial_file_is_continued() {
    let server = Server::start(vec![("/f", Page::Good(content()))]);
    let case = Case::new(vec![server.url("/f")]);
    case.write(&case.part(), &content()[..300_000]);
    case.fetch_well();
    assert_eq!(server.requests(), ["/f from 300000"]);
}

#[test]
fn a_complete_partial_file_needs_no_request() {
    let server = Server::start(vec![]);
    let case = Case::new(vec![server.url("/f")]);
    case.write(&case.part(), &content());
    case.fetch_well();
    assert!(server.requests().is_empty());
}

#[test]
fn a_server_without_ranges_starts_over() {
    let server = Server::start(vec![("/f", Page::IgnoresRange(content()))]);
    let case = Case::new(vec![server.url("/f")]);
    case.write(&case.part(), &content()[..300_000]);
    case.fetch_well();
}

#[test]
fn a_bad_partial_file_is_dropped_and_the_mirror_asked_again() {
    let server = Server::start(vec![("/f", Page::Good(content()))]);
    let case = Case::new(vec![server.url("/f")]);
    case.write(&case.part(), &damaged()[..300_000]);
    case.fetch_well();
    assert_eq!(server.requests(), ["/f from 300000", "/f"]);
}

#[test]
fn a_partial_file_that_is_too_long_is_dropped() {
    let server = Server::start(vec![("/f", Page::Good(content()))]);
    let case = Case::new(vec![server.url("/f")]);
    case.write(&case.part(), &[content(), vec![0]].concat());
    case.fetch_well();
    assert_eq!(server.requests(), ["/f"]);
}

#[test]
fn a_broken_connection_is_continued_at_the_next_mirror() {
    let server = Server::start(vec![
        ("/cut", Page::CutAfter(123_456, content())),
        ("/f", Page::Good(content())),
    ]);
    let case = Case::new(vec![server.url("/cut"), server.url("/f")]);
    case.fetch_well();
    assert_eq!(server.requests(), ["/cut", "/f from 123456"]);
}

#[test]
fn what_a_broken_connection_brought_is_kept_for_the_next_time() {
    let server = Server::start(vec![("/cut", Page::CutAfter(123_456, content()))]);
    let case = Case::new(vec![server.url("/cut")]);
    let problems = case.fetch_badly();
    assert!(problems[0].starts_with("the connection ended after 123456 of 800000"), "{problems:?}");
    assert_eq!(fs::read(case.part()).unwrap(), content()[..123_456]);
}

#[test]
fn the_next_mirror_is_tried_when_one_fails() {
    let server = Server::start(vec![("/down", Page::Status(503)), ("/f", Page::Good(content()))]);
    let nobody = "http://127.0.0.1:1/f".to_owned();
    let urls = vec![nobody, server.url("/none"), server.url("/down"), server.url("/f")];
    let case = Case::new(urls);
    case.fetch_well();
    assert_eq!(server.requests(), ["/none", "/down", "/f"]);
}

#[test]
fn a_wrong_file_is_never_put_in_place() {
    let server = Server::start(vec![("/a", Page::Good(damaged())), ("/b", Page::Status(404))]);
    let case = Case::new(vec![server.url("/a"), server.url("/b")]);
    let problems = case.fetch_badly();
    assert!(problems[0].starts_with("sha256 is "), "{problems:?}");
    assert_eq!(problems[1], "HTTP status 404");
    assert!(!case.target().exists() && !case.part().exists());
}

#[test]
fn no_more_than_the_published_size_is_taken() {
    let long = [content(), vec![0; 1_000_000]].concat();
    let server = Server::start(vec![
        ("/announced", Page::Good(long.clone())),
        ("/unannounced", Page::Unannounced(long)),
    ]);
    let case = Case::new(vec![server.url("/announced"), server.url("/unannounced")]);
    let expected = "it sends more than the 800000 bytes of the published file";
    assert_eq!(case.fetch_badly(), [expected; 2]);
    assert!(!case.target().exists() && !case.part().exists());
}

#[test]
fn an_unannounced_length_is_fine_if_it_fits() {
    let server = Server::start(vec![("/f", Page::Unannounced(content()))]);
    Case::new(vec![server.url("/f")]).fetch_well();
}

#[test]
fn a_corrupt_file_is_reported_and_replaced() {
    let server = Server::start(vec![("/f", Page::Good(content()))]);
    let case = Case::new(vec![server.url("/f")]);
    case.write(&case.target(), &damaged());
    let report = fetch::verify(&case.info, case.root.path()).unwrap();
    assert!(!report.all_ok());
    assert!(matches!(&report.files[0].state, FileState::Corrupt { expected, .. }
        if *expected == case.info.files[0].sha256));
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["files"][0]["state"], "corrupt");
    case.fetch_well();
}

#[test]
fn a_corrupt_file_stays_when_there_is_no_better() {
    let server = Server::start(vec![]);
    let case = Case::new(vec![server.url("/f")]);
    case.write(&case.target(), &damaged());
    assert_eq!(case.fetch_badly(), ["HTTP status 404"]);
    assert_eq!(fs::read(case.target()).unwrap(), damaged());
    // Asked only for what is missing, it is nobody's business what the file holds.
    assert!(!fetch::fetch_missing(&case.info, case.root.path(), ONLINE).unwrap()[0].fetched);
}

#[test]
fn offline_nothing_is_asked_and_the_way_by_hand_is_explained() {
    let server = Server::start(vec![("/f", Page::Good(content()))]);
    let case = Case::new(vec![server.url("/f")]);
    let options = FetchOptions { offline: true, progress: &Silent };
    let message = fetch::fetch(&case.info, case.root.path(), options).unwrap_err().to_string();
    for part in [
        "f.bin is missing",
        "fetching is switched off",
        &server.url("/f"),
        case.target().to_str().unwrap(),
    ] {
        assert!(message.contains(part), "{message}");
    }
    assert!(!message.contains("--") && !message.contains("egru-"), "{message}");
    assert!(server.requests().is_empty());
    case.write(&case.target(), &content());
    assert!(!fetch::fetch(&case.info, case.root.path(), options).unwrap()[0].fetched);
}

#[test]
fn two_processes_do_not_write_the_same_partial_file() {
    let case = Case::new(vec!["http://127.0.0.1:1/f".into()]);
    case.write(&case.part(), b"");
    let other = fs::File::options().write(true).open(case.part()).unwrap();
    other.try_lock().unwrap();
    assert!(matches!(case.fetch(), Err(FetchError::Busy { .. })));
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let case = Case::new(vec!["http://127.0.0.1:1/f".into()]);
    fs::write(case.root.path().join("set"), "a file where the folder goes").unwrap();
    let message = case.fetch().unwrap_err().to_string();
    assert!(message.contains("/set") && message.contains("permissions"), "{message}");
    assert!(!message.contains("--"), "{message}");
}

/// An archive of one file `word`, and the data set that it is published in.
fn archive(word: &[u8]) -> (Vec<u8>, Case) {
    use flate2::{Compression, write::GzEncoder};
    let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    let mut header = tar::Header::new_gnu();
    header.set_size(word.len() as u64);
    header.set_mode(0o644);
    builder.append_data(&mut header, "word", word).unwrap();
    let bytes = builder.into_inner().unwrap().finish().unwrap();
    let mut case = Case::new(Vec::new());
    let original = case.root.path().join("original");
    fs::write(&original, &bytes).unwrap();
    let (sha256, size) = sha256_of(&original).unwrap();
    let file = &mut case.info.files[0];
    (file.name, file.sha256, file.bytes) = ("a.tar.gz".into(), sha256, size);
    file.unpack = Some(catalogue::Unpack { folder: "unpacked".into(), max_bytes: 1000 });
    (bytes, case)
}

impl Case {
    /// The file in the unpacked folder, after fetching what is missing.
    fn word(&self) -> Vec<u8> {
        fetch::fetch_missing(&self.info, self.root.path(), ONLINE).unwrap();
        fs::read(self.root.path().join("set/unpacked/word")).unwrap()
    }
}

/// A power cut may leave a folder with half of the files, or with empty ones.
#[test]
fn an_unpacked_folder_is_trusted_only_by_what_is_written_last() {
    let (bytes, case) = archive(b"hello");
    let folder = case.root.path().join("set/unpacked");
    let (word, mark) = (folder.join("word"), folder.join(".unpacked"));
    case.write(&case.root.path().join("set/a.tar.gz"), &bytes);
    // The folder without a mark, as one of the first release or of an interrupted deletion.
    fs::create_dir_all(&folder).unwrap();
    fs::write(&word, "").unwrap();
    assert_eq!(case.word(), b"hello");
    assert_eq!(fetch::unpacked_from(&folder), Some(case.info.files[0].sha256.clone()));
    // With the mark of this archive it is left alone.
    fs::write(&word, "edited").unwrap();
    assert_eq!(case.word(), b"edited");
    // The mark of another archive, or half a mark.
    for text in ["0".repeat(64), case.info.files[0].sha256[..30].to_owned()] {
        fs::write(&word, "edited").unwrap();
        fs::write(&mark, text).unwrap();
        assert_eq!(case.word(), b"hello");
    }
    // A folder half grown when the power went.
    let partial = case.root.path().join("set/unpacked.unpacking");
    fs::create_dir_all(&partial).unwrap();
    fs::write(partial.join("word"), "half").unwrap();
    fs::remove_dir_all(&folder).unwrap();
    assert_eq!(case.word(), b"hello");
    assert!(!partial.exists());
}

#[test]
fn a_folder_of_an_archive_that_a_person_put_there_is_known_by_that_archive() {
    let (_, case) = archive(b"published");
    let (other, _) = archive(b"mine");
    let path = case.root.path().join("set/a.tar.gz");
    case.write(&path, &other);
    assert_eq!(case.word(), b"mine");
    let word = case.root.path().join("set/unpacked/word");
    fs::write(&word, "edited").unwrap();
    assert_eq!(case.word(), b"edited");
    // Another archive in its place: the folder is that of the one before.
    let (third, _) = archive(b"third");
    fs::write(&path, third).unwrap();
    assert_eq!(case.word(), b"third");
}

#[test]
fn names_that_leave_the_data_folder_are_refused_when_a_manifest_is_read() {
    let manifest = |set: &str, name: &str, plain: &str, folder: &str| {
        let text = format!(
            "[[dataset]]\nname = '{set}'\ntitle = ''\ndescription = ''\nused_by = []\nlicence = ''\n\
             citation = ''\n[[dataset.files]]\nname = '{name}'\nsha256 = ''\nbytes = 1\nurls = []\n\
             plain = {{ name = '{plain}', sha256 = '', bytes = 1 }}\n\
             unpack = {{ folder = '{folder}', max_bytes = 1 }}\n"
        );
        catalogue::parse(&text).map_err(|error| error.to_string())
    };
    assert_eq!(manifest("set", "a.tar.gz", "a..b", ".hidden").unwrap().len(), 1);
    let bad =
        ["..", ".", "", "/etc", "../up", "sub/../..", "sub/name", "name/", "C:\\x", "C:x", "\\x"];
    for name in bad {
        for result in [
            manifest(name, "f", "p", "u"),
            manifest("set", name, "p", "u"),
            manifest("set", "f", name, "u"),
            manifest("set", "f", "p", name),
        ] {
            let error = result.unwrap_err();
            assert!(error.contains(&format!("`{name}` is not the plain name")), "{error}");
        }
    }
}

#[test]
fn the_manifest_is_complete() {
    for info in catalogue() {
        assert!(!info.used_by.is_empty() && !info.licence.is_empty() && !info.citation.is_empty());
        for file in &info.files {
            assert!(file.urls.len() >= 2, "{} has no second mirror", file.name);
            assert!(file.urls.iter().all(|url| url.starts_with("https://")));
            assert!(file.sha256.len() == 64 && file.bytes > 0);
            assert!(info.placement(None).contains(&file.sha256));
        }
        if info.is_generated() {
            assert!(fetch::fetch(info, Path::new("nowhere"), ONLINE).unwrap().is_empty());
        }
    }
    assert_eq!(catalogue::find("smnist").unwrap().name, "mnist");
    let error = catalogue::find("imagenet").unwrap_err();
    assert!(error.to_string().contains("mnist, wikitext-2, glyphs"), "{error}");
}
