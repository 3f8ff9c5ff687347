//! The element types as callers see them, each with its kernels: compiled here, and not again in every crate that calls
//! them, with the settings of that crate.

use std::ops::Range;

use crate::backward_steps::{self, Walk};
use crate::forward_steps::{self, Forward};
use crate::matmul::{self, Operand};
use crate::view::{View, ViewMut};
use crate::{Cotangents, Float, Products, Sequence};

/// Makes a trait of methods that are functions for any element type, and implements it for both types.
macro_rules! compiled {
    ($(fn $method:ident($($argument:ident: $type:ty),* $(,)?) $(-> $result:ty)? = $function:path;)*) => {
        /// `f32` or `f64`, with the kernels that this crate has compiled for it.
        pub trait Element: Float {
            $(#[doc(hidden)]
            fn $method($($argument: $type),*) $(-> $result)?;)*
        }

        impl Element for f32 {
            $(fn $method($($argument: $type),*) $(-> $result)? { $function($($argument),*) })*
        }

        impl Element for f64 {
            $(fn $method($($argument: $type),*) $(-> $result)? { $function($($argument),*) })*
        }
    };
}

compiled! {
    fn forward(pass: &Forward<'_, Self>, members: Vec<Range<usize>>) = forward_steps::run;

    fn walk(
        sequence: &Sequence<'_, Self>,
        u: &[Self],
        gates: &mut [Self],
        grads: &Cotangents<'_, Self>,
    ) -> Walk<Self> = backward_steps::walk;

    fn product(
        sparse: View<'_, Self>,
        table: View<'_, Self>,
        bias: Option<&[Self]>,
        products: Products,
        out: ViewMut<'_, Self>,
    ) = matmul::times;

    fn operand(sparse: View<'_, Self>, products: Products) -> Operand<'_, Self> = Operand::of;

    fn transposed_product(
        sparse: &Operand<'_, Self>,
        grad: View<'_, Self>,
        out: ViewMut<'_, Self>,
    ) = matmul::transposed_times;

    fn product_transposed(
        needed: Option<View<'_, Self>>,
        grad: View<'_, Self>,
        table: View<'_, Self>,
        out: ViewMut<'_, Self>,
    ) = matmul::times_transposed;

    fn column_sums(grad: View<'_, Self>, out: &mut [Self]) = matmul::add_column_sums;
}
