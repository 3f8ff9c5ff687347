//! Small recordings.

use egru_data::events::{Event, EventError, EventReader, Polarity, write::AedatWriter};

/// An event of a 128x128 sensor.
pub fn event(t: i64, x: u16, y: u16, polarity: u8) -> Event {
    Event::new(t, x, y, Polarity::from_bit(polarity == 1))
}

/// The file of some events.
pub fn aedat(events: &[Event]) -> Vec<u8> {
    let mut writer = AedatWriter::new(Vec::new(), "test").unwrap();
    writer.write(events).unwrap();
    writer.finish().unwrap()
}

/// The text header alone.
pub fn header() -> Vec<u8> {
    aedat(&[])
}

/// A packet header: type, size, time offset, overflow, capacity, number, valid.
pub fn packet(kind: i16, words: [i32; 6]) -> Vec<u8> {
    let mut bytes = [kind, 1].map(i16::to_le_bytes).concat();
    bytes.extend(words.iter().flat_map(|word| word.to_le_bytes()));
    bytes
}

/// The 8 bytes of an event of ordinary files.
pub fn raw(event: Event) -> Vec<u8> {
    let file = aedat(&[event]);
    file[file.len() - 8..].to_vec()
}

/// Every event up to the end or the first error.
pub fn drain(mut reader: impl EventReader) -> (Vec<Event>, Option<EventError>) {
    let mut events = Vec::new();
    loop {
        match reader.read_into(&mut events) {
            Ok(0) => return (events, None),
            Ok(_) => {}
            Err(error) => return (events, Some(error)),
        }
    }
}
