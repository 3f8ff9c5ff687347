//! Seeds for every random draw of a run, from the run's one seed.

use std::sync::{Mutex, PoisonError};

use burn::tensor::{Device, TensorReadError};
use sha2::{Digest, Sha256};

use crate::TrainError;

/// The seed for one batch of one epoch (both 0: for the initial parameters). Neighbouring positions
/// and neighbouring run seeds give unrelated seeds.
pub(crate) fn seed_of(run: u64, epoch: usize, batch: usize) -> u64 {
    let mut hash = Sha256::new();
    for part in [run, epoch as u64, batch as u64] {
        hash.update(part.to_le_bytes());
    }
    let mut seed = [0; 8];
    seed.copy_from_slice(&hash.finalize()[..8]);
    u64::from_le_bytes(seed)
}

/// Seeds `device` and lets `draw` draw from it, while no other thread does so: many backends have one
/// generator for the whole process, on whichever device it draws.
///
/// # Errors
/// The device cannot execute the draws.
pub(crate) fn seeded<T>(
    device: &Device,
    seed: u64,
    draw: impl FnOnce() -> T,
) -> Result<T, TrainError> {
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    device.seed(seed);
    let drawn = draw();
    // A backend that queues operations draws no sooner than it executes them.
    device.flush().map_err(TensorReadError::from)?;
    Ok(drawn)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_and_runs_differ_and_repeat() {
        let seeds = [seed_of(1, 0, 0), seed_of(1, 0, 1), seed_of(1, 1, 0), seed_of(2, 0, 0)];
        for (i, a) in seeds.iter().enumerate() {
            assert!(seeds[..i].iter().all(|b| a != b));
        }
        assert_eq!(seed_of(1, 0, 1), seeds[1]);
    }
}
