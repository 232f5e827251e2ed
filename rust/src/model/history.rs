//! The text learned so far, and where each long context was last met in it.

use super::context::Context;
use super::memory::{huge_pages, prefetch};

/// Bits of a place in the ring; the other 8 of an entry check its context.
const PLACE_BITS: u32 = 24;

/// A ring of the latest symbols with an index of contexts.
///
/// After a context of at least the plan's matched length, the symbol that followed it last time
/// is one more prediction, trusted by how far back the two contexts agree. Without the check in
/// the index, nearly every context that was never met cost a look at some far place of the ring.
#[derive(Clone)]
pub(super) struct History {
    pub(super) symbols: Vec<u32>,
    /// Symbols written so far; the next one goes to this place of the ring.
    pub(super) written: u64,
    /// For each hash of a context, the place after it and a check of the hash.
    pub(super) index: Vec<u32>,
    shift: u32,
}

/// What followed the last time.
#[derive(Clone, Copy)]
pub(super) struct Match {
    /// The symbol, EOS included.
    pub(super) symbol: u32,
    /// How many symbols agree, up to the depth.
    pub(super) length: usize,
}

impl History {
    /// A ring and an index that take at most `bytes` bytes together.
    pub(super) fn new(bytes: usize) -> History {
        let entries = (bytes / (2 * size_of::<u32>())).clamp(2, 1 << PLACE_BITS);
        let bits = entries.ilog2();
        let (mut symbols, mut index) = (vec![0; 1 << bits], vec![0; 1 << bits]);
        huge_pages(&mut symbols);
        huge_pages(&mut index);
        // Hashes have 64 bits, of which the index takes the highest.
        History { symbols, written: 0, index, shift: 64 - bits }
    }

    /// What followed the context the last time, if it was met and `least` symbols of it agree.
    #[inline(always)]
    pub(super) fn find(
        &self,
        context: &Context,
        hash: u64,
        eos: u32,
        least: usize,
        depth: usize,
    ) -> Option<Match> {
        let entry = self.index[(hash >> self.shift) as usize];
        if entry >> PLACE_BITS != check(hash) {
            return None;
        }
        let after = entry as usize & (self.symbols.len() - 1);
        let at = |back: usize| self.symbols[after.wrapping_sub(back) & (self.symbols.len() - 1)];
        let mut length = 0;
        while length < depth && at(1 + length) == context.back(1 + length) {
            // Where both documents begin, nothing before it counts.
            length = if at(1 + length) == eos { depth } else { length + 1 };
        }
        (length >= least).then(|| Match { symbol: at(0), length })
    }

    /// Has the memory of a context brought near.
    #[inline(always)]
    pub(super) fn prefetch(&self, hash: u64) {
        prefetch(&self.index[(hash >> self.shift) as usize]);
    }

    /// Remembers where a context stands: before the next symbol.
    #[inline(always)]
    pub(super) fn remember(&mut self, hash: u64) {
        let place = self.written as u32 & ((1 << PLACE_BITS) - 1);
        self.index[(hash >> self.shift) as usize] = check(hash) << PLACE_BITS | place;
    }

    /// Adds a symbol.
    #[inline(always)]
    pub(super) fn push(&mut self, symbol: u32) {
        let place = self.written as usize & (self.symbols.len() - 1);
        self.symbols[place] = symbol;
        self.written += 1;
    }
}

/// What tells contexts of one entry apart, in 8 bits, never 0.
#[inline(always)]
fn check(hash: u64) -> u32 {
    (hash as u32 & 0xff).max(1)
}
