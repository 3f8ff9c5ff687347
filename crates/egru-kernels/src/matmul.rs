//! Whole matrix products with a sparse operand, each in an event-driven and a dense form.

use std::ops::Range;

use pulp::{Simd, WithSimd};

use crate::choice::Product;
use crate::dense::{self, Store, transposed};
use crate::events::{CHUNK, EventLists, Lists};
use crate::masked::{BLOCK_ROWS, FEW_ROWS, add_wanted, add_wanted_singly};
use crate::plan::{Plan, Wants};
use crate::product::{GROUP, add_rows, prefetch, tile_columns};
use crate::scratch::Aligned;
use crate::team::{self, Shared, threads_for};
use crate::tiles::{ROWS, add_list, even_share};
use crate::view::{View, ViewMut};
use crate::{Float, Products, simd};

/// Events per row of a table from which cutting it into tiles pays.
const EVENTS_WORTH_TILES: usize = 2;

/// `out[N, M] = sparse[N, K] table[K, M] (+ bias[M])`.
pub(crate) fn times<F: Float>(
    sparse: View<'_, F>,
    table: View<'_, F>,
    bias: Option<&[F]>,
    products: Products,
    mut out: ViewMut<'_, F>,
) {
    if Product::Forward.takes_events_of(products, sparse.values()) {
        let start = bias.map_or(Start::Zero, Start::Row);
        add_events(&EventLists::of_all_rows(sparse), table, start, out);
        return;
    }
    for row in 0..out.rows {
        let out = out.row_mut(row);
        match bias {
            Some(bias) => out.copy_from_slice(bias),
            None => out.fill(F::ZERO),
        }
    }
    let threads = threads_for(sparse.rows * table.rows * table.cols);
    dense::product(out, Store::Add, sparse, table, threads);
}

/// The operand of [`transposed_times`].
pub enum Operand<'a, F> {
    /// The non-zero values of its columns.
    Events(EventLists<F>),
    /// All of it.
    Dense(View<'a, F>),
}

impl<'a, F: Float> Operand<'a, F> {
    /// In the form that `products` asks for.
    pub fn of(sparse: View<'a, F>, products: Products) -> Self {
        if Product::Weights.takes_events_of(products, sparse.values()) {
            Self::Events(EventLists::of_all_columns(sparse))
        } else {
            Self::Dense(sparse)
        }
    }
}

/// `out[K, M] += sparse[N, K]^T grad[N, M]`.
pub(crate) fn transposed_times<F: Float>(
    sparse: &Operand<'_, F>,
    grad: View<'_, F>,
    out: ViewMut<'_, F>,
) {
    match sparse {
        Operand::Events(lists) => add_events(lists, grad, Start::Out, out),
        Operand::Dense(sparse) => {
            let threads = threads_for(sparse.rows * sparse.cols * grad.cols);
            dense::product(out, Store::Add, transposed(*sparse), grad, threads);
        }
    }
}

/// What a result starts from.
#[derive(Clone, Copy)]
enum Start<'a, F> {
    /// What it holds.
    Out,
    /// This, in every row.
    Row(&'a [F]),
    /// Nothing; what it holds is not read.
    Zero,
}

/// `out[outer, M] = start + events[outer, inner] table[inner, M]`.
fn add_events<F: Float>(
    lists: &EventLists<F>,
    table: View<'_, F>,
    start: Start<'_, F>,
    out: ViewMut<'_, F>,
) {
    let tiles = table.cols.div_ceil(tile_columns::<F>());
    let threads = threads_for(lists.total() * table.cols);
    let stride = out.stride;
    let out = Shared::new(out.into_span());
    team::for_each(team::shares(tiles, threads).collect(), |tiles| {
        let first = tiles.start * tile_columns::<F>();
        let columns = first..(tiles.end * tile_columns::<F>()).min(table.cols);
        simd::dispatch(AddEvents { lists, table, start, out: &out, stride, columns });
    });
}

/// One thread's columns of [`add_events`].
///
/// SAFETY, for all blocks below: a member reads and writes only its own columns of `out`.
struct AddEvents<'a, F> {
    lists: &'a EventLists<F>,
    table: View<'a, F>,
    start: Start<'a, F>,
    out: &'a Shared<'a, F>,
    stride: usize,
    columns: Range<usize>,
}

impl<F: Float> WithSimd for AddEvents<'_, F> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        if self.lists.total() < EVENTS_WORTH_TILES * self.lists.inner {
            self.uncut(simd);
        } else {
            self.in_tiles(simd);
        }
    }
}

