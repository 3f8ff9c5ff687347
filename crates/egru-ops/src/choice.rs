//! The choice between an operation's forms.

use burn::tensor::{DType, Device};

use crate::execution::{Execution, Form, FormChoice, FormReport};
use crate::{OpError, backends, device};

/// Decides between the forms of an operation on `device`.
pub(crate) fn choose(
    execution: Execution,
    operation: &'static str,
    on: &Device,
    dtype: DType,
) -> Result<FormReport, OpError> {
    let name = device::name(on);
    if !device::computes(on, dtype) {
        return Err(OpError::Precision { operation, backend: name, dtype: format!("{dtype:?}") });
    }
    if let Some(narrow) = execution.weights.dtype()
        && !(execution.form != FormChoice::Naive && backends::narrows_weights(on, narrow))
    {
        let dtype = format!("weights of type {narrow:?}");
        return Err(OpError::Precision { operation, backend: name, dtype });
    }
    let (form, reason) = match (execution.form, backends::no_kernels(on, dtype)) {
        (FormChoice::Naive, _) => (Form::Naive, "asked for".to_owned()),
        (FormChoice::Fused, None) => (Form::Fused, "asked for".to_owned()),
        (FormChoice::Fused, Some(reason)) => {
            return Err(OpError::FormUnavailable { operation, reason });
        }
        (FormChoice::Auto, None) => (Form::Fused, "the backend has kernels".to_owned()),
        (FormChoice::Auto, Some(reason)) => (Form::Naive, reason),
    };
    Ok(FormReport { form, backend: name, reason })
}
