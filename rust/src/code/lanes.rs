//! How many tokens each lane of a block has, before the code of them all.

use super::container::{push_varint, take_varint};
use crate::{Error, Result};

/// Lanes that a block can have.
const MAX_LANES: u64 = 1 << 16;

/// A block's bytes: the number of lanes, the tokens of each (varints), the code.
pub fn join_lanes(tokens: &[u64], code: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    push_varint(&mut bytes, tokens.len() as u64);
    tokens.iter().for_each(|&tokens| push_varint(&mut bytes, tokens));
    bytes.extend_from_slice(code);
    bytes
}

/// What [`join_lanes`] joined; no lane of a text of `raw_len` bytes has more tokens than bytes.
pub fn part_lanes(mut bytes: &[u8], raw_len: usize) -> Result<(Vec<u64>, &[u8])> {
    let mut number = |most: u64| {
        let number = take_varint(&mut bytes).filter(|&number| number <= most);
        number.ok_or_else(|| Error::Code("its lanes cannot be".to_string()))
    };
    let lanes = number(MAX_LANES)?;
    let tokens = (0..lanes).map(|_| number(raw_len as u64)).collect::<Result<_>>()?;
    Ok((tokens, bytes))
}
