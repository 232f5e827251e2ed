//! The tree model itself: documents in, code lengths, probabilities and samples out.

use rayon::prelude::*;

pub use super::context::MAX_DEPTH;
use super::context::{CONTEXTS, Context, Hashes, Plan, mix};
use super::decision::{Decisions, Group};
use super::ends::Ends;
use super::history::{History, Match};
use crate::code::{BitCoder, Cost};
use crate::{Error, Job, Phase, Result};

/// Calls a method with the number of contexts as a constant, so that its loops are unrolled.
macro_rules! for_contexts {
    ($contexts:expr, $model:ident.$method:ident($($argument:expr),*)) => {
        match $contexts {
            0 | 1 => $model.$method::<1>($($argument),*),
            2 => $model.$method::<2>($($argument),*),
            3 => $model.$method::<3>($($argument),*),
            4 => $model.$method::<4>($($argument),*),
            5 => $model.$method::<5>($($argument),*),
            6 => $model.$method::<6>($($argument),*),
            _ => $model.$method::<7>($($argument),*),
        }
    };
}

/// The probability 1 in the units of decisions.
const ONE: f64 = 65_536.0;

/// Symbols between two looks at whether to stop.
const CHUNK: usize = 1 << 16;

/// The least memory that a model can do with, in bytes.
pub const LEAST_MEMORY: u64 = 16 << 20;

/// An adaptive predictor over the token tree, pruned to depth d.
///
/// A prediction depends on what was learned and on the last d symbols of the document, and on
/// nothing else. What is learned has a fixed size: contexts that were seldom met make room.
#[derive(Clone)]
pub struct TreeModel {
    depth: usize,
    vocabulary: u32,
    memory: u64,
    /// Bits of a symbol.
    bits: u32,
    plan: Plan,
    context: Context,
    pub(super) decisions: Decisions,
    pub(super) ends: Ends,
    pub(super) history: History,
    /// Pseudo-random numbers drawn so far, to learn a share of some data.
    pub(super) draws: u64,
}

/// What the prediction of a symbol goes by.
struct Place {
    hashes: Hashes,
    /// The last symbol and the one before.
    last: [u32; 2],
    matched: Option<Match>,
}

impl TreeModel {
    /// A model that has learned nothing.
    ///
    /// `depth` is the longest context, 1 to [`MAX_DEPTH`]; symbols are `0..vocabulary`, and EOS is
    /// `vocabulary`. `memory` bounds the model's tables, in bytes.
    pub fn new(depth: usize, vocabulary: u32, memory: u64) -> Result<TreeModel> {
        if !(1..=MAX_DEPTH).contains(&depth) {
            let reason = format!("a tree model's depth is from 1 to {MAX_DEPTH}, not {depth}");
            return Err(Error::InvalidArgument(reason));
        }
        if !(2..=1 << 24).contains(&vocabulary) {
            let reason = format!("a tree model has from 2 to 2^24 symbols, not {vocabulary}");
            return Err(Error::InvalidArgument(reason));
        }
        if memory < LEAST_MEMORY {
            let reason = format!("a tree model needs 16 MiB of memory or more, not {memory} bytes");
            return Err(Error::InvalidArgument(reason));
        }
        let plan = Plan::new(depth, vocabulary);
        let bits = (vocabulary - 1).ilog2() + 1;
        let share = usize::try_from(memory).unwrap_or(usize::MAX);
        let history = if plan.matched().is_some() { share / 8 } else { 0 };
        Ok(TreeModel {
            depth,
            vocabulary,
            memory,
            bits,
            context: Context::new(plan, vocabulary),
            decisions: Decisions::new(share / 4 * 3),
            ends: Ends::new(depth),
            history: History::new(history),
            draws: 0,
            plan,
        })
    }

    /// The longest context d, in symbols.
    pub fn depth(&self) -> usize {
        self.depth
    }

    /// How many symbols there are besides EOS, whose id is this number.
    pub fn vocabulary(&self) -> u32 {
        self.vocabulary
    }

    /// The memory it was given, in bytes.
    pub fn memory(&self) -> u64 {
        self.memory
    }

    /// Begins a document: the context is empty.
    pub fn begin(&mut self) {
        self.context = Context::new(self.plan, self.vocabulary);
        self.history.push(self.vocabulary);
    }

