//! Unpacking archives, the honest and the hostile.

use std::{
    fs,
    path::{Path, PathBuf},
};

use egru_data::fetch::{FetchError, Limits, sha256_of, unpack_tar_gz, unpacked_from};
use flate2::{Compression, write::GzEncoder};
use tar::{Builder, EntryType, Header};

/// An entry with any name at all: the tar library itself refuses to write the bad ones.
fn header(name: &str, kind: EntryType, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_mode(0o644);
    header.set_cksum();
    header
}

struct Case {
    folder: tempfile::TempDir,
}

impl Case {
    fn new(entries: &[(&str, EntryType, &[u8])]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = fs::File::create(folder.path().join("a.tar.gz")).unwrap();
        let mut builder = Builder::new(GzEncoder::new(file, Compression::fast()));
        for (name, kind, content) in entries {
            let mut header = header(name, *kind, content.len() as u64);
            if matches!(kind, EntryType::Symlink | EntryType::Link) {
                header.set_link_name("/etc/passwd").unwrap();
                header.set_cksum();
            }
            builder.append(&header, *content).unwrap();
        }
        builder.into_inner().unwrap().finish().unwrap();
        Self { folder }
    }

    fn archive(&self) -> PathBuf {
        self.folder.path().join("a.tar.gz")
    }

    fn out(&self) -> PathBuf {
        self.folder.path().join("out")
    }

    fn unpack(&self, limits: Limits) -> Result<(), FetchError> {
        unpack_tar_gz(&self.archive(), &self.out(), limits)
    }

    /// The refusal; nothing but the archive is left.
    fn refused(&self, limits: Limits) -> String {
        let error = self.unpack(limits).unwrap_err();
        assert!(matches!(error, FetchError::Archive { .. }), "{error}");
        assert_eq!(names(self.folder.path()), ["a.tar.gz"]);
        error.to_string()
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn files_and_folders_are_unpacked_and_an_older_folder_replaced() {
    let case = Case::new(&[
        ("./", EntryType::Directory, b""),
        ("./sub/", EntryType::Directory, b""),
        ("./sub/a", EntryType::Regular, b"alpha"),
        ("other/b", EntryType::Regular, b""),
    ]);
    fs::create_dir(case.out()).unwrap();
    fs::write(case.out().join("old"), "old").unwrap();
    case.unpack(Limits::default()).unwrap();
    assert_eq!(names(&case.out()), [".unpacked", "other", "sub"]);
    assert_eq!(unpacked_from(&case.out()), Some(sha256_of(&case.archive()).unwrap().0));
    assert_eq!(fs::read(case.out().join("sub/a")).unwrap(), b"alpha");
    assert_eq!(fs::read(case.out().join("other/b")).unwrap(), b"");
    assert_eq!(names(case.folder.path()), ["a.tar.gz", "out"]);
}

#[test]
fn paths_out_of_the_folder_are_refused() {
    for name in ["../evil", "sub/../../evil", "/tmp/evil"] {
        let case =
            Case::new(&[("good", EntryType::Regular, b"x"), (name, EntryType::Regular, b"x")]);
        assert!(case.refused(Limits::default()).contains("outside the folder"));
    }
}

#[test]
fn a_folder_counts_only_with_its_mark() {
    let case = Case::new(&[("a", EntryType::Regular, b"x")]);
    assert_eq!(unpacked_from(&case.out()), None);
    case.unpack(Limits::default()).unwrap();
    let sha256 = sha256_of(&case.archive()).unwrap().0;
    assert_eq!(unpacked_from(&case.out()), Some(sha256.clone()));
    // What a power cut may leave of the mark.
    for rest in ["", &sha256[..40], &"\0".repeat(64)] {
        fs::write(case.out().join(".unpacked"), rest).unwrap();
        assert_eq!(unpacked_from(&case.out()), None);
    }
}

#[test]
fn an_archive_cannot_bring_its_own_mark() {
    for name in [".unpacked", "./.unpacked"] {
        let case = Case::new(&[(name, EntryType::Regular, b"x")]);
        assert!(case.refused(Limits::default()).contains("marks a folder as complete"));
    }
    let case = Case::new(&[("sub/.unpacked", EntryType::Regular, b"x")]);
    case.unpack(Limits::default()).unwrap();
}

#[test]
fn links_and_devices_are_refused() {
    for kind in [EntryType::Symlink, EntryType::Link, EntryType::Fifo, EntryType::Char] {
        let case = Case::new(&[("thing", kind, b"")]);
        assert!(case.refused(Limits::default()).contains("neither a file nor a folder"));
    }
}

#[test]
fn a_file_given_twice_is_refused() {
    let case = Case::new(&[("a", EntryType::Regular, b"1"), ("./a", EntryType::Regular, b"2")]);
    assert!(case.refused(Limits::default()).contains("twice"));
}

#[test]
fn limits_hold_for_bytes_and_entries() {
    let content = vec![0; 600];
    let case =
        Case::new(&[("a", EntryType::Regular, &content), ("b", EntryType::Regular, &content)]);
    assert!(case.refused(Limits { bytes: 1000, entries: 10 }).contains("1000 bytes"));
    assert!(case.refused(Limits { bytes: 2000, entries: 1 }).contains("1 entries"));
    case.unpack(Limits { bytes: 1200, entries: 2 }).unwrap();
}

#[test]
fn a_damaged_archive_leaves_the_older_folder_alone() {
    let case = Case::new(&[("a", EntryType::Regular, &[7; 5000])]);
    let bytes = fs::read(case.archive()).unwrap();
    fs::create_dir(case.out()).unwrap();
    fs::write(case.out().join("old"), "old").unwrap();
    for length in [0, 5, bytes.len() / 2, bytes.len() - 12] {
        fs::write(case.archive(), &bytes[..length]).unwrap();
        let result = case.unpack(Limits::default());
        assert!(matches!(result, Err(FetchError::Archive { .. })), "{length}: {result:?}");
        assert_eq!(names(&case.out()), ["old"]);
    }
}
