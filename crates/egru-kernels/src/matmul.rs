//! Whole matrix products with a sparse operand, each in an event-driven and a dense form.

use std::ops::Range;

use pulp::{Simd, WithSimd};

use crate::dense::{self, Store, transposed};
use crate::events::{Event, EventLists};
use crate::product::{add_rows, dot_rows, tile_columns};
use crate::team::{self, threads_for};
use crate::view::{View, ViewMut};
use crate::{Float, simd};

/// Bytes of a table that a pass keeps in the second-level cache.
const CACHE: usize = 384 * 1024;

/// `out[N, M] = sparse[N, K] table[K, M] (+ bias[M])`.
pub(crate) fn times<F: Float>(
    events: bool,
    sparse: View<'_, F>,
    table: View<'_, F>,
    bias: Option<&[F]>,
    mut out: ViewMut<'_, F>,
) {
    let threads = threads_for(sparse.rows * table.rows * table.cols);
    if events {
        team::for_each(out.split(threads), |(first, out)| {
            let sparse = sparse.slice(first..first + out.rows);
            simd::dispatch(Times { sparse, table, bias, out });
        });
        return;
    }
    let store = match bias {
        None => Store::Replace,
        Some(bias) => {
            (0..out.rows).for_each(|row| out.row_mut(row).copy_from_slice(bias));
            Store::Add
        }
    };
    dense::product(out, store, sparse, table, threads);
}

/// One thread's rows of [`times`].
struct Times<'a, F> {
    sparse: View<'a, F>,
    table: View<'a, F>,
    bias: Option<&'a [F]>,
    out: ViewMut<'a, F>,
}

impl<F: Float> WithSimd for Times<'_, F> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let lists = EventLists::of_rows(self.sparse);
        // One tile of columns at a time: the table's part of it stays in the cache for all rows.
        for columns in chunks(self.table.cols, tile_columns::<S, F>()) {
            let table = self.table.columns(columns.clone());
            for row in 0..self.sparse.rows {
                let out = &mut self.out.row_mut(row)[columns.clone()];
                match self.bias {
                    Some(bias) => out.copy_from_slice(&bias[columns.clone()]),
                    None => out.fill(F::ZERO),
                }
                add_rows(simd, lists.row(row), table, out);
            }
        }
    }
}

/// `out[K, M] += sparse[N, K]^T grad[N, M]`.
pub(crate) fn transposed_times<F: Float>(
    events: bool,
    sparse: View<'_, F>,
    grad: View<'_, F>,
    out: ViewMut<'_, F>,
) {
    let threads = threads_for(sparse.rows * sparse.cols * grad.cols);
    if events {
        team::for_each(out.split(threads), |(first, out)| {
            let sparse = sparse.columns(first..first + out.rows);
            simd::dispatch(TransposedTimes { sparse, grad, out });
        });
    } else {
        dense::product(out, Store::Add, transposed(sparse), grad, threads);
    }
}

/// One thread's rows of [`transposed_times`].
struct TransposedTimes<'a, F> {
    sparse: View<'a, F>,
    grad: View<'a, F>,
    out: ViewMut<'a, F>,
}

impl<F: Float> WithSimd for TransposedTimes<'_, F> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let mut lists: Vec<Vec<Event<F>>> = vec![Vec::new(); self.sparse.cols];
        let tile = tile_columns::<S, F>();
        // So many rows of the gradient that a tile of them stays in the cache for all sources.
        for rows in chunks(self.sparse.rows, (CACHE / (tile * size_of::<F>())).max(64)) {
            lists.iter_mut().for_each(Vec::clear);
            for row in rows.clone() {
                for (list, &value) in lists.iter_mut().zip(self.sparse.row(row)) {
                    if value != F::ZERO {
                        list.push(Event { index: (row - rows.start) as u32, value });
                    }
                }
            }
            for columns in chunks(self.grad.cols, tile) {
                let grad = self.grad.slice(rows.clone()).columns(columns.clone());
                for (source, list) in lists.iter().enumerate() {
                    if !list.is_empty() {
                        let out = &mut self.out.row_mut(source)[columns.clone()];
                        add_rows(simd, list, grad, out);
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
    match needed {
        Some(needed) => team::for_each(out.split(threads), |(first, out)| {
            let rows = first..first + out.rows;
            let (needed, grad) = (needed.slice(rows.clone()), grad.slice(rows));
            simd::dispatch(TimesTransposed { needed, grad, table, out });
        }),
        None => dense::product(out, Store::Add, grad, transposed(table), threads),
    }
}

/// One thread's rows of [`times_transposed`].
struct TimesTransposed<'a, F> {
    needed: View<'a, F>,
    grad: View<'a, F>,
    table: View<'a, F>,
    out: ViewMut<'a, F>,
}

impl<F: Float> WithSimd for TimesTransposed<'_, F> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        // Long enough to hide the sum over lanes at the end of each product.
        const COLUMNS: usize = 1024;
        let (mut targets, mut ends) = (Vec::new(), Vec::new());
        // A part of the table at a time, small enough to stay in the cache for all rows.
        for rows in chunks(self.table.rows, (CACHE / (COLUMNS * size_of::<F>())).max(16)) {
            targets.clear();
            ends.clear();
            for row in 0..self.grad.rows {
                let needed = self.needed.segment(row, rows.start, rows.len());
                targets.extend(
                    (0_u32..).zip(needed).filter(|(_, value)| **value != F::ZERO).map(|(k, _)| k),
                );
                ends.push(targets.len());
            }
            for columns in chunks(self.table.cols, COLUMNS) {
                let table = self.table.slice(rows.clone()).columns(columns.clone());
                let mut start = 0;
                for (row, &end) in ends.iter().enumerate() {
                    let grad = self.grad.segment(row, columns.start, columns.len());
                    let out = &mut self.out.row_mut(row)[rows.clone()];
                    dot_rows(simd, &targets[start..end], table, grad, out);
                    start = end;
                }
            }
        }
    }
}

/// `out[M] += sum over rows of grad[N, M]`.
pub(crate) fn add_column_sums<F: Float>(grad: View<'_, F>, out: &mut [F]) {
    let threads = threads_for(grad.rows * grad.cols);
    let width = grad.cols;
    team::for_each(ViewMut::new(out, width, 1).split(threads), |(first, mut out)| {
        let grad = grad.columns(first..first + out.rows);
        let out = out.values_mut();
        for row in 0..grad.rows {
            for (sum, &value) in out.iter_mut().zip(grad.row(row)) {
                *sum += value;
            }
        }
    });
}

/// `0..total` in ranges of `size`, the last one shorter.
fn chunks(total: usize, size: usize) -> impl Iterator<Item = Range<usize>> {
    (0..total).step_by(size).map(move |start| start..(start + size).min(total))
}
