//! A place in a document: the inputs for predicting the symbol there.

use super::context::{Hashes, mix};
use super::decision::Group;
use super::history::Match;

/// The inputs for predicting a symbol.
pub(super) struct Place {
    pub(super) hashes: Hashes,
    /// The last symbol and the one before it.
    pub(super) last: [u32; 2],
    pub(super) matched: Option<Match>,
}

impl Place {
    /// The hashes of the contexts combined with the path to a group.
    #[inline(always)]
    pub(super) fn in_group<const H: usize>(&self, value: u32, done: u32) -> [u64; H] {
        std::array::from_fn(|lane| in_group(self.hashes.contexts[lane], value, done))
    }

    /// The decision that the match predicts, if earlier decisions agree with it.
    #[inline(always)]
    pub(super) fn expected(&self, value: u32, left: u32) -> Option<bool> {
        let symbol = self.matched?.symbol;
        let agrees = u64::from(symbol) >> (left + 1) == u64::from(value);
        agrees.then_some(symbol >> left & 1 == 1)
    }
}

impl Group {
    #[inline(always)]
    pub(super) fn new(place: &Place, value: u32, done: u32, seen: usize) -> Group {
        let number = done.div_ceil(4) as usize;
        Group {
            seen,
            weights: (number * 16 + (value & 15) as usize) * 16,
            path: mix(u64::from(place.last[0]) << 32, u64::from(value) | 1 << done),
            matched: place.matched.map_or(0, |matched| matched.length),
        }
    }
}

/// Whether a decision is open: with `left` more decisions, a 1 after `value` can lead to a symbol.
#[inline(always)]
pub(super) fn is_open(value: u32, left: u32, vocabulary: u32) -> bool {
    (value << 1 | 1) << left < vocabulary
}

/// The hash of a context combined with the path to a group.
#[inline(always)]
pub(super) fn in_group(hash: u64, value: u32, done: u32) -> u64 {
    // Spread over all bits, otherwise the path would look like another last symbol of the context.
    mix(hash, (u64::from(value) | 1 << done).wrapping_mul(0xd6e8_feb8_6659_fd93))
}
