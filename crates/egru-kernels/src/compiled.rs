//! The kernels, compiled here for both element types: not again in every crate that calls them, with the settings of
//! that crate.

use std::ops::Range;

use crate::forward::{self, Forward};
use crate::matmul::{self, Operand};
use crate::view::{View, ViewMut};
use crate::walk::{self, Walk};
use crate::{Cotangents, Dims, EgruParams, Inputs, Products};

/// What takes time. Each method is the function that its implementation names.
pub trait Compiled: Copy {
    fn forward(pass: &Forward<'_, Self>, members: Vec<Range<usize>>);

    fn walk(
        dims: Dims,
        params: &EgruParams,
        inputs: &Inputs<Self>,
        u: &[Self],
        gates: &mut [Self],
        grads: &Cotangents<Self>,
        products: Products,
    ) -> Walk<Self>;

    fn product(
        sparse: View<'_, Self>,
        table: View<'_, Self>,
        bias: Option<&[Self]>,
        products: Products,
        out: ViewMut<'_, Self>,
    );

    fn operand(sparse: View<'_, Self>, products: Products) -> Operand<'_, Self>;

    fn transposed_product(sparse: &Operand<'_, Self>, grad: View<'_, Self>, out: ViewMut<'_, Self>);

    fn product_transposed(
        needed: Option<View<'_, Self>>,
        grad: View<'_, Self>,
        table: View<'_, Self>,
        out: ViewMut<'_, Self>,
    );

    fn column_sums(grad: View<'_, Self>, out: &mut [Self]);
}

macro_rules! compiled {
    ($($float:ty)*) => {$(
        impl Compiled for $float {
            fn forward(pass: &Forward<'_, Self>, members: Vec<Range<usize>>) {
                forward::run(pass, members);
            }

            fn walk(
                dims: Dims,
                params: &EgruParams,
                inputs: &Inputs<Self>,
                u: &[Self],
                gates: &mut [Self],
                grads: &Cotangents<Self>,
                products: Products,
            ) -> Walk<Self> {
                walk::walk(dims, params, inputs, u, gates, grads, products)
            }

            fn product(
                sparse: View<'_, Self>,
                table: View<'_, Self>,
                bias: Option<&[Self]>,
                products: Products,
                out: ViewMut<'_, Self>,
            ) {
                matmul::times(sparse, table, bias, products, out);
            }

            fn operand(sparse: View<'_, Self>, products: Products) -> Operand<'_, Self> {
                Operand::of(sparse, products)
            }

            fn transposed_product(
                sparse: &Operand<'_, Self>,
                grad: View<'_, Self>,
                out: ViewMut<'_, Self>,
            ) {
                matmul::transposed_times(sparse, grad, out);
            }

            fn product_transposed(
                needed: Option<View<'_, Self>>,
                grad: View<'_, Self>,
                table: View<'_, Self>,
                out: ViewMut<'_, Self>,
            ) {
                matmul::times_transposed(needed, grad, table, out);
            }

            fn column_sums(grad: View<'_, Self>, out: &mut [Self]) {
                matmul::add_column_sums(grad, out);
            }
        }
    )*};
}

compiled!(f32 f64);
