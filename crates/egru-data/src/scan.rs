//! From an image to a sequence: pixel by pixel or row by row, in order or permuted.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{
    error::DataError,
    sample::{Inputs, Layout, Output, Spec},
};

/// How much of an image is one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScanBy {
    /// One pixel a step, row after row: `rows * columns` steps of 1.
    Pixel,
    /// One row a step: `rows` steps of `columns`.
    Row,
}

/// A fixed order of the pixels, the same for every image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Permutation {
    /// Row after row.
    #[default]
    None,
    /// Pixel indices in the order of their bits reversed: see [`bit_reversal`].
    BitReversal,
}

/// The indices `0..len` sorted by their bits reversed, in the width that `len - 1` needs. For a
/// power of two it is the permutation of the fast Fourier transform; otherwise that of the next
/// power of two, with indices of `len` and above left out.
///
/// ```
/// use egru_data::scan::bit_reversal;
/// assert_eq!(bit_reversal(8), [0, 4, 2, 6, 1, 5, 3, 7]);
/// assert_eq!(bit_reversal(6), [0, 4, 2, 1, 5, 3]);
/// ```
pub fn bit_reversal(len: usize) -> Vec<usize> {
    let width = usize::BITS - len.saturating_sub(1).leading_zeros();
    let mut order: Vec<usize> = (0..len).collect();
    if width > 0 {
        order.sort_unstable_by_key(|index| index.reverse_bits() >> (usize::BITS - width));
    }
    order
}

/// A way to read images of one size as sequences.
#[derive(Debug, Clone)]
pub struct Scan {
    /// Steps of the sequence.
    pub steps: usize,
    /// Values per step.
    pub channels: usize,
    name: &'static str,
    layout: Layout,
    order: Option<Arc<[usize]>>,
}

impl Scan {
    /// For images of `rows` x `columns`.
    ///
    /// # Errors
    /// [`DataError::Config`] for a permutation by row: it is defined on single pixels.
    pub fn new(
        by: ScanBy,
        permutation: Permutation,
        rows: usize,
        columns: usize,
    ) -> Result<Self, DataError> {
        let (steps, channels) = match by {
            ScanBy::Pixel => (rows * columns, 1),
            ScanBy::Row => (rows, columns),
        };
        let (name, order) = match (by, permutation) {
            (ScanBy::Pixel, Permutation::None) => ("by pixel", None),
            (ScanBy::Row, Permutation::None) => ("by row", None),
            (ScanBy::Pixel, Permutation::BitReversal) => {
                ("by pixel, bit-reversed", Some(bit_reversal(rows * columns).into()))
            }
            (ScanBy::Row, Permutation::BitReversal) => {
                return Err(DataError::Config {
                    field: "data.permutation",
                    value: "\"bit-reversal\"".into(),
                    problem: "it permutes single pixels: set data.by = \"pixel\", or data.permutation = \"none\"".into(),
                });
            }
        };
        let layout = match order {
            None => Layout::Picture { rows, columns, channels },
            Some(_) => Layout::Flat { channels },
        };
        Ok(Self { steps, channels, name, layout, order })
    }

    /// The sequence of an image with `steps * channels` pixels, scaled from 0..=255 to 0..=1.
    pub fn inputs(&self, pixels: &[u8]) -> Inputs {
        let scale = |&pixel: &u8| f32::from(pixel) / 255.0;
        Inputs::Values(match &self.order {
            None => pixels.iter().map(scale).collect(),
            Some(order) => order.iter().map(|&index| scale(&pixels[index])).collect(),
        })
    }

    /// What a step is: part of a picture, unless the pixels are permuted.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// The spec of a data set of images of `classes` classes read this way.
    pub(crate) fn spec(&self, name: &str, classes: usize) -> Spec {
        Spec {
            name: format!("{name} {}", self.name),
            steps: self.steps,
            layout: self.layout,
            output: Output::Class { classes },
        }
    }
}

/// `0` to `9`.
pub(crate) fn digit_names() -> Vec<String> {
    (0..10).map(|digit| digit.to_string()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bit_reversal_of_784_is_a_permutation_by_ten_bits() {
        let order = bit_reversal(784);
        assert_eq!(order[..5], [0, 512, 256, 768, 128]);
        let mut sorted = order.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..784).collect::<Vec<_>>());
        assert_eq!(bit_reversal(1), [0]);
        assert!(bit_reversal(0).is_empty());
    }

    #[test]
    fn scans_hold_the_same_pixels_in_their_own_order() {
        let image: Vec<u8> = (0..12).map(|i| i * 20).collect();
        let rows = Scan::new(ScanBy::Row, Permutation::None, 3, 4).unwrap();
        let pixels = Scan::new(ScanBy::Pixel, Permutation::None, 3, 4).unwrap();
        let permuted = Scan::new(ScanBy::Pixel, Permutation::BitReversal, 3, 4).unwrap();
        assert_eq!((rows.steps, rows.channels), (3, 4));
        assert_eq!((permuted.steps, permuted.channels), (12, 1));
        assert_eq!(rows.inputs(&image), pixels.inputs(&image));
        assert_eq!(permuted.inputs(&image).values().unwrap()[1], 160.0 / 255.0);
        assert_eq!(pixels.inputs(&[255; 12]), Inputs::Values(vec![1.0; 12]));
        let picture = |channels| Layout::Picture { rows: 3, columns: 4, channels };
        assert_eq!([rows.layout(), pixels.layout()], [picture(4), picture(1)]);
        assert_eq!(permuted.layout(), Layout::Flat { channels: 1 });
    }

    #[test]
    fn a_permutation_by_row_is_refused() {
        let error = Scan::new(ScanBy::Row, Permutation::BitReversal, 28, 28).unwrap_err();
        assert!(error.to_string().contains("data.by = \"pixel\""), "{error}");
    }
}
