//! What a token tree buys: code lengths, codes and rates.

mod adaptive;
mod canonical;
mod codebook;
mod codec;
mod container;
mod files;
mod huffman;
mod lanes;
mod named;
mod range;
mod reference;
mod rows;
mod scores;
mod segments;
mod statistics;
mod weights;

pub use adaptive::TreeCodec;
pub use canonical::{Decoder, Encoder};
pub use codebook::{Codebook, read_codebook, write_codebook};
pub use codec::{Codec, Coded, Coding, Description, compress, decompress};
pub use files::{compress_file, decompress_file};
pub use huffman::{CodeLengths, LengthClass};
pub use lanes::{join_lanes, part_lanes};
pub use named::{codec, decoder};
pub use range::{BitCoder, BitDecoder, BitEncoder, Cost};
pub use reference::{Compressor, compressed_sizes};
pub use rows::{RowDecoder, RowEncoder};
pub use scores::{ScoreWriter, Scores};
pub use segments::StaticCodec;
pub use statistics::{DepthStatistics, StaticRate, Statistics, theorem_bits};
