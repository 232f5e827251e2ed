//! The contexts of a prediction: the last d symbols of a document, hashed at several lengths.

use super::counters::LANES;

/// The longest context of any model, in symbols.
pub const MAX_DEPTH: usize = 32;
/// Maximum number of hashed contexts; the last lane belongs to the match.
pub(super) const CONTEXTS: usize = LANES - 1;
/// The longest hashed context of bytes; longer ones are covered by the match.
const LONGEST_OF_BYTES: usize = 7;
/// The longest hashed context of tokens; longer ones are covered by the match.
const LONGEST_OF_TOKENS: usize = 4;
/// The base of rolling hashes; odd, so that no power vanishes.
const BASE: u64 = 0x9e37_79b9_7f4a_7c15;

/// Which contexts a model of some depth hashes.
///
/// For bytes, three evenly spaced lengths up to the depth, and the current word; for tokens, every
/// length from 0 up to the depth. Alternatives for bytes on 10 MB of novels, in bits per byte:
/// lengths 2, 4, 7 and the word 1.762; 2, 4, 6, 8 and the word 1.746 but 25% slower; 3, 5, 8 and
/// the word 1.760 but 1% worse on the first 1 MB; two lengths and the word 1.78 to 1.81; no word 2%
/// worse.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    /// Number of context lengths.
    lengths: usize,
    /// The context lengths, increasing and at most the depth; then 0.
    length: [usize; CONTEXTS],
    /// Maximum length of a word, if words are a context.
    word: Option<usize>,
    /// The context length for looking up matches, if any.
    matched: Option<usize>,
}

impl Plan {
    /// The plan of depth `depth` for symbols from 0 to `vocabulary - 1`, plus EOS.
    pub(super) fn new(depth: usize, vocabulary: u32) -> Plan {
        let bytes = vocabulary == 256;
        let longest = depth.min(if bytes { LONGEST_OF_BYTES } else { LONGEST_OF_TOKENS });
        let mut lengths: Vec<usize> = if bytes {
            (1..=3).map(|i| (i * longest / 3).max(1)).collect()
        } else {
            (0..=longest).collect()
        };
        lengths.dedup();
        let mut length = [0; CONTEXTS];
        length[..lengths.len()].copy_from_slice(&lengths);
        Plan {
            lengths: lengths.len(),
            length,
            word: (bytes && depth >= 3).then_some(depth),
            matched: (depth > longest).then_some(depth.min(longest + 3)),
        }
    }

    /// Number of hashed contexts.
    pub(super) fn contexts(&self) -> usize {
        self.lengths + usize::from(self.word.is_some())
    }

    /// The context length for looking up matches, if any.
    pub(super) fn matched(&self) -> Option<usize> {
        self.matched
    }
}

/// The hashes of the contexts at one position of a document.
#[derive(Clone, Copy)]
pub(super) struct Hashes {
    /// The hashes of the plan's contexts, one per lane.
    pub(super) contexts: [u64; CONTEXTS],
    /// The hash of the context for looking up matches.
    pub(super) matched: u64,
}

/// The last symbols before a position of a document, and their hashes.
#[derive(Clone)]
pub(super) struct Context {
    plan: Plan,
    /// The last symbols, the latest at `written - 1` modulo the size; EOS before the document's
    /// first symbol.
    symbols: [u32; MAX_DEPTH],
    written: usize,
    /// Rolling hashes of the plan's lengths by lane, then that of the match length.
    rolling: [Rolling; LANES],
    word: Rolling,
}

/// The hash of the last `length` symbols: a polynomial of their ids plus one.
#[derive(Clone, Copy, Default)]
struct Rolling {
    hash: u64,
    length: usize,
    /// `BASE` to the power of the length.
    power: u64,
}

impl Rolling {
    /// The hash of `length` times the same symbol.
    fn new(length: usize, symbol: u32) -> Rolling {
        let mut rolling = Rolling { hash: 0, length, power: 1 };
        for _ in 0..length {
            rolling.hash = rolling.hash.wrapping_mul(BASE).wrapping_add(u64::from(symbol) + 1);
            rolling.power = rolling.power.wrapping_mul(BASE);
        }
        rolling
    }

    /// Adds a symbol and removes the oldest.
    #[inline(always)]
    fn push(&mut self, symbol: u32, oldest: u32) {
        let removed = self.power.wrapping_mul(u64::from(oldest) + 1);
        let added = self.hash.wrapping_mul(BASE).wrapping_add(u64::from(symbol) + 1);
        self.hash = added.wrapping_sub(removed);
    }
}

impl Context {
    /// The context at the beginning of a document.
    pub(super) fn new(plan: Plan, eos: u32) -> Context {
        let mut rolling = [Rolling::default(); LANES];
        for (rolling, length) in rolling.iter_mut().zip(plan.length) {
            *rolling = Rolling::new(length, eos);
        }
        rolling[CONTEXTS] = Rolling::new(plan.matched.unwrap_or(0), eos);
        Context {
            plan,
            symbols: [eos; MAX_DEPTH],
            written: 0,
            rolling,
            word: Rolling { hash: 0, length: 0, power: 1 },
        }
    }

