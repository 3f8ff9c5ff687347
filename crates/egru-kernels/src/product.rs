//! The event-driven products, everything else is made of them: [`add_tile`] and [`add_rows`] sum the rows
//! that events select, [`dots`] and [`dot_rows`] take products of chosen rows with vectors. All do exactly
//! the work that the lists name, in the order of the lists, so that a result does not depend on how the
//! work is divided.

use std::slice::Chunks;

use pulp::Simd;

use crate::Float;
use crate::events::{CHUNK, Event};
use crate::scratch::line;
use crate::view::View;

/// Registers that hold a part of the result while [`add_rows`] walks a list.
const REGISTERS: usize = 12;

/// Bytes of a tile's row: three gates of two registers each with 512-bit vectors. [`CHUNK`] rows of it are
/// 24 KiB: they stay in a first-level cache of 32 KiB beside the results.
const TILE_BYTES: usize = 384;

/// Lanes of a register.
#[inline(always)]
pub(crate) const fn lanes<S: Simd, F: Float>() -> usize {
    size_of::<F::Vector<S>>() / size_of::<F>()
}

/// Columns of a tile.
#[inline(always)]
pub(crate) const fn tile_columns<F>() -> usize {
    TILE_BYTES / size_of::<F>()
}

/// Units of a tile that holds their three gates.
#[inline(always)]
pub(crate) const fn tile_units<F>() -> usize {
    tile_columns::<F>() / 3
}

/// `out[k] = start[k] + sum over events of value * table[index][k]`, for the rows of one chunk of a tile; without
/// `start`, what `out` holds is in its place.
///
/// # Safety
/// `table` has a row of [`tile_columns`] values for every index of `events`.
#[inline(always)]
pub(crate) unsafe fn add_tile<S: Simd, F: Float>(
    simd: S,
    events: &[Event<F>],
    table: &[F],
    start: Option<&[F]>,
    out: &mut [F],
) {
    // SAFETY: promised by the caller; the columns are within a tile.
    unsafe {
        if TILE_BYTES / size_of::<F::Vector<S>>() == 6 {
            return add_tile_columns::<S, F, 6>(simd, events, table, 0, start, out);
        }
        for column in (0..tile_columns::<F>()).step_by(REGISTERS * lanes::<S, F>()) {
            add_tile_columns::<S, F, REGISTERS>(simd, events, table, column, start, out);
        }
    }
}

/// [`add_tile`] for `N` registers of columns from `column` on.
///
/// # Safety
/// As [`add_tile`], and the columns are within a tile.
#[inline(always)]
unsafe fn add_tile_columns<S: Simd, F: Float, const N: usize>(
    simd: S,
    events: &[Event<F>],
    table: &[F],
    column: usize,
    start: Option<&[F]>,
    out: &mut [F],
) {
    let width = N * lanes::<S, F>();
    let start = start.map(|start| &start[column..column + width]);
    let row = |index: u32| {
        let start = index as usize * tile_columns::<F>() + column;
        debug_assert!(start + width <= table.len());
        // SAFETY: promised by the caller.
        unsafe { table.get_unchecked(start..start + width) }
    };
    add_selected::<S, F, N>(simd, events, row, start, &mut out[column..column + width]);
}

/// `out = start + sum over events of value * row(index)`, `N` registers, which hold the sums meanwhile; without
/// `start`, `out += sum`.
#[inline(always)]
fn add_selected<'t, S: Simd, F: Float, const N: usize>(
    simd: S,
    events: &[Event<F>],
    row: impl Fn(u32) -> &'t [F],
    start: Option<&[F]>,
    out: &mut [F],
) {
    let mut sums = [F::splat(simd, F::ZERO); N];
    sums.copy_from_slice(F::vectors::<S>(start.unwrap_or(out)).0);
    for event in events {
        let row = F::vectors::<S>(row(event.index)).0;
        let row: &[F::Vector<S>; N] = row.try_into().expect("a row of N registers");
        let value = F::splat(simd, event.value);
        for k in 0..N {
            sums[k] = F::mul_add(simd, value, row[k], sums[k]);
        }
    }
    F::vectors_mut::<S>(out).0.copy_from_slice(&sums);
}

/// Brings values closer.
#[inline(always)]
pub(crate) fn prefetch<F>(values: &[F]) {
    for at in (0..values.len()).step_by(line::<F>()) {
        prefetch_line(values, at);
    }
}

/// Values that are brought closer a share at a time, so that they arrive while something else is computed.
pub(crate) struct Ahead<'a, F>(Chunks<'a, F>);

