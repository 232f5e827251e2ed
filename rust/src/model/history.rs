//! The text learned so far, with an index of where each long context last occurred.

use super::context::Context;
use super::memory::{huge_pages, prefetch};
use crate::Result;
use crate::memory::zeros;

/// Bits of a position in the ring; the other 8 bits of an index entry check its context.
const PLACE_BITS: u32 = 24;

/// A ring buffer of the latest symbols with an index of contexts.
///
/// After a context of at least the plan's match length, the symbol that followed its last
/// occurrence is another prediction, weighted by how far back the two contexts agree. Without the
/// check in the index, nearly every new context would cost a cache miss in the ring.
#[derive(Clone)]
pub(super) struct History {
    pub(super) symbols: Vec<u32>,
    /// Number of symbols written so far, which gives the position of the next one in the ring.
    pub(super) written: u64,
    /// For each hash of a context, the position after it and a check of the hash.
    pub(super) index: Vec<u32>,
    shift: u32,
}

/// The last occurrence of a context.
#[derive(Clone, Copy)]
pub(super) struct Match {
    /// The symbol that followed, possibly EOS.
    pub(super) symbol: u32,
    /// Number of symbols that agree, at most the depth.
    pub(super) length: usize,
}

impl History {
    /// A ring and an index of at most `bytes` bytes in total.
    pub(super) fn new(bytes: usize) -> Result<History> {
        let entries = (bytes / (2 * size_of::<u32>())).clamp(2, 1 << PLACE_BITS);
        let bits = entries.ilog2();
        let (mut symbols, mut index) = (zeros(1 << bits)?, zeros(1 << bits)?);
        huge_pages(&mut symbols);
        huge_pages(&mut index);
        // The index is addressed by the highest bits of a 64-bit hash.
        Ok(History { symbols, written: 0, index, shift: 64 - bits })
    }

    /// The last occurrence of the context, if at least `least` of its symbols agree.
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
            // Symbols before the beginning of both documents do not matter.
            length = if at(1 + length) == eos { depth } else { length + 1 };
        }
        (length >= least).then(|| Match { symbol: at(0), length })
    }

    /// Prefetches the index entry of a context.
    #[inline(always)]
    pub(super) fn prefetch(&self, hash: u64) {
        prefetch(&self.index[(hash >> self.shift) as usize]);
    }

    /// Records the position of a context: before the next symbol.
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

/// Distinguishes contexts with the same index entry, in 8 bits, never 0.
#[inline(always)]
fn check(hash: u64) -> u32 {
    (hash as u32 & 0xff).max(1)
}
