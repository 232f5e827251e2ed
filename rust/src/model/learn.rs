//! Learning and scoring: documents in, code lengths and log-probabilities out.

use rayon::prelude::*;

use super::context::{Context, mix};
use super::symbol::for_contexts;
use super::tree_model::TreeModel;
use crate::code::{BitCoder, Cost};
use crate::{Error, Job, Phase, Result};

/// Number of symbols between two checks whether to stop.
const CHUNK: usize = 1 << 16;

impl TreeModel {
    /// Codes the next symbol of the document, or EOS, then learns it.
    ///
    /// Returns the coded symbol. A decoder ignores `symbol` and returns the one that it read. A
    /// symbol above EOS counts as EOS.
    pub fn code<C: BitCoder>(&mut self, symbol: u32, coder: &mut C) -> u32 {
        let place = self.place(&self.context);
        let symbol = for_contexts!(self.plan.contexts(), self.learn(&place, symbol, coder));
        self.context.push(symbol);
        symbol
    }

    /// Codes a sequence of known symbols like [`TreeModel::code`], but faster: it prefetches the
    /// memory for the next symbol while coding one.
    pub fn code_all<C: BitCoder>(&mut self, symbols: impl IntoIterator<Item = u32>, coder: &mut C) {
        for_contexts!(self.plan.contexts(), self.learn_all(symbols, coder))
    }

    /// Learns documents in order, each followed by EOS, and returns the code length of each in
    /// bits, with every symbol predicted before it was learned.
    ///
    /// `weight` is how often the data are learned: that many whole passes, then a fraction of the
    /// symbols, chosen by a fixed pseudo-random sequence. The code lengths are those of the first
    /// pass.
    pub fn update<T: Copy + Into<u32>>(
        &mut self,
        documents: &[&[T]],
        weight: f64,
        job: &Job,
    ) -> Result<Vec<f64>> {
        if !(weight > 0.0 && weight.is_finite()) {
            let reason = format!("weight {weight}: must be a positive number");
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

    /// Learns a fraction of one document's symbols and returns its code length in bits.
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

    /// The natural log-probability of each symbol, and finally of EOS, without learning. Runs on
    /// the current rayon pool.
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

    /// The natural log-probability of a symbol after `context`, to which it is then appended.
    fn score(&self, context: &mut Context, symbol: u32) -> f32 {
        let mut cost = Cost::default();
        for_contexts!(self.plan.contexts(), self.price(&self.place(context), symbol, &mut cost));
        context.push(symbol);
        (-cost.bits() * std::f64::consts::LN_2) as f32
    }

    /// Learns a fraction of consecutive symbols.
    fn learn_part(&mut self, symbols: impl IntoIterator<Item = u32>, share: f64, cost: &mut Cost) {
        if share < 1.0 {
            for symbol in symbols {
                for_contexts!(self.plan.contexts(), self.learn_share(symbol, share, cost));
            }
        } else {
            self.code_all(symbols, cost);
        }
    }

    /// Learns a symbol or only adds its cost, depending on the next pseudo-random number.
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

    /// [`TreeModel::code_all`] with the number of contexts as a constant.
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
