//! Alphabets: how a document's bytes become symbols.

mod alphabet;
mod bpe;
mod growth;
mod regex;

pub use alphabet::{Alphabet, push_bits};
pub use bpe::Bpe;
pub use regex::GiveUp;
