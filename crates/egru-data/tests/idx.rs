//! The IDX reader on good files, damaged ones and noise.

use std::io::{self, Read, Write};

use egru_data::idx::{self, IdxError, Images, MAX_BYTES};
use flate2::{Compression, write::GzEncoder};
use proptest::prelude::*;

fn images_file(sizes: [u32; 3], body: &[u8]) -> Vec<u8> {
    let words = [0x803, sizes[0], sizes[1], sizes[2]];
    [words.map(u32::to_be_bytes).concat(), body.to_vec()].concat()
}

fn labels_file(count: u32, body: &[u8]) -> Vec<u8> {
    [[0x801, count].map(u32::to_be_bytes).concat(), body.to_vec()].concat()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn reads_plain_and_gzip_alike() {
    let file = images_file([2, 1, 3], &[1, 2, 3, 4, 5, 6]);
    let expected = Images { count: 2, rows: 1, columns: 3, pixels: vec![1, 2, 3, 4, 5, 6] };
    assert_eq!(idx::read_images(&file[..]).unwrap(), expected);
    assert_eq!(idx::read_images(&gzip(&file)[..]).unwrap(), expected);
    let labels = labels_file(3, &[9, 0, 4]);
    assert_eq!(idx::read_labels(&labels[..], 10).unwrap(), [9, 0, 4]);
    assert_eq!(idx::read_labels(&gzip(&labels)[..], 10).unwrap(), [9, 0, 4]);
}

#[test]
fn a_label_file_in_place_of_images_is_recognised() {
    let error = idx::read_images(&labels_file(1, &[0])[..]).unwrap_err();
    assert!(matches!(error, IdxError::Magic { expected: 0x803, found: 0x801 }));
    assert!(error.to_string().ends_with("this is a label file"), "{error}");
    let error = idx::read_labels(&b"0123456789"[..], 10).unwrap_err();
    assert!(error.to_string().ends_with("not an IDX file of bytes"), "{error}");
}

#[test]
fn what_lies_in_place_of_a_file_is_named() {
    let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 9912422\n";
    let page = b"<!DOCTYPE html>\n<html><title>404</title></html>\n";
    for (file, word) in [(&pointer[..], "Git LFS"), (page, "HTML"), (b"PK\x03\x04 and on", "zip")] {
        for file in [file.to_vec(), gzip(file)] {
            let images = idx::read_images(&file[..]).unwrap_err();
            let labels = idx::read_labels(&file[..], 10).unwrap_err();
            for error in [images, labels] {
                assert!(matches!(error, IdxError::Foreign(what) if what.contains(word)), "{error}");
            }
        }
    }
}

#[test]
fn truncation_is_told_from_every_length() {
    let file = images_file([1, 2, 2], &[1, 2, 3, 4]);
    for length in 0..file.len() {
        let error = idx::read_images(&file[..length]).unwrap_err();
        let (header, found) = if length < 16 { (true, length) } else { (false, length - 16) };
        match error {
            IdxError::Truncated { part, found: got, .. } => {
                assert_eq!((part == "header", got), (header, found));
            }
            other => panic!("{length}: {other}"),
        }
    }
    let zipped = gzip(&file);
    for length in 0..zipped.len() {
        // Without its checksum, too, the file is not whole.
        assert!(idx::read_images(&zipped[..length]).is_err(), "{length} of {}", zipped.len());
    }
}

#[test]
fn zero_and_absurd_sizes_are_refused_before_anything_is_read() {
    let error = |sizes| idx::read_images(&images_file(sizes, &[])[..]).unwrap_err();
    assert!(matches!(error([0, 28, 28]), IdxError::Zero("images")));
    assert!(matches!(error([1, 0, 28]), IdxError::Zero("rows")));
    assert!(matches!(error([1, 28, 0]), IdxError::Zero("columns")));
    assert!(matches!(error([1, 28, 5000]), IdxError::TooLarge { what: "columns", .. }));
    assert!(matches!(error([u32::MAX, 4096, 4096]), IdxError::TooLarge { what: "bytes", .. }));
    let labels = labels_file(u32::MAX, &[]);
    assert!(matches!(idx::read_labels(&labels[..], 10), Err(IdxError::TooLarge { .. })));
    assert!(matches!(
        idx::read_labels(&labels_file(0, &[])[..], 10),
        Err(IdxError::Zero("labels"))
    ));
}

#[test]
fn a_large_announcement_with_little_behind_it_is_truncated() {
    let error = idx::read_labels(&labels_file(MAX_BYTES as u32, &[1, 2])[..], 10).unwrap_err();
    assert!(matches!(error, IdxError::Truncated { part: "body", found: 2, .. }));
}

#[test]
fn trailing_data_is_refused() {
    let file = labels_file(2, &[1, 2, 3]);
    assert!(matches!(idx::read_labels(&file[..], 10), Err(IdxError::Trailing { announced: 2 })));
    assert!(matches!(idx::read_labels(&gzip(&file)[..], 10), Err(IdxError::Trailing { .. })));
    let streams = [gzip(&labels_file(2, &[1, 2])), gzip(&[3])].concat();
    assert!(matches!(idx::read_labels(&streams[..], 10), Err(IdxError::Trailing { .. })));
}

/// As the program `gzip` does.
#[test]
fn behind_gzip_data_zeros_are_ignored_and_other_bytes_are_told() {
    let zipped = gzip(&labels_file(2, &[1, 2]));
    for (behind, ignored) in [(vec![], false), (vec![0; 1000], false), (b"junk".to_vec(), true)] {
        let file = [zipped.clone(), behind].concat();
        let expected = idx::Parsed { items: vec![1, 2], ignored };
        assert_eq!(idx::labels(&file[..]).unwrap(), expected);
    }
}

#[test]
fn labels_beyond_the_classes_are_named() {
    let error = idx::read_labels(&labels_file(3, &[1, 10, 2])[..], 10).unwrap_err();
    assert_eq!(error.to_string(), "label 10 at position 1, where labels are 0 to 9");
}

#[test]
fn damaged_gzip_is_refused() {
    let mut zipped = gzip(&labels_file(3, &[1, 2, 3]));
    let checksum = zipped.len() - 8;
    zipped[checksum] ^= 1;
    assert!(matches!(idx::read_labels(&zipped[..], 10), Err(IdxError::Gzip(_))));
}

/// Counts what is taken from the file.
struct Counting<'a>(&'a [u8], &'a mut usize);

impl Read for Counting<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.0.read(buffer)?;
        *self.1 += count;
        Ok(count)
    }
}

