//! The tree model: its parameters and everything it has learned.

use super::context::{Context, MAX_DEPTH, Plan};
use super::counters::FRESH;
use super::decision::Decisions;
use super::end_of_document::EndOfDocument;
use super::history::History;
use super::slots::Slots;
use crate::{Error, Result, check_memory};

/// The smallest size of a model's tables, in bytes.
pub const MIN_MEMORY: u64 = 16 << 20;

/// An adaptive language model over the token tree, pruned to depth d.
///
/// A prediction depends only on what was learned and on the last d symbols of the document. Memory
/// is fixed: rare contexts are replaced by new ones.
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
    pub(super) ends: EndOfDocument,
    pub(super) history: History,
    /// Number of pseudo-random numbers drawn so far, for learning a fraction of the data.
    pub(super) draws: u64,
}

impl TreeModel {
    /// An untrained model.
    ///
    /// `depth` is the longest context, 1 to [`MAX_DEPTH`]; symbols are `0..vocabulary`, and EOS is
    /// `vocabulary`. `memory` is the maximum size of the model's tables in bytes.
    pub fn new(depth: usize, vocabulary: u32, memory: u64) -> Result<TreeModel> {
        if !(1..=MAX_DEPTH).contains(&depth) {
            let reason = format!(
                "depth {depth} is out of range: a tree model has a depth of 1 to {MAX_DEPTH}"
            );
            return Err(Error::InvalidArgument(reason));
        }
        if !(2..=1 << 24).contains(&vocabulary) {
            let reason = format!(
                "vocabulary {vocabulary} is out of range: a tree model has 2 to 2^24 symbols"
            );
            return Err(Error::InvalidArgument(reason));
        }
        if memory < MIN_MEMORY {
            let reason =
                format!("{memory} bytes of memory are too few: a tree model needs at least 16 MiB");
            return Err(Error::InvalidArgument(reason));
        }
        check_memory(memory, "a tree model")?;
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
            slots: Slots::new(share / 4 * 3, FRESH)?,
            decisions: Decisions::new(),
            ends: EndOfDocument::new(depth),
            history: History::new(history)?,
            draws: 0,
            plan,
        })
    }

    /// The longest context d, in symbols.
    pub fn depth(&self) -> usize {
        self.depth
    }

    /// Number of symbols without EOS, which is also the id of EOS.
    pub fn vocabulary(&self) -> u32 {
        self.vocabulary
    }

    /// The maximum size of its tables in bytes.
    pub fn memory(&self) -> u64 {
        self.memory
    }

    /// Begins a document, with an empty context.
    pub fn begin(&mut self) {
        self.context = Context::new(self.plan, self.vocabulary);
        self.history.push(self.vocabulary);
    }

    /// Returns [`Error::InvalidArgument`] if a document has a symbol outside the vocabulary.
    pub(super) fn check<T: Copy + Into<u32>>(&self, documents: &[&[T]]) -> Result<()> {
        for (number, document) in documents.iter().enumerate() {
            if let Some(&symbol) = document.iter().find(|&&symbol| symbol.into() >= self.vocabulary)
            {
                let symbol: u32 = symbol.into();
                return Err(Error::InvalidArgument(format!(
                    "document {number} contains symbol {symbol}, but the model has symbols 0 to {}",
                    self.vocabulary - 1
                )));
            }
        }
        Ok(())
    }

    pub(super) fn empty_context(&self) -> Context {
        Context::new(self.plan, self.vocabulary)
    }
}
