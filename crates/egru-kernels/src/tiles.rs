//! Tables cut into tiles: a tile holds some columns of all rows, one row after another and each on its
//! own cache lines. The rows of a chunk of a tile stay in the first-level cache while the event lists of many
//! samples walk over them, and the columns of a row in registers while one list does.

use std::ops::Range;

use pulp::Simd;

use crate::Float;
use crate::events::Lists;
use crate::product::{add_tile, prefetch, tile_columns, tile_units};
use crate::scratch::{Aligned, line};
use crate::view::View;

/// Outer indices whose results are computed together: their part of a tile stays in the second-level
/// cache with it.
pub(crate) const ROWS: usize = 64;

/// Events per row of a chunk from which on nearly all of its rows are needed, so that fetching all of them
/// ahead of time wastes nothing.
const EVENTS_WORTH_PREFETCHING: usize = 2;

/// A table of three gates `[K, 3H]` and their biases, cut for some of the units.
#[derive(Debug)]
pub(crate) struct GateTiles<F> {
    /// `[tiles, K, 3, tile_units]`, zero where the last tile has fewer units.
    values: Aligned<F>,
    /// `[tiles, 3, tile_units]`.
    biases: Aligned<F>,
    rows: usize,
}

impl<F: Float> GateTiles<F> {
    /// Cuts the columns of `units` out of `table` and `bias`.
    pub fn cut(table: View<'_, F>, bias: &[F], units: &Range<usize>) -> Self {
        let bias = View::new(bias, 1, table.cols);
        Self { values: cut(table, units), biases: cut(bias, units), rows: table.rows }
    }

    /// The biases and the product with the events of `outer` samples, `[tiles, outer, tile_columns]`.
    #[inline(always)]
    pub fn product<S: Simd>(
        &self,
        simd: S,
        outer: usize,
        events: usize,
        lists: &impl Lists<F>,
        out: &mut [F],
    ) {
        let columns = tile_columns::<F>();
        let ahead = events >= EVENTS_WORTH_PREFETCHING * self.rows;
        let tiles = out.chunks_exact_mut((outer * columns).max(1));
        for ((tile, out), bias) in tiles.enumerate().zip(self.biases.chunks_exact(columns)) {
            let table = &self.values[tile * self.rows * columns..][..self.rows * columns];
            add_table(simd, table, ahead, 0..outer, lists, Some(bias), out);
        }
    }
}

/// The columns of `units` of a table of three gates: `[tiles, K, 3, tile_units]`.
fn cut<F: Float>(table: View<'_, F>, units: &Range<usize>) -> Aligned<F> {
    let (hidden, width) = (table.cols / 3, tile_units::<F>());
    let (rows, tiles) = (table.rows, units.len().div_ceil(width));
    let mut values = Aligned::new(tiles * rows * tile_columns::<F>());
    for (tile, values) in values.chunks_exact_mut((rows * 3 * width).max(1)).enumerate() {
        let start = units.start + tile * width;
        let filled = width.min(units.end - start);
        for (row, values) in values.chunks_exact_mut(3 * width).enumerate() {
            for (gate, values) in values.chunks_exact_mut(width).enumerate() {
                let source = table.segment(row, gate * hidden + start, filled);
                values[..filled].copy_from_slice(source);
                values[filled..].fill(F::ZERO);
            }
        }
    }
    values
}

/// The product with the events of samples `outer`, `[outer, tile_columns]`, for one tile: added to `start` for every
/// sample, or to what `out` holds.
#[inline(always)]
pub(crate) fn add_table<S: Simd, F: Float>(
    simd: S,
    table: &[F],
    ahead: bool,
    outer: Range<usize>,
    lists: &impl Lists<F>,
    start: Option<&[F]>,
    out: &mut [F],
) {
    let columns = tile_columns::<F>();
    if let Some(start) = start.filter(|_| lists.chunks() == 0) {
        out.chunks_exact_mut(columns).for_each(|out| out.copy_from_slice(start));
    }
    let first = outer.start;
    for (block, out) in out.chunks_mut(ROWS * columns).enumerate() {
        let samples = out.len() / columns;
        let rows_of = |chunk: usize| {
            let rows = lists.inner(chunk);
            &table[rows.start * columns..rows.end * columns]
        };
        for chunk in 0..lists.chunks() {
            let rows = rows_of(chunk);
            let start = start.filter(|_| chunk == 0);
            let next = if chunk + 1 < lists.chunks() { rows_of(chunk + 1) } else { &[] };
            // A share with each sample, whole cache lines.
            let mut shares =
                next.chunks(next.len().div_ceil(samples).next_multiple_of(line::<F>()).max(1));
            for (sample, out) in out.chunks_exact_mut(columns).enumerate() {
                if ahead && let Some(share) = shares.next() {
                    prefetch(share);
                }
                let events = lists.list(first + block * ROWS + sample, chunk);
                assert!(
                    events
                        .last()
                        .is_none_or(|last| (last.index as usize + 1) * columns <= rows.len())
                );
                // SAFETY: indices increase along a list, and the last one has a row (checked above).
                unsafe { add_tile(simd, events, rows, start, out) };
            }
        }
    }
}
