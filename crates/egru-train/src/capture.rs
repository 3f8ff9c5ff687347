//! A learner's records, taken through burn-train's own checkpointer into memory.
//!
//! [`Learner`] shows its optimiser and scheduler to nobody but a [`LearningCheckpointer`], which saves
//! three records to three places. A checkpoint here is one unit, so the three are caught as bytes and
//! then written together.

use std::sync::mpsc::{Receiver, Sender, channel};

use burn::store::RecordError;
use burn::tensor::Bytes;
use burn::train::checkpoint::{
    AsyncCheckpointer, Checkpoint, Checkpointer, CheckpointerError, CheckpointingAction,
    CheckpointingStrategy,
};
use burn::train::metric::store::EventStoreClient;
use burn::train::{Learner, LearnerModel, LearningCheckpointer};

/// The bytes of the three records of a learner: model, optimiser, scheduler.
pub(crate) type Records = [Bytes; 3];

/// Turns a learner into [`Records`].
pub(crate) struct Capture<M: LearnerModel> {
    checkpointer: LearningCheckpointer<M>,
    records: [Receiver<Result<Bytes, RecordError>>; 3],
}

impl<M: LearnerModel> Capture<M> {
    pub(crate) fn new() -> Self {
        let (model, from_model) = channel();
        let (optimiser, from_optimiser) = channel();
        let (scheduler, from_scheduler) = channel();
        Self {
            checkpointer: LearningCheckpointer::new(
                AsyncCheckpointer::new(ToMemory(model)),
                AsyncCheckpointer::new(ToMemory(optimiser)),
                AsyncCheckpointer::new(ToMemory(scheduler)),
                Box::new(Always),
            ),
            records: [from_model, from_optimiser, from_scheduler],
        }
    }

    /// The learner's records as they are now.
    pub(crate) fn take(
        &mut self,
        learner: &Learner<M>,
        store: &EventStoreClient,
    ) -> Result<Records, RecordError> {
        self.checkpointer.checkpoint(learner, 0, store);
        let receive = |from: &Receiver<Result<Bytes, RecordError>>| {
            from.recv().unwrap_or_else(|_| Err(RecordError::Io("the record was lost".to_owned())))
        };
        let [model, optimiser, scheduler] = &self.records;
        Ok([receive(model)?, receive(optimiser)?, receive(scheduler)?])
    }
}

/// Sends each record on as bytes.
struct ToMemory(Sender<Result<Bytes, RecordError>>);

impl<R: Checkpoint> Checkpointer<R> for ToMemory {
    fn save(&self, _epoch: usize, record: R) -> Result<(), CheckpointerError> {
        let sent = self.0.send(record.checkpoint_into_bytes());
        sent.map_err(|_| CheckpointerError::Unknown("nobody receives the record".to_owned()))
    }

    fn delete(&self, _epoch: usize) -> Result<(), CheckpointerError> {
        Ok(())
    }

    fn restore(&self, _epoch: usize) -> Result<R, CheckpointerError> {
        Err(CheckpointerError::Unknown("records are restored from a Snapshot".to_owned()))
    }
}

/// Saves whenever asked: when to ask is decided by the epoch loop.
struct Always;

impl CheckpointingStrategy for Always {
    fn checkpointing(
        &mut self,
        _epoch: usize,
        _store: &EventStoreClient,
    ) -> Vec<CheckpointingAction> {
        vec![CheckpointingAction::Save]
    }
}
