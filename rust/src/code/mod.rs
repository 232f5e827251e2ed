//! Codes: Huffman's, its canonical codewords and codebook, and the range coder.

mod canonical;
mod categorical;
mod codebook;
mod huffman;
mod range;
mod weights;

pub use canonical::{Decoder, Encoder};
pub use categorical::{CategoricalDecoder, CategoricalEncoder};
pub use codebook::{Codebook, read_codebook, write_codebook};
pub use huffman::{CodeLengths, LengthClass};
pub use range::{BitCoder, BitDecoder, BitEncoder, Cost};
