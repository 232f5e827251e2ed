//! What a prediction may look at: the last d symbols of a document, hashed at several lengths.

use super::counters::LANES;

/// Longest context of any model.
pub const MAX_DEPTH: usize = 32;
/// Most contexts that are hashed; the last lane is the match's.
pub(super) const CONTEXTS: usize = LANES - 1;

/// Which contexts a model of some depth hashes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plan {
    /// Context lengths, rising; none above the depth.
    orders: Vec<usize>,
    /// How far back the letters of a word are followed, if they are a context.
    word: Option<usize>,
    /// The length of context whose latest occurrence is looked up, if one is.
    matched: Option<usize>,
}

impl Plan {
    /// The plan of depth `depth` for symbols from 0 to `vocabulary - 1`, and EOS after them.
    pub(super) fn new(depth: usize, vocabulary: u32) -> Plan {
        let bytes = vocabulary == 256;
        let orders: &[usize] = if bytes { &[1, 2, 3, 4, 5, 6] } else { &[0, 1, 2, 3, 4, 5, 6] };
        Plan {
            orders: orders.iter().copied().filter(|&order| order <= depth).collect(),
            word: (bytes && depth >= 3).then_some(depth),
            matched: (depth >= 7).then_some(depth.min(12)),
        }
    }

    /// How many contexts are hashed.
    pub(super) fn contexts(&self) -> usize {
        self.orders.len() + usize::from(self.word.is_some())
    }

    /// The length of context whose latest occurrence is looked up, if one is.
    pub(super) fn matched(&self) -> Option<usize> {
        self.matched
    }
}

/// The end of a document as a model of some plan sees it.
#[derive(Clone)]
pub(super) struct Context {
    /// The last symbols, the last one first; EOS stands for those before the document's first.
    pub(super) window: [u32; MAX_DEPTH],
    /// Hashes of the plan's contexts.
    pub(super) hashes: [u64; CONTEXTS],
    /// Hash of the context that is looked up in the history.
    pub(super) matched: u64,
}

impl Context {
    /// The beginning of a document.
    pub(super) fn new(plan: &Plan, eos: u32) -> Context {
        let mut context = Context { window: [eos; MAX_DEPTH], hashes: [0; CONTEXTS], matched: 0 };
        context.rehash(plan);
        context
    }

    /// Moves on by one symbol.
    #[inline(always)]
    pub(super) fn push(&mut self, plan: &Plan, symbol: u32) {
        self.window.copy_within(..MAX_DEPTH - 1, 1);
        self.window[0] = symbol;
        self.rehash(plan);
    }

    #[inline(always)]
    fn rehash(&mut self, plan: &Plan) {
        let mut hash = 0;
        let mut hashed = 0;
        let mut lane = 0;
        for &order in &plan.orders {
            while hashed < order {
                hash = mix(hash, u64::from(self.window[hashed]) + 1);
                hashed += 1;
            }
            self.hashes[lane] = mix(hash, order as u64);
            lane += 1;
        }
        if let Some(longest) = plan.word {
            self.hashes[lane] = self.word(longest);
        }
        if let Some(length) = plan.matched {
            while hashed < length {
                hash = mix(hash, u64::from(self.window[hashed]) + 1);
                hashed += 1;
            }
            self.matched = hash;
        }
    }

    /// Hash of the letters since the last symbol that is none, without case, and of that symbol's
    /// presence: what a word began with.
    #[inline(always)]
    fn word(&self, longest: usize) -> u64 {
        let mut hash = u64::from(self.window[0]) << 32;
        for &symbol in &self.window[..longest] {
            let lower = symbol | 32;
            if !(u32::from(b'a')..=u32::from(b'z')).contains(&lower) {
                break;
            }
            hash = mix(hash, u64::from(lower));
        }
        mix(hash, 0x7700)
    }
}

/// The hash of something hashed and one thing more.
#[inline(always)]
pub(super) fn mix(hash: u64, more: u64) -> u64 {
    let product = (hash ^ more).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    product ^ (product >> 29)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_symbols_count() {
        for (depth, vocabulary) in [(1, 256), (3, 256), (8, 256), (32, 256), (2, 5000), (12, 5000)]
        {
            let plan = Plan::new(depth, vocabulary);
            assert!(plan.contexts() <= CONTEXTS);
            let read = |symbols: &[u32]| {
                let mut context = Context::new(&plan, vocabulary);
                symbols.iter().for_each(|&symbol| context.push(&plan, symbol));
                context
            };
            let tail: Vec<u32> = (0..depth as u32).map(|i| 97 + i % 26).collect();
            let one = read(&[&[1, 2, 3], &tail[..]].concat());
            let other = read(&[&[98, 99], &tail[..]].concat());
            assert_eq!(one.hashes, other.hashes);
            assert_eq!(one.matched, other.matched);
            let third = read(&[&[98, 99], &tail[1..], &[97]].concat());
            assert_ne!(one.hashes, third.hashes);
        }
    }
}
