//! Events as few bytes: about three each.
//!
//! An event is two numbers of 7 bits a byte: the time since the event before, with the polarity as its lowest bit, and the
//! position of its pixel. Times count from the start of a slice.

use crate::events::{Event, Polarity, Sensor};

/// Appends `events`, which are in order, from `start` on and on the sensor.
pub(super) fn encode(events: &[Event], start: i64, sensor: Sensor, out: &mut Vec<u8>) {
    let mut last = start;
    for event in events {
        let since = event.t.abs_diff(last);
        put(since << 1 | u64::from(event.polarity.bit()), out);
        put(sensor.index(event) as u64, out);
        last = event.t;
    }
}

/// The `count` events that `bytes` hold, in times from 0; `None` if they hold something else.
pub(super) fn decode(mut bytes: &[u8], count: u64, sensor: Sensor) -> Option<Vec<Event>> {
    // An event has two bytes at least.
    let mut events = Vec::with_capacity(usize::try_from(count).ok()?.min(bytes.len() / 2));
    let (mut t, width) = (0_i64, u64::from(sensor.width).max(1));
    for _ in 0..count {
        let time = take(&mut bytes)?;
        let pixel = take(&mut bytes)?;
        t = t.checked_add_unsigned(time >> 1)?;
        let (x, y) = (u16::try_from(pixel % width).ok()?, u16::try_from(pixel / width).ok()?);
        if !sensor.holds(x, y) {
            return None;
        }
        events.push(Event::new(t, x, y, Polarity::from_bit(time & 1 == 1)));
    }
    bytes.is_empty().then_some(events)
}

fn put(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn take(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_back_in_times_of_their_slice() {
        let sensor = Sensor { width: 300, height: 200 };
        let events = [
            Event::new(1_000, 0, 0, Polarity::On),
            Event::new(1_000, 299, 199, Polarity::Off),
            Event::new(1_000 + (1 << 40), 17, 3, Polarity::On),
        ];
        let mut bytes = Vec::new();
        encode(&events, 900, sensor, &mut bytes);
        let back = decode(&bytes, 3, sensor).unwrap();
        let moved = events.map(|event| Event { t: event.t - 900, ..event });
        assert_eq!(back, moved);
        assert!(bytes.len() <= 3 + 4 + 9, "{}", bytes.len());
        // Cut, too long, of another sensor, and what is no number at all.
        assert!(decode(&bytes[..bytes.len() - 1], 3, sensor).is_none());
        assert!(decode(&bytes, 2, sensor).is_none());
        assert!(decode(&bytes, 3, Sensor { width: 300, height: 100 }).is_none());
        assert!(decode(&[0xff; 40], 1, sensor).is_none());
        assert!(decode(&[], u64::MAX, sensor).is_none());
    }
}
