//! Which documents a sample keeps, and how often: a fixed hash of seed, file name and row number.
//!
//! The result is the same on every platform and for any number of threads: splitmix64 mixes FNV-1a
//! of the file's name relative to its argument with the number of the document's first row, and the
//! top 53 bits form a uniform number in [0, 1).

use super::options::ReadOptions;

/// Keeps each document with a fixed probability, and draws how often it is repeated.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sampler {
    fraction: f64,
    seed: u64,
    resample: Option<u64>,
}

/// The range of the uniform numbers.
const ONE: f64 = (1u64 << 53) as f64;

impl Sampler {
    pub(super) fn new(options: &ReadOptions) -> Sampler {
        Sampler {
            fraction: options.sample.unwrap_or(1.0),
            seed: splitmix64(options.seed),
            // Independent of the sample even if both have the same seed.
            resample: options.resample.map(|seed| splitmix64(!seed)),
        }
    }

    /// Whether the document that starts at `row` of the file of this [`name_hash`] is kept.
    #[inline]
    pub(super) fn keeps(&self, name_hash: u64, row: u64) -> bool {
        if self.fraction >= 1.0 {
            return true;
        }
        uniform(self.seed, name_hash, row) < self.fraction
    }

    /// How often the document is repeated: once, or in a resample a Poisson number of times, mean
    /// 1.
    ///
    /// The Poisson bootstrap approximates resampling with replacement for many documents, and draws
    /// are independent (Chamandy et al. 2012, *Estimating uncertainty for massive data streams*).
    #[inline]
    pub(super) fn copies(&self, name_hash: u64, row: u64) -> u64 {
        let Some(seed) = self.resample else { return 1 };
        let mut rest = uniform(seed, name_hash, row);
        let (mut copies, mut probability) = (0, (-1f64).exp());
        // More than 17 copies have a probability below 2^-53.
        while rest >= probability && copies < 17 {
            rest -= probability;
            copies += 1;
            probability /= copies as f64;
        }
        copies
    }
}

/// A uniform number in [0, 1) for each document.
fn uniform(seed: u64, name_hash: u64, row: u64) -> f64 {
    let hash = splitmix64(splitmix64(seed ^ name_hash).wrapping_add(row));
    (hash >> 11) as f64 / ONE
}

/// FNV-1a of a file's name.
pub(super) fn name_hash(name: &[u8]) -> u64 {
    name.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// The finalizer of Steele, Lea and Flood's SplitMix.
fn splitmix64(state: u64) -> u64 {
    let mut z = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
