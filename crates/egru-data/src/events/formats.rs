//! Telling the formats of event recordings apart by how they start.

use super::error::EventError;

/// Bytes that decide, at most.
pub(crate) const LOOK: usize = 512;

/// The first line of the format that is read here.
pub(crate) const AEDAT31: &[u8] = b"#!AER-DAT3.1";

const TO_AEDAT31: &str =
    "save it again as AEDAT 3.1 with jAER or DV, or convert it to .bs2 (5 bytes an event)";
const TO_BS2: &str =
    "convert it to .bs2 (5 bytes an event) or AEDAT 3.1 with the tools of its maker";

/// (how the file starts, what it is, what to do)
const SIGNATURES: [(&[u8], &str, &str); 14] = [
    (AEDAT31, "AEDAT 3.1", "read it with events::aedat"),
    (b"#!AER-DAT1.0", "AEDAT 1.0", TO_AEDAT31),
    (b"#!AER-DAT2.0", "AEDAT 2.0", TO_AEDAT31),
    (b"#!AER-DAT3.0", "AEDAT 3.0", TO_AEDAT31),
    (b"#!AER-DAT4", "AEDAT 4.0", TO_AEDAT31),
    (b"#!AER-DAT", "an unknown version of AEDAT", TO_AEDAT31),
    (b"\x89HDF\r\n\x1a\n", "HDF5", TO_BS2),
    (b"#ROSBAG", "a ROS bag", TO_BS2),
    (b"\x93NUMPY", "a NumPy array", TO_BS2),
    (b"PK\x03\x04", "a zip or npz archive", "unpack it first"),
    (b"BZh91AY", "bzip2 data", "unpack it first"),
    (b"\xfd7zXZ\0", "xz data", "unpack it first"),
    (b"\x28\xb5\x2f\xfd", "zstd data", "unpack it first"),
    (b"<!DOCTYPE", "a web page", "download the file itself"),
];

/// What starts a comment line in the files of Prophesee, all of which begin with one.
const PROPHESEE: [&[u8]; 9] = [
    b"% Data",
    b"% data",
    b"% Date",
    b"% date",
    b"% evt",
    b"% Version",
    b"% format",
    b"% camera",
    b"% end",
];

/// The format that `start`, the first [`LOOK`] bytes, is known to be in, and what to do with a file in it.
pub(crate) fn recognise(start: &[u8]) -> Option<(&'static str, &'static str)> {
    let known = SIGNATURES.iter().find(|(signature, ..)| start.starts_with(signature));
    if let Some(&(_, name, remedy)) = known {
        return Some((name, remedy));
    }
    if !PROPHESEE.iter().any(|line| start.starts_with(line)) {
        return None;
    }
    let has = |words: &[u8]| start.windows(words.len()).any(|window| window == words);
    let name = if has(b"evt 3.0") || has(b"format EVT3") {
        "EVT3 (Prophesee raw)"
    } else if has(b"evt 2") || has(b"format EVT2") {
        "EVT2 (Prophesee raw)"
    } else {
        "DAT (Prophesee)"
    };
    Some((name, TO_BS2))
}

/// Refuses data that is recognised as something else than `expected`.
pub(crate) fn refuse_others(start: &[u8], expected: &'static str) -> Result<(), EventError> {
    match recognise(start) {
        Some((found, remedy)) if found != expected => {
            Err(EventError::Format { found, expected, remedy })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_told_apart_by_their_first_lines() {
        let name = |start: &[u8]| recognise(start).map(|(name, _)| name);
        assert_eq!(name(b"#!AER-DAT3.1\r\n"), Some("AEDAT 3.1"));
        assert_eq!(name(b"#!AER-DAT2.0\n"), Some("AEDAT 2.0"));
        assert_eq!(name(b"#!AER-DAT4.0\r\n\x10"), Some("AEDAT 4.0"));
        assert_eq!(name(b"#!AER-DAT9.9"), Some("an unknown version of AEDAT"));
        assert_eq!(name(b"\x89HDF\r\n\x1a\n\0"), Some("HDF5"));
        assert_eq!(
            name(b"% Data file containing CD events.\n% Version 2\n"),
            Some("DAT (Prophesee)")
        );
        assert_eq!(name(b"% date 2024-01-01\n% evt 3.0\n"), Some("EVT3 (Prophesee raw)"));
        assert_eq!(
            name(b"% camera_integrator_name Prophesee\n% evt 2.1\n"),
            Some("EVT2 (Prophesee raw)")
        );
        assert_eq!(name(b"% "), None);
        assert_eq!(name(b"\x07\x0f\x80\x02\x8e"), None);
        assert_eq!(name(b""), None);
    }
}
