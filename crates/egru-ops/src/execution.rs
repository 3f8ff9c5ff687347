//! How an operation is to be executed, and the report of what ran.

use burn::tensor::{DType, Device};
use egru_kernels::Products;
use serde::{Deserialize, Serialize};

use crate::device;

/// The form of an operation that a caller asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FormChoice {
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
pub enum Form {
    /// Plain tensor operations.
    Naive,
    /// The backend's own kernels.
    Fused,
}

impl std::fmt::Display for Form {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Naive => "naive",
            Self::Fused => "fused",
        })
    }
}

/// Which form ran, where, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormReport {
    /// The form.
    pub form: Form,
    /// The backend, by its feature's name, e.g. `flex`.
    pub backend: String,
    /// Why this form.
    pub reason: String,
}

impl FormReport {
    /// The report of what runs on plain tensor operations on `device`, and why.
    pub fn naive(device: &Device, reason: impl Into<String>) -> Self {
        Self { form: Form::Naive, backend: device::name(device), reason: reason.into() }
    }
}

impl std::fmt::Display for FormReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} on {} ({})", self.form, self.backend, self.reason)
    }
}

/// The number type in which weight matrices are read. Everything else, the sums above all, keeps the tensors' own
/// type, and so do the gradients of the weights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WeightType {
    /// As they are given.
    #[default]
    AsGiven,
    /// Rounded to f16: half the memory traffic, about three decimal digits, up to 65504.
    F16,
    /// Rounded to bf16: half the memory traffic, about two decimal digits, the range of f32.
    #[serde(rename = "bf16")]
    BF16,
}

impl WeightType {
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
///
/// A file has it as a table in which every key may be left out: `path` (or `form`) is `auto`, `naive` or `fused`,
/// `products` is `auto`, `events` or `dense`, and `weights` is `as-given`, `f16` or `bf16`.
///
/// ```
/// use egru_ops::{Execution, Products};
///
/// let execution: Execution = serde_json::from_str(r#"{ "path": "fused", "products": "events" }"#)?;
/// assert_eq!(execution, Execution::fused(Products::Events));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Execution {
    /// The form.
    #[serde(rename = "path", alias = "form")]
    pub form: FormChoice,
    /// Which products the fused form executes; the naive form executes all of them.
    pub products: Products,
    /// How the fused form reads weights: on GPUs that have the type.
    pub weights: WeightType,
}

impl Execution {
    /// Plain tensor operations.
    pub fn naive() -> Self {
        Self { form: FormChoice::Naive, products: Products::Dense, ..Self::default() }
    }

    /// The fused form, with the given products.
    pub fn fused(products: Products) -> Self {
        Self { form: FormChoice::Fused, products, ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_name_every_choice_as_they_always_have() {
        let all = [
            (Execution::default(), ["auto", "auto", "as-given"]),
            (Execution::naive(), ["naive", "dense", "as-given"]),
            (
                Execution { weights: WeightType::F16, ..Execution::fused(Products::Events) },
                ["fused", "events", "f16"],
            ),
            (
                Execution { weights: WeightType::BF16, ..Execution::default() },
                ["auto", "auto", "bf16"],
            ),
        ];
        for (execution, [path, products, weights]) in all {
            let table =
                serde_json::json!({ "path": path, "products": products, "weights": weights });
            assert_eq!(serde_json::json!(execution), table);
            assert_eq!(serde_json::from_value::<Execution>(table).unwrap(), execution);
        }
    }

    #[test]
    fn keys_may_be_left_out_but_not_misspelt() {
        let read = serde_json::from_str::<Execution>;
        assert_eq!(read("{}").unwrap(), Execution::default());
        assert_eq!(read(r#"{ "form": "naive" }"#).unwrap().form, FormChoice::Naive);
        let error = read(r#"{ "pahth": "naive" }"#).unwrap_err().to_string();
        assert!(error.contains("`pahth`") && error.contains("`path`"), "{error}");
        let error = read(r#"{ "products": "few" }"#).unwrap_err().to_string();
        assert!(error.contains("`few`") && error.contains("`events`"), "{error}");
    }
}
