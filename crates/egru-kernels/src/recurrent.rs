//! The recurrent weights as one member of the team needs them: packed for events, or in a dense product.

use std::ops::Range;

use crate::Float;
use crate::dense::{self, Store};
use crate::events::UNITS;
use crate::scratch::scratch;
use crate::sequence::{Block, block, units};
use crate::view::{View, ViewMut};

/// The columns of `R` of each block with its three gates side by side, `[blocks, H, 3, UNITS]`; zero where
/// the last block has fewer units.
pub(crate) fn pack<F: Float>(
    recurrent: View<'_, F>,
    hidden: usize,
    blocks: &Range<usize>,
) -> Vec<F> {
    let mut packed = vec![F::ZERO; blocks.len() * hidden * 3 * UNITS];
    for (row, out) in packed.chunks_exact_mut(3 * UNITS).enumerate() {
        let block = block(hidden, blocks.start + row / hidden);
        for (gate, out) in out.chunks_exact_mut(UNITS).enumerate() {
            let start = gate * hidden + block.start;
            out[..block.width].copy_from_slice(recurrent.segment(row % hidden, start, block.width));
        }
    }
    packed
}

/// The recurrent product of one member's units for all samples, in its dense form.
pub(crate) struct DenseRecurrent<F> {
    hidden: usize,
    units: Range<usize>,
    /// `[B, 3, units]`, allocated on first use.
    product: Vec<F>,
}

impl<F: Float> DenseRecurrent<F> {
    /// For the units of `blocks`.
    pub fn new(hidden: usize, blocks: &Range<usize>) -> Self {
        Self { hidden, units: units(hidden, blocks), product: Vec::new() }
    }

    /// Computes `y R` for them.
    pub fn compute(&mut self, y: View<'_, F>, recurrent: View<'_, F>) {
        let own = self.units.len();
        if self.product.is_empty() {
            self.product = scratch(y.rows * 3 * own);
        }
        // All units: the gates lie side by side, and one product does it.
        let gates = if own == self.hidden { 1 } else { 3 };
        for gate in 0..gates {
            let width = 3 * own / gates;
            let start = gate * self.hidden + self.units.start;
            dense::product(
                ViewMut::new(&mut self.product, y.rows, 3 * own)
                    .columns(gate * own..gate * own + width),
                Store::Replace,
                y,
                recurrent.columns(start..start + width),
                1,
            );
        }
    }

    /// Adds the three gates of one block of one sample to `h`.
    pub fn add_to(&self, h: &mut [F; 3 * UNITS], sample: usize, block: Block) {
        let own = self.units.len();
        for (gate, h) in h.chunks_exact_mut(UNITS).enumerate() {
            let start = (sample * 3 + gate) * own + block.start - self.units.start;
            for (h, &product) in h.iter_mut().zip(&self.product[start..start + block.width]) {
                *h += product;
            }
        }
    }
}
