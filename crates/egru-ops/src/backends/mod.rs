//! The backends that have kernels: one file each, so that a backend goes by deleting its file.

#[cfg(any(feature = "flex", feature = "ndarray"))]
mod cpu;
#[cfg(feature = "flex")]
mod flex;
#[cfg(feature = "ndarray")]
mod ndarray;

use burn::backend::{
    AutodiffBackend, Backend, Dispatch, DispatchDevice, ExtensionType,
    autodiff::{Autodiff, checkpoint::strategy::CheckpointStrategy},
    tensor::FloatTensor,
};
use burn::tensor::Device;

/// Whether the device's backend has kernels.
pub(crate) fn has_kernels(device: &Device) -> bool {
    let owners: &[fn(&DispatchDevice) -> bool] = &[
        #[cfg(feature = "flex")]
        flex::owns,
        #[cfg(feature = "ndarray")]
        ndarray::owns,
    ];
    let device = device.clone().inner();
    owners.iter().any(|owns| owns(device.as_dispatch()))
}

/// The name of the device's backend, by its feature.
pub(crate) fn name(device: &Device) -> String {
    let device = format!("{:?}", device.clone().inner().as_dispatch()).to_lowercase();
    device.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default().to_owned()
}

/// An optional tensor of an operation's inputs or outputs.
#[derive(ExtensionType, Clone)]
pub enum Maybe<B: Backend> {
    /// Not given.
    Absent,
    /// Given.
    Present(FloatTensor<B>),
}

impl<B: Backend> Maybe<B> {
    /// The tensor, if there is one.
    pub(crate) fn into_option(self) -> Option<FloatTensor<B>> {
        match self {
            Self::Absent => None,
            Self::Present(tensor) => Some(tensor),
        }
    }
}

impl<B: Backend> Maybe<B> {
    /// The same as a constant of the tape.
    pub(crate) fn constant<C: CheckpointStrategy>(self) -> Maybe<Autodiff<B, C>> {
        match self {
            Self::Absent => Maybe::Absent,
            Self::Present(tensor) => Maybe::Present(Autodiff::<B, C>::from_inner(tensor)),
        }
    }
}

impl<B: Backend, C: CheckpointStrategy> Maybe<Autodiff<B, C>> {
    /// The same without its gradient.
    pub(crate) fn into_inner(self) -> Maybe<B> {
        match self {
            Self::Absent => Maybe::Absent,
            Self::Present(tensor) => Maybe::Present(Autodiff::<B, C>::inner(tensor)),
        }
    }
}

impl From<Option<FloatTensor<Dispatch>>> for Maybe<Dispatch> {
    fn from(tensor: Option<FloatTensor<Dispatch>>) -> Self {
        tensor.map_or(Self::Absent, Self::Present)
    }
}

/// Declares an operation's trait and routes it to the backends that have kernels: the one list of them.
macro_rules! with_kernels {
    ($($operation:tt)*) => {
        #[burn::backend::backend_extension(
            Autodiff,
            NdArray: cfg(feature = "ndarray"),
            Flex: cfg(feature = "flex")
        )]
        $($operation)*
    };
}
pub(crate) use with_kernels;
