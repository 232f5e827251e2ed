//! The canonical Huffman code: codewords derived from their lengths, an encoder and a decoder.

use crate::{Error, Result};

/// The longest codeword, in bits.
pub(crate) const MAX_LENGTH: u32 = 64;

/// The order in which a canonical code numbers its leaves: by length, then by index.
fn canonical_order(lengths: &[u32]) -> Result<Vec<u32>> {
    if let Some(length) = lengths.iter().find(|&&length| !(1..=MAX_LENGTH).contains(&length)) {
        return Err(Error::Code(format!("a codeword has {length} bits, but must have 1 to 64")));
    }
    let kraft: u128 = lengths.iter().map(|&length| 1u128 << (MAX_LENGTH - length)).sum();
    if kraft > 1 << MAX_LENGTH {
        return Err(Error::Code("no prefix code has its codeword lengths".to_string()));
    }
    let mut order: Vec<u32> = (0..lengths.len() as u32).collect();
    order.sort_by_key(|&leaf| lengths[leaf as usize]);
    Ok(order)
}

/// Encodes leaves as codewords.
#[derive(Debug, Clone)]
pub struct Encoder {
    /// Codeword (in the low bits) and length of each leaf.
    words: Vec<(u64, u32)>,
    bytes: Vec<u8>,
    /// Bits not yet written, in the highest bits.
    pending: u128,
    pending_bits: u32,
    bits: u64,
}

impl Encoder {
    /// An encoder for leaves 0, 1, ... with codewords of these `lengths` (1 to 64 bits).
    ///
    /// Fails if no prefix code has these lengths.
    pub fn new(lengths: &[u32]) -> Result<Encoder> {
        let mut words = vec![(0, 0); lengths.len()];
        let (mut word, mut length_before) = (0u128, 0);
        for (rank, &leaf) in canonical_order(lengths)?.iter().enumerate() {
            let length = lengths[leaf as usize];
            if rank > 0 {
                word = (word + 1) << (length - length_before);
            }
            length_before = length;
            words[leaf as usize] = (word as u64, length);
        }
        Ok(Encoder { words, bytes: Vec::new(), pending: 0, pending_bits: 0, bits: 0 })
    }

    /// Appends the codeword of `leaf`.
    pub fn push(&mut self, leaf: usize) -> Result<()> {
        let &(word, length) = self
            .words
            .get(leaf)
            .ok_or_else(|| Error::InvalidArgument(format!("leaf {leaf} is not in the code")))?;
        self.pending |= u128::from(word) << (u128::BITS - self.pending_bits - length);
        self.pending_bits += length;
        self.bits += u64::from(length);
        while self.pending_bits >= 8 {
            self.bytes.push((self.pending >> 120) as u8);
            self.pending <<= 8;
            self.pending_bits -= 8;
        }
        Ok(())
    }

    /// The bytes, the last one padded with zeros, and the exact number of bits.
    pub fn finish(mut self) -> (Vec<u8>, u64) {
        if self.pending_bits > 0 {
            self.bytes.push((self.pending >> 120) as u8);
        }
        (self.bytes, self.bits)
    }
}

/// Decodes codewords.
#[derive(Debug, Clone)]
pub struct Decoder {
    /// Leaves in canonical order.
    order: Vec<u32>,
    /// For each length in use: the length, its first codeword, the rank of that codeword's leaf,
    /// and the number of codewords.
    lengths: Vec<(u32, u64, usize, u64)>,
}

impl Decoder {
    /// The decoder for an [`Encoder::new`] with the same lengths.
    pub fn new(lengths: &[u32]) -> Result<Decoder> {
        let order = canonical_order(lengths)?;
        let mut table: Vec<(u32, u64, usize, u64)> = Vec::new();
        let mut word = 0u128;
        for (rank, &leaf) in order.iter().enumerate() {
            let length = lengths[leaf as usize];
            match table.last_mut() {
                Some(last) if last.0 == length => {
                    word += 1;
                    last.3 += 1;
                }
                last => {
                    if let Some(last) = last {
                        word = (word + 1) << (length - last.0);
                    }
                    table.push((length, word as u64, rank, 1));
                }
            }
        }
        Ok(Decoder { order, lengths: table })
    }

    /// Decodes `n` leaves from `bytes`.
    pub fn decode(&self, bytes: &[u8], n: usize) -> Result<Vec<usize>> {
        let mut leaves = Vec::new();
        let mut at = 0u64;
        for _ in 0..n {
            let (mut word, mut taken) = (0u128, 0);
            let leaf = self.lengths.iter().find_map(|&(length, first, rank, count)| {
                while taken < length {
                    let bit = bytes.get((at / 8) as usize).map(|byte| byte >> (7 - at % 8) & 1)?;
                    word = word << 1 | u128::from(bit);
                    at += 1;
                    taken += 1;
                }
                let index = word.checked_sub(first.into())?;
                (index < count.into()).then(|| self.order[rank + index as usize])
            });
            match leaf {
                Some(leaf) => leaves.push(leaf as usize),
                None => {
                    return Err(Error::Code(
                        "it ends early or contains an unknown codeword".to_string(),
                    ));
                }
            }
        }
        Ok(leaves)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::code::CodeLengths;
    use crate::tree::Spectrum;

    #[test]
    fn canonical_words_by_hand() {
        // Lengths 2 1 3 3: words 10, 0, 110, 111.
        let mut encoder = Encoder::new(&[2, 1, 3, 3]).unwrap();
        [0, 1, 2, 3].into_iter().for_each(|leaf| encoder.push(leaf).unwrap());
        assert_eq!(encoder.finish(), (vec![0b1001_1011, 0b1000_0000], 9));
    }

    #[test]
    fn impossible_lengths_are_refused() {
        assert!(Encoder::new(&[1, 1, 1]).is_err());
        assert!(Decoder::new(&[0]).is_err());
        assert!(Decoder::new(&[65]).is_err());
    }

    #[test]
    fn truncated_code_is_refused() {
        let decoder = Decoder::new(&[2, 1, 3, 3]).unwrap();
        assert!(decoder.decode(&[0b1111_1111], 4).is_err());
    }

    proptest! {
        #[test]
        fn decoding_inverts_encoding(
            counts in prop::collection::vec(1u64..1 << 50, 1..60),
            picks in prop::collection::vec(any::<prop::sample::Index>(), 0..300),
        ) {
            let classes = CodeLengths::optimal(&Spectrum::from_counts(counts.iter().copied()));
            let mut assignment = classes.assign();
            let lengths: Vec<u32> =
                counts.iter().map(|&count| assignment.next(count).unwrap()).collect();
            let leaves: Vec<usize> = picks.iter().map(|pick| pick.index(counts.len())).collect();
            let mut encoder = Encoder::new(&lengths).unwrap();
            for &leaf in &leaves {
                encoder.push(leaf).unwrap();
            }
            let (bytes, bits) = encoder.finish();
            let expected: u64 = leaves.iter().map(|&leaf| u64::from(lengths[leaf])).sum();
            prop_assert_eq!(bits, expected);
            prop_assert_eq!(Decoder::new(&lengths).unwrap().decode(&bytes, leaves.len()).unwrap(), leaves);
        }
    }
}
