//! Range coding of symbols, each under a categorical distribution from a language model.
//!
//! A distribution is a row of probabilities, converted to integers by the rule in `weights.rs`. The
//! coder's words have 64 bits: with 32-bit words, a precision of 30 bits would lose 0.008 bits per
//! symbol to rounding of the range.

use constriction::UnwrapInfallible;
use constriction::backends::Cursor;
use constriction::stream::queue::{RangeDecoder, RangeEncoder};
use constriction::stream::{Decode, Encode};

use super::range::{Cost, from_bytes, to_bytes};
use super::weights::{Slot, TOTAL, Weights};
use crate::{Error, Result};

/// Encodes symbols.
#[derive(Debug, Default)]
pub struct CategoricalEncoder {
    coder: RangeEncoder<u64, u128>,
    rows: u64,
    cost: Cost,
}

impl CategoricalEncoder {
    /// An encoder that has written nothing.
    pub fn new() -> CategoricalEncoder {
        CategoricalEncoder::default()
    }

    /// Encodes `symbol`, whose probability is `row[symbol]`.
    ///
    /// Fails if the row is not a distribution or does not contain the symbol; the message gives the
    /// number of the row, from 0.
    pub fn encode(&mut self, symbol: usize, row: &[f32]) -> Result<()> {
        let refused = |reason: String| not_a_row(self.rows, &reason);
        let Some(&p) = row.get(symbol) else {
            return Err(refused(format!("it has {} symbols and no id {symbol}", row.len())));
        };
        let slot = Slot::of(symbol, row).map_err(refused)?;
        let coded = self.coder.encode_symbol((), slot);
        coded.map_err(|error| not_a_row(self.rows, &error.to_string()))?;
        self.rows += 1;
        self.cost.multiply(f64::from(p).max(1.0 / TOTAL as f64));
        Ok(())
    }

    /// The sum of `-log2 p` over the symbols, where p is taken as at least 2^-30.
    pub fn bits(&self) -> f64 {
        self.cost.bits()
    }

    /// The code.
    pub fn finish(self) -> Vec<u8> {
        let words = self.coder.into_compressed().unwrap_infallible();
        to_bytes(words.into_iter().map(u64::to_be_bytes))
    }
}

/// Decodes symbols.
#[derive(Debug)]
pub struct CategoricalDecoder {
    coder: RangeDecoder<u64, u128, Cursor<u64, Vec<u64>>>,
    blocks: Vec<u64>,
    rows: u64,
}

impl CategoricalDecoder {
    /// A decoder of what [`CategoricalEncoder::finish`] returned.
    pub fn new(bytes: &[u8]) -> CategoricalDecoder {
        let words = from_bytes(bytes).map(u64::from_be_bytes).collect();
        let words = Cursor::new_at_write_beginning(words);
        let coder = RangeDecoder::with_backend(words).unwrap_infallible();
        CategoricalDecoder { coder, blocks: Vec::new(), rows: 0 }
    }

    /// The next symbol, which was encoded with the same row.
    ///
    /// Fails if the row is not a distribution, or if the code is damaged.
    pub fn decode(&mut self, row: &[f32]) -> Result<usize> {
        let weights = Weights::of(row, &mut self.blocks);
        let weights = weights.map_err(|reason| not_a_row(self.rows, &reason))?;
        self.rows += 1;
        self.coder
            .decode_symbol(weights)
            .map_err(|_| Error::Code(format!("symbol {} cannot be decoded", self.rows - 1)))
    }

    /// Fails if the code has not been read to its end.
    pub fn finish(self) -> Result<()> {
        if !self.coder.maybe_exhausted() {
            return Err(Error::Code("its length does not match its symbols".to_string()));
        }
        Ok(())
    }
}

