//! The backends that have kernels: one file each, so that a backend goes by deleting its file.

#[cfg(any(feature = "flex", feature = "ndarray", feature = "tch"))]
mod cpu;
#[cfg(feature = "cube")]
mod cube;
#[cfg(feature = "flex")]
mod flex;
#[cfg(feature = "ndarray")]
mod ndarray;
#[cfg(feature = "tch")]
mod tch;

use burn::backend::{
    AutodiffBackend, Backend, DispatchDevice, ExtensionType,
    autodiff::{Autodiff, checkpoint::strategy::CheckpointStrategy},
    tensor::FloatTensor,
};
use burn::tensor::{DType, Device};

/// Why the device's backend has no kernels for tensors of this type, if it has none.
pub(crate) fn no_kernels(device: &Device, dtype: DType) -> Option<String> {
    let owners: &[fn(&DispatchDevice) -> bool] = &[
        #[cfg(feature = "flex")]
        flex::owns,
        #[cfg(feature = "ndarray")]
        ndarray::owns,
        #[cfg(feature = "cube")]
        cube::owns,
        #[cfg(feature = "tch")]
        tch::owns,
    ];
    let device = device.clone().inner();
    match (owners.iter().any(|owns| owns(device.as_dispatch())), dtype) {
        (false, _) => Some(format!("`{}` has no kernels for this operation", name(&device))),
        (true, DType::F32 | DType::F64) => None,
        (true, other) => Some(format!("the kernels take f32 and f64, not {other:?}")),
    }
}

/// Whether the device computes with numbers of this type, all operations that are needed here included.
pub(crate) fn computes(device: &Device, dtype: DType) -> bool {
    // wgpu's shaders have f64, but their exponential and tanh of it are undefined, and gave wrong numbers where tried.
    let half_known = dtype == DType::F64 && ["wgpu", "vulkan", "metal"].contains(&&*name(device));
    device.supports_dtype(dtype) && !half_known
}

/// Whether the kernels of the device can read weights in this type.
pub(crate) fn narrows_weights(device: &Device, dtype: DType) -> bool {
    let readers: &[fn(&DispatchDevice) -> bool] = &[
        #[cfg(feature = "cube")]
        cube::owns,
    ];
    let device = device.clone().inner();
    device.supports_dtype(dtype) && readers.iter().any(|owns| owns(device.as_dispatch()))
}

/// The name of the device's backend, by its feature.
pub(crate) fn name(device: &Device) -> String {
    let shown = format!("{:?}", device.clone().inner().as_dispatch()).to_lowercase();
    let mut words = shown.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let first = words.next().unwrap_or_default();
    // Of a GPU Burn tells the library, then the backend; ROCm by the name of its interface.
    match first {
        "cube" => words.next().unwrap_or(first).replace("hip", "rocm"),
        "libtorch" => "tch".to_owned(),
        other => other.to_owned(),
    }
}

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

impl<B: Backend> From<Option<FloatTensor<B>>> for Maybe<B> {
    fn from(tensor: Option<FloatTensor<B>>) -> Self {
        tensor.map_or(Self::Absent, Self::Present)
    }
}

/// Declares a trait of an operation and routes it to the backends that have kernels: the one list of them. The forward pass
/// begins with `Autodiff =>`; its gradient, which autodiff calls and nobody else, does not.
macro_rules! with_kernels {
    (Autodiff => $($operation:tt)*) => {
        with_kernels! { @on [Autodiff,] $($operation)* }
    };
    (@on [$($autodiff:tt)*] $($operation:tt)*) => {
        #[burn::backend::backend_extension(
            $($autodiff)*
            NdArray: cfg(feature = "ndarray"),
            Flex: cfg(feature = "flex"),
            LibTorch: cfg(feature = "tch"),
            Cube: cfg(feature = "cube"),
            Fusion: cfg(feature = "fusion")
        )]
        $($operation)*
    };
    ($($operation:tt)*) => {
        with_kernels! { @on [] $($operation)* }
    };
}
pub(crate) use with_kernels;
