//! How an operation is to be executed, and the report of what ran.

use burn::tensor::{DType, Device};
use egru_kernels::Products;

use crate::device;

/// The form of an operation that a caller asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PathChoice {
    /// Fused where the backend has it, else naive.
    #[default]
    Auto,
    /// Plain tensor operations: the reference, on every backend.
    Naive,
    /// Fused, or an error.
    Fused,
}

/// The form of an operation that ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Path {
    /// Plain tensor operations.
    Naive,
    /// The backend's own kernels.
    Fused,
}

/// Which form ran, where, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathReport {
    /// The form.
    pub path: Path,
    /// The backend, by its feature's name, e.g. `flex`.
    pub backend: String,
    /// Why this form.
    pub reason: String,
}

impl PathReport {
    /// The report of what runs on plain tensor operations on `device`, and why.
    pub fn naive(device: &Device, reason: impl Into<String>) -> Self {
        Self { path: Path::Naive, backend: device::name(device), reason: reason.into() }
    }
}

impl std::fmt::Display for PathReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let path = match self.path {
            Path::Naive => "naive",
            Path::Fused => "fused",
        };
        write!(f, "{path} on {} ({})", self.backend, self.reason)
    }
}

/// The number type in which weight matrices are read. Everything else, the sums above all, keeps the tensors' own
/// type, and so do the gradients of the weights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Weights {
    /// As they are given.
    #[default]
    AsGiven,
    /// Rounded to f16: half the memory traffic, about three decimal digits, up to 65504.
    F16,
    /// Rounded to bf16: half the memory traffic, about two decimal digits, the range of f32.
    BF16,
}

impl Weights {
    /// The type, if it is another than the tensors'.
    pub(crate) fn dtype(self) -> Option<DType> {
        match self {
            Self::AsGiven => None,
            Self::F16 => Some(DType::F16),
            Self::BF16 => Some(DType::BF16),
        }
    }
}

/// How an operation is to be executed; the result is the same to rounding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Execution {
    /// The form.
    pub path: PathChoice,
    /// Which products the fused form executes; the naive form executes all of them.
    pub products: Products,
    /// How the fused form reads weights: on GPUs that have the type.
    pub weights: Weights,
}

impl Execution {
    /// Plain tensor operations.
    pub fn naive() -> Self {
        Self { path: PathChoice::Naive, products: Products::Dense, ..Self::default() }
    }

    /// The fused form, with the given products.
    pub fn fused(products: Products) -> Self {
        Self { path: PathChoice::Fused, products, ..Self::default() }
    }
}
