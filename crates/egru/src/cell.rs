//! The contract of a cell.

use std::fmt::Debug;

use burn::{
    module::{Module, ModuleDisplay},
    tensor::{Device, Tensor},
};
use egru_ops::{Execution, FormReport, Keep, unstack};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    CellError, CellState, SequenceOptions, SequenceOutput, StepOutput, lengths,
    sequence::{self, plain_form},
};

/// The constants of a cell as a recipe writes them. Refuse unknown keys with
/// `#[serde(deny_unknown_fields, default)]`.
pub trait CellConfig:
    Serialize + DeserializeOwned + Default + Clone + Debug + PartialEq + Send + Sync + 'static
{
    /// Checks every value.
    ///
    /// # Errors
    /// [`CellError::Config`], which names the field and the values that it may take.
    fn validate(&self) -> Result<(), CellError>;
}

/// The sizes of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CellSize {
    /// Input channels `C`.
    pub input: usize,
    /// Units `H`.
    pub hidden: usize,
    /// Columns of the weight matrices per unit `G`: a step of one sample is dense `G*H*(C + H)`
    /// multiply-accumulates.
    pub gates: usize,
}

/// A recurrent cell: one layer's parameters and its equation.
///
/// An implementation needs its sizes, a zero state, its random draws and one pure [`step`](Self::step); the
/// time loop, lengths, stacking, streaming, training, reports and checkpoints follow. A cell that has a
/// faster way through a whole sequence overrides [`sequence`](Self::sequence) as well, with the same result.
///
/// Shapes are checked by [`Layer`](crate::Layer) before a cell sees them.
pub trait Cell: Module + ModuleDisplay + Sync + 'static {
    /// The cell's name in recipes and reports, e.g. `egru`.
    const NAME: &'static str;

    /// Constants.
    type Config: CellConfig;
    /// What is carried from step to step.
    type State: CellState;
    /// The random masks of one sequence; `()` for a cell without any.
    type Draws: Clone + Debug + Send;

    /// A cell with `input` channels and `hidden` units. Random initial values come from the device's
    /// generator ([`Device::seed`]).
    ///
    /// # Errors
    /// [`CellError::Config`] for a value out of range, or a size of zero.
    fn init(
        config: &Self::Config,
        input: usize,
        hidden: usize,
        device: &Device,
    ) -> Result<Self, CellError>;

    /// Its sizes.
    fn size(&self) -> CellSize;

    /// Where the parameters live; on an autodiff device while training.
    fn device(&self) -> Device;

    /// The state before the first step of `batch` samples.
    fn zero_state(&self, batch: usize) -> Self::State;

    /// Draws the random masks of one sequence; without `training` what they amount to on average.
    fn draw(&self, steps: usize, batch: usize, training: bool) -> Self::Draws;

    /// What can be computed from the input `[T, B, C]` for all steps at once, e.g. its product with the
    /// input weights. The first axis stays time. By default the input itself.
    ///
    /// # Errors
    /// Those of the operations that it calls.
    fn project(
        &self,
        x: Tensor<3>,
        options: &SequenceOptions,
    ) -> Result<(Tensor<3>, FormReport), CellError> {
        let _ = options;
        let form = plain_form(&x);
        Ok((x, form))
    }

    /// Step `t`: one step of [`project`](Self::project)'s result and the state before it to the output and the
    /// state after it. Pure; random only through `draws`.
    ///
    /// # Errors
    /// Those of the operations that it calls.
    fn step(
        &self,
        x: Tensor<2>,
        state: Self::State,
        draws: &Self::Draws,
        t: usize,
        execution: Execution,
    ) -> Result<(StepOutput, Self::State), CellError>;

    /// A whole sequence `[T, B, C]` from `state`: outputs, with the series that
    /// [`options.keep`](SequenceOptions::keep) asks for; the state after each sample's last step; and which form of
    /// the operations ran. By default the time loop over [`step`](Self::step).
    ///
    /// # Errors
    /// Those of the operations that it calls.
    fn sequence(
        &self,
        x: Tensor<3>,
        state: Self::State,
        draws: &Self::Draws,
        options: &SequenceOptions,
    ) -> Result<(SequenceOutput, Self::State, FormReport), CellError> {
        let (mut state, device) = (state, x.device());
        let (projected, form) = self.project(x, options)?;
        let mut outputs: Vec<StepOutput> = Vec::new();
        for (t, x) in unstack(projected).into_iter().enumerate() {
            let (mut output, mut new) = self.step(x, state.clone(), draws, t, options.execution)?;
            if let Some(over) = lengths::over_at(options.lengths.as_deref(), t, &device) {
                new = new.hold(state, &over);
                if let Some(previous) = outputs.last() {
                    output = output.past_end(previous, &over);
                }
            }
            state = new;
            outputs.push(output);
        }
        Ok((SequenceOutput::stack(outputs, options.keep), state, form))
    }

    /// How many series of the size of its output, `[T, B, H]`, a training step holds at its height: the output and what
    /// `keep` asks for, what the way back needs, and the gradients on it. It serves to estimate the memory of a run
    /// before it starts, and rather counts too many. By default those of the time loop over a [`step`](Self::step) of
    /// plain tensor operations.
    fn tape(&self, execution: Execution, keep: Keep) -> usize {
        let _ = execution;
        sequence::plain_tape(self.size().gates, keep)
    }

    /// Moves parameters back into their allowed range; to be called after every optimiser step.
    fn constrain(self) -> Self {
        self
    }

    /// The threshold of each unit `[H]` as the forward pass uses it; `None` of a dense cell.
    fn threshold(&self) -> Option<Tensor<1>> {
        None
    }
}