fn not_a_row(row: u64, reason: &str) -> Error {
    Error::InvalidArgument(format!("row {row} is not a valid distribution: {reason}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn normalized(numbers: &[f32]) -> Vec<f32> {
        let total: f32 = numbers.iter().sum();
        numbers.iter().map(|number| number / total).collect()
    }

    fn rows() -> impl Strategy<Value = Vec<(Vec<f32>, usize)>> {
        let number = prop_oneof![0.0f32..1.0, Just(0.0), Just(1.0), 1e-9f32..1e-6, 100.0f32..1e4];
        let row = (prop::collection::vec(number, 1..700), any::<prop::sample::Index>());
        let row = row.prop_map(|(mut numbers, pick)| {
            numbers[0] += 0.01;
            let symbol = pick.index(numbers.len());
            (normalized(&numbers), symbol)
        });
        prop::collection::vec(row, 0..20)
    }

    #[test]
    fn an_invalid_row_is_named() {
        let cases: [(&[f32], &str); 9] = [
            (&[], "0 symbols"),
            (&[0.0, 0.0], "sum to 0"),
            (&[0.5, f32::NAN], "not a number"),
            (&[1.0, f32::INFINITY], "above 1"),
            (&[1.5, -0.5], "negative"),
            (&[0.5, 0.4], "sum to 0.9"),
            (&[0.6, 0.6], "sum to 1.2"),
            (&[1.0; 5], "sum to 5"),
            (&[0.25; 1024], "sum to 256"),
        ];
        for (row, words) in cases {
            let mut encoder = CategoricalEncoder::new();
            encoder.encode(0, &[1.0]).unwrap();
            let error = encoder.encode(0, row).unwrap_err().to_string();
            assert!(error.contains("row 1") && error.contains(words), "{error}");
        }
        assert!(CategoricalEncoder::new().encode(0, &vec![1e-7; (1 << 20) + 1]).is_err());
        let error = CategoricalEncoder::new().encode(2, &[0.5, 0.5]).unwrap_err().to_string();
        assert!(error.contains("no id 2"), "{error}");
    }

    #[test]
    fn a_large_vocabulary_costs_next_to_nothing() {
        let row = vec![1.0 / 262_144.0; 1 << 18];
        let mut encoder = CategoricalEncoder::new();
        (0..1000).for_each(|symbol| encoder.encode(symbol * 262, &row).unwrap());
        assert!((encoder.bits() - 18_000.0).abs() < 1e-6);
        assert!(8.0 * encoder.finish().len() as f64 <= 18_000.0 + 72.0);
    }

    #[test]
    fn unread_code_is_damage() {
        let mut encoder = CategoricalEncoder::new();
        (0..1000).for_each(|_| encoder.encode(1, &[0.5, 0.5]).unwrap());
        assert!(CategoricalDecoder::new(&encoder.finish()).finish().is_err());
    }

    proptest! {
        #[test]
        fn decoding_inverts_encoding(rows in rows()) {
            let mut encoder = CategoricalEncoder::new();
            let mut naive = 0.0;
            for (row, symbol) in &rows {
                encoder.encode(*symbol, row).unwrap();
                naive -= f64::from(row[*symbol]).max(1.0 / TOTAL as f64).log2();
            }
            prop_assert!((encoder.bits() - naive).abs() <= 1e-9 * naive.max(1.0));
            let bytes = encoder.finish();
            prop_assert!(8.0 * bytes.len() as f64 <= naive + 72.0 + 0.01 * rows.len() as f64);
            let mut decoder = CategoricalDecoder::new(&bytes);
            for (row, symbol) in &rows {
                prop_assert_eq!(decoder.decode(row).unwrap(), *symbol);
            }
            decoder.finish().unwrap();
        }

        #[test]
        fn arbitrary_bytes_are_handled(
            bytes in prop::collection::vec(any::<u8>(), 0..100), rows in rows(),
        ) {
            let mut decoder = CategoricalDecoder::new(&bytes);
            rows.iter().for_each(|(row, _)| { let _ = decoder.decode(row); });
        }
    }
}
