//! Event lists: the non-zero values of a matrix with their places.
//!
//! Lists are cut into chunks of [`CHUNK`] inner indices, because the rows of a table that one chunk
//! selects fit into the first-level cache together (see `tiles`).

use std::ops::Range;

use crate::Float;
use crate::team::{self, Shared, threads_for};
use crate::view::View;

/// Inner indices of one chunk, at most.
pub(crate) const CHUNK: usize = 64;

/// Products that take the time of finding out whether a value is zero.
const PRODUCTS_PER_VALUE: usize = 16;

/// One non-zero value.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Event<F> {
    /// The row that it selects, of the part of a table that its list belongs to: a chunk, or for a stream all of it.
    pub index: u32,
    /// The value.
    pub value: F,
}

/// A bit for each of at most [`CHUNK`] values that is not zero. NaN is not zero.
#[inline(always)]
fn nonzero<F: Float>(values: &[F]) -> u64 {
    let mut mask = 0;
    for (place, &value) in values.iter().enumerate() {
        mask |= u64::from(value != F::ZERO) << place;
    }
    mask
}

/// Writes the events whose bits are set in `mask` to the front of `out` and returns how many they are.
#[inline(always)]
pub(crate) fn compact<F: Float>(
    mut mask: u64,
    value: impl Fn(usize) -> F,
    out: &mut [Event<F>],
) -> usize {
    let mut count = 0;
    while mask != 0 {
        let place = mask.trailing_zeros();
        out[count] = Event { index: place, value: value(place as usize) };
        count += 1;
        mask &= mask - 1;
    }
    count
}

/// Event lists of rows, one for each row and chunk of columns; or of columns, and chunks of rows.
pub(crate) trait Lists<F> {
    /// Chunks of inner indices.
    fn chunks(&self) -> usize;
    /// The inner indices of one chunk, at most [`CHUNK`].
    fn inner(&self, chunk: usize) -> Range<usize>;
    /// The list of one outer index and chunk.
    fn list(&self, outer: usize, chunk: usize) -> &[Event<F>];
}

/// Lists one after the other.
#[derive(Debug, Default)]
pub(crate) struct PackedLists<F> {
    events: Vec<Event<F>>,
    /// Where each list ends; the first list starts at 0.
    ends: Vec<usize>,
}

impl<F: Float> PackedLists<F> {
    /// Holds `lists` of `outer` indices instead, chunk by chunk.
    #[inline(always)]
    pub fn gather(&mut self, outer: usize, lists: &impl Lists<F>) {
        self.events.clear();
        self.ends.clear();
        for chunk in 0..lists.chunks() {
            for outer in 0..outer {
                self.events.extend_from_slice(lists.list(outer, chunk));
                self.ends.push(self.events.len());
            }
        }
    }

    /// One list.
    #[inline(always)]
    pub fn list(&self, index: usize) -> &[Event<F>] {
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        &self.events[start..self.ends[index]]
    }

    /// Events of all lists.
    pub fn total(&self) -> usize {
        self.events.len()
    }
}

/// The events of a whole matrix: a list for each outer index and chunk of inner indices.
#[derive(Debug)]
pub(crate) struct EventLists<F> {
    lists: PackedLists<F>,
    /// Outer indices.
    pub outer: usize,
    /// Inner indices.
    pub inner: usize,
    /// Lists from one outer index, and from one chunk, to the next.
    strides: (usize, usize),
}

/// The lists of a run of rows, as they are written one after the other into memory that just holds them.
struct Writer<'a, F> {
    /// What is left of the memory.
    free: &'a mut [Event<F>],
    /// Events of all runs before this one, and of this one so far.
    written: usize,
    ends: Vec<usize>,
}

impl<F: Float> Writer<'_, F> {
    /// Adds the next list, of the values whose bits are set.
    #[inline(always)]
    fn push(&mut self, mask: u64, value: impl Fn(usize) -> F) {
        let count = compact(mask, value, self.free);
        self.free = &mut std::mem::take(&mut self.free)[count..];
        self.written += count;
        self.ends.push(self.written);
    }
}

