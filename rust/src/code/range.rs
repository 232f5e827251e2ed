//! Range coding of binary decisions, at `-log2 p` bits for a decision of probability p.
//!
//! A model passes its decisions to a [`BitCoder`] without knowing whether they are encoded
//! ([`BitEncoder`]), decoded ([`BitDecoder`]) or only added up as a cost ([`Cost`]).

use std::borrow::Borrow;
use std::num::NonZeroU32;

use constriction::backends::Cursor;
use constriction::stream::model::{DecoderModel, EncoderModel, EntropyModel};
use constriction::stream::queue::{DefaultRangeDecoder, DefaultRangeEncoder};
use constriction::stream::{Decode, Encode};
use constriction::{Pos, UnwrapInfallible};

use crate::{Error, Result};

/// Bits of a decision's probability.
const PRECISION: usize = 16;
/// The probability 1.
const ONE: u32 = 1 << PRECISION;

/// The destination or source of a model's binary decisions.
pub trait BitCoder {
    /// Codes one bit whose probability of being 1 is `p1 / 2^16`, `1 <= p1 < 2^16`.
    ///
    /// An encoder codes `bit` and returns it; a decoder ignores `bit` and returns the one it read.
    fn code(&mut self, bit: bool, p1: u32) -> bool;
}

/// The distribution of one bit: 1 with probability `p1 / 2^16`.
struct Bit {
    p1: u32,
}

impl EntropyModel<PRECISION> for Bit {
    type Symbol = bool;
    type Probability = u32;
}

impl EncoderModel<PRECISION> for Bit {
    #[inline(always)]
    fn left_cumulative_and_probability(&self, bit: impl Borrow<bool>) -> Option<(u32, NonZeroU32)> {
        let (left, p) = if *bit.borrow() { (0, self.p1) } else { (self.p1, ONE - self.p1) };
        Some((left, NonZeroU32::new(p)?))
    }
}

impl DecoderModel<PRECISION> for Bit {
    #[inline(always)]
    fn quantile_function(&self, quantile: u32) -> (bool, u32, NonZeroU32) {
        let bit = quantile < self.p1;
        let (left, p) = if bit { (0, self.p1) } else { (self.p1, ONE - self.p1) };
        (bit, left, NonZeroU32::new(p).unwrap_or(NonZeroU32::MIN))
    }
}

/// Encodes decisions.
#[derive(Debug, Default)]
pub struct BitEncoder {
    coder: DefaultRangeEncoder,
    impossible: bool,
}

impl BitEncoder {
    /// An empty encoder.
    pub fn new() -> BitEncoder {
        BitEncoder::default()
    }

    /// Number of bytes written so far, without the last few that [`BitEncoder::finish`] adds.
    pub fn len(&self) -> usize {
        size_of::<u32>() * self.coder.bulk().pos()
    }

    /// Whether no bytes have been written.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The code, at most 5 bytes longer than the cost of its decisions.
    ///
    /// Fails if a decision had probability 0, which cannot be decoded.
    pub fn finish(self) -> Result<Vec<u8>> {
        if self.impossible {
            return Err(Error::Code("it has a decision of probability 0".to_string()));
        }
        let words = self.coder.into_compressed().unwrap_infallible();
        Ok(to_bytes(words.into_iter().map(u32::to_be_bytes)))
    }
}

impl BitCoder for BitEncoder {
    #[inline]
    fn code(&mut self, bit: bool, p1: u32) -> bool {
        self.impossible |= self.coder.encode_symbol(bit, Bit { p1 }).is_err();
        bit
    }
}

/// Decodes decisions.
#[derive(Debug)]
pub struct BitDecoder {
    coder: DefaultRangeDecoder,
    damaged: bool,
}

impl BitDecoder {
    /// A decoder for the result of [`BitEncoder::finish`].
    pub fn new(bytes: &[u8]) -> BitDecoder {
        let words = from_bytes(bytes).map(u32::from_be_bytes).collect();
        let words = Cursor::new_at_write_beginning(words);
        let coder = DefaultRangeDecoder::with_backend(words).unwrap_infallible();
        BitDecoder { coder, damaged: false }
    }

    /// Fails if a decision could not be decoded, or if the code has not been read to its end.
    pub fn finish(self) -> Result<()> {
        if self.damaged || !self.coder.maybe_exhausted() {
            return Err(Error::Code("its length does not match its decisions".to_string()));
        }
        Ok(())
    }
}

impl BitCoder for BitDecoder {
    #[inline]
    fn code(&mut self, _bit: bool, p1: u32) -> bool {
        match self.coder.decode_symbol(Bit { p1 }) {
            Ok(bit) => bit,
            Err(_) => {
                self.damaged = true;
                false
            }
        }
    }
}

/// The cost of decisions: the sum of their `-log2 p`.
///
/// It multiplies the probabilities, at one multiplication per decision instead of a load from a
/// table of logarithms. IEEE multiplication is the same on every machine, and the error of 10^8
/// multiplications is below 10^-7 bits.
#[derive(Debug, Clone)]
pub struct Cost {
    /// The product of all probabilities is `product * 2^exponent`.
    product: f64,
    exponent: i64,
}

impl Default for Cost {
    fn default() -> Cost {
        Cost { product: 1.0, exponent: 0 }
    }
}

impl Cost {
    /// The product is normalized below this, far from the limits of f64.
    const LEAST: f64 = 1e-290;

    /// The cost of no decisions.
    pub fn new() -> Cost {
        Cost::default()
    }

