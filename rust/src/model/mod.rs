//! The tree model: an adaptive language model over the token tree of depth d.
//!
//! It predicts each symbol of a document from at most d symbols before it, then learns it. Its code
//! lengths are therefore prequential (one pass over the data) and decodable. A symbol is a sequence
//! of binary decisions, as in the paper's bit trees. For each decision, every context length up to
//! d has its own counter; the counters' probabilities are mixed in the logistic domain by weights
//! that are learned, too.
//!
//! All arithmetic uses integers or single IEEE operations in a fixed order, so the same data give
//! the same bits on every machine.

mod context;
mod counters;
mod decision;
mod end_of_document;
mod file;
mod history;
mod learn;
mod logistic;
mod memory;
mod place;
mod sample;
mod slots;
mod symbol;
mod tree_model;

pub use context::MAX_DEPTH;
pub use tree_model::TreeModel;
