//! Products of the rows of a matrix with the rows of a table, where they are wanted.

use pulp::Simd;

use crate::Float;
use crate::plan::{MOST, Plan, Task, Wants};
use crate::product::{Ahead, GROUP, dot_rows, dots, panel_columns, prefetch};
use crate::scratch::{Aligned, line};
use crate::view::{View, ViewMut};

/// Rows of a matrix up to which each is taken by itself, with many rows of the table at a time.
pub(crate) const FEW_ROWS: usize = 3;
/// Rows of the table of which a block of a panel stays in the second-level cache: 384 KiB.
pub(crate) const BLOCK_ROWS: usize = 256;
/// Rows of a block where the next one is fetched into that cache meanwhile.
const BLOCK_ROWS_AHEAD: usize = BLOCK_ROWS / 2;
/// Bytes of a table from which its blocks are fetched ahead of time.
const CACHED: usize = 4 << 20;

/// A table cut into panels of columns, `[panels, rows, panel_columns]`, the last one narrower: rows lie on
/// cache lines of their own, and one after another in the order that [`add_wanted`] reads them.
#[derive(Debug)]
pub(crate) struct Panels<F> {
    values: Aligned<F>,
    rows: usize,
}

/// Columns of a panel that begins at `column`, with zeros up to whole cache lines.
#[inline(always)]
fn padded<F>(columns: usize, column: usize) -> usize {
    panel_columns::<F>().min((columns - column).next_multiple_of(line::<F>()))
}

/// Copies the columns of one panel.
#[inline(always)]
fn cut_panel<F: Float>(table: View<'_, F>, column: usize, width: usize, out: &mut [F]) {
    let filled = width.min(table.cols - column);
    for (row, out) in out.chunks_exact_mut(width).enumerate() {
        out[..filled].copy_from_slice(table.segment(row, column, filled));
        out[filled..].fill(F::ZERO);
    }
}

impl<F: Float> Panels<F> {
    /// Cuts `table`.
    #[inline(always)]
    pub fn cut(table: View<'_, F>) -> Self {
        let (rows, columns) = (table.rows, table.cols);
        // SAFETY: the panels, which are cut next, are all of it.
        let mut values =
            unsafe { Aligned::unwritten(rows * columns.next_multiple_of(line::<F>())) };
        let mut rest: &mut [F] = &mut values;
        for column in (0..columns).step_by(panel_columns::<F>()) {
            let width = padded::<F>(columns, column);
            let (panel, others) = rest.split_at_mut(rows * width);
            cut_panel(table, column, width, panel);
            rest = others;
        }
        Self { values, rows }
    }

    /// Whether blocks are fetched ahead of time.
    #[inline(always)]
    fn ahead(&self) -> bool {
        size_of_val::<[F]>(&self.values) > CACHED
    }

    /// Rows of a block that suit these panels.
    #[inline(always)]
    pub fn block_rows(&self) -> usize {
        if self.ahead() { BLOCK_ROWS_AHEAD } else { BLOCK_ROWS }
    }

    /// `out[n][k] += grad[n] . table[k]` where `plan` wants it. `workspace` is memory to work in.
    #[inline(always)]
    pub fn add_wanted<S: Simd>(
        &self,
        simd: S,
        grad: View<'_, F>,
        plan: &Plan,
        workspace: &mut Aligned<F>,
        out: &mut ViewMut<'_, F>,
    ) {
        let panel = |column| {
            let width = padded::<F>(grad.cols, column);
            &self.values[column * self.rows..][..self.rows * width]
        };
        for column in (0..grad.cols).step_by(panel_columns::<F>()) {
            let after = column + panel_columns::<F>();
            // After the last one the first one, for the next call.
            let next = self.ahead().then(|| panel(if after < grad.cols { after } else { 0 }));
            let panel = Panel { column, values: panel(column), next };
            add_panel(simd, grad, panel, plan, workspace, out);
        }
    }
}

/// `out[n][k] += grad[n] . table[k]` where `plan` wants it, from a table that is used once.
#[inline(always)]
pub(crate) fn add_wanted<S: Simd, F: Float>(
    simd: S,
    grad: View<'_, F>,
    table: View<'_, F>,
    plan: &Plan,
    out: &mut ViewMut<'_, F>,
) {
    let mut workspace = workspace();
    // SAFETY: of it, only the panel is read that has been cut into it.
    let mut values = unsafe { Aligned::unwritten(table.rows * panel_columns::<F>()) };
    for column in (0..grad.cols).step_by(panel_columns::<F>()) {
        let width = padded::<F>(grad.cols, column);
        let values = &mut values[..table.rows * width];
        cut_panel(table, column, width, values);
        let panel = Panel { column, values, next: None };
        add_panel(simd, grad, panel, plan, &mut workspace, out);
    }
}

/// A panel of a table.
struct Panel<'a, F> {
    /// Where its columns begin.
    column: usize,
    /// Its rows.
    values: &'a [F],
    /// The panel after it, if blocks are fetched ahead of time.
    next: Option<&'a [F]>,
}

