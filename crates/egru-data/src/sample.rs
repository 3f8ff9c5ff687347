//! What a sample is: the inputs of a sequence, step by step, and what to predict from them.

use std::{fmt, ops::Range};

use serde::{Deserialize, Serialize};

/// The inputs of one sequence, or of several side by side: numbers, or numbers of tokens.
#[derive(Debug, Clone, PartialEq)]
pub enum Inputs {
    /// Row-major: `[steps, channels]` of a sample, `[steps, batch, channels]` of a batch.
    Values(Vec<f32>),
    /// `[steps]` of a sample, row-major `[steps, batch]` of a batch.
    Tokens(Vec<u32>),
}

impl Inputs {
    /// Numbers held: steps x channels (x batch).
    pub fn len(&self) -> usize {
        match self {
            Self::Values(values) => values.len(),
            Self::Tokens(tokens) => tokens.len(),
        }
    }

    /// Whether there is no number.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The values, if these are values.
    pub fn values(&self) -> Option<&[f32]> {
        match self {
            Self::Values(values) => Some(values),
            Self::Tokens(_) => None,
        }
    }

    /// The tokens, if these are tokens.
    pub fn tokens(&self) -> Option<&[u32]> {
        match self {
            Self::Tokens(tokens) => Some(tokens),
            Self::Values(_) => None,
        }
    }
}

/// One example: its inputs, time-first, and what to predict.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// `[steps, channels]` values or `[steps]` tokens.
    pub inputs: Inputs,
    /// Number of time steps, at least 1.
    pub steps: usize,
    /// What to predict.
    pub target: Target,
}

impl Sample {
    /// The part of the sample that `steps` names. Only a target per step can be cut.
    pub(crate) fn cut(self, steps: Range<usize>, channels: usize) -> Result<Self, String> {
        if steps == (0..self.steps) {
            return Ok(self);
        }
        if steps.is_empty() || steps.end > self.steps {
            return Err(format!("steps {steps:?} were asked for, and it has {}", self.steps));
        }
        let Target::Classes(labels) = self.target else {
            return Err("its one target is for all steps, so that it cannot be cut".to_owned());
        };
        let short = || format!("it says {} steps and holds fewer", self.steps);
        let inputs = match self.inputs {
            Inputs::Values(values) => {
                let range = steps.start * channels..steps.end * channels;
                Inputs::Values(values.get(range).ok_or_else(short)?.to_vec())
            }
            Inputs::Tokens(tokens) => {
                Inputs::Tokens(tokens.get(steps.clone()).ok_or_else(short)?.to_vec())
            }
        };
        let labels = labels.get(steps.clone()).ok_or_else(short)?.to_vec();
        Ok(Self { inputs, steps: steps.len(), target: Target::Classes(labels) })
    }
}

/// What is to be predicted from one sequence.
#[derive(Debug, Clone, PartialEq)]
pub enum Target {
    /// One label for the whole sequence.
    Class(usize),
    /// A number read out at the end of the sequence.
    Value(f32),
    /// A label for each step, `None` where the step is not scored.
    Classes(Vec<Option<usize>>),
}

/// The kind and size of what a data set's targets hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Output {
    /// [`Target::Class`], below `classes`.
    Class {
        /// Number of classes.
        classes: usize,
    },
    /// [`Target::Value`].
    Value,
    /// [`Target::Classes`], each below `classes`.
    PerStep {
        /// Number of classes.
        classes: usize,
    },
}

/// What one step of the input is, and how steps form a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Layout {
    /// So many values per step, of no known arrangement.
    Flat {
        /// Values per step.
        channels: usize,
    },
    /// A picture scanned in order: all steps together are its rows x columns pixels.
    Picture {
        /// Height of the picture.
        rows: usize,
        /// Width of the picture.
        columns: usize,
        /// Values per step.
        channels: usize,
    },
    /// A whole frame per step: polarities x rows x columns values, in this order.
    Frames {
        /// Pictures in a frame, such as those of events on and off.
        polarities: usize,
        /// Height of the frame.
        rows: usize,
        /// Width of the frame.
        columns: usize,
    },
    /// One token per step.
    Tokens {
        /// Tokens are below it.
        vocabulary: usize,
    },
}

