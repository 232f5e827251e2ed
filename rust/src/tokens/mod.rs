//! Alphabets: how a document's bytes become symbols.

mod alphabet;
mod bpe;

pub use alphabet::{Alphabet, push_bits};
pub use bpe::Bpe;
