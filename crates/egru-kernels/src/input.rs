//! The product with the input of one member's units, `x W + b_W`: some steps ahead, or where it is used.

use std::ops::Range;

use pulp::Simd;

use crate::events::{EventLists, Lists};
use crate::gates::GateProduct;
use crate::product::tile_columns;
use crate::scratch::Aligned;
use crate::tiles::{GateTiles, add_list};
use crate::view::View;
use crate::{Dims, Float, Inputs, Products};

/// Bytes of the product that all members together take ahead.
const AHEAD: usize = 4 << 20;
/// Channels up to which the product is made where it is used: that reads less than the product takes.
const FEW_CHANNELS: usize = 8;

/// The product with the input, for one step after the other.
pub(crate) struct InputProduct<'a, F> {
    /// `[T B, C]`.
    x: View<'a, F>,
    batch: usize,
    /// Steps that are prepared at a time: the same for all members, since one that prepares more than another keeps it
    /// waiting.
    steps: usize,
    form: Form<'a, F>,
}

enum Form<'a, F> {
    /// The product is taken for those steps.
    Ahead { product: GateProduct<'a, F>, events: bool },
    /// Their events are listed, and multiplied for one tile of one sample at a time.
    InPlace { tiles: GateTiles<F>, lists: EventLists<F>, sums: Aligned<F> },
}

impl<'a, F: Float> InputProduct<'a, F> {
    /// For the units `own`; `events` says whether the input is taken as events where its channels are not few.
    pub fn new(
        dims: Dims,
        inputs: &Inputs<'a, F>,
        products: Products,
        events: bool,
        own: &Range<usize>,
    ) -> Self {
        let Dims { time, batch, input, hidden } = dims;
        let x = View::new(inputs.x, time * batch, input);
        let (table, bias) = (View::new(inputs.w, input, 3 * hidden), inputs.bias_w);
        let bytes = 3 * hidden * batch * size_of::<F>();
        let steps = (AHEAD / bytes.max(1)).clamp(1, time.max(1));
        let form = if (1..=FEW_CHANNELS).contains(&input) && products != Products::Dense {
            let tiles = GateTiles::cut(table, bias, own);
            let lists = EventLists::of_rows(x.slice(0..0));
            // SAFETY: `gates` adds a list to biases, which writes all of it, and reads it then.
            let sums = unsafe { Aligned::unwritten(tile_columns::<F>()) };
            Form::InPlace { tiles, lists, sums }
        } else {
            let (most, all) = (steps * batch, time * batch);
            Form::Ahead { product: GateProduct::new(table, bias, own.clone(), most, all), events }
        };
        Self { x, batch, steps, form }
    }

    /// Goes on to a step: the first, or the one after the last.
    #[inline(always)]
    pub fn advance<S: Simd>(&mut self, simd: S, step: usize) {
        if !step.is_multiple_of(self.steps) {
            return;
        }
        let first = step * self.batch;
        let x = self.x.slice(first..(first + self.steps * self.batch).min(self.x.rows));
        match &mut self.form {
            Form::Ahead { product, events: true } => {
                product.with_events(simd, x.rows, &EventLists::of_rows(x));
            }
            Form::Ahead { product, events: false } => product.with_all(x),
            Form::InPlace { lists, .. } => *lists = EventLists::of_rows(x),
        }
    }

    /// The three gates of `width` units, a tile of them, for one sample of the step.
    #[inline(always)]
    pub fn gates<S: Simd>(
        &mut self,
        simd: S,
        step: usize,
        sample: usize,
        tile: usize,
        width: usize,
    ) -> [&[F]; 3] {
        let row = step % self.steps * self.batch + sample;
        match &mut self.form {
            Form::Ahead { product, .. } => product.gates(tile, row, width),
            Form::InPlace { tiles, lists, sums } => {
                let (rows, bias) = tiles.tile(tile);
                add_list(simd, lists.list(row, 0), rows, Some(bias), sums);
                let (z, rest) = sums.split_at(sums.len() / 3);
                let (r, g) = rest.split_at(z.len());
                [&z[..width], &r[..width], &g[..width]]
            }
        }
    }
}
