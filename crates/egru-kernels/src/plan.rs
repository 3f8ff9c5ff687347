//! When the event-driven form of a product is taken.

use crate::{Float, Products};

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
    /// The same of one step: `q R^T`.
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
