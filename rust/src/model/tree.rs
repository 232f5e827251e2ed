//! The tree model itself: documents in, code lengths, probabilities and samples out.

use rayon::prelude::*;

pub use super::context::MAX_DEPTH;
use super::context::{Context, Plan, mix};
use super::counters::FRESH;
use super::decision::Decisions;
use super::ends::Ends;
use super::history::History;
use super::slots::Slots;
use super::symbol::for_contexts;
use crate::code::{BitCoder, Cost};
use crate::{Error, Job, Phase, Result};

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
    pub(super) depth: usize,
    pub(super) vocabulary: u32,
    memory: u64,
    /// Bits of a symbol.
    pub(super) bits: u32,
    pub(super) plan: Plan,
    pub(super) context: Context,
    pub(super) slots: Slots,
    pub(super) decisions: Decisions,
    pub(super) ends: Ends,
    pub(super) history: History,
    /// Pseudo-random numbers drawn so far, to learn a share of some data.
    pub(super) draws: u64,
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
            slots: Slots::new(share / 4 * 3, FRESH),
            decisions: Decisions::new(),
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
        for part in document.chunks(CHUNK) {
            let symbols = part.iter().map(|&symbol| symbol.into());
            self.learn_part(symbols, share, &mut cost);
            job.add(part.len() as u64);
            job.check()?;
        }
        self.learn_part([self.vocabulary], share, &mut cost);
        job.add(1);
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
                let mut context = self.empty_context();
                let mut scored = Vec::with_capacity(document.len() + 1);
                for part in document.chunks(CHUNK) {
                    job.check()?;
                    let symbols = part.iter().map(|&symbol| symbol.into());
                    scored.extend(symbols.map(|symbol| self.score(&mut context, symbol)));
                    job.add(part.len() as u64);
                }
                scored.push(self.score(&mut context, self.vocabulary));
                job.add(1);
                Ok(scored)
            })
            .collect()
    }

    /// The natural logarithm of a symbol's probability after `context`, which moves on by it.
    fn score(&self, context: &mut Context, symbol: u32) -> f32 {
        let mut cost = Cost::default();
        for_contexts!(self.plan.contexts(), self.price(&self.place(context), symbol, &mut cost));
        context.push(symbol);
        (-cost.bits() * std::f64::consts::LN_2) as f32
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

    pub(super) fn empty_context(&self) -> Context {
        Context::new(self.plan, self.vocabulary)
    }

    /// Learns a share of symbols that follow one another.
    fn learn_part(&mut self, symbols: impl IntoIterator<Item = u32>, share: f64, cost: &mut Cost) {
        if share < 1.0 {
            for symbol in symbols {
                for_contexts!(self.plan.contexts(), self.learn_share(symbol, share, cost));
            }
        } else {
            self.code_all(symbols, cost);
        }
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
}
