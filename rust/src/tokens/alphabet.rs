//! Alphabets: how a document's bytes become symbols.

use std::path::Path;

use super::bpe::Bpe;
use crate::{Error, Result};

/// What a symbol is. EOS is a symbol of its own in each: the first id after the vocabulary.
#[derive(Debug, Clone)]
pub enum Alphabet {
    /// The bits of the text, most significant bit of each byte first: ids 0 and 1.
    Bit,
    /// The bytes of the text: ids 0 to 255.
    Byte,
    /// The token ids of a Hugging Face `tokenizer.json`.
    Bpe(Bpe),
}

impl Alphabet {
    /// Parses `bit`, `byte` or `bpe:PATH`, where PATH is a `tokenizer.json`.
    pub fn parse(name: &str) -> Result<Alphabet> {
        match (name, name.strip_prefix("bpe:")) {
            ("bit", _) => Ok(Alphabet::Bit),
            ("byte", _) => Ok(Alphabet::Byte),
            (_, Some(path)) if !path.is_empty() => Ok(Alphabet::Bpe(Bpe::open(Path::new(path))?)),
            _ => Err(Error::InvalidArgument(format!(
                "unknown alphabet '{name}': choose bit, byte or bpe:PATH with PATH a tokenizer.json"
            ))),
        }
    }

    /// `bit`, `byte`, or `bpe:` and the first 16 hexadecimal digits of the file's SHA-256.
    pub fn identity(&self) -> String {
        match self {
            Alphabet::Bit => "bit".to_string(),
            Alphabet::Byte => "byte".to_string(),
            Alphabet::Bpe(bpe) => format!("bpe:{}", bpe.fingerprint()),
        }
    }

    /// Decodes symbols to text; bits that do not fill a byte are dropped.
    pub fn decode(&self, symbols: &[u32]) -> Result<Vec<u8>> {
        Ok(match self {
            Alphabet::Bit => {
                let byte = |bits: &[u32]| bits.iter().fold(0, |byte, &bit| byte << 1 | bit as u8);
                symbols.chunks_exact(8).map(byte).collect()
            }
            Alphabet::Byte => symbols.iter().map(|&symbol| symbol as u8).collect(),
            Alphabet::Bpe(bpe) => bpe.decode(symbols)?.into_bytes(),
        })
    }

    /// Number of symbols without EOS.
    pub fn vocabulary(&self) -> u32 {
        match self {
            Alphabet::Bit => 2,
            Alphabet::Byte => 256,
            Alphabet::Bpe(bpe) => bpe.vocabulary(),
        }
    }
}

/// Appends the bits of `bytes`, most significant bit of each byte first.
pub fn push_bits(bytes: &[u8], bits: &mut Vec<u8>) {
    bits.reserve(8 * bytes.len());
    bits.extend(bytes.iter().flat_map(|byte| (0..8).rev().map(move |shift| byte >> shift & 1)));
}
