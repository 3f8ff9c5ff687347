//! The adding problem (Hochreiter & Schmidhuber 1997, "Long Short-Term Memory", experiment 4; in the
//! form of Arjovsky, Shah & Bengio 2016, "Unitary Evolution Recurrent Neural Networks").
//!
//! Channel 0 holds numbers drawn uniformly from [0, 1); channel 1 marks two of them with a 1, one in each
//! half of the sequence. The target is the sum of the two. Always answering 1 has a mean squared
//! error of 1/6.
//!
//! ```
//! use egru_data::{DatasetConfig, Target, adding::AddingConfig};
//! let splits = AddingConfig { length: 8, ..Default::default() }.load(None, 1)?;
//! let sample = splits.test.sample(0, None)?;
//! let sum: f32 = sample.inputs.values().unwrap().chunks(2).map(|step| step[0] * step[1]).sum();
//! assert_eq!(sample.target, Target::Value(sum));
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

/// Settings of the adding problem.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AddingConfig {
    /// Steps of a sequence, at least 2.
    pub length: usize,
    /// Training samples.
    pub train: usize,
    /// Validation samples.
    pub valid: usize,
    /// Test samples.
    pub test: usize,
}

impl Default for AddingConfig {
    fn default() -> Self {
        Self { length: 100, train: 20_000, valid: 2_000, test: 2_000 }
    }
}

impl DatasetConfig for AddingConfig {
    const NAME: &'static str = "adding";

    /// Generates the samples from `seed`; there are no files.
    ///
    /// # Errors
    /// [`DataError::Config`] and [`DataError::Empty`] name the setting or split.
    fn load(&self, _root: Option<&Path>, seed: u64) -> Result<Splits, DataError> {
        require(
            self.length >= 2,
            "data.length",
            self.length,
            "two numbers are marked: use 2 or more",
        )?;
        let counts = [self.train, self.valid, self.test];
        generated::splits(Adding { length: self.length }, counts, seed)
    }

    fn task(&self) -> &'static str {
        "regression"
    }
}

struct Adding {
    length: usize,
}

impl Generator for Adding {
    const PURPOSE: &'static [u8; 8] = b"adding..";

    fn spec(&self) -> Spec {
        let layout = Layout::Flat { channels: 2 };
        Spec { name: "adding".into(), steps: self.length, layout, output: Output::Value }
    }

    fn draw(&self, rng: &mut ChaCha8Rng) -> Sample {
        let half = self.length / 2;
        let mut inputs = vec![0.0; 2 * self.length];
        for step in inputs.chunks_exact_mut(2) {
            step[0] = rng.random::<f32>();
        }
        let mut sum = 0.0;
        for range in [0..half as u64, half as u64..self.length as u64] {
            let step = rng.random_range(range) as usize;
            inputs[2 * step + 1] = 1.0;
            sum += inputs[2 * step];
        }
        let inputs = Inputs::Values(inputs);
        Sample { inputs, steps: self.length, target: Target::Value(sum) }
    }
}