    /// The symbol `places` positions back; 1 is the last.
    #[inline(always)]
    pub(super) fn back(&self, places: usize) -> u32 {
        self.symbols[self.written.wrapping_sub(places) % MAX_DEPTH]
    }

    /// Appends a symbol.
    #[inline(always)]
    pub(super) fn push(&mut self, symbol: u32) {
        for lane in 0..self.plan.lengths {
            self.roll(lane, symbol);
        }
        self.roll(CONTEXTS, symbol);
        if let Some(longest) = self.plan.word {
            self.push_letter(symbol, longest);
        }
        self.symbols[self.written % MAX_DEPTH] = symbol;
        self.written = self.written.wrapping_add(1);
    }

    #[inline(always)]
    fn roll(&mut self, lane: usize, symbol: u32) {
        let length = self.rolling[lane].length;
        if length > 0 {
            let oldest = self.back(length);
            self.rolling[lane].push(symbol, oldest);
        }
    }

    /// Updates the current word: the letters since the last non-letter, ignoring case.
    #[inline(always)]
    fn push_letter(&mut self, symbol: u32, longest: usize) {
        let Some(letter) = letter(symbol) else {
            self.word = Rolling { hash: u64::from(symbol) << 32, length: 0, power: 1 };
            return;
        };
        if self.word.length == 0 {
            self.word.hash = 0;
        }
        if self.word.length < longest {
            self.word.length += 1;
            self.word.power = self.word.power.wrapping_mul(BASE);
            self.word.hash = self.word.hash.wrapping_mul(BASE).wrapping_add(u64::from(letter) + 1);
        } else {
            self.word.push(letter, self.back(longest) | CASE);
        }
    }

    /// The hashes of all contexts.
    #[inline(always)]
    pub(super) fn hashes(&self) -> Hashes {
        let mut contexts = [0; CONTEXTS];
        for (lane, context) in contexts.iter_mut().enumerate() {
            *context = self.rolling[lane].hash.wrapping_add((lane as u64) << 56);
        }
        if self.plan.word.is_some() {
            contexts[self.plan.lengths] = !self.word.hash;
        }
        Hashes { contexts, matched: mix(self.rolling[CONTEXTS].hash, 0) }
    }
}

/// The bit by which ASCII letters differ in case.
const CASE: u32 = 32;

/// The lower case of an ASCII letter; None for other symbols.
#[inline(always)]
fn letter(symbol: u32) -> Option<u32> {
    let lower = symbol | CASE;
    (u32::from(b'a')..=u32::from(b'z')).contains(&lower).then_some(lower)
}

/// Combines a hash with another value.
#[inline(always)]
pub(super) fn mix(hash: u64, more: u64) -> u64 {
    let product = (hash ^ more).wrapping_mul(BASE);
    product ^ (product >> 29)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(depth: usize, vocabulary: u32, symbols: &[u32]) -> Context {
        let mut context = Context::new(Plan::new(depth, vocabulary), vocabulary);
        symbols.iter().for_each(|&symbol| context.push(symbol));
        context
    }

    #[test]
    fn lengths_are_spread_up_to_the_depth() {
        let lengths = |depth| {
            let plan = Plan::new(depth, 256);
            plan.length[..plan.lengths].to_vec()
        };
        assert_eq!(lengths(1), [1]);
        assert_eq!(lengths(3), [1, 2, 3]);
        assert_eq!(lengths(4), [1, 2, 4]);
        assert_eq!(lengths(32), [2, 4, 7]);
        assert_eq!(Plan::new(32, 5000).length[..5], [0, 1, 2, 3, 4]);
    }

    proptest! {
        #[test]
        fn only_the_last_symbols_count(
            depth in 1..=MAX_DEPTH,
            tail in prop::collection::vec(95u32..125, MAX_DEPTH),
            one in prop::collection::vec(95u32..125, 0..40),
            other in prop::collection::vec(95u32..125, 0..40),
            bytes: bool,
        ) {
            let vocabulary = if bytes { 256 } else { 300 };
            let tail = &tail[..depth];
            let one = read(depth, vocabulary, &[&one[..], tail].concat()).hashes();
            let other = read(depth, vocabulary, &[&other[..], tail].concat()).hashes();
            prop_assert_eq!(one.contexts, other.contexts);
            prop_assert_eq!(one.matched, other.matched);
        }

        #[test]
        fn the_last_symbols_do_count(
            depth in 1..=LONGEST_OF_TOKENS,
            symbols in prop::collection::vec(0u32..300, 8..40),
            at in 0..LONGEST_OF_TOKENS,
        ) {
            let mut changed = symbols.clone();
            let at = at % depth;
            let place = symbols.len() - 1 - at;
            changed[place] = (symbols[place] + 1) % 300;
            let one = read(depth, 300, &symbols).hashes();
            prop_assert_ne!(one.contexts, read(depth, 300, &changed).hashes().contexts);
        }
    }
}
