//! The product with a sparse event operand: the building block of any event-based cell.

mod backward;
mod op;

pub use op::{EventLinearBackend, EventLinearGrad};
#[cfg(any(feature = "flex", feature = "ndarray", feature = "tch", feature = "cube"))]
pub(crate) use op::{LinearGradients, LinearInputs};

use burn::tensor::Tensor;

use crate::check::Check;
use crate::choice::choose;
use crate::{Execution, Form, FormReport, OpError};

const OPERATION: &str = "event_linear";

/// `events @ weight + bias`, where a zero event costs nothing.
///
/// - `events` `[N, K]`: the operand, mostly exact zeros;
/// - `weight` `[K, M]`, one row per source, so that one event reads one contiguous row;
/// - `bias` `[M]`;
/// - `needs_grad` `[N, K]`: non-zero where the gradient of `events` is wanted. The fused form leaves the others
///   zero, which changes nothing where the operation that made the events multiplies them by zero
///   ([`EgruOutputs::window`](crate::EgruOutputs::window)).
///
/// Returns `[N, M]`, differentiable by `events`, `weight` and `bias`. The gradient of `weight` has rows of
/// active sources only. Products are skipped where an event is exactly zero, also those with a
/// weight that is not finite.
///
/// # Errors
/// [`OpError`] when shapes or types do not fit, or the fused form is asked for where there is none.
pub fn event_linear(
    events: Tensor<2>,
    weight: Tensor<2>,
    bias: Option<Tensor<1>>,
    needs_grad: Option<Tensor<2>>,
    execution: Execution,
) -> Result<(Tensor<2>, FormReport), OpError> {
    let check = Check { operation: OPERATION, dtype: events.dtype() };
    let [n, k] = events.dims();
    let m = weight.dims()[1];
    check.tensor("weight", &weight, [("K", k), ("M", m)])?;
    if let Some(bias) = &bias {
        check.tensor("bias", bias, [("M", m)])?;
    }
    if let Some(needs) = &needs_grad {
        check.tensor("needs_grad", needs, [("N", n), ("K", k)])?;
    }
    for (argument, size) in [("N", n), ("K", k), ("M", m)] {
        if size == 0 {
            return Err(OpError::Argument {
                operation: OPERATION,
                argument,
                got: "0".into(),
                expected: "at least 1".into(),
            });
        }
    }
    let report = choose(execution, OPERATION, &events.device(), events.dtype())?;
    let out = match report.form {
        Form::Naive => naive(events, weight, bias),
        Form::Fused => op::event_linear(events, weight, bias, needs_grad, execution),
    };
    Ok((out, report))
}

/// The law: all products.
fn naive(events: Tensor<2>, weight: Tensor<2>, bias: Option<Tensor<1>>) -> Tensor<2> {
    let out = events.matmul(weight);
    match bias {
        Some(bias) => out + bias.unsqueeze::<2>(),
        None => out,
    }
}
