//! Which products of rows are wanted, and the order in which they are taken.

use crate::Float;
use crate::product::GROUP;
use crate::view::View;

/// Which products are wanted: for each group of [`GROUP`] rows of the matrix, and each row of the table, a
/// bit per row of the group.
#[derive(Debug, Default)]
pub(crate) struct Wants {
    bits: Vec<u16>,
    /// Rows of the matrix.
    rows: usize,
    /// Rows of the table.
    targets: usize,
}

impl Wants {
    /// Wants nothing, of `rows` of the matrix and `targets` of the table.
    pub fn reset(&mut self, rows: usize, targets: usize) {
        self.bits.clear();
        self.bits.resize(rows.div_ceil(GROUP) * targets, 0);
        (self.rows, self.targets) = (rows, targets);
    }

    /// Wants the product of `row` with every target where `wanted(target)` says so.
    #[inline(always)]
    pub fn set(&mut self, row: usize, wanted: impl Fn(usize) -> bool) {
        assert!(row < self.rows);
        let (group, place) = (row / GROUP, row % GROUP);
        let bits = &mut self.bits[group * self.targets..][..self.targets];
        for (target, bits) in bits.iter_mut().enumerate() {
            *bits |= u16::from(wanted(target)) << place;
        }
    }

    /// Wants the products for which `needed` is not zero.
    #[inline(always)]
    pub fn of<F: Float>(needed: View<'_, F>) -> Self {
        let mut wants = Self::default();
        wants.reset(needed.rows, needed.cols);
        for row in 0..needed.rows {
            let needed = needed.row(row);
            wants.set(row, |target| needed[target] != F::ZERO);
        }
        wants
    }

    /// The bits of one group, one value per target.
    #[inline(always)]
    pub fn group(&self, group: usize) -> &[u16] {
        &self.bits[group * self.targets..][..self.targets]
    }

    /// How many products are wanted.
    pub fn total(&self) -> usize {
        self.bits.iter().map(|bits| bits.count_ones() as usize).sum()
    }
}

/// One row of the table with samples of one group that want its product.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Task {
    /// The row of the table.
    pub target: u32,
    /// Places in the group, as many as the size of the tasks among which this one is.
    pub samples: [u8; MOST],
}

/// Samples of a task: their sums, and the row, fit into the registers.
pub(crate) const MOST: usize = 12;

/// The wanted products as tasks, sorted by size within each block of the table's rows: the size picks the
/// code, and a processor guesses what comes next if it is what came before.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    tasks: Vec<Task>,
    /// Where the tasks of each size end, `[groups, blocks, MOST]`.
    ends: Vec<usize>,
    /// Rows of the matrix, and of the table.
    pub shape: (usize, usize),
    /// Rows of a block.
    pub block_rows: usize,
}

impl Plan {
    /// Plans what `wants` wants, by blocks of `block_rows` of the table's rows.
    #[inline(always)]
    pub fn make(&mut self, block_rows: usize, wants: &Wants) {
        self.tasks.clear();
        self.ends.clear();
        self.shape = (wants.rows, wants.targets);
        self.block_rows = block_rows;
        for bits in wants.bits.chunks(wants.targets.max(1)) {
            for (block, bits) in bits.chunks(block_rows).enumerate() {
                self.plan_block(block * block_rows, bits);
            }
        }
    }

    /// Plans one block of the table's rows for one group.
    #[inline(always)]
    fn plan_block(&mut self, first: usize, bits: &[u16]) {
        // Two halves of nearly equal size: few sums at a time would wait for each other.
        let halves = |bits: u16| {
            let count = bits.count_ones() as usize;
            if count > MOST { [count / 2, count - count / 2] } else { [count, 0] }
        };
        let mut places = [0_usize; MOST + 1];
        for &bits in bits {
            for size in halves(bits) {
                places[size] += 1;
            }
        }
        let start = self.tasks.len();
        let mut end = start;
        for place in &mut places[1..] {
            end += std::mem::replace(place, end);
            self.ends.push(end);
        }
        self.tasks.resize(end, Task::default());
        for (target, &bits) in bits.iter().enumerate() {
            let mut rest = bits;
            for size in halves(bits) {
                if size == 0 {
                    continue;
                }
                let task = &mut self.tasks[places[size]];
                places[size] += 1;
                task.target = (first + target) as u32;
                for sample in &mut task.samples[..size] {
                    *sample = rest.trailing_zeros() as u8;
                    rest &= rest - 1;
                }
            }
        }
    }

    /// How many blocks of rows the table has.
    #[inline(always)]
    pub fn blocks(&self) -> usize {
        self.shape.1.div_ceil(self.block_rows)
    }

    /// Where the tasks of one size begin; those of size `MOST + 1` would begin where the last ones of the block end.
    #[inline(always)]
    fn start(&self, group: usize, block: usize, size: usize) -> usize {
        let index = (group * self.blocks() + block) * MOST + size - 1;
        if index == 0 { 0 } else { self.ends[index - 1] }
    }

    /// The tasks of one size.
    #[inline(always)]
    pub fn tasks(&self, group: usize, block: usize, size: usize) -> &[Task] {
        &self.tasks[self.start(group, block, size)..self.start(group, block, size + 1)]
    }

    /// How many tasks all groups have in one block.
    #[inline(always)]
    pub fn tasks_in(&self, block: usize) -> usize {
        let groups = 0..self.shape.0.div_ceil(GROUP);
        groups.map(|group| self.start(group, block, MOST + 1) - self.start(group, block, 1)).sum()
    }
}