    /// Codes the next symbol of the document, or EOS, then learns it.
    ///
    /// Returns the symbol, which a decoder finds out; it ignores the one that is given. A symbol
    /// above EOS counts as EOS.
    pub fn code<C: BitCoder>(&mut self, symbol: u32, coder: &mut C) -> u32 {
        let place = self.place(&self.context);
        let symbol = for_contexts!(self.plan.contexts(), self.learn(&place, symbol, coder));
        self.context.push(symbol);
        symbol
    }

    /// Codes symbols that are known one after another, as [`TreeModel::code`] does, and faster:
    /// the memory of the next symbol's contexts is brought near while one is coded.
    pub fn code_all<C: BitCoder>(&mut self, symbols: impl IntoIterator<Item = u32>, coder: &mut C) {
        for_contexts!(self.plan.contexts(), self.learn_all(symbols, coder))
    }

    /// Learns documents, in order, each followed by EOS, and returns the code length of each in
    /// bits: every symbol predicted before it was learned.
    ///
    /// `weight` is how many times the data count. They are learned as often as it has whole parts,
    /// one pass after another; of a fraction, that share of the symbols is learned, chosen by a
    /// fixed pseudo-random sequence. The code lengths are those of the first pass.
    pub fn update<T: Copy + Into<u32>>(
        &mut self,
        documents: &[&[T]],
        weight: f64,
        job: &Job,
    ) -> Result<Vec<f64>> {
        if !(weight > 0.0 && weight.is_finite()) {
            let reason = format!("a weight is a number above 0, not {weight}");
            return Err(Error::InvalidArgument(reason));
        }
        self.check(documents)?;
        let symbols = documents.iter().map(|document| document.len() as u64 + 1).sum::<u64>();
        job.start(Phase::Learn, (symbols as f64 * weight.ceil()) as u64);
        let mut first = Vec::new();
        let mut left = weight;
        while left > 0.0 {
            let mut lengths = Vec::with_capacity(documents.len());
            for document in documents {
                lengths.push(self.pass(document, left.min(1.0), job)?);
            }
            left -= 1.0;
            if first.is_empty() {
                first = lengths;
            }
        }
        Ok(first)
    }

    /// Learns a share of one document's symbols and returns its code length in bits.
    fn pass<T: Copy + Into<u32>>(&mut self, document: &[T], share: f64, job: &Job) -> Result<f64> {
        let mut cost = Cost::default();
        self.begin();
        if share < 1.0 {
            let symbols = document.iter().map(|&symbol| symbol.into()).chain([self.vocabulary]);
            for symbol in symbols {
                for_contexts!(self.plan.contexts(), self.learn_share(symbol, share, &mut cost));
            }
            job.add(document.len() as u64 + 1);
            job.check()?;
        } else {
            for part in document.chunks(CHUNK) {
                self.code_all(part.iter().map(|&symbol| symbol.into()), &mut cost);
                job.add(part.len() as u64);
                job.check()?;
            }
            self.code(self.vocabulary, &mut cost);
            job.add(1);
        }
        Ok(cost.bits())
    }

    /// The natural logarithm of each symbol's probability, and of EOS's after the last, without
    /// learning anything. Works on the threads of the current pool.
    pub fn log_probs<T: Copy + Into<u32> + Sync>(
        &self,
        documents: &[&[T]],
        job: &Job,
    ) -> Result<Vec<Vec<f32>>> {
        self.check(documents)?;
        let symbols = documents.iter().map(|document| document.len() as u64 + 1).sum();
        job.start(Phase::Score, symbols);
        documents
            .par_iter()
            .map(|document| {
                job.check()?;
                let symbols = document.iter().map(|&symbol| symbol.into());
                let mut context = self.empty_context();
                let scored = symbols.chain([self.vocabulary]).map(|symbol| {
                    let mut cost = Cost::default();
                    for_contexts!(
                        self.plan.contexts(),
                        self.price(&self.place(&context), symbol, &mut cost)
                    );
                    context.push(symbol);
                    (-cost.bits() * std::f64::consts::LN_2) as f32
                });
                let scored: Vec<f32> = scored.collect();
                job.add(scored.len() as u64);
                Ok(scored)
            })
            .collect()
    }

