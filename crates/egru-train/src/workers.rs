//! Training batches on several devices at the same time.
//!
//! Each device has a thread, which copies the model to its device, runs its batch forward and backward, and
//! answers with gradients and sums. burn-train's `MultiDevicesTrainStep` does the same, but hands the
//! answers on in the order in which they arrive, without saying whose they are (so that the last bits of a
//! sum would depend on timing), and has no place for a batch's seed.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::Device;
use burn::tensor::distributed::{DistributedConfig, DistributedContext, ReduceOperation};
use burn::train::ModuleSharder;
use egru::Cell;
use egru_data::Batch;

use crate::tally::Tally;
use crate::trainee::Trainee;
use crate::{Strategy, TrainError, TrainOptions};

/// A batch, and the seed of its random draws.
pub(crate) struct Portion {
    pub(crate) batch: Batch,
    pub(crate) seed: u64,
}

/// What a batch gives.
type Trained = (GradientsParams, Tally);

/// A thread per device; with one device, none.
pub(crate) struct Workers<C: Cell> {
    jobs: Vec<Sender<Job<C>>>,
    answers: Receiver<(usize, Result<Trained, Failure>)>,
    strategy: Strategy,
}

struct Job<C: Cell> {
    model: Trainee<C>,
    portion: Portion,
    /// Whether the gradients are to be added to those of all other devices.
    all_reduce: bool,
}

enum Failure {
    Error(TrainError),
    Panic(String),
}

impl<C: Cell> Workers<C> {
    pub(crate) fn new(devices: &[Device], strategy: Strategy) -> Self {
        let (answer, answers) = channel();
        let start = |(index, device): (usize, &Device)| {
            let (send, jobs) = channel::<Job<C>>();
            let (device, answer) = (device.clone(), answer.clone());
            thread::spawn(move || {
                for job in jobs {
                    let trained = catch_unwind(AssertUnwindSafe(|| job.run(&device)));
                    let trained = match trained {
                        Ok(trained) => trained.map_err(Failure::Error),
                        Err(payload) => Err(Failure::Panic(message(payload.as_ref()))),
                    };
                    // Nobody listens any more after another device's failure.
                    let _ = answer.send((index, trained));
                }
            });
            send
        };
        let jobs = match devices {
            [_] => Vec::new(),
            several => several.iter().enumerate().map(start).collect(),
        };
        Self { jobs, answers, strategy }
    }

    /// Runs the portions, at most one per device, and returns what each gave, in their order, on the device
    /// of `model`. The sum of the gradients is that over all portions; after an all-reduce it is all in the
    /// first of them.
    ///
    /// # Errors
    /// A device's error or panic, as soon as it happens: no step may follow.
    pub(crate) fn step(
        &self,
        model: &Trainee<C>,
        portions: Vec<Portion>,
    ) -> Result<Vec<Trained>, TrainError> {
        if self.jobs.is_empty() {
            return portions.iter().map(|portion| portion.train(model)).collect();
        }
        let count = portions.len();
        // An all-reduce waits for every device: at the end of an epoch there may be too few batches.
        let all_reduce = self.strategy == Strategy::Ddp && count == self.jobs.len();
        for (worker, portion) in self.jobs.iter().zip(portions) {
            // A thread that has ended is noticed below, by its missing answer.
            let _ = worker.send(Job { model: model.clone(), portion, all_reduce });
        }
        let mut trained: Vec<Option<Trained>> = (0..count).map(|_| None).collect();
        for _ in 0..count {
            let answer = self.answers.recv();
            let (index, answer) = answer.map_err(|_| self.failed(0, "its thread has ended"))?;
            trained[index] = Some(answer.map_err(|failure| match failure {
                Failure::Error(error) => error,
                Failure::Panic(problem) => self.failed(index, &problem),
            })?);
        }
        let device = model.device();
        let home = |(index, (gradients, tally)): (usize, Trained)| match (all_reduce, index) {
            (true, 1..) => (GradientsParams::new(), tally),
            _ => (gradients.to_device(&device, model), tally),
        };
        Ok(trained.into_iter().flatten().enumerate().map(home).collect())
    }

    fn failed(&self, index: usize, problem: &str) -> TrainError {
        let (number, devices) = (index + 1, self.jobs.len());
        TrainError::Worker { number, devices, problem: problem.to_owned() }
    }
}

impl Portion {
    fn train<C: Cell>(&self, model: &Trainee<C>) -> Result<Trained, TrainError> {
        model.train(&self.batch, self.seed)
    }
}

impl<C: Cell> Job<C> {
    fn run(self, device: &Device) -> Result<Trained, TrainError> {
        let mut model = self.model.fork(device);
        if self.all_reduce {
            model = model.map(&mut ModuleSharder);
        }
        self.portion.train(&model)
    }
}

/// Starts what the devices add gradients with, which ends when dropped; nothing unless
/// [`Strategy::Ddp`] is asked of several devices.
///
/// # Errors
/// The devices have no all-reduce, or one is there twice.
pub(crate) fn start_all_reduce(
    options: &TrainOptions,
) -> Result<Option<DistributedContext>, TrainError> {
    let devices = options.devices();
    if options.strategy != Strategy::Ddp || devices.len() == 1 {
        return Ok(None);
    }
    if let Some(device) = (1..devices.len()).find(|&k| devices[..k].contains(&devices[k])) {
        return Err(TrainError::RepeatedDevice {
            device: format!("{:?}", options.more_devices[device - 1]),
        });
    }
    let config = DistributedConfig { all_reduce_op: ReduceOperation::Sum };
    // Burn has no way to ask.
    catch_unwind(AssertUnwindSafe(|| DistributedContext::init(devices, config)))
        .map(Some)
        .map_err(|payload| TrainError::NoAllReduce { problem: message(payload.as_ref()) })
}

/// The text of a panic.
fn message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "unknown panic".to_owned())
}

#[cfg(test)]
mod tests {
    use egru::cells::Egru;

    use super::*;
    use crate::feed::Feed;
    use crate::{Recipe, Registry};

    #[test]
    fn a_failure_on_one_device_is_an_error() {
        let recipe = Registry::default().resolve(&Recipe::named("quickstart").unwrap()).unwrap();
        let splits = recipe.data.load(None, 1).unwrap();
        let device = Device::flex().autodiff();
        let model = Trainee::<Egru>::init(&recipe, splits.train.spec(), &device).unwrap();
        let batch = Feed::training(&recipe, &splits).unwrap().first().unwrap();
        let failure = |broken: Batch| {
            let workers = Workers::new(&[device.clone(), device.clone()], Strategy::MultiDevice);
            let portions = [batch.clone(), broken].map(|batch| Portion { batch, seed: 1 });
            workers.step(&model, portions.into()).expect_err("the second batch is broken")
        };
        // What the model refuses, and what makes Burn panic.
        let refused = failure(Batch { lengths: Some(vec![1]), ..batch.clone() });
        assert!(matches!(refused, TrainError::Model(_)), "{refused}");
        let panicked = failure(Batch { inputs: Vec::new(), ..batch.clone() });
        assert!(matches!(panicked, TrainError::Worker { number: 2, devices: 2, .. }), "{panicked}");
    }
}
