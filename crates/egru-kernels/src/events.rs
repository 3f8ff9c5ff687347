//! Event lists: the non-zero values of a row with their columns.

use crate::Float;
use crate::team::Shared;
use crate::view::View;

/// Units of one block: three gates of it fill twelve 512-bit registers of `f32`.
pub(crate) const UNITS: usize = 64;

/// One non-zero value.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Event<F> {
    /// Its column: the row of the weights that it selects.
    pub index: u32,
    /// The value.
    pub value: F,
}

/// Writes the non-zero ones of `values` to the front of `out` and returns how many they are. NaN is
/// not zero. The first value has column `first`.
#[inline(always)]
pub(crate) fn compact<F: Float>(values: &[F], first: usize, out: &mut [Event<F>]) -> usize {
    let out = &mut out[..values.len()];
    let mut count = 0;
    // Without a branch: every value is written, and stays only where it is not zero.
    for (offset, &value) in values.iter().enumerate() {
        out[count] = Event { index: (first + offset) as u32, value };
        count += usize::from(value != F::ZERO);
    }
    count
}

/// One list for each of several rows, one after another.
#[derive(Debug, Default)]
pub(crate) struct EventLists<F> {
    events: Vec<Event<F>>,
    ends: Vec<usize>,
}

impl<F: Float> EventLists<F> {
    /// The lists of every row of `matrix`.
    pub fn of_rows(matrix: View<'_, F>) -> Self {
        let mut lists = Self::default();
        let mut buffer = [Event::default(); UNITS];
        for row in 0..matrix.rows {
            for (block, values) in matrix.row(row).chunks(UNITS).enumerate() {
                let count = compact(values, block * UNITS, &mut buffer);
                lists.events.extend_from_slice(&buffer[..count]);
            }
            lists.end_row();
        }
        lists
    }

    /// Removes all rows.
    pub fn clear(&mut self) {
        self.events.clear();
        self.ends.clear();
    }

    /// Adds to the row being built.
    #[inline(always)]
    pub fn extend(&mut self, events: &[Event<F>]) {
        self.events.extend_from_slice(events);
    }

    /// Ends the row being built.
    #[inline(always)]
    pub fn end_row(&mut self) {
        self.ends.push(self.events.len());
    }

    /// The list of one row.
    #[inline(always)]
    pub fn row(&self, index: usize) -> &[Event<F>] {
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        &self.events[start..self.ends[index]]
    }

    /// Events of all rows.
    pub fn total(&self) -> usize {
        self.events.len()
    }
}

/// The events of one step as blocks of units publish them, for two steps in turn: a step writes one
/// half while the events of the step before are read from the other.
pub(crate) struct Board<'a, F> {
    events: Shared<'a, Event<F>>,
    counts: Shared<'a, u32>,
    batch: usize,
    blocks: usize,
}

impl<'a, F: Float> Board<'a, F> {
    /// Events and counts that a board of this size is made of.
    pub fn storage(batch: usize, hidden: usize) -> (Vec<Event<F>>, Vec<u32>) {
        let places = 2 * batch * hidden.div_ceil(UNITS);
        (vec![Event::default(); places * UNITS], vec![0; places])
    }

    /// A board on its storage.
    pub fn new(
        (events, counts): &'a mut (Vec<Event<F>>, Vec<u32>),
        batch: usize,
        hidden: usize,
    ) -> Self {
        let blocks = hidden.div_ceil(UNITS);
        Self { events: Shared::new(events), counts: Shared::new(counts), batch, blocks }
    }

    fn place(&self, step: usize, sample: usize, block: usize) -> usize {
        (step % 2 * self.batch + sample) * self.blocks + block
    }

    /// Publishes the outputs of one block of one sample at `step`.
    ///
    /// # Safety
    /// Nobody else writes this block, and nobody reads this or writes the next step before a barrier.
    #[inline(always)]
    pub unsafe fn publish(&self, step: usize, sample: usize, block: usize, y: &[F]) {
        let place = self.place(step, sample, block);
        // SAFETY: promised by the caller.
        let (events, count) =
            unsafe { (self.events.get_mut(place * UNITS, UNITS), self.counts.get_mut(place, 1)) };
        count[0] = compact(y, block * UNITS, events) as u32;
    }

    /// Collects the events of all samples at `step`, in the order of the units.
    ///
    /// # Safety
    /// All blocks of `step` are published, and nobody publishes for `step + 2` yet.
    #[inline(always)]
    pub unsafe fn collect(&self, step: usize, lists: &mut EventLists<F>) {
        lists.clear();
        for sample in 0..self.batch {
            let first = self.place(step, sample, 0);
            // SAFETY: promised by the caller.
            let counts = unsafe { self.counts.get(first, self.blocks) };
            for (block, &count) in counts.iter().enumerate() {
                // SAFETY: promised by the caller.
                lists.extend(unsafe { self.events.get((first + block) * UNITS, count as usize) });
            }
            lists.end_row();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_hold_what_is_not_zero() {
        let values = [0.0, 1.5, -0.0, f64::NAN, 0.0, 0.0, 0.0, 0.0, -2.0];
        let lists = EventLists::of_rows(View::new(&values, 3, 3));
        let row = lists.row(0);
        assert_eq!(row, [Event { index: 1, value: 1.5 }]);
        assert_eq!(lists.row(1).len(), 1);
        assert!(lists.row(1)[0].value.is_nan());
        assert_eq!(lists.row(2), [Event { index: 2, value: -2.0 }]);
        assert_eq!(lists.total(), 3);
    }
}
