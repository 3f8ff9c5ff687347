//! Failures of a device. Backends report them by a panic, where there is no result to return them in; a user gets an
//! error that says what to do.

use std::panic::{
    AssertUnwindSafe, PanicHookInfo, catch_unwind, resume_unwind, set_hook, take_hook,
};
use std::sync::{Arc, Mutex, PoisonError};

use thiserror::Error;

/// What a device can die of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum DeviceFailure {
    #[error(
        "the device is out of memory; lower training.batch_size or the layers' sizes, or take a device with more memory. \
         A run that has a checkpoint goes on with `train --resume RUN`"
    )]
    OutOfMemory,
    #[error(
        "the device was lost: its driver reset it, or it was taken away. Look into the system's log; a run that has a \
         checkpoint goes on with `train --resume RUN`"
    )]
    Lost,
    #[error(
        "the device cannot be opened; `devices` lists what there is. Update its driver, or take another one with \
         `--backend NAME:INDEX`"
    )]
    NotOpened,
    #[error(
        "CUDA failed; check that NVIDIA's driver and the CUDA toolkit are installed and fit each other (`nvidia-smi`)"
    )]
    Cuda,
}

/// Parts of the messages, in lower case, that tell what has happened; the first that fits counts.
const SIGNS: [(&str, DeviceFailure); 13] = [
    ("out of memory", DeviceFailure::OutOfMemory),
    ("outofmemory", DeviceFailure::OutOfMemory),
    ("out_of_memory", DeviceFailure::OutOfMemory),
    ("not enough memory", DeviceFailure::OutOfMemory),
    ("can't allocate memory", DeviceFailure::OutOfMemory),
    ("can't allocate buffer", DeviceFailure::OutOfMemory),
    ("device lost", DeviceFailure::Lost),
    ("device is lost", DeviceFailure::Lost),
    ("devicelost", DeviceFailure::Lost),
    ("unable to acquire wgpu device", DeviceFailure::NotOpened),
    ("unable to request", DeviceFailure::NotOpened),
    ("cuda_error", DeviceFailure::Cuda),
    ("cuda error", DeviceFailure::Cuda),
];

impl DeviceFailure {
    /// The failure that a message tells of.
    pub fn in_message(message: &str) -> Option<Self> {
        let message = message.to_lowercase();
        SIGNS.iter().find(|(sign, _)| message.contains(sign)).map(|(_, failure)| *failure)
    }
}

/// Runs `work`. An error that tells of a device's failure, or a panic on any thread, becomes that failure, with what was
/// said as its cause; every other panic goes on.
pub(crate) fn guard<T>(work: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<T> {
    let told: Arc<Mutex<Option<(DeviceFailure, String)>>> = Arc::default();
    let usual = Arc::new(take_hook());
    set_hook(Box::new({
        let (told, usual) = (told.clone(), usual.clone());
        move |panic| {
            let message = said(panic);
            match DeviceFailure::in_message(&message) {
                Some(failure) => {
                    let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
                    told.get_or_insert((failure, message));
                }
                None => usual(panic),
            }
        }
    }));
    let outcome = catch_unwind(AssertUnwindSafe(work));
    set_hook(Box::new(move |panic| usual(panic)));
    let told = told.lock().unwrap_or_else(PoisonError::into_inner).take();
    match (outcome, told) {
        (Ok(Ok(value)), _) => Ok(value),
        (Ok(Err(error)), _) => match DeviceFailure::in_message(&message(&error)) {
            Some(failure) => Err(error.context(failure)),
            None => Err(error),
        },
        (Err(_), Some((failure, message))) => Err(anyhow::anyhow!(message).context(failure)),
        (Err(panic), None) => resume_unwind(panic),
    }
}

/// An error and its causes; a cause that an outer message already contains is not repeated.
pub(crate) fn message(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |message, cause| {
        match (message.is_empty(), message.contains(&cause)) {
            (true, _) => cause,
            (_, true) => message,
            (_, false) => format!("{message}: {cause}"),
        }
    })
}

/// What a panic says, in one line.
fn said(panic: &PanicHookInfo<'_>) -> String {
    let said = panic.payload_as_str().unwrap_or_default();
    said.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .take(3)
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn causes_are_told_once() {
        let error = anyhow::anyhow!("disk full").context("cannot write x: disk full; free space");
        assert_eq!(message(&error), "cannot write x: disk full; free space");
        let error = anyhow::anyhow!("disk full").context("cannot save");
        assert_eq!(message(&error), "cannot save: disk full");
    }

    #[test]
    fn a_device_that_fails_is_an_error_and_a_bug_is_a_panic() {
        let failed = guard::<()>(|| panic!("DefaultCPUAllocator: can't allocate memory: 4 GB"));
        let error = failed.unwrap_err();
        assert_eq!(error.downcast_ref(), Some(&DeviceFailure::OutOfMemory));
        assert!(message(&error).contains("4 GB"), "{error:?}");

        // As cubecl does: the thread of the device panics, and whoever waits for it.
        let failed = guard::<()>(|| {
            let device = std::thread::spawn(|| panic!("Validation Error: Device Lost"));
            device.join().map_err(|_| ()).expect("the server is gone");
            Ok(())
        });
        assert_eq!(failed.unwrap_err().downcast_ref(), Some(&DeviceFailure::Lost));

        // What cubecl says of memory, when a value is read.
        let failed = guard::<()>(|| anyhow::bail!("can't allocate buffer of size: 9251200000"));
        assert_eq!(failed.unwrap_err().downcast_ref(), Some(&DeviceFailure::OutOfMemory));
        let other = guard::<()>(|| anyhow::bail!("no such file")).unwrap_err();
        assert!(!other.is::<DeviceFailure>());

        let ran = Cell::new(false);
        let bug = catch_unwind(AssertUnwindSafe(|| {
            let _ = guard::<()>(|| {
                ran.set(true);
                panic!("index out of bounds");
            });
        }));
        assert!(bug.is_err() && ran.get());
        assert_eq!(guard(|| Ok(7)).unwrap(), 7);
    }
}
