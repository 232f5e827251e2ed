//! Symbols in, a token tree out: the sorted table of its leaves.
//!
//! A token tree pruned to depth d *is* the sorted table of its leaves (paths of at most d symbols)
//! with their counts. Everything else follows from one pass over it: building is sorting and
//! counting, merging is merging sorted tables, and pruning is truncating rows.

mod batch;
mod build;
mod builder;
mod disk_run;
mod export;
mod feeder;
mod file;
mod file_metadata;
mod join;
mod layers;
mod leaves;
mod packing;
mod shape;
mod sort;
mod spectrum;
mod stream;
mod table;
mod token_tree;

pub use batch::Symbol;
pub use build::{build, from_symbols};
pub use builder::BuildOptions;
pub use export::ExportFormat;
pub use layers::{Layer, Layers};
pub use shape::{Segment, Shape, Volume};
pub use spectrum::Spectrum;
pub use table::{Counts, LeafTable};
pub use token_tree::TokenTree;

pub(crate) use join::Join;
pub(crate) use leaves::{Leaves, Room, Stream, merge as merge_leaves};
pub(crate) use shape::shared_symbols;
pub(crate) use stream::LeafStream;
