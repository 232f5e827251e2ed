//! Whether a document ends: one decision before each symbol.
//!
//! Ends are rare, so simple counts suffice: after the last symbol, and after the last two. The
//! longer context starts from the prediction of the shorter one, with the weight of two
//! occurrences: `p = (ends + 2 * shorter) / (occurrences + 2)`.

use super::context::mix;

/// Number of entries of each table of counts, indexed by a hash of the last symbols.
const ENTRIES: usize = 1 << 14;
/// The prediction of an untrained model.
const FIRST: f32 = 1.0 / 256.0;

/// The number of occurrences of a context, and how often a document ended after it.
pub(super) type Count = [u16; 2];

/// The counts after the last symbol, and after the last two.
#[derive(Clone)]
pub(super) struct EndOfDocument {
    pub(super) counts: [Vec<Count>; 2],
    /// Number of contexts in use.
    contexts: usize,
}

impl EndOfDocument {
    pub(super) fn new(depth: usize) -> EndOfDocument {
        EndOfDocument { counts: [(); 2].map(|()| vec![[0; 2]; ENTRIES]), contexts: depth.min(2) }
    }

    /// Whether no context has more ends than occurrences.
    pub(super) fn is_consistent(&self) -> bool {
        self.counts.iter().flatten().all(|[occurrences, ends]| ends <= occurrences)
    }

    /// The probability that the document ends after `last`, its last symbol and the one before it,
    /// in 16 bits, from 1 to 65535.
    #[inline(always)]
    pub(super) fn predict(&self, last: [u32; 2]) -> u32 {
        let mut p = FIRST;
        for order in 0..self.contexts {
            let [occurrences, ends] = self.counts[order][place(order, last)];
            p = (f32::from(ends) + 2.0 * p) / (f32::from(occurrences) + 2.0);
        }
        ((p * 65_536.0) as u32).clamp(1, 65_535)
    }

    /// Learns whether the document ended. Counts are halved at 65535.
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
        let mut ends = EndOfDocument::new(8);
        assert_eq!(ends.predict([1, 0]), 256);
        for _ in 0..100_000 {
            ends.learn([1, 0], false);
            ends.learn([2, 0], true);
        }
        assert_eq!(ends.predict([1, 0]), 1);
        assert!(ends.predict([2, 0]) > 65_500);
    }
}
