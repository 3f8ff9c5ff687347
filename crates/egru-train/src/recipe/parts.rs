//! What a recipe is made of: its tables and their keys.

use egru::readout::Readout;
use egru::{EncoderConfig, Execution, HeadKind};
use egru_data::SamplerConfig;
use serde::{Deserialize, Serialize};
use toml::Table;

/// A whole experiment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// Names the run directory: letters, digits, `-` and `_`.
    pub name: String,
    /// One line for people.
    #[serde(default)]
    pub description: String,
    /// Every random draw of the run follows from this number.
    #[serde(default = "one")]
    pub seed: u64,
    /// The data.
    pub data: DataRecipe,
    /// What is to be learnt from it.
    #[serde(default)]
    pub task: TaskRecipe,
    /// How an epoch is made of the training samples. Evaluation takes them in order.
    #[serde(default)]
    pub sampling: SamplerConfig,
    /// The network.
    pub model: ModelRecipe,
    /// The training loop.
    pub training: TrainingRecipe,
    /// The optimiser.
    #[serde(default)]
    pub optimiser: OptimiserRecipe,
    /// The learning rate over time.
    #[serde(default)]
    pub schedule: ScheduleRecipe,
    /// Terms added to the loss.
    #[serde(default)]
    pub regularise: RegulariseRecipe,
    /// How the recurrent operation is executed; results agree to rounding.
    #[serde(default)]
    pub execution: Execution,
}

/// `[data]`: only the data set itself, looked up in the [`Registry`](crate::Registry), can read the rest of the table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DataRecipe {
    /// The name that the data set is registered under.
    pub name: String,
    /// The data set's own keys.
    #[serde(flatten)]
    pub config: Table,
}

/// `[task]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TaskRecipe {
    /// The name that the task is registered under; empty until a recipe is
    /// [resolved](crate::Registry::resolve): the one that the data set is made for.
    #[serde(rename = "type")]
    pub name: String,
}

/// `[model]`: an encoder, a stack of layers of one cell, a read-out and a head.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelRecipe {
    /// What turns the input into what the first layer reads.
    #[serde(default)]
    pub encoder: EncoderConfig,
    /// The cell: its name as `type`, beside the keys of that cell's own configuration.
    pub cell: CellRecipe,
    /// Units per layer, bottom first.
    pub layers: Vec<usize>,
    /// Probability of dropping an input of a layer above the first, with one mask per sample,
    /// constant over time.
    #[serde(default)]
    pub dropout: f64,
    /// Probability of dropping what the head reads, with one mask per sample.
    #[serde(default)]
    pub head_dropout: f64,
    /// What the head reads.
    #[serde(default)]
    pub readout: Readout,
    /// Whether the head has weights of its own or those of the embedding.
    #[serde(default)]
    pub head: HeadKind,
}

/// `[model.cell]`: only the cell itself, looked up in the [`Registry`](crate::Registry), can read
/// the rest of the table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CellRecipe {
    /// The name that the cell is registered under.
    #[serde(rename = "type")]
    pub name: String,
    /// The cell's own keys.
    #[serde(flatten)]
    pub config: Table,
}

/// `[training]`: how long, and in what portions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingRecipe {
    /// Passes over the training split.
    pub epochs: usize,
    /// Sequences per batch.
    pub batch_size: usize,
    /// Sequences per batch of validation and test; `0` means `batch_size`.
    #[serde(default)]
    pub eval_batch_size: usize,
    /// Batches whose gradients are averaged for one optimiser step.
    #[serde(default = "one_usize")]
    pub accumulate: usize,
    /// Largest global gradient norm; longer gradients are scaled down to it. `0` is off.
    #[serde(default)]
    pub clip_norm: f64,
    /// Epochs without a better validation score before training stops. `0` is off.
    #[serde(default)]
    pub patience: usize,
    /// What of the state goes on from window to window, where the sampling carries it; in evaluation too.
    #[serde(default)]
    pub carry: Carry,
    /// Optimiser steps between checkpoints inside an epoch, beside the one after each epoch. `0` is
    /// off.
    #[serde(default)]
    pub checkpoint_every: usize,
}

/// What of the recurrent state goes on from one window to the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Carry {
    /// All of it.
    #[default]
    State,
    /// What event-based cells have emitted: `y` and its trace. The state `c` starts from zero in each window, as in EvNN, the
    /// code of Subramoney et al. 2023. Cells without events carry all of it.
    Events,
}

/// The update rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OptimiserName {
    /// Adam; weight decay enters the gradient (Kingma & Ba 2015).
    #[default]
    #[serde(alias = "Adam")]
    Adam,
    /// AdamW; weight decay is decoupled (Loshchilov & Hutter 2019).
    #[serde(alias = "AdamW")]
    AdamW,
}

