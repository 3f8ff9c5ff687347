//! The choice between an operation's forms.

use burn::tensor::{DType, Device};

use crate::execution::{Execution, Path, PathChoice, PathReport};
use crate::{OpError, backends, device};

/// Decides between the forms of an operation on `device`.
pub(crate) fn choose(
    execution: Execution,
    operation: &'static str,
    on: &Device,
    dtype: DType,
) -> Result<PathReport, OpError> {
    let name = device::name(on);
    if !device::computes(on, dtype) {
        return Err(OpError::Precision { operation, backend: name, dtype: format!("{dtype:?}") });
    }
    if let Some(narrow) = execution.weights.dtype()
        && !(execution.path != PathChoice::Naive && backends::narrows_weights(on, narrow))
    {
        let dtype = format!("weights of type {narrow:?}");
        return Err(OpError::Precision { operation, backend: name, dtype });
    }
    let (path, reason) = match (execution.path, backends::no_kernels(on, dtype)) {
        (PathChoice::Naive, _) => (Path::Naive, "asked for".to_owned()),
        (PathChoice::Fused, None) => (Path::Fused, "asked for".to_owned()),
        (PathChoice::Fused, Some(reason)) => {
            return Err(OpError::PathUnavailable { operation, reason });
        }
        (PathChoice::Auto, None) => (Path::Fused, "the backend has kernels".to_owned()),
        (PathChoice::Auto, Some(reason)) => (Path::Naive, reason),
    };
    Ok(PathReport { path, backend: name, reason })
}
