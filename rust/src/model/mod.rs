//! The tree model: an adaptive predictor that knows the token tree to depth d.
//!
//! It predicts each symbol of a document from at most d symbols before it, then learns it: the
//! code lengths it gives are those of one pass over the data (prequential), and decodable. A
//! symbol is walked through as a few binary decisions, as in the paper's bit trees. For each
//! decision, every context length up to d has its own counter; the counters' probabilities are
//! mixed in the logistic domain by weights that are learned as well.
//!
//! All arithmetic is in integers or in single IEEE operations in a fixed order, so the same data
//! give the same bits on every machine.

mod context;
mod counters;
mod decision;
mod ends;
mod file;
mod history;
mod logistic;
mod memory;
mod place;
mod sample;
mod slots;
mod symbol;
mod tree;

pub use tree::{MAX_DEPTH, TreeModel};
