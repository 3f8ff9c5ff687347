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
pub struct Event<F> {
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

/// Event lists of rows, one for each row and chunk of columns; or of columns, and chunks of rows. They lie chunk by chunk,
/// as products take them.
pub(crate) trait Lists<F> {
    /// Chunks of inner indices.
    fn chunks(&self) -> usize;
    /// The inner indices of one chunk, at most [`CHUNK`].
    fn inner(&self, chunk: usize) -> Range<usize>;
    /// The list of one outer index and chunk.
    fn list(&self, outer: usize, chunk: usize) -> &[Event<F>];
    /// Events of all lists.
    fn total(&self) -> usize;
}

/// The events of a whole matrix.
#[derive(Debug)]
pub struct EventLists<F> {
    events: Vec<Event<F>>,
    /// Where each list ends; the first one starts at 0.
    ends: Vec<usize>,
    /// Outer indices.
    pub outer: usize,
    /// Inner indices.
    pub inner: usize,
}

/// The lists of a part of a matrix, as they are written one after the other into memory that just holds them.
struct Writer<'a, F> {
    /// What is left of the memory.
    free: &'a mut [Event<F>],
    /// Events of all parts before this one, and of this one so far.
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
        let parts = chunks_of(matrix.cols, threads).map(|part| matrix.columns(part)).collect();
        let (events, ends) = written(parts, write_rows);
        Self { events, ends, outer: matrix.rows, inner: matrix.cols }
    }

    /// Columns are outer, on several threads: the operand of `matrix^T table`.
    pub fn of_all_columns(matrix: View<'_, F>) -> Self {
        let threads = threads_for(matrix.rows * matrix.cols * PRODUCTS_PER_VALUE);
        let parts = chunks_of(matrix.rows, threads).map(|part| matrix.slice(part)).collect();
        let (events, ends) = written(parts, write_columns);
        Self { events, ends, outer: matrix.cols, inner: matrix.rows }
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
        let index = chunk * self.outer + outer;
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        &self.events[start..self.ends[index]]
    }

    #[inline(always)]
    fn total(&self) -> usize {
        self.events.len()
    }
}

/// Whole chunks of `inner` indices, shared out evenly.
fn chunks_of(inner: usize, threads: usize) -> impl Iterator<Item = Range<usize>> {
    let indices = move |part: Range<usize>| part.start * CHUNK..(part.end * CHUNK).min(inner);
    team::shares(inner.div_ceil(CHUNK), threads).map(indices)
}

/// The lists that `write` writes of parts of a matrix, one part to a thread, and their ends. The events are counted first:
/// lists that grow would take twice the memory.
fn written<'a, F: Float>(
    parts: Vec<View<'a, F>>,
    write: impl Fn(View<'a, F>, &mut Writer<'_, F>) + Sync,
) -> (Vec<Event<F>>, Vec<usize>) {
    let counts = team::map(parts.clone(), |part| {
        let count = |row| part.row(row).chunks(CHUNK).map(|v| nonzero(v).count_ones() as usize);
        (0..part.rows).flat_map(count).sum::<usize>()
    });
    let mut events = vec![Event::default(); counts.iter().sum()];
    let (mut rest, mut before) = (&mut events[..], 0);
    let mut work = Vec::with_capacity(parts.len());
    for (part, &count) in parts.into_iter().zip(&counts) {
        let (free, others) = rest.split_at_mut(count);
        work.push((part, Writer { free, written: before, ends: Vec::new() }));
        (rest, before) = (others, before + count);
    }
    let ends = team::map(work, |(part, mut lists)| {
        write(part, &mut lists);
        lists.ends
    });
    (events, ends.concat())
}

/// Writes lists of which rows are outer.
fn write_rows<F: Float>(matrix: View<'_, F>, lists: &mut Writer<'_, F>) {
    for column in (0..matrix.cols).step_by(CHUNK) {
        let columns = CHUNK.min(matrix.cols - column);
        for row in 0..matrix.rows {
            let values = matrix.segment(row, column, columns);
            lists.push(nonzero(values), |place| values[place]);
        }
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
    /// The blocks of members that own these units, one member after the other.
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
///
/// The lists of a block lie side by side, so that members share no cache line that one of them writes.
pub(crate) struct Board<'a, F> {
    /// `[2, blocks, batch * CHUNK]`.
    events: Shared<'a, Event<F>>,
    /// `[2, blocks, batch]`: where each list ends, among those of its block.
    ends: Shared<'a, u32>,
    batch: usize,
    blocks: &'a Blocks,
}

impl<'a, F: Float> Board<'a, F> {
    /// Events and ends that a board of this size is made of.
    pub fn storage(batch: usize, blocks: &Blocks) -> (Vec<Event<F>>, Vec<u32>) {
        let lists = 2 * batch * blocks.len();
        (vec![Event::default(); lists * CHUNK], vec![0; lists])
    }

    /// A board on its storage.
    pub fn new(
        (events, ends): &'a mut (Vec<Event<F>>, Vec<u32>),
        batch: usize,
        blocks: &'a Blocks,
    ) -> Self {
        Self { events: Shared::new(events), ends: Shared::new(ends), batch, blocks }
    }

    /// The first list of the half that `step` reads from; it writes the other one.
    fn half(&self, step: usize) -> usize {
        step % 2 * self.batch * self.blocks.len()
    }

    /// Publishes outputs of one block of one sample for `step` to read, one sample after the other.
    ///
    /// # Safety
    /// Nobody else writes this block, and nobody reads it or writes for the next step before a barrier.
    #[inline(always)]
    pub unsafe fn publish(&self, step: usize, sample: usize, block: usize, y: &[F]) {
        let first = self.half(step) + block * self.batch;
        // SAFETY: promised by the caller.
        let ends = unsafe { self.ends.get_mut(first, sample + 1) };
        let start = if sample == 0 { 0 } else { ends[sample - 1] };
        // SAFETY: promised by the caller; the lists before hold at most CHUNK events each.
        let free = unsafe { self.events.get_mut(first * CHUNK + start as usize, CHUNK) };
        ends[sample] = start + compact(nonzero(y), |place| y[place], free) as u32;
    }

    /// What `step` reads.
    ///
    /// # Safety
    /// All blocks are published for `step`, and nobody publishes for `step + 2` while the result is used.
    #[inline(always)]
    pub unsafe fn read(&self, step: usize) -> BoardEvents<'_, F> {
        let (first, lists) = (self.half(step), self.batch * self.blocks.len());
        // SAFETY: promised by the caller.
        let (events, ends) =
            unsafe { (self.events.get(first * CHUNK, lists * CHUNK), self.ends.get(first, lists)) };
        BoardEvents { events, ends, batch: self.batch, blocks: self.blocks }
    }
}

/// The events that one step reads, a list for each sample and block of units.
#[derive(Clone, Copy)]
pub(crate) struct BoardEvents<'a, F> {
    events: &'a [Event<F>],
    ends: &'a [u32],
    batch: usize,
    blocks: &'a Blocks,
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
        let first = block * self.batch;
        let end = |sample: usize| self.ends[first + sample] as usize;
        let start = if sample == 0 { 0 } else { end(sample - 1) };
        &self.events[first * CHUNK..][start..end(sample)]
    }

    #[inline(always)]
    fn total(&self) -> usize {
        self.ends.chunks_exact(self.batch.max(1)).map(|ends| ends[self.batch - 1] as usize).sum()
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