impl<F: Float> EventLists<F> {
    /// Rows are outer, on this thread: the operand of `matrix table`.
    pub fn of_rows(matrix: View<'_, F>) -> Self {
        Self::by_rows(matrix, 1)
    }

    /// [`EventLists::of_rows`], on several threads.
    pub fn of_all_rows(matrix: View<'_, F>) -> Self {
        Self::by_rows(matrix, threads_for(matrix.rows * matrix.cols * PRODUCTS_PER_VALUE))
    }

    fn by_rows(matrix: View<'_, F>, threads: usize) -> Self {
        let lists = Self::written(matrix, 1, threads, |matrix, lists| {
            for row in 0..matrix.rows {
                for values in matrix.row(row).chunks(CHUNK) {
                    lists.push(nonzero(values), |place| values[place]);
                }
            }
        });
        let strides = (matrix.cols.div_ceil(CHUNK), 1);
        Self { lists, outer: matrix.rows, inner: matrix.cols, strides }
    }

    /// Columns are outer, on several threads: the operand of `matrix^T table`.
    pub fn of_all_columns(matrix: View<'_, F>) -> Self {
        let threads = threads_for(matrix.rows * matrix.cols * PRODUCTS_PER_VALUE);
        let lists = Self::written(matrix, CHUNK, threads, write_columns);
        let strides = (1, matrix.cols);
        Self { lists, outer: matrix.cols, inner: matrix.rows, strides }
    }

    /// The lists that `write` writes of runs of rows, a multiple of `unit` each. Their events are
    /// counted first: lists that grow would take twice the memory.
    fn written(
        matrix: View<'_, F>,
        unit: usize,
        threads: usize,
        write: impl Fn(View<'_, F>, &mut Writer<'_, F>) + Sync,
    ) -> PackedLists<F> {
        let runs = team::shares(matrix.rows.div_ceil(unit), threads);
        let run =
            |run: Range<usize>| matrix.slice(run.start * unit..(run.end * unit).min(matrix.rows));
        let runs: Vec<View<'_, F>> = runs.map(run).collect();
        let counts = team::map(runs.clone(), |run| {
            let count = |row| run.row(row).chunks(CHUNK).map(|v| nonzero(v).count_ones() as usize);
            (0..run.rows).flat_map(count).sum::<usize>()
        });
        let mut events = vec![Event::default(); counts.iter().sum()];
        let (mut rest, mut before) = (&mut events[..], 0);
        let mut work = Vec::with_capacity(runs.len());
        for (run, &count) in runs.into_iter().zip(&counts) {
            let (free, others) = rest.split_at_mut(count);
            work.push((run, Writer { free, written: before, ends: Vec::new() }));
            (rest, before) = (others, before + count);
        }
        let ends = team::map(work, |(run, mut lists)| {
            write(run, &mut lists);
            lists.ends
        });
        PackedLists { events, ends: ends.concat() }
    }

    /// Events of all lists.
    pub fn total(&self) -> usize {
        self.lists.total()
    }
}

impl<F: Float> Lists<F> for EventLists<F> {
    #[inline(always)]
    fn chunks(&self) -> usize {
        self.inner.div_ceil(CHUNK)
    }

    #[inline(always)]
    fn inner(&self, chunk: usize) -> Range<usize> {
        chunk * CHUNK..((chunk + 1) * CHUNK).min(self.inner)
    }

    #[inline(always)]
    fn list(&self, outer: usize, chunk: usize) -> &[Event<F>] {
        self.lists.list(outer * self.strides.0 + chunk * self.strides.1)
    }
}

/// Writes lists of which columns are outer.
fn write_columns<F: Float>(matrix: View<'_, F>, lists: &mut Writer<'_, F>) {
    let mut masks = [0; CHUNK];
    for first in (0..matrix.rows).step_by(CHUNK) {
        let rows = CHUNK.min(matrix.rows - first);
        for column in (0..matrix.cols).step_by(CHUNK) {
            let columns = CHUNK.min(matrix.cols - column);
            for (row, mask) in masks[..rows].iter_mut().enumerate() {
                *mask = nonzero(matrix.segment(first + row, column, columns));
            }
            masks[rows..].fill(0);
            transpose(&mut masks);
            for (place, &mask) in masks[..columns].iter().enumerate() {
                lists.push(mask, |row| matrix.segment(first + row, column + place, 1)[0]);
            }
        }
    }
}

