//! What a camera says: one pixel got brighter or darker at one time.

use std::fmt;

/// The direction of a change of light.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
#[repr(u8)]
pub enum Polarity {
    /// Darker: bit 0.
    #[default]
    Off = 0,
    /// Brighter: bit 1.
    On = 1,
}

impl Polarity {
    /// `On` for true.
    #[inline]
    pub fn from_bit(bit: bool) -> Self {
        if bit { Self::On } else { Self::Off }
    }

    /// 0 or 1, as files have it.
    #[inline]
    pub fn bit(self) -> u8 {
        self as u8
    }

    /// The other one.
    #[inline]
    pub fn flipped(self) -> Self {
        Self::from_bit(self == Self::Off)
    }
}

/// One event, 16 bytes.
///
/// ```
/// use egru_data::events::{Event, Polarity};
/// let event = Event::new(1_000, 3, 4, Polarity::On);
/// assert_eq!((event.t, event.x, event.y, event.polarity.bit(), event.valid), (1_000, 3, 4, 1, true));
/// assert_eq!(size_of::<Event>(), 16);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[repr(C)]
pub struct Event {
    /// Microseconds on the recording's own clock, 0 or more in a file.
    pub t: i64,
    /// Column, 0 at the left.
    pub x: u16,
    /// Row, 0 at the top.
    pub y: u16,
    /// Brighter or darker.
    pub polarity: Polarity,
    /// The valid mark of AEDAT 3.1. Some programs never set it, so that readers yield every event and leave the
    /// choice to the caller; formats without marks give true.
    pub valid: bool,
}

impl Event {
    /// A valid event.
    #[inline]
    pub fn new(t: i64, x: u16, y: u16, polarity: Polarity) -> Self {
        Self { t, x, y, polarity, valid: true }
    }
}

/// The size of the picture in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Sensor {
    /// Columns: x is below it.
    pub width: u16,
    /// Rows: y is below it.
    pub height: u16,
}

impl Sensor {
    /// The camera of DVS128 Gesture.
    pub const DVS128: Self = Self { width: 128, height: 128 };
    /// The window that N-MNIST is cut to.
    pub const NMNIST: Self = Self { width: 34, height: 34 };
    /// As many pixels as AEDAT 3.1 can name.
    pub const AEDAT_LIMIT: Self = Self { width: 1 << 15, height: 1 << 15 };

    /// Number of pixels.
    pub fn pixels(self) -> usize {
        usize::from(self.width) * usize::from(self.height)
    }

    /// Whether there is such a pixel.
    #[inline]
    pub fn holds(self, x: u16, y: u16) -> bool {
        x < self.width && y < self.height
    }

    /// Position of a pixel in row-major order.
    #[inline]
    pub(crate) fn index(self, event: &Event) -> usize {
        usize::from(event.y) * usize::from(self.width) + usize::from(event.x)
    }
}

impl fmt::Display for Sensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}
