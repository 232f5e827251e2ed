//! The statistics of a tree at every depth, its static rates, and reference compressors.

mod by_depth;
mod reference;

pub use by_depth::{DepthStatistics, StaticRate, Statistics, theorem_bits};
pub use reference::{Compressor, compressed_sizes};
