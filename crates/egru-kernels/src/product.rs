//! The two event-driven products, everything else is made of them:
//! [`add_rows`] sums the rows that events select, [`dot_rows`] takes the products of chosen rows with a
//! vector. Both do exactly the work that the lists name, in the order of the lists, so a result does
//! not depend on how the work is divided.

use pulp::Simd;

use crate::Float;
use crate::events::Event;
use crate::view::View;

/// Registers that hold a tile of the result while [`add_rows`] walks a list.
const TILE: usize = 12;

/// Lanes of a register.
#[inline(always)]
pub(crate) fn lanes<S: Simd, F: Float>() -> usize {
    size_of::<F::Vector<S>>() / size_of::<F>()
}

/// Columns that [`add_rows`] computes in one walk of the list.
#[inline(always)]
pub(crate) fn tile_columns<S: Simd, F: Float>() -> usize {
    TILE * lanes::<S, F>()
}

/// `out[k] += sum over events of value * table[index, k]`, for all columns of `table`.
#[inline(always)]
pub(crate) fn add_rows<S: Simd, F: Float>(
    simd: S,
    events: &[Event<F>],
    table: View<'_, F>,
    out: &mut [F],
) {
    let lanes = lanes::<S, F>();
    let width = table.cols;
    let mut column = 0;
    while column + TILE * lanes <= width {
        add_rows_tile::<S, F, TILE>(simd, events, table, column, out);
        column += TILE * lanes;
    }
    while column + 4 * lanes <= width {
        add_rows_tile::<S, F, 4>(simd, events, table, column, out);
        column += 4 * lanes;
    }
    while column + lanes <= width {
        add_rows_tile::<S, F, 1>(simd, events, table, column, out);
        column += lanes;
    }
    if column < width {
        let out = &mut out[column..width];
        for event in events {
            let row = table.segment(event.index as usize, column, out.len());
            for (out, &weight) in out.iter_mut().zip(row) {
                *out += event.value * weight;
            }
        }
    }
}

/// [`add_rows`] for `N` registers of columns.
#[inline(always)]
fn add_rows_tile<S: Simd, F: Float, const N: usize>(
    simd: S,
    events: &[Event<F>],
    table: View<'_, F>,
    column: usize,
    out: &mut [F],
) {
    let width = N * lanes::<S, F>();
    let out = F::vectors_mut::<S>(&mut out[column..column + width]).0;
    let mut sums = [F::splat(simd, F::ZERO); N];
    sums.copy_from_slice(out);
    for event in events {
        let row = F::vectors::<S>(table.segment(event.index as usize, column, width)).0;
        let row: &[F::Vector<S>; N] = row.try_into().expect("a segment of N registers");
        let value = F::splat(simd, event.value);
        for k in 0..N {
            sums[k] = F::mul_add(simd, value, row[k], sums[k]);
        }
    }
    out.copy_from_slice(&sums);
}

/// `out[i] += table[i, ..] . vector` for the rows `i` that `rows` names.
#[inline(always)]
pub(crate) fn dot_rows<S: Simd, F: Float>(
    simd: S,
    rows: &[u32],
    table: View<'_, F>,
    vector: &[F],
    out: &mut [F],
) {
    let (eights, rest) = rows.as_chunks::<8>();
    for rows in eights {
        dot_rows_group(simd, rows, table, vector, rows.len(), out);
    }
    for rows in rest.chunks(4) {
        // Four sums in flight hide the latency of a sum: fewer rows would take as long.
        let mut padded = [rows[0]; 4];
        padded[..rows.len()].copy_from_slice(rows);
        dot_rows_group(simd, &padded, table, vector, rows.len(), out);
    }
}

/// [`dot_rows`] for `N` rows at once, so that `vector` is loaded once for all of them; the first `count`
/// are added to `out`. Every product is summed in the same order for any `N`.
#[inline(always)]
fn dot_rows_group<S: Simd, F: Float, const N: usize>(
    simd: S,
    rows: &[u32; N],
    table: View<'_, F>,
    vector: &[F],
    count: usize,
    out: &mut [F],
) {
    let (vector, vector_rest) = F::vectors::<S>(vector);
    let whole = vector.len() * lanes::<S, F>();
    let segments = rows.map(|row| {
        let (head, rest) = table.row(row as usize).split_at(whole);
        (&F::vectors::<S>(head).0[..vector.len()], &rest[..vector_rest.len()])
    });
    let mut sums = [F::splat(simd, F::ZERO); N];
    for (k, &factor) in vector.iter().enumerate() {
        for i in 0..N {
            // SAFETY: every segment has as many registers as `vector`, by the slicing above.
            let weight = unsafe { *segments[i].0.get_unchecked(k) };
            sums[i] = F::mul_add(simd, factor, weight, sums[i]);
        }
    }
    for i in 0..count {
        let mut sum = F::reduce_sum(simd, sums[i]);
        for (&factor, &weight) in vector_rest.iter().zip(segments[i].1) {
            sum += factor * weight;
        }
        out[rows[i] as usize] += sum;
    }
}
