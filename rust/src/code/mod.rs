//! What a token tree buys: code lengths, codes and rates.

mod canonical;
mod codebook;
mod huffman;
mod range;
mod reference;
mod rows;
mod statistics;

pub use canonical::{Decoder, Encoder};
pub use codebook::{Codebook, read_codebook, write_codebook};
pub use huffman::{CodeLengths, LengthClass};
pub use range::{BitCoder, BitDecoder, BitEncoder, Cost};
pub use reference::{Compressor, compressed_sizes};
pub use rows::{RowDecoder, RowEncoder};
pub use statistics::{DepthStatistics, StaticRate, Statistics, theorem_bits};
