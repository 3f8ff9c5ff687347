//! One pass of a network over a batch: what its task, its regularisers and the recipe's execution make of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use burn::optim::GradientsParams;
use burn::tensor::{Device, ExecutionError, Int, Tensor, TensorData, Transaction};
use egru::{
    ActivityCounts, Cell, CellError, CellState, Execution, FormReport, Input, Keep, Network,
    NetworkDraws, NetworkOutput, SequenceOptions, StackState, regularise,
};
use egru_data::{Batch, Inputs};

use crate::TrainError;
use crate::recipe::{Carry, RegulariseRecipe};
use crate::seed::seeded;
use crate::tally::Tally;
use crate::task::{Scored, Task};

/// What is minimised, and how it is computed.
#[derive(Clone)]
pub(crate) struct Objective {
    pub(crate) task: Arc<dyn Task>,
    pub(crate) regularise: RegulariseRecipe,
    pub(crate) carry: Carry,
    pub(crate) execution: Execution,
}

/// A forward pass over a batch, with its score.
pub(crate) struct Pass<C: Cell> {
    /// What the network gave.
    pub(crate) output: NetworkOutput<C::State>,
    /// The score, without regularisers.
    pub(crate) scored: Scored,
    /// The loss with its regularisers, `[1]`: what is minimised.
    pub(crate) loss: Tensor<1>,
}

/// A batch, the seed of its random draws, and the state that it goes on from.
pub(crate) struct Portion<C: Cell> {
    pub(crate) batch: Batch,
    pub(crate) seed: u64,
    pub(crate) state: Option<StackState<C::State>>,
}

/// What a training batch gives: everything on its device, nothing read yet.
pub(crate) struct Trained<C: Cell> {
    pub(crate) gradients: GradientsParams,
    /// Whether the gradients are those of the sum over what was scored, instead of the mean.
    pub(crate) summed: bool,
    pub(crate) pending: Pending,
    pub(crate) state: StackState<C::State>,
    /// Which form of the recurrent operation ran.
    pub(crate) ran: FormReport,
}

impl Objective {
    /// Runs a batch with the given draws and scores it. `keep`: the series that the caller wants beside those that the
    /// objective needs.
    pub(crate) fn pass<C: Cell>(
        &self,
        network: &Network<C>,
        batch: &Batch,
        state: Option<StackState<C::State>>,
        draws: &NetworkDraws<C::Draws>,
        keep: Keep,
    ) -> Result<Pass<C>, TrainError> {
        let RegulariseRecipe { activity, state: states, activation, temporal } = &self.regularise;
        let lengths = batch.lengths.as_deref();
        let options = SequenceOptions {
            lengths: batch.lengths.clone(),
            x_needs_grad: None,
            execution: self.execution,
            keep: Keep {
                o: keep.o || activity.weight > 0.0,
                c: keep.c || states.weight > 0.0,
                ..keep
            },
        };
        let output =
            network.forward_with(input(batch, &network.device()), state, draws, &options)?;
        let scored = self.task.score(&output.reading, batch)?;
        let mut loss = scored.loss.clone();
        if activity.weight > 0.0 {
            let term = regularise::activity(&output.layers, activity.target, lengths)?;
            loss = loss + term * activity.weight;
        }
        if states.weight > 0.0 {
            let thresholds = network.thresholds();
            let term = regularise::state(&output.layers, &thresholds, states.margin, lengths)?;
            loss = loss + term * states.weight;
        }
        let last = &output.layers[output.layers.len() - 1];
        if *activation > 0.0 {
            loss = loss + regularise::activation(last, lengths) * *activation;
        }
        if *temporal > 0.0 {
            loss = loss + regularise::temporal(last, lengths) * *temporal;
        }
        Ok(Pass { output, scored, loss })
    }

    /// What a batch starts from, after a batch that ended in `state`.
    pub(crate) fn start<S: CellState>(
        &self,
        batch: &Batch,
        state: Option<StackState<S>>,
    ) -> Option<StackState<S>> {
        let state = state.filter(|_| batch.carries);
        match self.carry {
            Carry::State => state,
            Carry::Events => state.map(StackState::emitted),
        }
    }

