//! The copying memory task (Hochreiter & Schmidhuber 1997; in the form of Arjovsky, Shah & Bengio
//! 2016, "Unitary Evolution Recurrent Neural Networks").
//!
//! `length` random symbols, a delay of blanks, a "go" mark, then `length` blanks during which the
//! symbols are to be repeated in order. Channels are one-hot: the symbols, blank, go.
//!
//! ```text
//! input   3 1 2 _ _ _ _ > _ _ _        length 3, delay 5 (the mark is its last step)
//! target  . . . . . . . . 3 1 2        . = not scored
//! ```
//!
//! Arjovsky et al. also score the blanks before the answer, which any network soon gets right;
//! here only the answer counts, so that accuracy is that of recall. Chance is 1 / `symbols`.
//!
//! ```
//! use egru_data::{DatasetConfig, Target, delay_copy::DelayCopyConfig};
//! let config = DelayCopyConfig { length: 3, delay: 5, symbols: 4, ..Default::default() };
//! let sample = config.load(None, 1)?.train.sample(0, None)?;
//! assert_eq!((sample.steps, sample.inputs.len()), (11, 11 * 6));
//! let Target::Classes(labels) = sample.target else { unreachable!() };
//! assert_eq!(labels.iter().flatten().count(), 3);
//! # Ok::<(), egru_data::DataError>(())
//! ```

use std::path::Path;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::{
    config::DatasetConfig,
    error::DataError,
    generated::{self, Generator, require},
    sample::{Inputs, Layout, Output, Sample, Spec, Target},
    splits::Splits,
};

/// Settings of the copying task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DelayCopyConfig {
    /// Steps between the last symbol and the answer, the mark included: at least 1.
    pub delay: usize,
    /// Different symbols, at least 2.
    pub symbols: usize,
    /// Symbols to remember, at least 1.
    pub length: usize,
    /// Training samples.
    pub train: usize,
    /// Validation samples.
    pub valid: usize,
    /// Test samples.
    pub test: usize,
}

impl Default for DelayCopyConfig {
    /// The published alphabet and length (8 symbols, 10 of them), at a short delay.
    fn default() -> Self {
        Self { delay: 20, symbols: 8, length: 10, train: 20_000, valid: 2_000, test: 2_000 }
    }
}

impl DatasetConfig for DelayCopyConfig {
    const NAME: &'static str = "delay-copy";

    /// Generates the samples from `seed`; there are no files.
    ///
    /// # Errors
    /// [`DataError::Config`] and [`DataError::Empty`] name the setting or split.
    fn load(&self, _root: Option<&Path>, seed: u64) -> Result<Splits, DataError> {
        let &DelayCopyConfig { delay, symbols, length, train, valid, test } = self;
        require(delay >= 1, "data.delay", delay, "the mark takes one step: use 1 or more")?;
        require(
            symbols >= 2,
            "data.symbols",
            symbols,
            "one symbol carries nothing: use 2 or more",
        )?;
        require(length >= 1, "data.length", length, "use 1 or more")?;
        generated::splits(DelayCopy { delay, symbols, length }, [train, valid, test], seed)
    }
}

struct DelayCopy {
    delay: usize,
    symbols: usize,
    length: usize,
}

impl DelayCopy {
    fn steps(&self) -> usize {
        self.delay.saturating_add(self.length.saturating_mul(2))
    }

    fn channels(&self) -> usize {
        self.symbols + 2
    }
}

impl Generator for DelayCopy {
    const PURPOSE: &'static [u8; 8] = b"delaycpy";

    fn spec(&self) -> Spec {
        Spec {
            name: "delay-copy".into(),
            steps: self.steps(),
            layout: Layout::Flat { channels: self.channels() },
            output: Output::PerStep { classes: self.symbols },
        }
    }

    fn draw(&self, rng: &mut ChaCha8Rng) -> Sample {
        let (blank, go) = (self.symbols, self.symbols + 1);
        let word: Vec<usize> =
            (0..self.length).map(|_| rng.random_range(0..self.symbols as u64) as usize).collect();
        let mut tokens = word.clone();
        tokens.resize(self.steps(), blank);
        tokens[self.length + self.delay - 1] = go;

        let mut inputs = vec![0.0; self.steps() * self.channels()];
        for (step, token) in inputs.chunks_exact_mut(self.channels()).zip(tokens) {
            step[token] = 1.0;
        }
        let silent = std::iter::repeat_n(None, self.length + self.delay);
        let labels = silent.chain(word.into_iter().map(Some)).collect();
        let inputs = Inputs::Values(inputs);
        Sample { inputs, steps: self.steps(), target: Target::Classes(labels) }
    }
}