/// The part of one panel in all wanted products.
#[inline(always)]
fn add_panel<S: Simd, F: Float>(
    simd: S,
    grad: View<'_, F>,
    Panel { column, values, next: next_panel }: Panel<'_, F>,
    plan: &Plan,
    workspace: &mut Aligned<F>,
    out: &mut ViewMut<'_, F>,
) {
    let width = padded::<F>(grad.cols, column);
    let filled = width.min(grad.cols - column);
    let (targets, stride) = (out.cols, out.stride);
    let table = Rows { values, width };
    // What the tasks rely on.
    assert_eq!((plan.shape, values.len()), ((out.rows, targets), targets * width));
    assert_eq!((grad.rows, workspace.len()), (out.rows, GROUP * panel_columns::<F>()));
    for block in 0..plan.blocks() {
        let columns = block * plan.block_rows..((block + 1) * plan.block_rows).min(targets);
        let next_block = next_panel.map_or(&[][..], |next_panel| {
            let rest = &values[columns.end * width..];
            let panel = if rest.is_empty() { next_panel } else { rest };
            &panel[..panel.len().min(plan.block_rows * width)]
        });
        let mut next_block = Ahead::new(next_block, plan.tasks_in(block));
        for (group, row) in (0..grad.rows).step_by(GROUP).enumerate() {
            let rows = GROUP.min(grad.rows - row);
            for (place, vector) in
                workspace.chunks_exact_mut(panel_columns::<F>()).take(rows).enumerate()
            {
                vector[..filled].copy_from_slice(grad.segment(row + place, column, filled));
                vector[filled..width].fill(F::ZERO);
            }
            // The next group is fetched a little at a time, between the sizes.
            let next = row + rows..(row + rows + GROUP).min(grad.rows);
            let share = next.len().div_ceil(MOST);
            let mut sums = Sums { values: out.rows_mut(row..next.end), stride };
            macro_rules! of_size {
                ($($n:literal)*) => {$(
                    for place in share * ($n - 1)..(share * $n).min(next.len()) {
                        prefetch(grad.segment(next.start + place, column, filled));
                        prefetch(&sums.values[(rows + place) * stride..][columns.clone()]);
                    }
                    let tasks = plan.tasks(group, block, $n);
                    // SAFETY: the plan is one of these rows and targets (checked above), in groups of `GROUP`.
                    unsafe { add_tasks::<S, F, $n>(simd, tasks, table, workspace, &mut sums, &mut next_block) };
                )*};
            }
            of_size!(1 2 3 4 5 6 7 8 9 10 11 12);
        }
    }
}

/// The rows of a panel, one after the other.
#[derive(Clone, Copy)]
struct Rows<'a, F> {
    values: &'a [F],
    width: usize,
}

/// Some rows of a result, each `stride` values after the one before.
struct Sums<'a, F> {
    values: &'a mut [F],
    stride: usize,
}

/// Tasks of one size: `sums[sample][target] += table[target] . workspace[sample]`. Each fetches a share of `next_block`.
///
/// # Safety
/// Targets are rows of `table`, samples are rows of `sums` and below [`GROUP`]; `workspace` holds their vectors.
#[inline(always)]
unsafe fn add_tasks<S: Simd, F: Float, const N: usize>(
    simd: S,
    tasks: &[Task],
    table: Rows<'_, F>,
    workspace: &[F],
    sums: &mut Sums<'_, F>,
    next_block: &mut Ahead<'_, F>,
) {
    let row = |task: &Task| {
        let start = task.target as usize * table.width;
        debug_assert!(start + table.width <= table.values.len());
        // SAFETY: a row of the table.
        unsafe { table.values.get_unchecked(start..start + table.width) }
    };
    for task in tasks {
        next_block.fetch();
        let samples = task.samples.first_chunk::<N>().expect("a task of this size");
        // SAFETY: rows are whole cache lines of a panel; the samples are promised by the caller.
        let products = unsafe { dots::<S, F, N>(simd, row(task), workspace, samples) };
        for i in 0..N {
            let at = usize::from(samples[i]) * sums.stride + task.target as usize;
            debug_assert!(at < sums.values.len());
            // SAFETY: promised by the caller.
            unsafe { *sums.values.get_unchecked_mut(at) += products[i] };
        }
    }
}

/// Memory for [`add_wanted`] to work in.
pub(crate) fn workspace<F: Float>() -> Aligned<F> {
    // SAFETY: all of it is written next.
    let mut panel = unsafe { Aligned::unwritten(GROUP * panel_columns::<F>()) };
    panel.fill(F::ZERO);
    panel
}

/// [`add_wanted`] for at most [`FEW_ROWS`] rows, each by itself, from the uncut table.
#[inline(always)]
pub(crate) fn add_wanted_singly<S: Simd, F: Float>(
    simd: S,
    grad: View<'_, F>,
    table: View<'_, F>,
    wants: &Wants,
    targets: &mut Vec<u32>,
    out: &mut ViewMut<'_, F>,
) {
    for row in 0..grad.rows {
        let wanted = (0_u32..).zip(wants.group(0)).filter(|(_, bits)| **bits >> row & 1 == 1);
        targets.clear();
        targets.extend(wanted.map(|(target, _)| target));
        dot_rows(simd, targets, table, grad.row(row), out.row_mut(row));
    }
}