impl<'a, F> Ahead<'a, F> {
    /// All of `values` in `turns` shares of whole cache lines.
    #[inline(always)]
    pub fn new(values: &'a [F], turns: usize) -> Self {
        let share = values.len().div_ceil(turns.max(1)).next_multiple_of(line::<F>());
        Self(values.chunks(share.max(1)))
    }

    /// Brings the next share closer, if there is one left.
    #[inline(always)]
    pub fn fetch(&mut self) {
        if let Some(share) = self.0.next() {
            prefetch(share);
        }
    }
}

/// Brings the cache line of one value closer, to the second-level cache.
#[inline(always)]
fn prefetch_line<F>(values: &[F], at: usize) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
        // SAFETY: a prefetch reads nothing, wherever it points to, and every x86-64 machine has it.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(values.as_ptr().wrapping_add(at).cast::<i8>()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (values, at);
}

/// `out[k] += sum over events of value * table[index, k]`, for all columns of an uncut `table`.
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
    while column + REGISTERS * lanes <= width {
        add_rows_columns::<S, F, REGISTERS>(simd, events, table, column, out);
        column += REGISTERS * lanes;
    }
    while column + 4 * lanes <= width {
        add_rows_columns::<S, F, 4>(simd, events, table, column, out);
        column += 4 * lanes;
    }
    while column + lanes <= width {
        add_rows_columns::<S, F, 1>(simd, events, table, column, out);
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
fn add_rows_columns<S: Simd, F: Float, const N: usize>(
    simd: S,
    events: &[Event<F>],
    table: View<'_, F>,
    column: usize,
    out: &mut [F],
) {
    let width = N * lanes::<S, F>();
    let row = |index: u32| table.segment(index as usize, column, width);
    add_selected::<S, F, N>(simd, events, row, None, &mut out[column..column + width]);
}

/// Samples whose vectors [`dots`] keeps together.
pub(crate) const GROUP: usize = 16;

/// Columns of the vectors that [`dots`] keeps: [`GROUP`] vectors of them are 24 KiB, as a chunk of a tile.
#[inline(always)]
pub(crate) const fn panel_columns<F>() -> usize {
    TILE_BYTES * CHUNK / GROUP / size_of::<F>()
}

/// `sums[i] = row . panel[samples[i]]`, for `N` samples at once, so that `row` is loaded once for all of
/// them. Every product is summed in the same order for any `N`.
///
/// `panel` holds [`GROUP`] vectors, each [`panel_columns`] values after the one before.
///
/// # Safety
/// `row` is whole registers long, at most [`panel_columns`] values; the samples are below [`GROUP`], and
/// `panel` has a vector for each.
#[inline(always)]
pub(crate) unsafe fn dots<S: Simd, F: Float, const N: usize>(
    simd: S,
    row: &[F],
    panel: &[F],
    samples: &[u8; N],
) -> [F; N] {
    debug_assert!(row.len() <= panel_columns::<F>() && panel.len() == GROUP * panel_columns::<F>());
    let (row, rest) = F::vectors::<S>(row);
    debug_assert!(rest.is_empty());
    let mut vectors = [std::ptr::null::<F::Vector<S>>(); N];
    for i in 0..N {
        let start = usize::from(samples[i]) * panel_columns::<F>();
        // SAFETY: the vector of a sample, promised by the caller.
        vectors[i] = unsafe { panel.as_ptr().add(start) }.cast();
    }
    let mut accumulators = [F::splat(simd, F::ZERO); N];
    for (k, &weight) in row.iter().enumerate() {
        for i in 0..N {
            // SAFETY: every vector has as many registers as `row`; registers have the alignment of `F`.
            let factor = unsafe { vectors[i].add(k).read_unaligned() };
            accumulators[i] = F::mul_add(simd, weight, factor, accumulators[i]);
        }
    }
    let mut sums = [F::ZERO; N];
    for i in 0..N {
        sums[i] = F::reduce_sum(simd, accumulators[i]);
    }
    sums
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

/// Whole registers, and what is left.
type Segment<'a, V, F> = (&'a [V], &'a [F]);

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
    let mut segments: [Segment<'_, F::Vector<S>, F>; N] = [(&[], &[]); N];
    for i in 0..N {
        let (head, rest) = table.row(rows[i] as usize).split_at(whole);
        segments[i] = (&F::vectors::<S>(head).0[..vector.len()], &rest[..vector_rest.len()]);
    }
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
