//! What can be wrong with a call of an operation.

/// A call that an operation refuses.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum OpError {
    /// A tensor's shape does not fit the others.
    #[error("{operation}: `{tensor}` has shape {got:?}, expected {expected}")]
    Shape {
        /// The operation.
        operation: &'static str,
        /// The tensor's name in the operation's signature.
        tensor: &'static str,
        /// Its shape.
        got: Vec<usize>,
        /// The shape that the other tensors ask for, by name and number.
        expected: String,
    },
    /// A tensor's floating-point type differs from the first one's.
    #[error(
        "{operation}: `{tensor}` is {got}, but the first tensor is {expected}; cast one of them"
    )]
    DType {
        /// The operation.
        operation: &'static str,
        /// The tensor's name in the operation's signature.
        tensor: &'static str,
        /// Its type.
        got: String,
        /// The first tensor's type.
        expected: String,
    },
    /// A plain argument is out of range.
    #[error("{operation}: `{argument}` is {got}, expected {expected}")]
    Argument {
        /// The operation.
        operation: &'static str,
        /// The argument's name.
        argument: &'static str,
        /// Its value.
        got: String,
        /// The values that it may take.
        expected: String,
    },
    /// The device does not compute with numbers of this type.
    #[error(
        "{operation}: `{backend}` does not compute with {dtype} on this device; use f32, and weights as given"
    )]
    Precision {
        /// The operation.
        operation: &'static str,
        /// The backend, by its feature's name.
        backend: String,
        /// The type of the tensors.
        dtype: String,
    },
    /// The fused form was asked for where there is none.
    #[error(
        "{operation}: no fused form here: {reason}; ask for `FormChoice::Auto` or `FormChoice::Naive`"
    )]
    FormUnavailable {
        /// The operation.
        operation: &'static str,
        /// Why.
        reason: String,
    },
}
