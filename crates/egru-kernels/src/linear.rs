//! A linear layer whose operand is sparse: the building block of any event-based cell.

use crate::choice::Product;
use crate::element::Element;
use crate::error::{check, check_option, volume};
use crate::scratch::Memory;
use crate::view::{View, ViewMut};
use crate::{Products, ShapeError};

/// One product `events weight`: what both passes are told.
#[derive(Clone, Copy, Debug)]
pub struct Linear<'a, F> {
    /// Rows of the operand `N`.
    pub n: usize,
    /// Columns of the operand, and rows of the weights, `K`.
    pub k: usize,
    /// Columns of the weights `M`.
    pub m: usize,
    /// The operand `[N, K]`; exact zeros are skipped where that pays.
    pub events: &'a [F],
    /// The weights `[K, M]`.
    pub weight: &'a [F],
    /// Which products are executed.
    pub products: Products,
}

impl<F> Linear<'_, F> {
    /// Checks the arrays against the sizes.
    fn check(&self) -> Result<(), ShapeError> {
        let &Self { n, k, m, events, weight, .. } = self;
        check("events", events.len(), volume("events", &[n, k])?)?;
        check("weight", weight.len(), volume("weight", &[k, m])?)
    }
}

/// Which gradients of [`event_linear_backward`] are wanted; the others come back empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinearWanted {
    /// Of the operand.
    pub operand: bool,
    /// Of the weights.
    pub weight: bool,
    /// Of the bias.
    pub bias: bool,
}

/// Gradients of the loss by the arguments of [`event_linear_forward`] in memory `Mem`; empty where not wanted.
#[derive(Clone, Debug, PartialEq)]
pub struct LinearGradients<Mem> {
    /// By the operand, `[N, K]`.
    pub operand: Mem,
    /// By the weights, `[K, M]`.
    pub weight: Mem,
    /// By the bias, `[M]`.
    pub bias: Mem,
}

/// `out[N, M] = events weight + bias[M]`, row-major, in whatever [`Memory`] the caller names.
///
/// The event-driven form skips products with an exact zero of `events`, and nothing else: NaN and
/// infinity of `events` reach the output, those of `weight` only where an event selects them.
///
/// ```
/// use egru_kernels::{Linear, Products, event_linear_forward};
///
/// let (events, weight) = (&[0.0_f32, 2.0, 0.0, 0.0], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
/// let linear = Linear { n: 2, k: 2, m: 3, events, weight, products: Products::Auto };
/// let out: Vec<f32> = event_linear_forward(&linear, Some(&[0.5, 0.5, 0.5]))?;
/// assert_eq!(out, [8.5, 10.5, 12.5, 0.5, 0.5, 0.5]);
/// # Ok::<(), egru_kernels::ShapeError>(())
/// ```
///
/// # Errors
/// [`ShapeError`] where an array does not fit the sizes of `linear`.
pub fn event_linear_forward<F: Element, Mem: Memory<F>>(
    linear: &Linear<'_, F>,
    bias: Option<&[F]>,
) -> Result<Mem, ShapeError> {
    let &Linear { n, k, m, events, weight, products } = linear;
    let size = volume("out", &[n, m])?;
    linear.check()?;
    check_option("bias", bias, m)?;
    // SAFETY: the product writes all of it, and reads none of it before.
    let mut out = unsafe { Mem::unwritten(size) };
    let (events, weight) = (View::new(events, n, k), View::new(weight, k, m));
    F::product(events, weight, bias, products, ViewMut::new(out.as_mut(), n, m));
    Ok(out)
}

/// Gradients of [`event_linear_forward`] from `grad_out[N, M]`:
/// `operand = grad_out weight^T`, `weight = events^T grad_out`, `bias` = sum of the rows of `grad_out`.
///
/// `needs_grad[N, K]` is non-zero where the gradient of the operand is wanted; elsewhere it comes back as
/// zero. `None`: everywhere.
///
/// # Errors
/// [`ShapeError`] where an array does not fit the sizes of `linear`.
pub fn event_linear_backward<F: Element, Mem: Memory<F>>(
    linear: &Linear<'_, F>,
    needs_grad: Option<&[F]>,
    grad_out: &[F],
    want: LinearWanted,
) -> Result<LinearGradients<Mem>, ShapeError> {
    let &Linear { n, k, m, events, weight, products } = linear;
    linear.check()?;
    check("grad_out", grad_out.len(), volume("grad_out", &[n, m])?)?;
    check_option("needs_grad", needs_grad, events.len())?;
    let grad = View::new(grad_out, n, m);
    let [operand, weight_gradient, bias] = [(); 3].map(|()| Mem::zeros(0));
    let mut result = LinearGradients { operand, weight: weight_gradient, bias };
    if want.operand {
        result.operand = operand_gradient(needs_grad, n, k, products, |needed, out| {
            F::product_transposed(needed, grad, View::new(weight, k, m), out);
        });
    }
    if want.weight {
        result.weight = Mem::zeros(weight.len());
        let events = F::operand(View::new(events, n, k), products);
        F::transposed_product(&events, grad, ViewMut::new(result.weight.as_mut(), k, m));
    }
    if want.bias {
        result.bias = Mem::zeros(m);
        F::column_sums(grad, result.bias.as_mut());
    }
    Ok(result)
}

/// The gradient of an operand `[rows, cols]`, zero where it is not wanted. `add` adds it to its second
/// argument, everywhere or at least where its first argument is not zero.
pub(crate) fn operand_gradient<F: Element, Mem: Memory<F>>(
    needs_grad: Option<&[F]>,
    rows: usize,
    cols: usize,
    products: Products,
    add: impl FnOnce(Option<View<'_, F>>, ViewMut<'_, F>),
) -> Mem {
    let mut result = Mem::zeros(rows * cols);
    let needed = needs_grad
        .filter(|needed| Product::Operand.takes_events_of(products, needed))
        .map(|needed| View::new(needed, rows, cols));
    add(needed, ViewMut::new(result.as_mut(), rows, cols));
    if let (None, Some(needs_grad)) = (needed, needs_grad) {
        for (value, &need) in result.as_mut().iter_mut().zip(needs_grad) {
            if need == F::ZERO {
                *value = F::ZERO;
            }
        }
    }
    result
}
