//! The named workloads: one operation at one shape each.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The operation that a workload times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Op {
    /// [`egru_sequence`](egru_ops::egru_sequence()), or [`egru_step`](egru_ops::egru_step) for one time step.
    EgruSequence,
    /// [`event_linear`](egru_ops::event_linear()).
    EventLinear,
}

/// The sizes of a workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Shape {
    /// A layer over a sequence: `x [time, batch, input]`, `y [time, batch, hidden]`.
    Sequence {
        /// Time steps.
        time: usize,
        /// Samples.
        batch: usize,
        /// Input channels.
        input: usize,
        /// Units.
        hidden: usize,
    },
    /// A product: `[rows, input]` by `[input, output]`.
    Linear {
        /// Rows of the operand.
        rows: usize,
        /// Columns of the operand.
        input: usize,
        /// Columns of the weights.
        output: usize,
    },
}

impl Shape {
    /// Samples, of a layer over sequences.
    pub fn batch(self) -> Option<usize> {
        match self {
            Self::Sequence { batch, .. } => Some(batch),
            Self::Linear { .. } => None,
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sequence { time, batch, input, hidden } => {
                write!(f, "time {time}, batch {batch}, input {input}, hidden {hidden}")
            }
            Self::Linear { rows, input, output } => {
                write!(f, "rows {rows}, input {input}, output {output}")
            }
        }
    }
}

/// What the operand is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operand {
    /// Normally distributed values everywhere.
    Dense,
    /// The events of a layer below: as active as the layer itself, with a gradient wanted for 45 %.
    Events,
}

/// What is timed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pass {
    /// Inference.
    Forward,
    /// Forward and backward.
    Train,
}

impl fmt::Display for Pass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Forward => "forward",
            Self::Train => "train",
        })
    }
}

/// A name that nothing has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no {kind} `{name}`; there are: {known}")]
pub struct UnknownName {
    kind: &'static str,
    name: String,
    known: String,
}

impl FromStr for Pass {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        match name {
            "forward" => Ok(Self::Forward),
            "train" => Ok(Self::Train),
            _ => Err(UnknownName {
                kind: "pass",
                name: name.to_owned(),
                known: "forward, train".to_owned(),
            }),
        }
    }
}

/// One operation at one shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Workload {
    /// What it is called.
    pub name: &'static str,
    /// What it stands for, in a line.
    pub description: &'static str,
    /// Its sizes. A sequence of one time step stands for a stream: a step is taken again and again, each
    /// on fresh input from the state that the last one left.
    pub shape: Shape,
    /// What its input (or operand) is made of.
    pub operand: Operand,
}

const fn sequence(
    name: &'static str,
    description: &'static str,
    [time, batch, input, hidden]: [usize; 4],
    operand: Operand,
) -> Workload {
    let shape = Shape::Sequence { time, batch, input, hidden };
    Workload { name, description, shape, operand }
}

/// The workloads that are compared with other libraries. `benches/peers/workloads.py` has the same.
pub const WORKLOADS: [Workload; 8] = [
    sequence(
        "smnist",
        "sequential MNIST: one channel, many steps",
        [196, 32, 1, 590],
        Operand::Dense,
    ),
    sequence("dvs", "event camera: few samples, wide input", [68, 8, 512, 795], Operand::Dense),
    sequence("lm", "first layer of a language model", [70, 32, 750, 1350], Operand::Dense),
    sequence("lm-events", "its second layer", [70, 32, 1350, 1350], Operand::Events),
    sequence("mid", "a layer of middle size", [100, 32, 256, 512], Operand::Dense),
    sequence("stream", "one sequence at a time", [70, 1, 750, 1350], Operand::Dense),
    sequence("step", "one step at a time, inference only", [1, 1, 1350, 1350], Operand::Events),
    Workload {
        name: "decoder",
        description: "output layer of a language model",
        shape: Shape::Linear { rows: 2240, input: 750, output: 33278 },
        operand: Operand::Events,
    },
];

/// A workload of a blink, to see whether an installation works. Its times mean nothing.
pub const TINY: Workload =
    sequence("tiny", "a blink, to try an installation", [6, 2, 5, 33], Operand::Dense);

impl Workload {
    /// All workloads with a name: those of [`WORKLOADS`], and [`TINY`].
    pub fn all() -> impl Iterator<Item = Self> {
        WORKLOADS.into_iter().chain([TINY])
    }

    /// The operation.
    pub fn op(&self) -> Op {
        match self.shape {
            Shape::Sequence { .. } => Op::EgruSequence,
            Shape::Linear { .. } => Op::EventLinear,
        }
    }

    /// The same work on that many samples; `None` of a workload that has rows instead of samples.
    pub fn with_batch(self, samples: usize) -> Option<Self> {
        match self.shape {
            Shape::Sequence { time, input, hidden, .. } => {
                let shape = Shape::Sequence { time, batch: samples, input, hidden };
                Some(Self { shape, ..self })
            }
            Shape::Linear { .. } => None,
        }
    }

    /// Whether a step is taken at a time: see [`Workload::shape`].
    pub fn is_stream(&self) -> bool {
        matches!(self.shape, Shape::Sequence { time: 1, .. })
    }

    /// What can be timed: a stream is inference only.
    pub fn passes(&self) -> &'static [Pass] {
        if self.is_stream() { &[Pass::Forward] } else { &[Pass::Forward, Pass::Train] }
    }
}

impl FromStr for Workload {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        Self::all().find(|workload| workload.name == name).ok_or_else(|| UnknownName {
            kind: "workload",
            name: name.to_owned(),
            known: Self::all().map(|workload| workload.name).collect::<Vec<_>>().join(", "),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_to_workloads_and_back() {
        for workload in Workload::all() {
            assert_eq!(workload.name.parse(), Ok(workload));
        }
        let error = "smnits".parse::<Workload>().unwrap_err().to_string();
        assert!(error.contains("`smnits`") && error.contains("smnist, dvs"), "{error}");
        assert!("sideways".parse::<Pass>().unwrap_err().to_string().contains("forward, train"));
    }

    #[test]
    fn a_batch_changes_nothing_else() {
        let smnist: Workload = "smnist".parse().unwrap();
        assert_eq!(smnist.with_batch(32), Some(smnist));
        let one = smnist.with_batch(1).unwrap();
        assert_eq!(one.shape, Shape::Sequence { time: 196, batch: 1, input: 1, hidden: 590 });
        assert_eq!(Workload { shape: smnist.shape, ..one }, smnist);
        assert_eq!("decoder".parse::<Workload>().unwrap().with_batch(1), None);
    }

    #[test]
    fn only_the_step_is_a_stream() {
        let streams: Vec<_> = Workload::all().filter(Workload::is_stream).map(|w| w.name).collect();
        assert_eq!(streams, ["step"]);
        let step: Workload = "step".parse().unwrap();
        assert_eq!(step.passes(), [Pass::Forward]);
        assert_eq!(TINY.passes(), [Pass::Forward, Pass::Train]);
    }
}
