//! The choice between the forms of a product: what the caller asks for, and when the event-driven form is taken.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Float;

/// Which products are executed.
///
/// Its name, in files and on command lines, is the variant's in lower case:
///
/// ```
/// use egru_kernels::Products;
///
/// assert_eq!("events".parse(), Ok(Products::Events));
/// assert_eq!(Products::Dense.to_string(), "dense");
/// assert!("few".parse::<Products>().unwrap_err().to_string().contains("auto, events, dense"));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Products {
    /// Each product by itself: only the non-zero events as long as they are few, else every product; the
    /// limits are in `docs/src/kernels.md`, with the measurements behind them.
    #[default]
    Auto,
    /// Only products with a non-zero event.
    Events,
    /// Every product, as a library would: the baseline that speed-ups are measured against.
    Dense,
}

impl Products {
    /// All choices.
    const ALL: [Self; 3] = [Self::Auto, Self::Events, Self::Dense];

    fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Events => "events",
            Self::Dense => "dense",
        }
    }
}

impl fmt::Display for Products {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Products {
    type Err = UnknownProducts;

    fn from_str(name: &str) -> Result<Self, UnknownProducts> {
        let known = Self::ALL.into_iter().find(|products| products.name() == name);
        known.ok_or_else(|| UnknownProducts { name: name.to_owned() })
    }
}

/// A name that no choice of products has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no choice of products `{name}`; there are: {}", Products::ALL.map(Products::name).join(", "))]
pub struct UnknownProducts {
    name: String,
}

/// The products, each with the share of non-zero (or wanted) values up to which `Products::Auto`
/// takes its event-driven form: where both forms cost about the same, as measured (`docs/src/kernels.md`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Product {
    /// Rows selected by events, many rows of the operand at once: `x W`.
    Forward,
    /// Rows selected by the events of one step: `y R`. A dense product of so few rows is slower.
    Step,
    /// Gradient of weights: `x^T p`, `y^T q`.
    Weights,
    /// Gradient of an operand where it is wanted: `p W^T`.
    Operand,
    /// As [`Product::Operand`], for one step: `q R^T`.
    StepOperand,
}

impl Product {
    fn limit(self) -> f64 {
        match self {
            Product::Forward => 0.6,
            Product::Step => 0.8,
            Product::Weights => 0.45,
            Product::Operand => 0.5,
            Product::StepOperand => 1.0,
        }
    }

    /// Whether to take the event-driven form, for `active` of `all` values.
    pub fn takes_events(self, products: Products, active: usize, all: usize) -> bool {
        match products {
            Products::Events => true,
            Products::Dense => false,
            Products::Auto => active as f64 <= self.limit() * all as f64,
        }
    }

    /// [`Product::takes_events`], counting the non-zero values where that decides.
    pub fn takes_events_of<F: Float>(self, products: Products, values: &[F]) -> bool {
        let active = match products {
            Products::Auto => values.iter().filter(|&&value| value != F::ZERO).count(),
            Products::Events | Products::Dense => 0,
        };
        self.takes_events(products, active, values.len())
    }
}
