//! Optional tensors of the fused operations.

use burn::backend::{
    AutodiffBackend, Backend, ExtensionType,
    autodiff::{Autodiff, checkpoint::strategy::CheckpointStrategy},
    tensor::FloatTensor,
};

/// An optional tensor of an operation's inputs or outputs.
#[derive(ExtensionType, Clone)]
#[extension_type(fusion: cfg(feature = "fusion"))]
pub enum Maybe<B: Backend> {
    /// Not given.
    Absent,
    /// Given.
    Present(FloatTensor<B>),
}

impl<B: Backend> Maybe<B> {
    /// The tensor, if it is given.
    pub(crate) fn when(given: bool, tensor: impl FnOnce() -> FloatTensor<B>) -> Self {
        if given { Self::Present(tensor()) } else { Self::Absent }
    }

    /// The tensor, if there is one.
    pub(crate) fn into_option(self) -> Option<FloatTensor<B>> {
        match self {
            Self::Absent => None,
            Self::Present(tensor) => Some(tensor),
        }
    }

    /// The tensor through a function, if there is one.
    pub(crate) fn map(self, change: impl FnOnce(FloatTensor<B>) -> FloatTensor<B>) -> Self {
        match self {
            Self::Absent => Self::Absent,
            Self::Present(tensor) => Self::Present(change(tensor)),
        }
    }

    /// The tensor as a constant of the tape.
    pub(crate) fn constant<C: CheckpointStrategy>(self) -> Maybe<Autodiff<B, C>> {
        match self {
            Self::Absent => Maybe::Absent,
            Self::Present(tensor) => Maybe::Present(Autodiff::<B, C>::from_inner(tensor)),
        }
    }
}

impl<B: Backend, C: CheckpointStrategy> Maybe<Autodiff<B, C>> {
    /// The tensor without its gradient.
    pub(crate) fn into_inner(self) -> Maybe<B> {
        match self {
            Self::Absent => Maybe::Absent,
            Self::Present(tensor) => Maybe::Present(Autodiff::<B, C>::inner(tensor)),
        }
    }
}

impl<B: Backend> From<Option<FloatTensor<B>>> for Maybe<B> {
    fn from(tensor: Option<FloatTensor<B>>) -> Self {
        tensor.map_or(Self::Absent, Self::Present)
    }
}
