//! Whole matrix products with a sparse operand, each in an event-driven and a dense form.

use std::ops::Range;

use pulp::{Simd, WithSimd};

use crate::dense::{self, Store, transposed};
use crate::events::{CHUNK, Event, EventLists, Lists};
use crate::masked::{FEW_ROWS, Plan, Wants, add_wanted, add_wanted_singly};
use crate::plan::Product;
use crate::product::{GROUP, add_rows, tile_columns};
use crate::scratch::Aligned;
use crate::team::{self, Shared, threads_for};
use crate::tiles::{ROWS, add_table};
use crate::view::{View, ViewMut};
use crate::{Float, Products, simd};

/// Chunks of a table that are cut into a tile at a time: 384 KiB, for the second-level cache.
const CHUNKS: usize = 16;
/// Events per row of a table from which on cutting it into tiles pays.
const EVENTS_WORTH_TILES: usize = 2;

/// `out[N, M] = sparse[N, K] table[K, M] (+ bias[M])`.
pub(crate) fn times<F: Float>(
    events: bool,
    sparse: View<'_, F>,
    table: View<'_, F>,
    bias: Option<&[F]>,
    mut out: ViewMut<'_, F>,
) {
    if events {
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
pub(crate) enum Operand<'a, F> {
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

/// Some chunks of lists.
struct Part<'a, F> {
    lists: &'a EventLists<F>,
    chunks: Range<usize>,
}

impl<F: Float> Lists<F> for Part<'_, F> {
    #[inline(always)]
    fn chunks(&self) -> usize {
        self.chunks.len()
    }

    #[inline(always)]
    fn inner(&self, chunk: usize) -> Range<usize> {
        let (first, inner) = (self.chunks.start, self.lists.inner(self.chunks.start + chunk));
        inner.start - first * CHUNK..inner.end - first * CHUNK
    }

    #[inline(always)]
    fn list(&self, outer: usize, chunk: usize) -> &[Event<F>] {
        self.lists.list(outer, self.chunks.start + chunk)
    }
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
            self.as_it_lies(simd);
        } else {
            self.in_tiles(simd);
        }
    }
}

impl<F: Float> AddEvents<'_, F> {
    /// Few events: the table is read where they select it.
    #[inline(always)]
    fn as_it_lies<S: Simd>(&self, simd: S) {
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

    /// Many events: tile by tile, each copied together first.
    #[inline(always)]
    fn in_tiles<S: Simd>(&self, simd: S) {
        let width = tile_columns::<F>();
        let mut tile = Aligned::new(CHUNKS * CHUNK * width);
        let (mut sums, mut row) = (Aligned::new(ROWS * width), Aligned::new(width));
        // At least once, so that a result without events is written too.
        let chunks = self.lists.chunks();
        for first in (0..chunks.max(1)).step_by(CHUNKS) {
            let start = if first == 0 { self.start } else { Start::Out };
            let lists = Part { lists: self.lists, chunks: first..(first + CHUNKS).min(chunks) };
            let first = first * CHUNK;
            let rows = (CHUNKS * CHUNK).min(self.lists.inner - first);
            for column in self.columns.clone().step_by(width) {
                let columns = width.min(self.columns.end - column);
                let tile = &mut tile[..rows * width];
                for (row, tile) in tile.chunks_exact_mut(width).enumerate() {
                    tile[..columns].copy_from_slice(self.table.segment(
                        first + row,
                        column,
                        columns,
                    ));
                    tile[columns..].fill(F::ZERO);
                }
                row.fill(F::ZERO);
                if let Start::Row(values) = start {
                    row[..columns].copy_from_slice(&values[column..column + columns]);
                }
                for block in (0..self.lists.outer).step_by(ROWS) {
                    let outer = block..(block + ROWS).min(self.lists.outer);
                    let sums = &mut sums[..outer.len() * width];
                    let row = match start {
                        Start::Zero | Start::Row(_) => Some(&row[..]),
                        Start::Out => {
                            for (outer, sums) in outer.clone().zip(sums.chunks_exact_mut(width)) {
                                let at = outer * self.stride + column;
                                // SAFETY: own columns.
                                let out = unsafe { self.out.get(at, columns) };
                                sums[..columns].copy_from_slice(out);
                            }
                            None
                        }
                    };
                    add_table(simd, tile, false, outer.clone(), &lists, row, sums);
                    for (outer, sums) in outer.zip(sums.chunks_exact(width)) {
                        // SAFETY: own columns.
                        let out =
                            unsafe { self.out.get_mut(outer * self.stride + column, columns) };
                        out.copy_from_slice(&sums[..columns]);
                    }
                }
            }
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
            plan.make(&wants);
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