/// Turns rows of bits into columns: bit `j` of value `i` becomes bit `i` of value `j`. Squares of half the size change
/// places, in ever smaller squares.
fn transpose(bits: &mut [u64; 64]) {
    let mut mask = u64::MAX;
    for half in [32, 16, 8, 4, 2, 1] {
        mask ^= mask << half;
        for square in (0..64).step_by(2 * half) {
            for i in square..square + half {
                let moved = (bits[i] >> half ^ bits[i + half]) & mask;
                bits[i] ^= moved << half;
                bits[i + half] ^= moved;
            }
        }
    }
}

/// The units in blocks of at most [`CHUNK`], each of which belongs to one member of a team.
#[derive(Debug)]
pub(crate) struct Blocks {
    /// The first unit of each block, and the end of the last.
    starts: Vec<usize>,
}

impl Blocks {
    /// Of members that own these units, one after the other.
    pub fn new(members: &[Range<usize>]) -> Self {
        let mut starts: Vec<usize> =
            members.iter().flat_map(|units| units.clone().step_by(CHUNK)).collect();
        starts.push(members.last().map_or(0, |units| units.end));
        Self { starts }
    }

    /// How many.
    #[inline(always)]
    pub fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// The units of one.
    #[inline(always)]
    pub fn units(&self, block: usize) -> Range<usize> {
        self.starts[block]..self.starts[block + 1]
    }

    /// The blocks of a member that owns `units`.
    pub fn of(&self, units: &Range<usize>) -> Range<usize> {
        let block = |unit| self.starts.partition_point(|&start| start < unit);
        block(units.start)..block(units.end)
    }
}

/// The events of one step as blocks of units publish them, for two steps in turn: a step writes one
/// half while the events of the step before are read from the other.
pub(crate) struct Board<'a, F> {
    events: Shared<'a, Event<F>>,
    counts: Shared<'a, u32>,
    batch: usize,
    blocks: &'a Blocks,
}

impl<'a, F: Float> Board<'a, F> {
    /// Events and counts that a board of this size is made of.
    pub fn storage(batch: usize, blocks: &Blocks) -> (Vec<Event<F>>, Vec<u32>) {
        let places = 2 * batch * blocks.len();
        (vec![Event::default(); places * CHUNK], vec![0; places])
    }

    /// A board on its storage.
    pub fn new(
        (events, counts): &'a mut (Vec<Event<F>>, Vec<u32>),
        batch: usize,
        blocks: &'a Blocks,
    ) -> Self {
        Self { events: Shared::new(events), counts: Shared::new(counts), batch, blocks }
    }

    /// The half that `step` reads from; it writes the next one.
    fn half(&self, step: usize) -> usize {
        step % 2 * self.batch * self.blocks.len()
    }

    /// Publishes outputs of one block of one sample for `step` to read.
    ///
    /// # Safety
    /// Nobody else writes this block, and nobody reads it or writes for the next step before a barrier.
    #[inline(always)]
    pub unsafe fn publish(&self, step: usize, sample: usize, block: usize, y: &[F]) {
        let place = self.half(step) + sample * self.blocks.len() + block;
        // SAFETY: promised by the caller.
        let (events, count) =
            unsafe { (self.events.get_mut(place * CHUNK, CHUNK), self.counts.get_mut(place, 1)) };
        count[0] = compact(nonzero(y), |place| y[place], events) as u32;
    }

