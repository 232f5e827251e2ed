//! Token ids of a Hugging Face `tokenizer.json`, equal to those of the `tokenizers` package.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use tokenizers::Tokenizer;

use crate::{Error, Result};

/// A tokenizer, shared between threads.
#[derive(Debug, Clone)]
pub struct Bpe {
    tokenizer: Arc<Tokenizer>,
    vocabulary: u32,
    fingerprint: String,
    json: Arc<[u8]>,
}

impl Bpe {
    /// Loads a `tokenizer.json`.
    ///
    /// Truncation and padding are switched off: every token of a text counts.
    pub fn open(path: &Path) -> Result<Bpe> {
        Bpe::from_json(path, fs::read(path).map_err(Error::io(path))?)
    }

    /// The tokenizer of a `tokenizer.json`'s bytes, which came from the file `path`.
    pub(crate) fn from_json(path: &Path, bytes: Vec<u8>) -> Result<Bpe> {
        let unusable = |error: tokenizers::Error| Error::Tokenizer {
            path: path.to_path_buf(),
            reason: error.to_string(),
        };
        let mut tokenizer = Tokenizer::from_bytes(&bytes).map_err(unusable)?;
        tokenizer.with_truncation(None).map_err(unusable)?;
        tokenizer.with_padding(None);
        let highest = tokenizer.get_vocab(true).into_values().max();
        let vocabulary = highest.ok_or_else(|| unusable("it has no tokens".into()))? + 1;
        let digest = Sha256::digest(&bytes);
        let fingerprint = digest[..8].iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Bpe { tokenizer: Arc::new(tokenizer), vocabulary, fingerprint, json: bytes.into() })
    }

    /// The bytes of the `tokenizer.json`.
    pub(crate) fn json(&self) -> &[u8] {
        &self.json
    }

    /// Highest id plus one, added tokens included.
    pub fn vocabulary(&self) -> u32 {
        self.vocabulary
    }

    /// The first 16 hexadecimal digits of the file's SHA-256.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// The ids of `text`, without special tokens; `Err` says why the text cannot be encoded.
    pub fn encode(&self, text: &[u8]) -> std::result::Result<Vec<u32>, String> {
        let text = std::str::from_utf8(text).map_err(|error| {
            format!(
                "invalid UTF-8 at byte {} of the text, which a tokenizer cannot read; use --alphabet byte",
                error.valid_up_to()
            )
        })?;
        let encoding =
            self.tokenizer.encode_fast(text, false).map_err(|error| error.to_string())?;
        Ok(encoding.get_ids().to_vec())
    }

    /// The text of ids, special tokens included; bytes that are no UTF-8 are replaced.
    pub fn decode(&self, ids: &[u32]) -> Result<String> {
        let text = self.tokenizer.decode(ids, false);
        text.map_err(|error| Error::InvalidArgument(format!("ids that are no text: {error}")))
    }
}