impl<F: Float> AddEvents<'_, F> {
    /// Few events: the table is read where they select it.
    #[inline(always)]
    fn uncut<S: Simd>(&self, simd: S) {
        for outer in 0..self.lists.outer {
            let at = outer * self.stride + self.columns.start;
            // SAFETY: own columns.
            let out = unsafe { self.out.get_mut(at, self.columns.len()) };
            match self.start {
                Start::Out => {}
                Start::Row(row) => out.copy_from_slice(&row[self.columns.clone()]),
                Start::Zero => out.fill(F::ZERO),
            }
        }
        for chunk in 0..self.lists.chunks() {
            let table = self.table.slice(self.lists.inner(chunk)).columns(self.columns.clone());
            for outer in 0..self.lists.outer {
                let events = self.lists.list(outer, chunk);
                if !events.is_empty() {
                    let at = outer * self.stride + self.columns.start;
                    // SAFETY: own columns.
                    let out = unsafe { self.out.get_mut(at, self.columns.len()) };
                    add_rows(simd, events, table, out);
                }
            }
        }
    }

    /// Many events: the sums of as many results as the second-level cache holds stay there, while the rows of one
    /// chunk after the other, copied together, stay in the first.
    #[inline(always)]
    fn in_tiles<S: Simd>(&self, simd: S) {
        let width = tile_columns::<F>();
        let chunks = self.lists.chunks();
        let results = even_share(self.lists.outer, ROWS);
        // SAFETY: the rows of a chunk, and what the sums of a block start from, are written before they are read.
        let (mut tile, mut sums) =
            unsafe { (Aligned::unwritten(CHUNK * width), Aligned::unwritten(results * width)) };
        for column in self.columns.clone().step_by(width) {
            let columns = column..(column + width).min(self.columns.end);
            for block in (0..self.lists.outer).step_by(results) {
                let outer = block..(block + results).min(self.lists.outer);
                let sums = &mut sums[..outer.len() * width];
                self.start_sums(&columns, &outer, sums);
                for chunk in 0..chunks {
                    let rows = self.lists.inner(chunk);
                    let tile = &mut tile[..rows.len() * width];
                    for (row, tile) in rows.clone().zip(tile.chunks_exact_mut(width)) {
                        let values = self.table.segment(row, columns.start, columns.len());
                        tile[..columns.len()].copy_from_slice(values);
                        tile[columns.len()..].fill(F::ZERO);
                    }
                    // A row of the next chunk is fetched with each of the first results.
                    let mut next = rows.end..(rows.end + CHUNK).min(self.table.rows);
                    for (outer, sums) in outer.clone().zip(sums.chunks_exact_mut(width)) {
                        if let Some(row) = next.next() {
                            prefetch(self.table.segment(row, columns.start, columns.len()));
                        }
                        add_list(simd, self.lists.list(outer, chunk), tile, None, sums);
                    }
                }
                for (outer, sums) in outer.zip(sums.chunks_exact(width)) {
                    let at = outer * self.stride + columns.start;
                    // SAFETY: own columns.
                    let out = unsafe { self.out.get_mut(at, columns.len()) };
                    out.copy_from_slice(&sums[..columns.len()]);
                }
            }
        }
    }

    /// What the sums of some results and columns start from, `[outer, tile_columns]`.
    #[inline(always)]
    fn start_sums(&self, columns: &Range<usize>, outer: &Range<usize>, sums: &mut [F]) {
        for (outer, sums) in outer.clone().zip(sums.chunks_exact_mut(tile_columns::<F>())) {
            let (sums, rest) = sums.split_at_mut(columns.len());
            match self.start {
                Start::Zero => sums.fill(F::ZERO),
                Start::Row(row) => sums.copy_from_slice(&row[columns.clone()]),
                // SAFETY: own columns.
                Start::Out => sums.copy_from_slice(unsafe {
                    self.out.get(outer * self.stride + columns.start, columns.len())
                }),
            }
            rest.fill(F::ZERO);
        }
    }
}

/// `out[N, K] += grad[N, M] table[K, M]^T`, in the event-driven form only where `needed[N, K]` is not
/// zero.
pub(crate) fn times_transposed<F: Float>(
    needed: Option<View<'_, F>>,
    grad: View<'_, F>,
    table: View<'_, F>,
    out: ViewMut<'_, F>,
) {
    let threads = threads_for(grad.rows * table.rows * table.cols);
    let Some(needed) = needed else {
        return dense::product(out, Store::Add, grad, transposed(table), threads);
    };
    // All rows decide, not those of a thread: the two forms differ in rounding.
    let few = grad.rows <= FEW_ROWS;
    team::for_each(out.split(if few { 1 } else { threads }, GROUP), |(first, out)| {
        let rows = first..first + out.rows;
        let (needed, grad) = (needed.slice(rows.clone()), grad.slice(rows));
        simd::dispatch(TimesTransposed { few, needed, grad, table, out });
    });
}

/// One thread's rows of [`times_transposed`].
struct TimesTransposed<'a, F> {
    few: bool,
    needed: View<'a, F>,
    grad: View<'a, F>,
    table: View<'a, F>,
    out: ViewMut<'a, F>,
}

impl<F: Float> WithSimd for TimesTransposed<'_, F> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { few, needed, grad, table, mut out } = self;
        let wants = Wants::of(needed);
        if few {
            add_wanted_singly(simd, grad, table, &wants, &mut Vec::new(), &mut out);
        } else {
            let mut plan = Plan::default();
            plan.make(BLOCK_ROWS, &wants);
            add_wanted(simd, grad, table, &plan, &mut out);
        }
    }
}

/// `out[M] += sum over rows of grad[N, M]`.
pub(crate) fn add_column_sums<F: Float>(grad: View<'_, F>, out: &mut [F]) {
    let threads = threads_for(grad.rows * grad.cols);
    let width = grad.cols;
    team::for_each(ViewMut::new(out, width, 1).split(threads, 1), |(first, mut out)| {
        let grad = grad.columns(first..first + out.rows);
        let out = out.values_mut();
        for row in 0..grad.rows {
            for (sum, &value) in out.iter_mut().zip(grad.row(row)) {
                *sum += value;
            }
        }
    });
}