    /// What `step` reads.
    ///
    /// # Safety
    /// All blocks are published for `step`, and nobody publishes for `step + 2` while the result is used.
    #[inline(always)]
    pub unsafe fn read(&self, step: usize) -> BoardEvents<'_, F> {
        let (half, places) = (self.half(step), self.batch * self.blocks.len());
        // SAFETY: promised by the caller.
        let (events, counts) = unsafe {
            (self.events.get(half * CHUNK, places * CHUNK), self.counts.get(half, places))
        };
        BoardEvents { events, counts, blocks: self.blocks }
    }
}

/// The events that one step reads, a list for each sample and block of units.
#[derive(Clone, Copy)]
pub(crate) struct BoardEvents<'a, F> {
    events: &'a [Event<F>],
    counts: &'a [u32],
    blocks: &'a Blocks,
}

impl<F: Float> BoardEvents<'_, F> {
    /// Events of all samples and blocks.
    #[inline(always)]
    pub fn total(&self) -> usize {
        self.counts.iter().map(|&count| count as usize).sum()
    }
}

impl<F: Float> Lists<F> for BoardEvents<'_, F> {
    #[inline(always)]
    fn chunks(&self) -> usize {
        self.blocks.len()
    }

    #[inline(always)]
    fn inner(&self, block: usize) -> Range<usize> {
        self.blocks.units(block)
    }

    #[inline(always)]
    fn list(&self, sample: usize, block: usize) -> &[Event<F>] {
        let place = sample * self.blocks.len() + block;
        &self.events[place * CHUNK..][..self.counts[place] as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_hold_what_is_not_zero() {
        let values = [0.0, 1.5, -0.0, f64::NAN, 0.0, 0.0, 0.0, 0.0, -2.0];
        let matrix = View::new(&values, 3, 3);
        let lists = EventLists::of_rows(matrix);
        assert_eq!(lists.list(0, 0), [Event { index: 1, value: 1.5 }]);
        assert_eq!(lists.list(1, 0).len(), 1);
        assert!(lists.list(1, 0)[0].value.is_nan());
        assert_eq!(lists.list(2, 0), [Event { index: 2, value: -2.0 }]);
        assert_eq!(lists.total(), 3);
        let lists = EventLists::of_all_columns(matrix);
        assert_eq!(lists.list(1, 0), [Event { index: 0, value: 1.5 }]);
        assert_eq!(lists.list(2, 0), [Event { index: 2, value: -2.0 }]);
        assert_eq!((lists.outer, lists.inner, lists.total()), (3, 3, 3));
    }

    #[test]
    fn a_block_belongs_to_one_member() {
        let blocks = Blocks::new(&[0..304, 304..590]);
        let units: Vec<_> = (0..blocks.len()).map(|block| blocks.units(block)).collect();
        assert_eq!(units[3..6], [192..256, 256..304, 304..368]);
        assert_eq!((units.len(), units[9].clone()), (10, 560..590));
        assert_eq!((blocks.of(&(0..304)), blocks.of(&(304..590))), (0..5, 5..10));
        assert_eq!(Blocks::new(&[0..0]).len(), 0);
    }

    #[test]
    fn rows_and_columns_hold_the_same_events() {
        let (rows, cols) = (150, 131);
        let values: Vec<f32> =
            (0..rows * cols).map(|i| if i % 7 < 3 { i as f32 } else { 0.0 }).collect();
        let matrix = View::new(&values, rows, cols);
        let collect = |lists: &EventLists<f32>| {
            let mut all = Vec::new();
            for outer in 0..lists.outer {
                for chunk in 0..lists.inner.div_ceil(CHUNK) {
                    for event in lists.list(outer, chunk) {
                        all.push((outer, chunk * CHUNK + event.index as usize, event.value));
                    }
                }
            }
            all
        };
        let by_rows = collect(&EventLists::of_rows(matrix));
        let mut by_columns: Vec<_> = collect(&EventLists::of_all_columns(matrix))
            .into_iter()
            .map(|(column, row, value)| (row, column, value))
            .collect();
        by_columns.sort_by_key(|&(row, column, _)| (row, column));
        assert_eq!(by_rows, by_columns);
        assert!(by_rows.iter().all(|&(row, column, value)| values[row * cols + column] == value));
    }
}