    /// The total cost in bits.
    pub fn bits(&self) -> f64 {
        let mut rest = self.clone();
        rest.normalize();
        // log2 of the mantissa bit by bit, because library functions differ between machines.
        let (mut mantissa, mut log2, mut bit) = (rest.product, 0.0, 0.5);
        for _ in 0..f64::MANTISSA_DIGITS {
            mantissa *= mantissa;
            if mantissa >= 2.0 {
                mantissa /= 2.0;
                log2 += bit;
            }
            bit /= 2.0;
        }
        -(rest.exponent as f64) - log2
    }

    /// Adds the cost of a probability `p`, which must be from 2^-30 to 2.
    #[inline]
    pub(super) fn multiply(&mut self, p: f64) {
        self.product *= p;
        if self.product < Cost::LEAST {
            self.normalize();
        }
    }

    /// Moves the product's exponent to `exponent`, leaving a product from 1 to 2.
    #[cold]
    fn normalize(&mut self) {
        let bits = self.product.to_bits();
        self.exponent += (bits >> 52) as i64 - 1023;
        self.product = f64::from_bits(bits & ((1 << 52) - 1) | 1023 << 52);
    }
}

impl BitCoder for Cost {
    #[inline]
    fn code(&mut self, bit: bool, p1: u32) -> bool {
        let p = if bit { p1 } else { ONE - p1 };
        self.multiply(f64::from(p) * (1.0 / ONE as f64));
        bit
    }
}

/// The bytes of a code's words without trailing zeros of the last word.
///
/// A decoder reads zeros past the end, so more of them could be dropped, but then a code of zeros
/// only would be far shorter than its cost.
pub(super) fn to_bytes<const N: usize>(words: impl IntoIterator<Item = [u8; N]>) -> Vec<u8> {
    let mut bytes: Vec<u8> = words.into_iter().flatten().collect();
    let zeros = bytes.iter().rev().take(N).take_while(|&&byte| byte == 0).count();
    bytes.truncate(bytes.len() - zeros);
    bytes
}

/// The words of a code from its bytes, the last one padded with zeros.
pub(super) fn from_bytes<const N: usize>(bytes: &[u8]) -> impl Iterator<Item = [u8; N]> {
    bytes.chunks(N).map(|chunk| {
        let mut word = [0; N];
        word[..chunk.len()].copy_from_slice(chunk);
        word
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encode(decisions: &[(bool, u32)]) -> Vec<u8> {
        let mut encoder = BitEncoder::new();
        decisions.iter().for_each(|&(bit, p1)| assert_eq!(encoder.code(bit, p1), bit));
        encoder.finish().unwrap()
    }

    fn cost(decisions: &[(bool, u32)]) -> f64 {
        let mut cost = Cost::new();
        decisions.iter().for_each(|&(bit, p1)| assert_eq!(cost.code(bit, p1), bit));
        cost.bits()
    }

    #[test]
    fn no_decisions_take_no_bytes() {
        assert!(encode(&[]).is_empty());
        assert_eq!(cost(&[]), 0.0);
        BitDecoder::new(&[]).finish().unwrap();
    }

    #[test]
    fn costs_by_hand() {
        assert_eq!(cost(&[(true, 1 << 15), (false, 1 << 15), (true, 1 << 14), (true, 1)]), 20.0);
        assert_eq!(cost(&vec![(true, 1 << 13); 1_000_000]), 3_000_000.0);
        let likely = -(65535.0f64 / 65536.0).log2();
        assert!((cost(&[(false, 1); 10_000]) - 10_000.0 * likely).abs() < 1e-9);
    }

    #[test]
    fn a_code_of_zeros_is_not_shortened() {
        let bytes = encode(&[(true, 1 << 15); 1000]);
        assert!((121..=125).contains(&bytes.len()) && bytes.iter().all(|&byte| byte == 0));
    }

    #[test]
    fn an_impossible_decision_is_refused() {
        let mut encoder = BitEncoder::new();
        encoder.code(true, 0);
        assert!(encoder.finish().is_err());
    }

    #[test]
    fn unread_code_is_damage() {
        let bytes = encode(&[(true, 1 << 15); 1000]);
        assert!(BitDecoder::new(&bytes).finish().is_err());
    }

    proptest! {
        #[test]
        fn decoding_inverts_encoding(
            decisions in prop::collection::vec((any::<bool>(), 1..ONE), 0..3000),
        ) {
            let bytes = encode(&decisions);
            let mut decoder = BitDecoder::new(&bytes);
            for &(bit, p1) in &decisions {
                prop_assert_eq!(decoder.code(!bit, p1), bit);
            }
            decoder.finish().unwrap();
            let naive: f64 = decisions
                .iter()
                .map(|&(bit, p1)| -(f64::from(if bit { p1 } else { ONE - p1 }) / 65536.0).log2())
                .sum();
            prop_assert!((cost(&decisions) - naive).abs() <= 1e-9 * naive.max(1.0));
            // The coder loses 5 bytes at the end, and 2^-16 of the range per decision.
            prop_assert!(8.0 * bytes.len() as f64 <= naive + 40.0 + 0.001 * decisions.len() as f64);
        }

        #[test]
        fn likely_decisions_cost_less_than_a_bit(
            flips in prop::collection::vec(prop::bool::weighted(0.01), 0..20_000),
        ) {
            let decisions: Vec<(bool, u32)> = flips.iter().map(|&bit| (bit, 655)).collect();
            let (bytes, cost) = (encode(&decisions), cost(&decisions));
            prop_assert!(8.0 * bytes.len() as f64 <= cost + 40.0 + 0.001 * flips.len() as f64);
        }

        #[test]
        fn arbitrary_bytes_are_handled(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            let mut decoder = BitDecoder::new(&bytes);
            (0..2000).for_each(|at| { decoder.code(false, 1 + at * 31); });
            let _ = decoder.finish();
        }
    }
}
