//! The product of some rows with the three gates of one member's units: `x W + b_W` and `y R + b_R`.

use std::ops::Range;

use pulp::Simd;

use crate::Float;
use crate::dense::{self, Store};
use crate::events::{Event, Lists};
use crate::product::{add_rows, tile_columns, tile_units};
use crate::scratch::Aligned;
use crate::tiles::GateTiles;
use crate::view::View;

/// How often the same table has to be walked by this many rows of an operand until a copy of it, cut
/// into tiles, pays.
const ROWS_WORTH_CUTTING: usize = 48;
/// Rows of one product from which tiles are faster than the uncut table.
const ROWS_WORTH_TILES: usize = 4;

/// Events whose rows are read side by side: as many as a processor fetches ahead of at a time.
const STREAMS: usize = 12;

/// A table of three gates `[K, 3H]` and the product with it.
pub(crate) struct GateProduct<'a, F> {
    table: View<'a, F>,
    bias: &'a [F],
    units: Range<usize>,
    /// Whether the events of a product are many enough for tiles.
    tiled: bool,
    /// Cut when first needed.
    tiles: Option<GateTiles<F>>,
    /// `[tiles, rows, 3, tile_units]` or `[rows, 3, units]`, as the last product left it.
    out: Aligned<F>,
    layout: Layout,
}

/// Distances in the result.
#[derive(Clone, Copy, Default)]
struct Layout {
    tile: usize,
    row: usize,
    gate: usize,
}

impl<'a, F: Float> GateProduct<'a, F> {
    /// For products of at most `rows` rows, `total` of them in all.
    pub fn new(
        table: View<'a, F>,
        bias: &'a [F],
        units: Range<usize>,
        rows: usize,
        total: usize,
    ) -> Self {
        let columns = units.len().next_multiple_of(tile_units::<F>()) * 3;
        let tiled = rows >= ROWS_WORTH_TILES && total >= ROWS_WORTH_CUTTING;
        // SAFETY: `gates` reads of it what a product has written: the units of its rows.
        let out = unsafe { Aligned::unwritten(rows * columns) };
        Self { table, bias, units, tiled, tiles: None, out, layout: Layout::default() }
    }

    /// The three gates of a tile of units in one row of the result.
    #[inline(always)]
    pub fn gates(&self, tile: usize, row: usize, width: usize) -> [&[F]; 3] {
        let start = tile * self.layout.tile + row * self.layout.row;
        let by_gate = self.layout.gate;
        [
            &self.out[start..][..width],
            &self.out[start + by_gate..][..width],
            &self.out[start + 2 * by_gate..][..width],
        ]
    }

    /// Columns of one gate that belong to the own units.
    fn columns(&self, gate: usize) -> Range<usize> {
        let start = gate * self.bias.len() / 3;
        start + self.units.start..start + self.units.end
    }

    /// Takes the product with `rows` rows of which `lists` has the non-zero values.
    #[inline(always)]
    pub fn with_events<S: Simd>(&mut self, simd: S, rows: usize, lists: &impl Lists<F>) {
        if !self.tiled {
            return self.uncut(simd, rows, lists);
        }
        let (units, width) = (&self.units, tile_units::<F>());
        self.layout = Layout { tile: rows * 3 * width, row: 3 * width, gate: width };
        let (table, bias) = (self.table, self.bias);
        let tiles = self.tiles.get_or_insert_with(|| GateTiles::cut(table, bias, units));
        let out = &mut self.out[..units.len().div_ceil(width) * rows * tile_columns::<F>()];
        tiles.product(simd, rows, lists, out);
    }

    /// [`GateProduct::with_events`] where cutting the table would not pay.
    #[inline(always)]
    fn uncut<S: Simd>(&mut self, simd: S, rows: usize, lists: &impl Lists<F>) {
        self.start_rows(rows);
        let (own, chunks) = (self.units.len(), lists.chunks());
        let tables = [0, 1, 2].map(|gate| self.table.columns(self.columns(gate)));
        // Few rows hardly share what they read: each is taken in one go, which loads and stores its sums less often.
        let span = if rows < ROWS_WORTH_TILES { chunks.max(1) } else { 1 };
        let mut events = Vec::new();
        for first in (0..chunks).step_by(span) {
            for row in 0..rows {
                events.clear();
                for chunk in first..(first + span).min(chunks) {
                    let start = lists.inner(chunk).start as u32;
                    let list = lists.list(row, chunk).iter();
                    events.extend(list.map(|e| Event { index: start + e.index, ..*e }));
                }
                for events in events.chunks(STREAMS) {
                    for (gate, table) in tables.iter().enumerate() {
                        let out = &mut self.out[(row * 3 + gate) * own..][..own];
                        add_rows(simd, events, *table, out);
                    }
                }
            }
        }
    }

    /// Takes the product with every value of `operand`.
    pub fn with_all(&mut self, operand: View<'_, F>) {
        let rows = operand.rows;
        self.start_rows(rows);
        let own = self.units.len();
        // All units: the gates lie side by side, and one product does it.
        let gates = if 3 * own == self.table.cols { 1 } else { 3 };
        for gate in 0..gates {
            let columns = match gates {
                1 => 0..3 * own,
                _ => self.columns(gate),
            };
            let (start, width) = (gate * own, columns.len());
            let out = crate::view::ViewMut::new(&mut self.out[..rows * 3 * own], rows, 3 * own);
            dense::product(
                out.columns(start..start + width),
                Store::Add,
                operand,
                self.table.columns(columns),
                1,
            );
        }
    }

    /// Biases in `rows` rows, `[rows, 3, units]`.
    fn start_rows(&mut self, rows: usize) {
        let own = self.units.len();
        self.layout = Layout { tile: tile_units::<F>(), row: 3 * own, gate: own };
        for gate in 0..3 {
            let bias = &self.bias[self.columns(gate)];
            for row in 0..rows {
                self.out[(row * 3 + gate) * own..][..own].copy_from_slice(bias);
            }
        }
    }
}