impl Layout {
    /// Numbers per step; 1 for tokens.
    ///
    /// ```
    /// use egru_data::Layout;
    /// assert_eq!(Layout::Frames { polarities: 2, rows: 32, columns: 48 }.channels(), 2 * 32 * 48);
    /// ```
    pub fn channels(&self) -> usize {
        match *self {
            Self::Flat { channels } | Self::Picture { channels, .. } => channels,
            Self::Frames { polarities, rows, columns } => polarities * rows * columns,
            Self::Tokens { .. } => 1,
        }
    }

    /// Rows and columns of the one picture that all steps together make, if they make one.
    pub fn picture(&self) -> Option<(usize, usize)> {
        match *self {
            Self::Picture { rows, columns, .. } => Some((rows, columns)),
            Self::Flat { .. } | Self::Frames { .. } | Self::Tokens { .. } => None,
        }
    }
}

/// What a model must know of a data set before it is built.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Spec {
    /// Name for people, with the variant (`smnist by row`).
    pub name: String,
    /// Steps of the longest sequence.
    pub steps: usize,
    /// What one step is.
    pub layout: Layout,
    /// Kind of target.
    pub output: Output,
}

impl Spec {
    /// Numbers per step; 1 for tokens.
    pub fn channels(&self) -> usize {
        self.layout.channels()
    }
}

impl fmt::Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, steps, layout, output } = self;
        match layout {
            Layout::Flat { channels } | Layout::Picture { channels, .. } => {
                write!(f, "{name}: {steps} steps x {channels} channels -> ")?;
            }
            Layout::Frames { polarities, rows, columns } => {
                write!(f, "{name}: {steps} frames of {polarities} x {rows} x {columns} -> ")?;
            }
            Layout::Tokens { vocabulary } => {
                write!(f, "{name}: {steps} tokens of {vocabulary} kinds -> ")?;
            }
        }
        match output {
            Output::Class { classes } => write!(f, "one of {classes} classes"),
            Output::Value => write!(f, "one value"),
            Output::PerStep { classes } => write!(f, "one of {classes} classes per scored step"),
        }
    }
}

/// The part of an experiment that a sample belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// What the weights are fitted to.
    Train,
    /// What choices (best epoch, early stopping) are made on.
    Valid,
    /// What the result is reported on, once.
    Test,
}

impl Split {
    /// All three.
    pub const ALL: [Self; 3] = [Self::Train, Self::Valid, Self::Test];
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Split::Train => "train",
            Split::Valid => "valid",
            Split::Test => "test",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Sample {
        let target = Target::Classes(vec![None, Some(1), Some(2)]);
        Sample { inputs: Inputs::Values((0..6).map(|i| i as f32).collect()), steps: 3, target }
    }

    #[test]
    fn a_part_has_the_inputs_and_targets_of_its_steps() {
        let part = sample().cut(1..3, 2).unwrap();
        assert_eq!(part.inputs, Inputs::Values(vec![2., 3., 4., 5.]));
        assert_eq!((part.steps, part.target), (2, Target::Classes(vec![Some(1), Some(2)])));
        assert_eq!(sample().cut(0..3, 2).unwrap(), sample());
    }

    #[test]
    fn what_cannot_be_cut_is_refused() {
        assert!(sample().cut(2..4, 2).unwrap_err().contains("2..4"));
        assert!(sample().cut(1..1, 2).unwrap_err().contains("1..1"));
        // Fewer inputs than the sample says.
        assert!(sample().cut(1..3, 3).unwrap_err().contains("holds fewer"));
        let whole = Sample { target: Target::Class(0), ..sample() };
        assert!(whole.clone().cut(0..2, 2).unwrap_err().contains("cannot be cut"));
        assert_eq!(whole.clone().cut(0..3, 2).unwrap(), whole);
    }
}
