//! Tables cut into tiles: a tile holds some columns of all rows, one row after another and each on its
//! own cache lines. [`CHUNK`] rows of a tile stay in the first-level cache while the event lists of many
//! samples walk over them, and the columns of a row in registers while one list does.

use std::ops::Range;

use pulp::Simd;

use crate::Float;
use crate::events::{CHUNK, Event};
use crate::product::{add_tile, prefetch, tile_columns, tile_units};
use crate::scratch::{Aligned, line};
use crate::view::View;

/// Outer indices whose results are computed together: their part of a tile stays in the second-level
/// cache with it.
pub(crate) const ROWS: usize = 64;

/// Events per row of a chunk from which on nearly all of its rows are needed, so that fetching all of them
/// ahead of time wastes nothing.
const EVENTS_WORTH_PREFETCHING: usize = 2;

/// A table of three gates `[K, 3H]`, cut for some of the units: `[tiles, K, 3, tile_units]`, zero where the
/// last tile has fewer units.
#[derive(Debug)]
pub(crate) struct GateTiles<F> {
    values: Aligned<F>,
    rows: usize,
}

impl<F: Float> GateTiles<F> {
    /// Cuts the columns of `units` out of `table`.
    pub fn cut(table: View<'_, F>, units: &Range<usize>) -> Self {
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
        Self { values, rows }
    }

    /// Adds the product with the events of `outer` samples to `out`, `[tiles, outer, tile_columns]`.
    #[inline(always)]
    pub fn add<'e, S: Simd>(
        &self,
        simd: S,
        outer: usize,
        events: usize,
        list: impl Fn(usize, usize) -> &'e [Event<F>],
        out: &mut [F],
    ) {
        let columns = tile_columns::<F>();
        if self.rows == 0 || outer == 0 {
            return;
        }
        let tiles = self.values.chunks_exact(self.rows * columns);
        let ahead = events >= EVENTS_WORTH_PREFETCHING * self.rows;
        for (table, out) in tiles.zip(out.chunks_exact_mut(outer * columns)) {
            add_table(simd, table, ahead, 0..outer, &list, out);
        }
    }
}

/// Adds the product with the events of samples `outer` to `out`, `[outer, tile_columns]`, for one tile.
#[inline(always)]
pub(crate) fn add_table<'e, S: Simd, F: Float>(
    simd: S,
    table: &[F],
    ahead: bool,
    outer: Range<usize>,
    list: &impl Fn(usize, usize) -> &'e [Event<F>],
    out: &mut [F],
) {
    let columns = tile_columns::<F>();
    let first = outer.start;
    for (block, out) in out.chunks_mut(ROWS * columns).enumerate() {
        let samples = out.len() / columns;
        for (chunk, rows) in table.chunks(CHUNK * columns).enumerate() {
            let next = table.get((chunk + 1) * CHUNK * columns..).unwrap_or_default();
            let next = &next[..next.len().min(CHUNK * columns)];
            // A share with each sample, whole cache lines.
            let mut shares =
                next.chunks(next.len().div_ceil(samples).next_multiple_of(line::<F>()).max(1));
            for (sample, out) in out.chunks_exact_mut(columns).enumerate() {
                if ahead && let Some(share) = shares.next() {
                    prefetch(share);
                }
                let events = list(first + block * ROWS + sample, chunk);
                assert!(
                    events
                        .last()
                        .is_none_or(|last| (last.index as usize + 1) * columns <= rows.len())
                );
                // SAFETY: indices increase along a list, and the last one has a row (checked above).
                unsafe { add_tile(simd, events, rows, out) };
            }
        }
    }
}
