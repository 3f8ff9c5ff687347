//! The binary part of AEDAT 3.1: packet headers and polarity events.

use crate::events::{
    error::EventError,
    event::{Event, Polarity},
};

/// Bytes before a packet's events.
pub const PACKET_HEADER: usize = 28;
/// The packet type of polarity events.
pub const POLARITY: i16 = 1;
/// Bytes of a polarity event.
pub const EVENT: usize = 8;
/// The packet header's time counts in units of 2^31 us.
pub const OVERFLOW_SHIFT: u32 = 31;

/// The longest polarity event that is read: 8 bytes and whatever a later version may add.
const MAX_EVENT: i32 = 64;

/// A negative stamp stays negative in 64 bits, to be refused: `high` has no bit where its sign goes.
#[inline]
pub(super) fn event(data: u32, stamp: i32, high: i64) -> Event {
    Event {
        t: high | i64::from(stamp),
        x: (data >> 17) as u16,
        y: (data >> 2 & 0x7fff) as u16,
        polarity: Polarity::from_bit(data >> 1 & 1 == 1),
        valid: data & 1 == 1,
    }
}

/// The header of a packet.
pub(super) struct Packet {
    pub kind: i16,
    pub size: i32,
    pub stamp: i32,
    pub overflow: i32,
    pub capacity: i32,
    pub number: i32,
    pub valid: i32,
}

impl Packet {
    pub fn parse(bytes: &[u8; PACKET_HEADER]) -> Self {
        let word = |at: usize| i32::from_le_bytes(std::array::from_fn(|byte| bytes[at + byte]));
        Self {
            kind: i16::from_le_bytes([bytes[0], bytes[1]]),
            size: word(4),
            stamp: word(8),
            overflow: word(12),
            capacity: word(16),
            number: word(20),
            valid: word(24),
        }
    }

    /// Refuses what no packet can be.
    pub fn check(&self, packet: u64, offset: u64) -> Result<(), EventError> {
        let polarity = self.kind == POLARITY;
        let wrong = [
            (self.kind < 0, "eventType", i64::from(self.kind), "types are 0 and above"),
            (self.size < 8, "eventSize", self.size.into(), "an event has at least 8 bytes"),
            (
                polarity && self.size > MAX_EVENT,
                "eventSize",
                self.size.into(),
                "a polarity event has 8 bytes",
            ),
            (
                self.number < 0,
                "eventNumber",
                self.number.into(),
                "at most 2^31 - 1 events fit in a packet",
            ),
            (
                self.capacity < self.number,
                "eventCapacity",
                self.capacity.into(),
                "it must not be below eventNumber",
            ),
            (
                polarity && (self.stamp < 4 || self.stamp > self.size.saturating_sub(4)),
                "eventTSOffset",
                self.stamp.into(),
                "the time lies behind the pixel and inside the event (4)",
            ),
            (self.overflow < 0, "eventTSOverflow", self.overflow.into(), "times are not negative"),
        ];
        match wrong.into_iter().find(|(wrong, ..)| *wrong) {
            Some((_, field, value, problem)) => {
                Err(EventError::Packet { packet, offset, field, value, problem })
            }
            None => Ok(()),
        }
    }
}
