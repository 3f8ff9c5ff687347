//! The gestures.

/// Gestures that are told apart.
pub const CLASSES: u8 = 11;

/// Their names, in the order of the classes 1 to 11.
pub const CLASS_NAMES: [&str; CLASSES as usize] = [
    "hand clapping",
    "right hand wave",
    "left hand wave",
    "right arm clockwise",
    "right arm counter-clockwise",
    "left arm clockwise",
    "left arm counter-clockwise",
    "arm roll",
    "air drums",
    "air guitar",
    "other gestures",
];

/// The class (1 to 11) of a gesture seen in a mirror: right and left change places, and so do the senses of turning.
///
/// ```
/// use egru_data::events::dvs128::mirrored;
/// assert_eq!([2, 4, 5, 8].map(mirrored), [3, 7, 6, 8]);
/// ```
pub fn mirrored(class: u8) -> u8 {
    match class {
        2 => 3,
        3 => 2,
        4 => 7,
        5 => 6,
        6 => 5,
        7 => 4,
        other => other,
    }
}
