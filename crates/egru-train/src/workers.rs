//! Training batches on several devices at the same time.
//!
//! Each device has a thread, which copies the network to its device, runs its batch forward and backward, and
//! answers with gradients and figures. burn-train's `MultiDevicesTrainStep` does the same, but hands the
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
use egru::{Cell, Network};

use crate::objective::{Objective, Portion, Trained};
use crate::{Strategy, TrainError, TrainOptions};

/// A thread per device; with one device, none.
pub(crate) struct Workers<C: Cell> {
    objective: Objective,
    jobs: Vec<Sender<Job<C>>>,
    answers: Receiver<(usize, Result<Trained<C>, Failure>)>,
    strategy: Strategy,
}

struct Job<C: Cell> {
    objective: Objective,
    network: Network<C>,
    portion: Portion<C>,
    /// Whether the gradients are to be added to those of all other devices.
    all_reduce: bool,
}

enum Failure {
    Error(TrainError),
    Panic(String),
}

impl<C: Cell> Workers<C> {
    pub(crate) fn new(objective: Objective, devices: &[Device], strategy: Strategy) -> Self {
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
        Self { objective, jobs, answers, strategy }
    }

    /// Runs the portions, at most one per device, and returns what each gave, in their order, with gradients on the device
    /// of `network`. After an all-reduce the first has the gradients of all.
    ///
    /// # Errors
    /// A device's error or panic, as soon as it happens: no step may follow.
    pub(crate) fn step(
        &self,
        network: &Network<C>,
        portions: Vec<Portion<C>>,
    ) -> Result<Vec<Trained<C>>, TrainError> {
        if self.jobs.is_empty() {
            let train = |portion| self.objective.train(network, portion, false);
            return portions.iter().map(train).collect();
        }
        let count = portions.len();
        // An all-reduce waits for every device: at the end of an epoch there may be too few batches.
        let all_reduce = self.strategy == Strategy::Ddp && count == self.jobs.len();
        for (worker, portion) in self.jobs.iter().zip(portions) {
            let (objective, network) = (self.objective.clone(), network.clone());
            // A thread that has ended is noticed below, by its missing answer.
            let _ = worker.send(Job { objective, network, portion, all_reduce });
        }
        let mut trained: Vec<Option<Trained<C>>> = (0..count).map(|_| None).collect();
        for _ in 0..count {
            let answer = self.answers.recv();
            let (index, answer) = answer.map_err(|_| self.failed(0, "its thread has ended"))?;
            trained[index] = Some(answer.map_err(|failure| match failure {
                Failure::Error(error) => error,
                Failure::Panic(problem) => self.failed(index, &problem),
            })?);
        }
        let device = network.device();
        let home = |(index, trained): (usize, Trained<C>)| {
            let gradients = match (all_reduce, index) {
                (true, 1..) => GradientsParams::new(),
                _ => trained.gradients.to_device(&device, network),
            };
            Trained { gradients, ..trained }
        };
        Ok(trained.into_iter().flatten().enumerate().map(home).collect())
    }

    fn failed(&self, index: usize, problem: &str) -> TrainError {
        let (number, devices) = (index + 1, self.jobs.len());
        TrainError::Worker { number, devices, problem: problem.to_owned() }
    }
}

impl<C: Cell> Job<C> {
    fn run(self, device: &Device) -> Result<Trained<C>, TrainError> {
        let mut network = self.network.fork(device);
        if self.all_reduce {
            network = network.map(&mut ModuleSharder);
        }
        self.objective.train(&network, &self.portion, self.all_reduce)
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
    use egru_data::{Batch, Inputs};

    use super::*;
    use crate::opened::{Opened, test_session};

    #[test]
    fn a_failure_on_one_device_is_an_error() {
        let opened: Opened<Egru> = test_session("quickstart", &[]);
        let batch = Batch::collate(opened.splits.train.as_ref(), &[0, 1, 2]).unwrap();
        let device = Device::flex().autodiff();
        let failure = |broken: Batch| {
            let devices = [device.clone(), device.clone()];
            let workers = Workers::new(opened.objective.clone(), &devices, Strategy::MultiDevice);
            let portion = |batch| Portion { batch, seed: 1, state: None };
            let portions = [batch.clone(), broken].map(portion);
            let failed = workers.step(&opened.network, portions.into());
            failed.map(|_| ()).expect_err("the second batch is broken")
        };
        // What the model refuses, and what makes Burn panic.
        let refused = failure(Batch { lengths: Some(vec![1]), ..batch.clone() });
        assert!(matches!(refused, TrainError::Model(_)), "{refused}");
        let empty = Inputs::Values(Vec::new());
        let panicked = failure(Batch { inputs: empty, ..batch.clone() });
        assert!(matches!(panicked, TrainError::Worker { number: 2, devices: 2, .. }), "{panicked}");
    }
}
