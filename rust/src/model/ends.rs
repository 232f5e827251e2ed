//! Whether a document ends here: one decision before each symbol.
//!
//! Documents end seldom, so counts do: after the last symbol, and after the last two. The longer
//! context starts from what the shorter says, which weighs as much as having been met twice:
//! `p = (ends + 2 * shorter) / (met + 2)`.

use super::context::mix;

/// Entries of each table of counts, the last two symbols being hashed into one.
const ENTRIES: usize = 1 << 14;
/// What a model says that has seen nothing.
const FIRST: f32 = 1.0 / 256.0;

/// How often a context was met, and how often a document ended after it.
pub(super) type Count = [u16; 2];

/// The counts after the last symbol, and after the last two.
#[derive(Clone)]
pub(super) struct Ends {
    pub(super) counts: [Vec<Count>; 2],
    /// How many contexts are counted.
    contexts: usize,
}

impl Ends {
    pub(super) fn new(depth: usize) -> Ends {
        Ends { counts: [(); 2].map(|()| vec![[0; 2]; ENTRIES]), contexts: depth.min(2) }
    }

    /// The probability that the document ends after `last`, its last symbol and the one before, in
    /// 16 bits, from 1 to 65535.
    #[inline(always)]
    pub(super) fn predict(&self, last: [u32; 2]) -> u32 {
        let mut p = FIRST;
        for order in 0..self.contexts {
            let [met, ends] = self.counts[order][place(order, last)];
            p = (f32::from(ends) + 2.0 * p) / (f32::from(met) + 2.0);
        }
        ((p * 65_536.0) as u32).clamp(1, 65_535)
    }

    /// Learns whether it did. Counts are halved at 65535.
    #[inline(always)]
    pub(super) fn learn(&mut self, last: [u32; 2], end: bool) {
        for order in 0..self.contexts {
            let count = &mut self.counts[order][place(order, last)];
            if count[0] == u16::MAX {
                *count = count.map(|n| n / 2);
            }
            count[0] += 1;
            count[1] += u16::from(end);
        }
    }
}

#[inline(always)]
fn place(order: usize, last: [u32; 2]) -> usize {
    match order {
        0 => last[0] as usize % ENTRIES,
        _ => (mix(u64::from(last[0]), u64::from(last[1]) << 32) >> 50) as usize % ENTRIES,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_after_a_certain_symbol_are_learned() {
        let mut ends = Ends::new(8);
        assert_eq!(ends.predict([1, 0]), 256);
        for _ in 0..100_000 {
            ends.learn([1, 0], false);
            ends.learn([2, 0], true);
        }
        assert_eq!(ends.predict([1, 0]), 1);
        assert!(ends.predict([2, 0]) > 65_500);
    }
}
