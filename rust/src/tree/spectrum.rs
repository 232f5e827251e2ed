//! The spectrum of leaf weights: how many leaves have each count.
//!
//! Assumption A.7 of the paper, that the probability of a leaf follows a Pareto law as a random
//! variable, can be tested on the spectrum alone.

use std::collections::HashMap;

/// Counts below this are indexed by an array; nearly all leaves are that rare.
const DENSE: usize = 1024;

/// Builds a spectrum leaf by leaf.
#[derive(Debug, Clone)]
pub(super) struct SpectrumBuilder {
    dense: Vec<u64>,
    sparse: HashMap<u64, u64>,
}

impl SpectrumBuilder {
    pub(super) fn new() -> SpectrumBuilder {
        SpectrumBuilder { dense: vec![0; DENSE], sparse: HashMap::new() }
    }

    /// Adds a leaf that occurs `count` times.
    #[inline]
    pub(super) fn add(&mut self, count: u64) {
        match self.dense.get_mut(count as usize) {
            Some(leaves) => *leaves += 1,
            None => *self.sparse.entry(count).or_insert(0) += 1,
        }
    }

    /// Adds all of `other`.
    pub(super) fn absorb(&mut self, other: SpectrumBuilder) {
        self.dense.iter_mut().zip(other.dense).for_each(|(mine, theirs)| *mine += theirs);
        for (count, leaves) in other.sparse {
            *self.sparse.entry(count).or_insert(0) += leaves;
        }
    }

    pub(super) fn finish(self) -> Spectrum {
        let dense = self.dense.into_iter().enumerate();
        let mut classes: Vec<(u64, u64)> = dense
            .map(|(count, leaves)| (count as u64, leaves))
            .filter(|class| class.1 > 0)
            .collect();
        let start = classes.len();
        classes.extend(self.sparse);
        classes[start..].sort_unstable();
        Spectrum { classes }
    }
}

/// How many leaves have each count: the distribution of the leaves' weights.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Spectrum {
    classes: Vec<(u64, u64)>,
}

impl Spectrum {
    /// The spectrum of these counts, in any order; zeros are ignored.
    pub fn from_counts(counts: impl IntoIterator<Item = u64>) -> Spectrum {
        let mut builder = SpectrumBuilder::new();
        counts.into_iter().filter(|&count| count > 0).for_each(|count| builder.add(count));
        builder.finish()
    }

    /// The spectrum of `(count, leaves)` in any order; equal counts are combined, zeros ignored.
    pub(crate) fn from_classes(mut classes: Vec<(u64, u64)>) -> Spectrum {
        classes.retain(|&(count, _)| count > 0);
        classes.sort_unstable();
        classes.dedup_by(|next, kept| {
            let equal = next.0 == kept.0;
            kept.1 += if equal { next.1 } else { 0 };
            equal
        });
        Spectrum { classes }
    }

    /// `(count, leaves)` by increasing count: `leaves` leaves occur `count` times each.
    pub fn classes(&self) -> &[(u64, u64)] {
        &self.classes
    }

    /// The number of leaves, M.
    pub fn leaves(&self) -> u64 {
        self.classes.iter().map(|&(_, leaves)| leaves).sum()
    }

    /// The number of leaf occurrences.
    pub fn segments(&self) -> u64 {
        self.classes.iter().map(|&(count, leaves)| count * leaves).sum()
    }

    /// Number of leaves that occur once.
    pub fn singletons(&self) -> u64 {
        self.classes.first().map_or(0, |&(count, leaves)| if count == 1 { leaves } else { 0 })
    }

    /// Entropy of the leaf distribution in bits: `-sum p log2 p`.
    pub fn entropy_bits(&self) -> f64 {
        let segments = self.segments() as f64;
        // With p = c / N this is log2 N - (1 / N) sum c log2 c, which rounding can make negative.
        let weighted: f64 = self
            .classes
            .iter()
            .map(|&(count, leaves)| (leaves as f64) * (count as f64) * (count as f64).log2())
            .sum();
        (segments.log2() - weighted / segments).max(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_equal_leaves_have_two_bits() {
        let spectrum = Spectrum::from_counts([3, 3, 3, 3]);
        assert_eq!(spectrum.classes(), [(3, 4)]);
        assert_eq!((spectrum.leaves(), spectrum.segments(), spectrum.singletons()), (4, 12, 0));
        assert!((spectrum.entropy_bits() - 2.0).abs() < 1e-12);
    }

    #[test]
    fn large_counts_stay_exact_and_sorted() {
        let spectrum = Spectrum::from_counts([1 << 40, 5000, 1, 5000, 1]);
        assert_eq!(spectrum.classes(), [(1, 2), (5000, 2), (1 << 40, 1)]);
        assert_eq!(spectrum.singletons(), 2);
    }
}
