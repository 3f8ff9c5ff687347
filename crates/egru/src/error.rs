//! What can be wrong with a network's configuration or with a call of it.

use egru_ops::OpError;

/// A configuration or a call that is refused.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum CellError {
    /// A value of a configuration is out of range.
    #[error("`{field}` is {got}, expected {expected}")]
    Config {
        /// The field's name, as in a recipe.
        field: String,
        /// Its value.
        got: String,
        /// The values that it may take.
        expected: String,
    },
    /// A tensor's shape does not fit the network.
    #[error("`{tensor}` has shape {got:?}, expected {expected}")]
    Shape {
        /// The tensor's name.
        tensor: String,
        /// Its shape.
        got: Vec<usize>,
        /// The shape that the network asks for, by name and number.
        expected: String,
    },
    /// The lengths of a batch's sequences do not fit its input.
    #[error("`lengths`: {got}, expected {expected}")]
    Lengths {
        /// What was given.
        got: String,
        /// What the input asks for.
        expected: String,
    },
    /// A state was put together from other tensors than it has.
    #[error("a state of {got:?}, expected {expected:?}; was it saved by another architecture?")]
    State {
        /// The names that were given.
        got: Vec<String>,
        /// The names of the state's tensors.
        expected: Vec<String>,
    },
    /// Something that only event-based cells have was asked of a dense one.
    #[error(
        "{wanted} needs an event-based cell, such as `egru`, and this cell emits no events: a dense cell is read by \
         `last-output` or `mean-logits`, and the regularisers' weights are 0 then"
    )]
    NoEvents {
        /// What was asked for.
        wanted: &'static str,
    },
    /// A series of a layer's output is needed that the forward pass did not keep.
    #[error("{wanted} needs the series `{series}`, which was not kept; set `keep.{series}`")]
    NotKept {
        /// The series.
        series: &'static str,
        /// What was asked for.
        wanted: &'static str,
    },
    /// An operation refused its arguments.
    #[error(transparent)]
    Op(#[from] OpError),
}

impl CellError {
    /// A [`CellError::Config`].
    pub fn config(
        field: impl Into<String>,
        got: impl ToString,
        expected: impl Into<String>,
    ) -> Self {
        Self::Config { field: field.into(), got: got.to_string(), expected: expected.into() }
    }

    /// `Ok` if `tensor` has the shape given by name and size of each axis, else [`CellError::Shape`].
    ///
    /// # Errors
    /// As said.
    pub fn check_shape<const D: usize>(
        tensor: &str,
        got: [usize; D],
        expected: [(&str, usize); D],
    ) -> Result<(), Self> {
        if got == expected.map(|(_, size)| size) {
            return Ok(());
        }
        let expected: Vec<_> =
            expected.iter().map(|(axis, size)| format!("{axis} = {size}")).collect();
        Err(Self::Shape {
            tensor: tensor.to_owned(),
            got: got.to_vec(),
            expected: format!("[{}]", expected.join(", ")),
        })
    }
}

/// `Ok` if `value` is a probability that may be dropped, in `[0, 1)`.
pub(crate) fn check_drop(field: &str, value: f64) -> Result<(), CellError> {
    if (0.0..1.0).contains(&value) {
        return Ok(());
    }
    Err(CellError::config(field, value, "a probability in [0, 1)"))
}

/// `Ok` if `value` is finite and above zero.
pub(crate) fn check_positive(field: &str, value: f64) -> Result<(), CellError> {
    if value.is_finite() && value > 0.0 {
        return Ok(());
    }
    Err(CellError::config(field, value, "a positive number"))
}

/// The value, or a panic with the error's message: what Burn's modules do in `init` and `forward`.
#[track_caller]
pub(crate) fn or_panic<T>(result: Result<T, CellError>) -> T {
    result.unwrap_or_else(|error| panic!("{error}"))
}