#[test]
fn a_gzip_bomb_is_not_decompressed_past_what_the_header_announces() {
    let mut bomb = labels_file(2, &[1, 2]);
    bomb.resize(100 << 20, 0);
    let zipped = gzip(&bomb);
    let mut taken = 0;
    let error = idx::read_labels(Counting(&zipped, &mut taken), 10).unwrap_err();
    assert!(matches!(error, IdxError::Trailing { announced: 2 }));
    assert!(taken < zipped.len() / 4, "{taken} of {}", zipped.len());
}

proptest! {
    #[test]
    fn noise_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = idx::read_images(&bytes[..]);
        let _ = idx::read_labels(&bytes[..], 10);
        let _ = idx::read_images(&gzip(&bytes)[..]);
        let _ = idx::read_labels(&[&[0x1f, 0x8b, 8][..], &bytes].concat()[..], 10);
    }

    #[test]
    fn a_good_start_with_noise_behind_never_panics(
        sizes in any::<[u32; 3]>(),
        small in prop::array::uniform3(0_u32..5),
        body in prop::collection::vec(any::<u8>(), 0..100),
    ) {
        let _ = idx::read_images(&images_file(sizes, &body)[..]);
        let read = idx::read_images(&images_file(small, &body)[..]);
        let fits = small.iter().product::<u32>() as usize == body.len() && !body.is_empty();
        prop_assert_eq!(read.is_ok(), fits);
        let _ = idx::read_labels(&labels_file(sizes[0], &body)[..], 10);
    }
}
