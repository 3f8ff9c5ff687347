//! Row-major matrices with a distance between rows: all of an array, or some of its columns.

use std::ops::Range;

/// A borrowed `[rows, cols]` matrix.
#[derive(Clone, Copy, Debug)]
pub struct View<'a, F> {
    data: &'a [F],
    /// Rows.
    pub rows: usize,
    /// Columns.
    pub cols: usize,
    /// Values from one row to the next.
    pub stride: usize,
}

/// Values from the first to the last of a matrix.
fn span(rows: usize, cols: usize, stride: usize) -> usize {
    if rows == 0 || cols == 0 { 0 } else { (rows - 1) * stride + cols }
}

impl<'a, F> View<'a, F> {
    /// The matrix whose rows of `cols` values follow each other.
    pub fn new(data: &'a [F], rows: usize, cols: usize) -> Self {
        Self { data: &data[..rows * cols], rows, cols, stride: cols }
    }

    /// Some of the columns.
    pub fn columns(self, range: Range<usize>) -> Self {
        assert!(range.start <= range.end && range.end <= self.cols);
        let cols = range.len();
        let length = span(self.rows, cols, self.stride);
        let start = if length == 0 { 0 } else { range.start };
        Self { data: &self.data[start..start + length], cols, ..self }
    }

    /// Some of the rows.
    pub fn slice(self, range: Range<usize>) -> Self {
        assert!(range.start <= range.end && range.end <= self.rows);
        let rows = range.len();
        let length = span(rows, self.cols, self.stride);
        let start = if length == 0 { 0 } else { range.start * self.stride };
        Self { data: &self.data[start..start + length], rows, ..self }
    }

    /// One row.
    #[inline(always)]
    pub fn row(self, index: usize) -> &'a [F] {
        &self.data[index * self.stride..][..self.cols]
    }

    /// `width` values of one row, from column `start`.
    #[inline(always)]
    pub fn segment(self, index: usize, start: usize, width: usize) -> &'a [F] {
        &self.data[index * self.stride + start..][..width]
    }

    /// All values of a matrix whose rows follow each other.
    pub fn values(self) -> &'a [F] {
        assert!(self.stride == self.cols || self.rows <= 1);
        self.data
    }

    /// Address of the first value.
    pub fn pointer(self) -> *const F {
        self.data.as_ptr()
    }
}

/// A mutably borrowed `[rows, cols]` matrix.
#[derive(Debug)]
pub struct ViewMut<'a, F> {
    data: &'a mut [F],
    /// Rows.
    pub rows: usize,
    /// Columns.
    pub cols: usize,
    /// Values from one row to the next.
    pub stride: usize,
}

impl<'a, F> ViewMut<'a, F> {
    /// The matrix whose rows of `cols` values follow each other.
    pub fn new(data: &'a mut [F], rows: usize, cols: usize) -> Self {
        Self { data: &mut data[..rows * cols], rows, cols, stride: cols }
    }

    /// Some of the columns.
    pub fn columns(self, range: Range<usize>) -> Self {
        assert!(range.start <= range.end && range.end <= self.cols);
        let cols = range.len();
        let length = span(self.rows, cols, self.stride);
        let start = if length == 0 { 0 } else { range.start };
        Self { data: &mut self.data[start..start + length], cols, ..self }
    }

    /// The same matrix for a shorter time.
    pub fn reborrow(&mut self) -> ViewMut<'_, F> {
        ViewMut { data: self.data, rows: self.rows, cols: self.cols, stride: self.stride }
    }

    /// One row.
    #[inline(always)]
    pub fn row_mut(&mut self, index: usize) -> &mut [F] {
        &mut self.data[index * self.stride..][..self.cols]
    }

    /// Some rows, with what lies between them.
    #[inline(always)]
    pub fn rows_mut(&mut self, range: Range<usize>) -> &mut [F] {
        let length = span(range.len(), self.cols, self.stride);
        &mut self.data[range.start * self.stride..][..length]
    }

    /// All values of a matrix whose rows follow each other.
    pub fn values_mut(&mut self) -> &mut [F] {
        assert_eq!(self.stride, self.cols);
        self.data
    }

    /// Address of the first value.
    pub fn pointer_mut(&mut self) -> *mut F {
        self.data.as_mut_ptr()
    }

    /// All values from the first to the last, those between the rows included.
    pub fn into_span(self) -> &'a mut [F] {
        self.data
    }

    /// Nearly equal runs of rows, at most `parts` of them, each with its first row, a multiple of `unit`.
    pub fn split(self, parts: usize, unit: usize) -> Vec<(usize, Self)> {
        let Self { mut data, rows, cols, stride } = self;
        if cols == 0 {
            return Vec::new();
        }
        let mut result = Vec::with_capacity(parts);
        for units in crate::team::shares(rows.div_ceil(unit), parts) {
            let range = units.start * unit..(units.end * unit).min(rows);
            let taken = if range.end == rows { data.len() } else { range.len() * stride };
            let (head, tail) = data.split_at_mut(taken);
            result.push((range.start, Self { data: head, rows: range.len(), cols, stride }));
            data = tail;
        }
        result
    }
}