    /// Runs a batch in evaluation: nothing is dropped.
    pub(crate) fn evaluate<C: Cell>(
        &self,
        network: &Network<C>,
        batch: &Batch,
        state: Option<StackState<C::State>>,
        keep: Keep,
    ) -> Result<Pass<C>, TrainError> {
        self.pass(network, batch, state, &network.draw(batch.steps, batch.batch), keep)
    }

    /// The gradients of a batch, and what is to be read of it. `summed`: of the loss multiplied by its weight, as devices
    /// need it that add their gradients up on the way back.
    pub(crate) fn train<C: Cell>(
        &self,
        network: &Network<C>,
        portion: &Portion<C>,
        summed: bool,
    ) -> Result<Trained<C>, TrainError> {
        let Portion { batch, seed, state } = portion;
        let draws = seeded(&network.device(), *seed, || network.draw(batch.steps, batch.batch))?;
        let pass = self.pass(network, batch, state.clone(), &draws, COUNTED)?;
        let pending = pass.pending(network, batch)?;
        let (state, ran) = (pass.output.state.detach(), pass.output.form);
        let loss = if summed { pass.loss * pending.weight } else { pass.loss };
        let gradients = GradientsParams::from_grads(loss.backward(), network);
        Ok(Trained { gradients, summed, pending, state, ran })
    }
}

/// What has to be kept for the counts of activity.
pub(crate) const COUNTED: Keep = Keep { window: true, ..Keep::OUTPUT };

impl<C: Cell> Pass<C> {
    /// The figures of the pass, still on the device.
    pub(crate) fn pending(
        &self,
        network: &Network<C>,
        batch: &Batch,
    ) -> Result<Pending, CellError> {
        Ok(Pending {
            weight: self.scored.weight,
            loss: self.scored.loss.clone().inner(),
            sums: self.scored.sums.iter().map(|(n, s)| (*n, s.clone().inner())).collect(),
            counts: network.count(&self.output, batch.lengths.as_deref())?,
        })
    }
}

/// Figures of a batch on its device.
pub(crate) struct Pending {
    pub(crate) weight: f64,
    loss: Tensor<1>,
    sums: Vec<(&'static str, Tensor<1>)>,
    counts: ActivityCounts,
}

impl Pending {
    /// Reads the figures, all at once, with one number more: each read waits for the device.
    pub(crate) fn read(self, more: Option<Tensor<1>>) -> Result<(Tally, Option<f64>), TrainError> {
        // All of one kind: a transaction does not mix tensors with and without autodiff.
        let counts = self.counts.tensor().inner();
        let mut transaction = Transaction::default().register(counts).register(self.loss);
        let mut names = Vec::new();
        for (name, sum) in self.sums {
            transaction = transaction.register(sum);
            names.push(name);
        }
        let wants_more = more.is_some();
        if let Some(more) = more {
            transaction = transaction.register(more.inner());
        }
        let mut read = transaction.try_execute().map_err(device)?.into_iter();
        let mut next = || read.next().expect("as many results as tensors");
        let activity = self.counts.report(&next());
        // An f32 of no scored targets is 0, not NaN: it is a sum.
        let loss = number(&next()) * self.weight;
        let sums: BTreeMap<String, f64> =
            names.into_iter().map(|name| (name.to_owned(), number(&next()))).collect();
        let more = wants_more.then(|| number(&next()));
        Ok((Tally { weight: self.weight, loss, sums, activity, ..Tally::default() }, more))
    }
}

fn device(error: ExecutionError) -> TrainError {
    TrainError::Device(error.into())
}

fn number(data: &TensorData) -> f64 {
    data.iter::<f64>().next().expect("one number")
}

/// A batch on a device.
pub(crate) fn input(batch: &Batch, device: &Device) -> Input {
    match &batch.inputs {
        Inputs::Values(values) => {
            let shape = [batch.steps, batch.batch, batch.channels];
            Input::Values(Tensor::from_data(TensorData::new(values.clone(), shape), device))
        }
        Inputs::Tokens(tokens) => {
            let tokens: Vec<i64> = tokens.iter().map(|&token| i64::from(token)).collect();
            let data = TensorData::new(tokens, [batch.steps, batch.batch]);
            Input::Tokens(Tensor::<2, Int>::from_data(data, device))
        }
    }
}
