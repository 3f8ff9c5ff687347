//! Tables cut into tiles: a tile holds some columns of all rows, one row after another and each on its
//! own cache lines. The rows of a chunk of a tile stay in the first-level cache while the event lists of many
//! samples walk over them, and the columns of a row in registers while one list does.

use std::ops::Range;

use pulp::Simd;

use crate::Float;
use crate::events::{Event, Lists};
use crate::product::{Ahead, add_tile, tile_columns, tile_units};
use crate::scratch::Aligned;
use crate::view::View;

/// Outer indices whose results are computed together, at most: their sums for one tile, 240 KiB, stay in the
/// second-level cache.
pub(crate) const ROWS: usize = 640;

/// The size of shares of at most `most` that `all` divides into most evenly.
pub(crate) fn even_share(all: usize, most: usize) -> usize {
    all.div_ceil(all.div_ceil(most).max(1)).max(1)
}

/// Events per row of a chunk from which nearly all of its rows are needed, so that fetching all of them
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
        let (values, biases) = (cut(table, units), cut(bias, units));
        Self { values, biases, rows: table.rows }
    }

    /// The rows of one tile, and its biases.
    #[inline(always)]
    pub fn tile(&self, index: usize) -> (&[F], &[F]) {
        let columns = tile_columns::<F>();
        let size = self.rows * columns;
        (&self.values[index * size..][..size], &self.biases[index * columns..][..columns])
    }

    /// The biases and the product with the events of `outer` samples, `[tiles, outer, tile_columns]`.
    #[inline(always)]
    pub fn product<S: Simd>(&self, simd: S, outer: usize, lists: &impl Lists<F>, out: &mut [F]) {
        let ahead = lists.total() >= EVENTS_WORTH_PREFETCHING * self.rows;
        let outs = out.chunks_exact_mut((outer * tile_columns::<F>()).max(1));
        for (index, out) in outs.enumerate() {
            self.tile_product(simd, index, outer, lists, ahead, out);
        }
    }

    /// The product for one tile, `[outer, tile_columns]`; `ahead` asks for the next rows ahead of time.
    #[inline(always)]
    fn tile_product<S: Simd>(
        &self,
        simd: S,
        index: usize,
        outer: usize,
        lists: &impl Lists<F>,
        ahead: bool,
        out: &mut [F],
    ) {
        let columns = tile_columns::<F>();
        let (table, bias) = self.tile(index);
        if lists.chunks() == 0 {
            return out.chunks_exact_mut(columns).for_each(|out| out.copy_from_slice(bias));
        }
        let share = even_share(outer, ROWS);
        for (first, out) in (0..outer).step_by(share).zip(out.chunks_mut(share * columns)) {
            let samples = out.len() / columns;
            let rows_of = |chunk: usize| {
                let rows = lists.inner(chunk);
                &table[rows.start * columns..rows.end * columns]
            };
            for chunk in 0..lists.chunks() {
                let rows = rows_of(chunk);
                let start = Some(bias).filter(|_| chunk == 0);
                let next = ahead && chunk + 1 < lists.chunks();
                let mut next = Ahead::new(if next { rows_of(chunk + 1) } else { &[] }, samples);
                for (sample, out) in out.chunks_exact_mut(columns).enumerate() {
                    next.fetch();
                    let events = lists.list(first + sample, chunk);
                    add_list(simd, events, rows, start, out);
                }
            }
        }
    }
}

/// The columns of `units` of a table of three gates: `[tiles, K, 3, tile_units]`.
fn cut<F: Float>(table: View<'_, F>, units: &Range<usize>) -> Aligned<F> {
    let (hidden, width) = (table.cols / 3, tile_units::<F>());
    let (rows, tiles) = (table.rows, units.len().div_ceil(width));
    // SAFETY: the loops below write all of it: three gates of `width` units are the columns of a tile.
    let mut values = unsafe { Aligned::unwritten(tiles * rows * tile_columns::<F>()) };
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

/// `out = start + events rows`, or `out += events rows`, for the `rows` of one chunk of a tile.
#[inline(always)]
pub(crate) fn add_list<S: Simd, F: Float>(
    simd: S,
    events: &[Event<F>],
    rows: &[F],
    start: Option<&[F]>,
    out: &mut [F],
) {
    let last = events.last().map_or(0, |last| last.index as usize + 1);
    assert!(last * tile_columns::<F>() <= rows.len());
    // SAFETY: indices increase along a list, and the last one has a row (checked above).
    unsafe { add_tile(simd, events, rows, start, out) };
}
