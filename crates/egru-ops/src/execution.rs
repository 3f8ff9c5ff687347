//! The choice between an operation's forms, and the report of what ran.

use burn::tensor::{DType, Device};
use egru_kernels::Products;

use crate::{OpError, backends};

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
        Self { path: Path::Naive, backend: backends::name(device), reason: reason.into() }
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

/// How an operation is to be executed; the result is the same to rounding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Execution {
    /// The form.
    pub path: PathChoice,
    /// Which products the fused form executes; the naive form executes all of them.
    pub products: Products,
}

impl Execution {
    /// Plain tensor operations.
    pub fn naive() -> Self {
        Self { path: PathChoice::Naive, products: Products::Dense }
    }

    /// The fused form, with the given products.
    pub fn fused(products: Products) -> Self {
        Self { path: PathChoice::Fused, products }
    }

    /// Decides between the forms on `device`.
    pub(crate) fn resolve(
        self,
        operation: &'static str,
        device: &Device,
        dtype: DType,
    ) -> Result<PathReport, OpError> {
        let name = backends::name(device);
        let fused = match (backends::has_kernels(device), dtype) {
            (false, _) => Err(format!("`{name}` has no kernels for this operation")),
            (true, DType::F32 | DType::F64) => Ok(()),
            (true, other) => Err(format!("the kernels take f32 and f64, not {other:?}")),
        };
        let (path, reason) = match (self.path, fused) {
            (PathChoice::Naive, _) => (Path::Naive, "asked for".to_owned()),
            (PathChoice::Fused, Ok(())) => (Path::Fused, "asked for".to_owned()),
            (PathChoice::Fused, Err(reason)) => {
                return Err(OpError::PathUnavailable { operation, reason });
            }
            (PathChoice::Auto, Ok(())) => (Path::Fused, "the backend has kernels".to_owned()),
            (PathChoice::Auto, Err(reason)) => (Path::Naive, reason),
        };
        Ok(PathReport { path, backend: name, reason })
    }
}