    pub(super) fn check<T: Copy + Into<u32>>(&self, documents: &[&[T]]) -> Result<()> {
        for (number, document) in documents.iter().enumerate() {
            if let Some(&symbol) = document.iter().find(|&&symbol| symbol.into() >= self.vocabulary)
            {
                let symbol: u32 = symbol.into();
                return Err(Error::InvalidArgument(format!(
                    "document {number} has the symbol {symbol}, but the model's are 0 to {}",
                    self.vocabulary - 1
                )));
            }
        }
        Ok(())
    }

    /// The probabilities of all symbols after `context`, EOS the last.
    pub(super) fn distribution(&self, context: &Context) -> Vec<f64> {
        let mut row = vec![0.0; self.vocabulary as usize + 1];
        for_contexts!(self.plan.contexts(), self.fill(&self.place(context), &mut row));
        row
    }

    fn fill<const H: usize>(&self, place: &Place, row: &mut [f64]) {
        let end = f64::from(self.ends.predict(place.last)) / ONE;
        row[self.vocabulary as usize] = end;
        // Groups to come: how the symbols begin, in how many bits, and their probability.
        let mut groups = vec![(0, 0, 1.0 - end)];
        while let Some((start, done, p)) = groups.pop() {
            let group = self.frozen_group::<H>(place, start, done);
            let size = self.group_size(done);
            let mut nodes = vec![(1, p)];
            while let Some((node, p)) = nodes.pop() {
                let level = usize::ilog2(node);
                let value = start << level | (node as u32 ^ 1 << level);
                if level == size {
                    if done + size == self.bits {
                        row[value as usize] = p;
                    } else {
                        groups.push((value, done + size, p));
                    }
                    continue;
                }
                let left = self.bits - done - level - 1;
                let one = if self.is_open(value, left) {
                    let expected = expected(place.matched, value, left);
                    let p1 = self.decisions.predict::<H>(&group, node, expected).p1;
                    nodes.push((node << 1 | 1, p * f64::from(p1) / ONE));
                    f64::from(p1) / ONE
                } else {
                    0.0
                };
                nodes.push((node << 1, p * (1.0 - one)));
            }
        }
    }

    pub(super) fn empty_context(&self) -> Context {
        Context::new(self.plan, self.vocabulary)
    }

    /// Learns a symbol or only prices it, by the next of a sequence of pseudo-random numbers.
    fn learn_share<const H: usize>(&mut self, symbol: u32, share: f64, cost: &mut Cost) {
        let place = self.place(&self.context);
        self.draws += 1;
        if ((mix(self.draws, 0) >> 11) as f64) < share * (1u64 << 53) as f64 {
            self.learn::<H>(&place, symbol, cost);
        } else {
            self.price::<H>(&place, symbol, cost);
            self.history.push(symbol);
        }
        self.context.push(symbol);
    }

    fn learn_all<const H: usize>(
        &mut self,
        symbols: impl IntoIterator<Item = u32>,
        coder: &mut impl BitCoder,
    ) {
        let mut symbols = symbols.into_iter().peekable();
        while let Some(symbol) = symbols.next() {
            let place = self.place(&self.context);
            self.context.push(symbol);
            if let Some(&next) = symbols.peek() {
                self.prefetch::<H>(next);
            }
            self.learn::<H>(&place, symbol, coder);
        }
    }

    /// Has the memory brought near that coding `symbol` next will need.
    #[inline(always)]
    fn prefetch<const H: usize>(&self, symbol: u32) {
        let hashes = self.context.hashes();
        self.history.prefetch(hashes.matched);
        let mut done = 0;
        while done < self.bits {
            let value = symbol.checked_shr(self.bits - done).unwrap_or(0);
            for &hash in &hashes.contexts[..H] {
                self.decisions.slots.prefetch(in_group(hash, value, done));
            }
            done += self.group_size(done);
        }
    }

    /// What a prediction at `context` goes by.
    #[inline(always)]
    fn place(&self, context: &Context) -> Place {
        let hashes = context.hashes();
        let last = [context.back(1), context.back(2)];
        let matched = self.plan.matched().and_then(|least| {
            self.history.find(context, hashes.matched, self.vocabulary, least, self.depth)
        });
        Place { hashes, last, matched }
    }

