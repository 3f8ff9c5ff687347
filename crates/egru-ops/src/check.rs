//! Checks of an operation's tensors against each other.

use burn::tensor::{DType, Tensor};

use crate::OpError;

/// Checks the tensors of one call.
pub(crate) struct Check {
    pub operation: &'static str,
    pub dtype: DType,
}

impl Check {
    /// The tensor has the shape given by name and size of each axis, and the call's type.
    pub fn tensor<const D: usize>(
        &self,
        name: &'static str,
        tensor: &Tensor<D>,
        expected: [(&str, usize); D],
    ) -> Result<(), OpError> {
        let got = tensor.dims();
        if got != expected.map(|(_, size)| size) {
            let expected: Vec<_> =
                expected.iter().map(|(axis, n)| format!("{axis} = {n}")).collect();
            return Err(OpError::Shape {
                operation: self.operation,
                tensor: name,
                got: got.to_vec(),
                expected: format!("[{}]", expected.join(", ")),
            });
        }
        if tensor.dtype() != self.dtype {
            return Err(OpError::DType {
                operation: self.operation,
                tensor: name,
                got: format!("{:?}", tensor.dtype()),
                expected: format!("{:?}", self.dtype),
            });
        }
        Ok(())
    }
}
