//! The text learned so far, and where each long context was last met in it.

use super::context::{Context, MAX_DEPTH};
use super::slots::prefetch;

/// A ring of the latest symbols with an index of contexts.
///
/// After a context of at least the plan's matched length, the symbol that followed it last time
/// is one more prediction, trusted by how far back the two contexts agree.
#[derive(Clone)]
pub(super) struct History {
    pub(super) symbols: Vec<u32>,
    /// Symbols written so far; the next one goes to this place of the ring.
    pub(super) written: u64,
    /// For each hash of a context, the place after it, plus one; 0 if it was not met.
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
    /// A ring and an index that take `bytes` together.
    pub(super) fn new(bytes: usize) -> History {
        let entries = 1usize << (bytes / (2 * size_of::<u32>())).max(2).ilog2();
        // Hashes have 64 bits, of which the index takes the highest.
        let shift = 64 - entries.ilog2();
        History { symbols: vec![0; entries], written: 0, index: vec![0; entries], shift }
    }

    /// What followed the context the last time, if it was met and `least` symbols of it agree.
    #[inline(always)]
    pub(super) fn find(
        &self,
        context: &Context,
        eos: u32,
        least: usize,
        depth: usize,
    ) -> Option<Match> {
        // Places are counted modulo 2^32; the ring is shorter.
        let after = self.index[(context.matched >> self.shift) as usize].checked_sub(1)?;
        let age = (self.written as u32).wrapping_sub(after) as usize;
        if age == 0 || age + MAX_DEPTH > self.symbols.len() {
            return None;
        }
        let at = |back: usize| self.symbols[self.place(age + back)];
        let mut length = 0;
        while length < depth && at(1 + length) == context.window[length] {
            if context.window[length] == eos {
                // Both documents begin here.
                length = depth;
            } else {
                length += 1;
            }
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
        self.index[(hash >> self.shift) as usize] = (self.written as u32).wrapping_add(1);
    }

    /// Adds a symbol.
    #[inline(always)]
    pub(super) fn push(&mut self, symbol: u32) {
        let place = self.place(0);
        self.symbols[place] = symbol;
        self.written += 1;
    }

    /// Where in the ring the symbol is that was written so many symbols ago.
    #[inline(always)]
    fn place(&self, age: usize) -> usize {
        (self.written as usize).wrapping_sub(age) & (self.symbols.len() - 1)
    }
}