    /// Codes and learns a symbol at a place.
    #[inline(always)]
    fn learn<const H: usize>(
        &mut self,
        place: &Place,
        symbol: u32,
        coder: &mut impl BitCoder,
    ) -> u32 {
        let p = self.ends.predict(place.last);
        let end = coder.code(symbol >= self.vocabulary, p);
        self.ends.learn(place.last, end);
        if end {
            return self.vocabulary;
        }
        let mut value = 0;
        let mut done = 0;
        while done < self.bits {
            let mut group = self.group(place, value, done);
            for lane in 0..H {
                let hash = in_group(place.hashes.contexts[lane], value, done);
                let (slot, seen) = self.decisions.slots.find_or_make(hash);
                group.slots[lane] = slot;
                group.seen += usize::from(seen);
            }
            self.decisions.count();
            let mut node = 1;
            for _ in 0..self.group_size(done) {
                let left = self.bits - done - 1;
                let mut bit = false;
                if self.is_open(value, left) {
                    let expected = expected(place.matched, value, left);
                    let prediction = self.decisions.predict::<H>(&group, node, expected);
                    bit = coder.code(symbol >> left & 1 == 1, prediction.p1);
                    self.decisions.learn::<H>(&group, node, expected, &prediction, bit);
                }
                value = value << 1 | u32::from(bit);
                node = node << 1 | usize::from(bit);
                done += 1;
            }
        }
        self.history.remember(place.hashes.matched);
        self.history.push(value);
        value
    }

    /// Prices a symbol at a place, or EOS, and learns nothing.
    fn price<const H: usize>(&self, place: &Place, symbol: u32, cost: &mut Cost) {
        let end = symbol >= self.vocabulary;
        cost.code(end, self.ends.predict(place.last));
        if end {
            return;
        }
        let mut done = 0;
        while done < self.bits {
            let group = self.frozen_group::<H>(
                place,
                symbol.checked_shr(self.bits - done).unwrap_or(0),
                done,
            );
            let mut node = 1;
            for _ in 0..self.group_size(done) {
                let left = self.bits - done - 1;
                let value = symbol.checked_shr(left + 1).unwrap_or(0);
                let bit = symbol >> left & 1 == 1;
                if self.is_open(value, left) {
                    let expected = expected(place.matched, value, left);
                    cost.code(bit, self.decisions.predict::<H>(&group, node, expected).p1);
                }
                node = node << 1 | usize::from(bit);
                done += 1;
            }
        }
    }

    /// A group that is not open yet.
    #[inline(always)]
    fn group(&self, place: &Place, value: u32, done: u32) -> Group {
        let number = done.div_ceil(4) as usize;
        Group {
            slots: [0; CONTEXTS],
            seen: 0,
            weights: (number * 16 + (value & 15) as usize) * 16,
            path: mix(u64::from(place.last[0]) << 32, u64::from(value) | 1 << done),
            matched: place.matched.map_or(0, |matched| matched.length),
        }
    }

    fn frozen_group<const H: usize>(&self, place: &Place, value: u32, done: u32) -> Group {
        let mut group = self.group(place, value, done);
        let slots = &self.decisions.slots;
        for lane in 0..H {
            let slot = slots.find(in_group(place.hashes.contexts[lane], value, done));
            group.seen += usize::from(slot.is_some());
            group.slots[lane] = slot.unwrap_or(slots.blank());
        }
        group
    }

    /// How many decisions the group after `done` decisions has: the first takes what is left over
    /// from groups of four.
    #[inline(always)]
    fn group_size(&self, done: u32) -> u32 {
        if done == 0 { (self.bits - 1) % 4 + 1 } else { 4 }
    }

    /// Whether a decision is one: with `left` to follow, a 1 after `value` can be a symbol.
    #[inline(always)]
    fn is_open(&self, value: u32, left: u32) -> bool {
        (value << 1 | 1) << left < self.vocabulary
    }
}

/// The hash of a context and the way to a group in it.
#[inline(always)]
fn in_group(hash: u64, value: u32, done: u32) -> u64 {
    // Spread over all bits, or the way would look like another last symbol of the context.
    mix(hash, (u64::from(value) | 1 << done).wrapping_mul(0xd6e8_feb8_6659_fd93))
}

/// What a match says of a decision, if what was decided before agrees with it.
#[inline(always)]
fn expected(matched: Option<Match>, value: u32, left: u32) -> Option<bool> {
    let symbol = matched?.symbol;
    (u64::from(symbol) >> (left + 1) == u64::from(value)).then_some(symbol >> left & 1 == 1)
}
