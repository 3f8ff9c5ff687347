//! `[execution]`: the recipe's names for the forms of the recurrent operation.

use egru::{Execution, PathChoice, Products, Weights};
use serde::{Deserialize, Serialize};

/// `[execution]`: which form of the operation runs, and which products it executes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ExecutionRecipe {
    /// The form.
    pub path: PathName,
    /// The products.
    pub products: ProductsName,
    /// The number type in which GPU kernels read weights.
    pub weights: WeightsName,
}

/// The form of the recurrent operation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PathName {
    /// Fused where the backend has it, else naive.
    #[default]
    Auto,
    /// Plain tensor operations.
    Naive,
    /// Fused, or an error.
    Fused,
}

/// The products of the fused form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProductsName {
    /// Whichever is faster at the activity at hand.
    #[default]
    Auto,
    /// Only those of events.
    Events,
    /// All of them.
    Dense,
}

/// The number type in which the fused form reads weights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WeightsName {
    /// That of the parameters.
    #[default]
    AsGiven,
    /// Half precision.
    F16,
    /// Half precision with the range of f32.
    Bf16,
}

impl From<ExecutionRecipe> for Execution {
    fn from(recipe: ExecutionRecipe) -> Self {
        Self {
            path: match recipe.path {
                PathName::Auto => PathChoice::Auto,
                PathName::Naive => PathChoice::Naive,
                PathName::Fused => PathChoice::Fused,
            },
            products: match recipe.products {
                ProductsName::Auto => Products::Auto,
                ProductsName::Events => Products::Events,
                ProductsName::Dense => Products::Dense,
            },
            weights: match recipe.weights {
                WeightsName::AsGiven => Weights::AsGiven,
                WeightsName::F16 => Weights::F16,
                WeightsName::Bf16 => Weights::BF16,
            },
        }
    }
}