/// `[optimiser]`: Adam or AdamW.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OptimiserRecipe {
    /// The update rule.
    #[serde(rename = "type")]
    pub name: OptimiserName,
    /// Learning rate before the schedule.
    pub learning_rate: f64,
    /// Decay of the mean of gradients.
    pub beta1: f64,
    /// Decay of the mean of squared gradients.
    pub beta2: f64,
    /// Added to the root in the denominator.
    pub epsilon: f64,
    /// Weight decay of the parameters in no group.
    pub weight_decay: f64,
    /// Parameters that are treated in another way; of several groups that a parameter is in, the last counts. By default the
    /// thresholds of event-based cells, without weight decay.
    pub group: Vec<GroupRecipe>,
    /// In older recipes: the `rate_factor` of a group of the thresholds.
    #[serde(skip_serializing)]
    threshold_factor: Option<f64>,
}

/// `[[optimiser.group]]`: parameters, by their path.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupRecipe {
    /// Part of the parameters' path, such as `theta` or `stack.layers.0.`.
    #[serde(rename = "match")]
    pub pattern: String,
    /// Factor on the learning rate; `0` keeps the parameters as they are.
    #[serde(default = "one_f64")]
    pub rate_factor: f64,
    /// Their weight decay; that of the optimiser when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight_decay: Option<f64>,
}

/// What event-based cells call their thresholds.
const THRESHOLDS: &str = "theta";

impl GroupRecipe {
    fn thresholds(rate_factor: f64) -> Self {
        Self { pattern: THRESHOLDS.to_owned(), rate_factor, weight_decay: Some(0.0) }
    }
}

impl OptimiserRecipe {
    /// The recipe with what older ones said in another way.
    pub(super) fn modern(mut self) -> Self {
        if let Some(factor) = self.threshold_factor.take() {
            self.group.retain(|group| group.pattern != THRESHOLDS);
            self.group.push(GroupRecipe::thresholds(factor));
        }
        self
    }
}

impl Default for OptimiserRecipe {
    fn default() -> Self {
        Self {
            name: OptimiserName::Adam,
            learning_rate: 1e-3,
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            weight_decay: 0.0,
            group: vec![GroupRecipe::thresholds(1.0)],
            threshold_factor: None,
        }
    }
}

/// `[schedule]`: the learning rate over the epochs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase", deny_unknown_fields)]
pub enum ScheduleRecipe {
    /// The same rate throughout.
    #[default]
    Constant,
    /// The rate is multiplied by `gamma` after every `every` epochs.
    Step {
        /// Epochs between the drops.
        every: usize,
        /// Factor of each drop.
        gamma: f64,
    },
    /// Constant for `from` epochs, then half a cosine down to `final_rate` at the last step.
    Cosine {
        /// Epochs at the full rate.
        #[serde(default)]
        from: usize,
        /// Rate at the end.
        #[serde(default)]
        final_rate: f64,
    },
    /// One cycle over the whole run (Smith & Topin 2018, "Super-convergence"): up to the optimiser's rate in a straight line,
    /// then down in half a cosine to `final_rate` at the last step.
    #[serde(rename = "one-cycle")]
    OneCycle {
        /// Share of all steps on the way up, in `[0, 1)`.
        #[serde(default = "third")]
        warm_up: f64,
        /// Rate of the first step.
        #[serde(default)]
        start_rate: f64,
        /// Rate at the end.
        #[serde(default)]
        final_rate: f64,
    },
}

/// `[regularise]`: terms added to the loss; see [`egru::regularise`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RegulariseRecipe {
    /// Pulls the mean activity towards a target.
    pub activity: ActivityRecipe,
    /// Keeps the states near their thresholds.
    pub state: StateRecipe,
    /// Factor of the mean square of the last layer's output (AR of AWD-LSTM); `0` is off.
    pub activation: f64,
    /// Factor of the mean square of its change from step to step (TAR of AWD-LSTM); `0` is off.
    pub temporal: f64,
}

/// `[regularise.activity]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ActivityRecipe {
    /// Factor of the term; `0` is off.
    pub weight: f64,
    /// Wanted share of active units, in `[0, 1]`.
    pub target: f64,
}

impl Default for ActivityRecipe {
    fn default() -> Self {
        Self { weight: 0.0, target: 0.05 }
    }
}

/// `[regularise.state]`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StateRecipe {
    /// Factor of the term; `0` is off.
    pub weight: f64,
    /// How far below its threshold a state is pushed.
    pub margin: f64,
}

fn one() -> u64 {
    1
}

fn one_usize() -> usize {
    1
}

fn third() -> f64 {
    0.3
}

fn one_f64() -> f64 {
    1.0
}

impl TrainingRecipe {
    /// Sequences per batch of validation and test.
    pub fn eval_batch(&self) -> usize {
        if self.eval_batch_size == 0 { self.batch_size } else { self.eval_batch_size }
    }
}
