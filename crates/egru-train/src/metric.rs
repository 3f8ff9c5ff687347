//! What is measured of a model: figures with a name, a unit and a direction.
//!
//! A [task](crate::Task) says which figures it has. Records, summaries, tables and reports hold them by name and name
//! none themselves, so that a task from outside this crate is shown like those inside.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

/// Name of the loss, which every task has.
pub const LOSS: &str = "loss";

/// Figures by the name of their metric; what could not be measured is absent.
pub type Figures = BTreeMap<String, f64>;

/// How a figure is written for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// A share in `[0, 1]`, written as a percentage.
    Share,
    /// Natural units of information.
    Nats,
    /// A plain number.
    Number,
}

/// Which of two values is the better one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Better {
    /// The higher.
    Higher,
    /// The lower.
    Lower,
}

/// One kind of figure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metric {
    /// Its key in records: lower-case letters, digits and `_`.
    pub name: Cow<'static, str>,
    /// How it is written.
    pub unit: Unit,
    /// Which way it improves.
    pub better: Better,
}

impl Metric {
    /// A metric of this name.
    pub const fn new(name: &'static str, unit: Unit, better: Better) -> Self {
        Self { name: Cow::Borrowed(name), unit, better }
    }

    /// The name as people read it: `activity sparsity`.
    pub fn label(&self) -> String {
        self.name.replace('_', " ")
    }

    /// A value as people read it.
    ///
    /// ```
    /// use egru_train::metric::{Better, Metric, Unit};
    /// let accuracy = Metric::new("accuracy", Unit::Share, Better::Higher);
    /// assert_eq!(accuracy.show(0.98312), "98.31 %");
    /// ```
    pub fn show(&self, value: f64) -> String {
        match self.unit {
            Unit::Share => format!("{:.2} %", 100.0 * value),
            Unit::Nats | Unit::Number if value != 0.0 && !(1e-3..1e5).contains(&value.abs()) => {
                format!("{value:.3e}")
            }
            Unit::Nats | Unit::Number => format!("{value:.4}"),
        }
    }

    /// Whether `value` is better than `other`.
    pub fn improves(&self, value: f64, other: f64) -> bool {
        match self.better {
            Better::Higher => value > other,
            Better::Lower => value < other,
        }
    }
}

/// What is measured of every network, whatever its task: shares of what was not computed.
pub static NETWORK: [Metric; 2] = [
    Metric::new("activity_sparsity", Unit::Share, Better::Higher),
    Metric::new("backward_sparsity", Unit::Share, Better::Higher),
];

/// Reads figures from an object: everything in it that is a number. A `null`, which older runs wrote for what they did not
/// have, is absent.
pub(crate) fn numbers<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Figures, D::Error> {
    let all = BTreeMap::<String, serde_json::Value>::deserialize(deserializer)?;
    Ok(all.into_iter().filter_map(|(name, value)| Some((name, value.as_f64()?))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_read_as_people_write_them() {
        let loss = Metric::new(LOSS, Unit::Nats, Better::Lower);
        assert_eq!(loss.show(0.25), "0.2500");
        assert_eq!(loss.show(0.0), "0.0000");
        assert_eq!(loss.show(0.000_02), "2.000e-5");
        assert_eq!(NETWORK[0].label(), "activity sparsity");
        assert!(
            loss.improves(0.1, 0.2) && !loss.improves(0.2, 0.2) && !loss.improves(0.1, f64::NAN)
        );
    }
}
