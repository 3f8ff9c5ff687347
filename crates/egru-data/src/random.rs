//! Random streams that depend only on what they are for, never on what was drawn before.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Where the random draws of a sample come from. Everything random about a sample follows from
/// (seed, epoch, index), so that a resumed run repeats it.
///
/// ```
/// use egru_data::Draw;
/// use rand::RngExt;
/// let draw = Draw { seed: 42, epoch: 3 };
/// let (mut one, mut again) = (draw.rng(b"rotation", 17), draw.rng(b"rotation", 17));
/// assert_eq!(one.random::<u64>(), again.random::<u64>());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Draw {
    /// The run's seed.
    pub seed: u64,
    /// The epoch that the sample is drawn for.
    pub epoch: usize,
}

impl Draw {
    /// The random numbers of item `index` for one purpose, which 8 bytes name. Different purposes
    /// and items have unrelated numbers.
    pub fn rng(&self, purpose: &[u8; 8], index: usize) -> ChaCha8Rng {
        stream(purpose, self.seed, self.epoch as u64, index as u64)
    }
}

/// The stream for one purpose: 8 bytes that name it, the run's seed and two counters (say split
/// and index). They fill the 256-bit ChaCha key, so different arguments give unrelated streams.
pub(crate) fn stream(purpose: &[u8; 8], seed: u64, major: u64, minor: u64) -> ChaCha8Rng {
    let mut key = [0; 32];
    key[..8].copy_from_slice(purpose);
    key[8..16].copy_from_slice(&seed.to_le_bytes());
    key[16..24].copy_from_slice(&major.to_le_bytes());
    key[24..].copy_from_slice(&minor.to_le_bytes());
    ChaCha8Rng::from_seed(key)
}

/// `0..len` in random order (Fisher-Yates). Written out here, so that the order stays what it is
/// when a library changes its shuffle: a resumed run must find the order it left.
pub(crate) fn permutation(len: usize, rng: &mut ChaCha8Rng) -> Vec<usize> {
    let mut order: Vec<usize> = (0..len).collect();
    for i in (1..len).rev() {
        let j = rng.random_range(0..=i as u64) as usize;
        order.swap(i, j);
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permutation_holds_each_index_once_and_follows_the_stream() {
        let draw = |seed| permutation(50, &mut stream(b"testing.", seed, 0, 0));
        let mut sorted = draw(1);
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
        sorted.sort_unstable();
        assert_eq!(sorted, (0..50).collect::<Vec<_>>());
    }
}
