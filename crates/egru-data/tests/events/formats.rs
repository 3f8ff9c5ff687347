use egru_data::events::{EventError, Sensor, aedat};

use crate::support::{drain, header, packet};

const SENSOR: Sensor = Sensor::DVS128;

fn error(file: &[u8]) -> Option<EventError> {
    match aedat::bytes(file, SENSOR) {
        Ok(reader) => drain(reader).1,
        Err(error) => Some(error),
    }
}

#[test]
fn other_formats_are_named() {
    let folder = tempfile::tempdir().unwrap();
    for (start, name, remedy) in [
        (&b"#!AER-DAT2.0\r\n# This is a raw AE data file"[..], "AEDAT 2.0", "AEDAT 3.1"),
        (b"#!AER-DAT4.0\r\n\x10\0\0\0", "AEDAT 4.0", "AEDAT 3.1"),
        (b"#!AER-DAT3.0\r\n", "AEDAT 3.0", "AEDAT 3.1"),
        (b"% Data file containing CD events.\n% Version 2\n", "DAT (Prophesee)", ".bs2"),
        (b"% date 2024-01-01 10:00:00\n% evt 3.0\n% end\n", "EVT3 (Prophesee raw)", ".bs2"),
        (b"\x89HDF\r\n\x1a\n\0\0\0\0\0", "HDF5", ".bs2"),
    ] {
        let Some(EventError::Format { found, .. }) = error(start) else {
            panic!("{name} is not recognised");
        };
        assert_eq!(found, name);
        for ending in ["aedat", "bs2", "bin", "raw", "hdf5"] {
            let path = folder.path().join(format!("recording.{ending}"));
            std::fs::write(&path, start).unwrap();
            let error = egru_data::events::open(&path, None).err().unwrap().to_string();
            assert!(error.contains(name) && error.contains(remedy), "{error}");
        }
    }
    let error = error(b"timestamp,x,y,polarity\n1,2,3,4\n").unwrap();
    assert!(error.to_string().contains("`#!AER-DAT3.1`"), "{error}");
}

#[test]
fn text_headers_are_read_and_wrong_ones_refused() {
    let text = "#!AER-DAT3.1\r\n#Format: RAW\r\n#Source 1: DVS128\r\n#-Source 1: old\r\n#Start-Time: 2016-11-30 10:20:30 (TZ+0100)\r\n#!END-HEADER\r\n";
    let reader = aedat::bytes(text.as_bytes(), SENSOR).unwrap();
    assert_eq!(reader.decoder().header().sources, ["1: DVS128"]);
    assert_eq!(
        reader.decoder().header().start_time.as_deref(),
        Some("2016-11-30 10:20:30 (TZ+0100)")
    );
    let unix = text.replace('\r', "");
    assert!(aedat::bytes(unix.as_bytes(), SENSOR).is_ok());
    let problem = |text: &str| match aedat::bytes(text.as_bytes(), SENSOR) {
        Err(EventError::Header { problem }) => problem,
        other => panic!("{other:?}"),
    };
    assert!(problem(&text.replace("RAW", "PNGFrames")).contains("PNGFrames"));
    assert!(problem(&text.replace("#Start", "Start")).contains("does not begin with `#`"));
    assert!(problem(&format!("#!AER-DAT3.1\r\n#{}", "x".repeat(100_000))).contains("END-HEADER"));
    assert!(problem(&format!("#!AER-DAT3.1\r\n{}", "#\r\n".repeat(50_000))).contains("END-HEADER"));
}

#[test]
fn a_first_packet_that_starts_as_a_comment_does_is_a_packet() {
    // Type 0x0a23: `#` and a line feed.
    let file = [header(), packet(0x0a23, [8, 4, 0, 1, 1, 1]), vec![0; 8]].concat();
    assert!(error(&file).is_none());
}
