//! Dense matrix products through the `gemm` crate.

use gemm::Parallelism;

use crate::Float;
use crate::view::{View, ViewMut};

/// A factor: a matrix as it is stored, or its transpose.
#[derive(Clone, Copy)]
pub(crate) struct Factor<'a, F> {
    matrix: View<'a, F>,
    transposed: bool,
}

impl<'a, F> From<View<'a, F>> for Factor<'a, F> {
    fn from(matrix: View<'a, F>) -> Self {
        Self { matrix, transposed: false }
    }
}

/// The transpose of a matrix.
pub(crate) fn transposed<F>(matrix: View<'_, F>) -> Factor<'_, F> {
    Factor { matrix, transposed: true }
}

impl<F> Factor<'_, F> {
    fn shape(&self) -> (usize, usize) {
        let (rows, cols) = (self.matrix.rows, self.matrix.cols);
        if self.transposed { (cols, rows) } else { (rows, cols) }
    }

    /// Distance from one column, and one row, to the next.
    fn strides(&self) -> (isize, isize) {
        let stride = self.matrix.stride as isize;
        if self.transposed { (stride, 1) } else { (1, stride) }
    }
}

/// What becomes of the values that the result had before.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Store {
    /// They are overwritten, unread.
    Replace,
    /// The product is added to them.
    Add,
}

/// `out = left right` or `out += left right`, on at most `threads` threads.
pub(crate) fn product<'a, F: Float>(
    mut out: ViewMut<'_, F>,
    store: Store,
    left: impl Into<Factor<'a, F>>,
    right: impl Into<Factor<'a, F>>,
    threads: usize,
) {
    let (left, right) = (left.into(), right.into());
    let ((rows, inner), (also_inner, cols)) = (left.shape(), right.shape());
    assert_eq!((out.rows, inner, out.cols), (rows, also_inner, cols), "factors fit together");
    if rows == 0 || cols == 0 {
        return;
    }
    if inner == 0 {
        if store == Store::Replace {
            (0..rows).for_each(|row| out.row_mut(row).fill(F::ZERO));
        }
        return;
    }
    let parallelism = if threads > 1 { Parallelism::Rayon(threads) } else { Parallelism::None };
    let (left_cols, left_rows) = left.strides();
    let (right_cols, right_rows) = right.strides();
    let out_rows = out.stride as isize;
    // SAFETY: F is f32 or f64; every view covers its rows, columns and stride (`View`, `ViewMut`), the
    // shapes agree (checked above), and `out` is borrowed exclusively.
    unsafe {
        gemm::gemm(
            rows,
            cols,
            inner,
            out.pointer_mut(),
            1,
            out_rows,
            store == Store::Add,
            left.matrix.pointer(),
            left_cols,
            left_rows,
            right.matrix.pointer(),
            right_cols,
            right_rows,
            F::ONE,
            F::ONE,
            false,
            false,
            false,
            parallelism,
        );
    }
}
