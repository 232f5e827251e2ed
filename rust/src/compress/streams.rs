//! Blocks of a language model: the number of tokens in each stream, then the code of all streams.

use super::container::{push_varint, take_varint};
use crate::{Error, Result};

/// Maximum number of streams in a block.
const MAX_STREAMS: u64 = 1 << 16;

/// A block's bytes: the number of streams, the number of tokens in each (varints), and the code.
pub fn join_streams(tokens: &[u64], code: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    push_varint(&mut bytes, tokens.len() as u64);
    tokens.iter().for_each(|&tokens| push_varint(&mut bytes, tokens));
    bytes.extend_from_slice(code);
    bytes
}

/// Splits what [`join_streams`] joined; no stream can have more tokens than the text has bytes.
pub fn split_streams(mut bytes: &[u8], raw_len: usize) -> Result<(Vec<u64>, &[u8])> {
    let mut number = |most: u64| {
        let number = take_varint(&mut bytes).filter(|&number| number <= most);
        number.ok_or_else(|| Error::Code("its streams are invalid".to_string()))
    };
    let streams = number(MAX_STREAMS)?;
    let tokens = (0..streams).map(|_| number(raw_len as u64)).collect::<Result<_>>()?;
    Ok((tokens, bytes))
}
