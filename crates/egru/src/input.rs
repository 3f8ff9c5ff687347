//! What enters a network.

use burn::tensor::{Int, Tensor};

/// A batch of input sequences, time-first.
#[derive(Clone, Debug)]
pub enum Input {
    /// Values per step, `[T, B, C]`; a frame per step is its `C = polarities * rows * columns` values in that order.
    Values(Tensor<3>),
    /// A token number per step, `[T, B]`.
    Tokens(Tensor<2, Int>),
}

impl Input {
    /// Steps `T`.
    pub fn steps(&self) -> usize {
        match self {
            Self::Values(values) => values.dims()[0],
            Self::Tokens(tokens) => tokens.dims()[0],
        }
    }

    /// Samples `B`.
    pub fn batch(&self) -> usize {
        match self {
            Self::Values(values) => values.dims()[1],
            Self::Tokens(tokens) => tokens.dims()[1],
        }
    }
}

impl From<Tensor<3>> for Input {
    fn from(values: Tensor<3>) -> Self {
        Self::Values(values)
    }
}

impl From<Tensor<2, Int>> for Input {
    fn from(tokens: Tensor<2, Int>) -> Self {
        Self::Tokens(tokens)
    }
}

/// What one step of the input is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputShape {
    /// So many values.
    Values {
        /// Their number.
        channels: usize,
    },
    /// A whole frame.
    Frames {
        /// Kinds of events, or colours.
        polarities: usize,
        /// Height.
        rows: usize,
        /// Width.
        columns: usize,
    },
    /// A token number.
    Tokens {
        /// Numbers are below this one.
        vocabulary: usize,
    },
}

impl std::fmt::Display for InputShape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Values { channels } => write!(f, "{channels} values per step"),
            Self::Frames { polarities, rows, columns } => {
                write!(f, "frames of {polarities} x {rows} x {columns}")
            }
            Self::Tokens { vocabulary } => write!(f, "tokens of a vocabulary of {vocabulary}"),
        }
    }
}
