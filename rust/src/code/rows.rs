//! Symbols by range coder, each with a row of probabilities as a language model gives it.
//!
//! A row becomes integers by one rule, which is the same on every machine: with V probabilities,
//! symbol i weighs `1 + floor(p_i * s)`, where `s = 2^30 - V` and the product is rounded, as f32.
//! What the weights lack of 2^30, or have too much, falls to the likeliest symbol, the first of
//! several. So no symbol is impossible, and it costs V / 2^30 of the probability, which is 0.0004
//! bits a symbol for a vocabulary of 2^18. Coder words of 64 bits keep what is lost by rounding the
//! range far below that; with words of 32 bits a precision of 30 would lose 0.008 bits a symbol.

use std::borrow::Borrow;
use std::num::NonZeroU64;

use constriction::UnwrapInfallible;
use constriction::backends::Cursor;
use constriction::stream::model::{DecoderModel, EncoderModel, EntropyModel};
use constriction::stream::queue::{RangeDecoder, RangeEncoder};
use constriction::stream::{Decode, Encode};
use multiversion::multiversion;

use super::range::{Cost, from_bytes, to_bytes};
use crate::{Error, Result};

/// Bits of a symbol's probability.
const PRECISION: usize = 30;
/// What all weights sum to.
const TOTAL: u32 = 1 << PRECISION;
/// The largest vocabulary, so that the least weights take no more than a thousandth of all.
const MAX_VOCABULARY: usize = 1 << 20;
/// How far weights may be from their sum before the likeliest symbol gets the difference.
const TOLERANCE: u32 = TOTAL >> 8;
/// Symbols whose weights are summed up together.
const BLOCK: usize = 256;

/// The highest bit pattern: of the largest probability, or of what is negative or no number.
#[multiversion(targets("x86_64+avx2"))]
fn highest(probabilities: &[f32]) -> u32 {
    let mut highest = 0;
    for p in probabilities {
        highest = highest.max(p.to_bits());
    }
    highest
}

/// `floor(p * scale)`; a conversion that saturates would take four times the time.
#[inline(always)]
fn floor(p: f32, scale: f32) -> u32 {
    // SAFETY: a row is made only of probabilities from 0 to 1.5, and the scale is below 2^30.
    unsafe { (p * scale).to_int_unchecked::<i32>() as u32 }
}

/// The weight of all symbols with these probabilities, modulo 2^32.
#[multiversion(targets("x86_64+avx2"))]
fn weigh(probabilities: &[f32], scale: f32) -> u32 {
    let mut weight = probabilities.len() as u32;
    for &p in probabilities {
        weight = weight.wrapping_add(floor(p, scale));
    }
    weight
}

/// The same, and a sum of 256ths of the floors, which does not overflow in a block.
#[multiversion(targets("x86_64+avx2"))]
fn weigh_twice(block: &[f32], scale: f32) -> (u32, u32) {
    let (mut weight, mut rough) = (block.len() as u32, 0u32);
    for &p in block {
        let floor = floor(p, scale);
        weight = weight.wrapping_add(floor);
        rough = rough.wrapping_add(floor >> 8);
    }
    (weight, rough)
}

/// The index of the first `p`.
#[multiversion(targets("x86_64+avx2"))]
fn first(probabilities: &[f32], p: f32) -> usize {
    let mut index = 0;
    for chunk in probabilities.as_chunks::<32>().0 {
        let mut equal = 0;
        for (lane, &each) in chunk.iter().enumerate() {
            equal |= u32::from(each == p) << lane;
        }
        if equal > 0 {
            return index + equal.trailing_zeros() as usize;
        }
        index += 32;
    }
    index + probabilities[index..].iter().take_while(|&&each| each != p).count()
}

/// The index of the symbol that has the weight number `at` in a block, and the number in it.
#[multiversion(targets("x86_64+avx2"))]
fn find(block: &[f32], scale: f32, mut at: u32) -> (usize, u32) {
    let mut index = 0;
    for chunk in block.as_chunks::<16>().0 {
        let mut weight = 16;
        for &p in chunk {
            weight += floor(p, scale);
        }
        if at < weight {
            break;
        }
        at -= weight;
        index += 16;
    }
    for &p in &block[index..] {
        let weight = 1 + floor(p, scale);
        if at < weight {
            break;
        }
        at -= weight;
        index += 1;
    }
    (index, at)
}

/// A row as integer weights, which are worked out where they are needed.
struct Row<'a> {
    probabilities: &'a [f32],
    scale: f32,
    /// The weights of blocks, without the rest.
    blocks: &'a [u32],
    likeliest: usize,
    /// What the likeliest symbol gets beside its own weight, modulo 2^32.
    rest: u32,
}

impl<'a> Row<'a> {
    /// Fails, saying what the row is, if it is no distribution.
    fn new(
        probabilities: &'a [f32],
        blocks: &'a mut Vec<u32>,
    ) -> std::result::Result<Row<'a>, String> {
        let vocabulary = probabilities.len();
        if !(1..=MAX_VOCABULARY).contains(&vocabulary) {
            return Err(format!("it has {vocabulary} symbols, where 1 to 2^20 are possible"));
        }
        let most = f32::from_bits(highest(probabilities));
        if !(0.0..1.5).contains(&most) || most.is_sign_negative() {
            return Err("a probability in it is negative, above 1 or not a number".to_string());
        }
        let scale = (TOTAL - vocabulary as u32) as f32;
        blocks.clear();
        let (mut total, mut rough) = (0u32, 0u64);
        for block in probabilities.chunks(BLOCK) {
            let (weight, roughly) = weigh_twice(block, scale);
            blocks.push(weight);
            total = total.wrapping_add(weight);
            rough += u64::from(roughly);
        }
        let rest = TOTAL.wrapping_sub(total);
        let likeliest = first(probabilities, most);
        let row = Row { probabilities, scale, blocks, likeliest, rest };
        if rough > u64::from(TOTAL >> 7)
            || rest.min(rest.wrapping_neg()) > TOLERANCE
            || !(1..=TOTAL).contains(&row.weight(likeliest))
        {
            let sum: f32 = probabilities.iter().sum();
            return Err(format!("its probabilities sum to {sum}, not to 1"));
        }
        Ok(row)
    }

    #[inline]
    fn weight(&self, symbol: usize) -> u32 {
        let weight = 1 + floor(self.probabilities[symbol], self.scale);
        if symbol == self.likeliest { weight.wrapping_add(self.rest) } else { weight }
    }

    /// The weight of all symbols before `symbol`.
    #[inline]
    fn left(&self, symbol: usize) -> u32 {
        let block = symbol / BLOCK;
        let within = weigh(&self.probabilities[block * BLOCK..symbol], self.scale);
        let left = self.blocks[..block].iter().fold(within, |sum, &block| sum.wrapping_add(block));
        if self.likeliest < symbol { left.wrapping_add(self.rest) } else { left }
    }

    /// The symbol that has the weight number `at`, and the weight before it.
    #[inline]
    fn find(&self, at: u32) -> (usize, u32) {
        let left = self.left(self.likeliest);
        if (left..left + self.weight(self.likeliest)).contains(&at) {
            return (self.likeliest, left);
        }
        // As if there were no rest, which lies between two stretches of weights without one.
        let mut rest = if at < left { at } else { at.wrapping_sub(self.rest) };
        let mut block = 0;
        while rest >= self.blocks[block] {
            rest -= self.blocks[block];
            block += 1;
        }
        let start = block * BLOCK;
        let end = self.probabilities.len().min(start + BLOCK);
        let (index, rest) = find(&self.probabilities[start..end], self.scale, rest);
        (start + index, at - rest)
    }
}

impl EntropyModel<PRECISION> for Row<'_> {
    type Symbol = usize;
    type Probability = u64;
}

impl EncoderModel<PRECISION> for Row<'_> {
    #[inline]
    fn left_cumulative_and_probability(
        &self,
        symbol: impl Borrow<usize>,
    ) -> Option<(u64, NonZeroU64)> {
        let symbol = *symbol.borrow();
        Some((self.left(symbol).into(), NonZeroU64::new(self.weight(symbol).into())?))
    }
}

impl DecoderModel<PRECISION> for Row<'_> {
    #[inline]
    fn quantile_function(&self, quantile: u64) -> (usize, u64, NonZeroU64) {
        let (symbol, left) = self.find(quantile as u32);
        let weight = self.weight(symbol).into();
        (symbol, left.into(), NonZeroU64::new(weight).unwrap_or(NonZeroU64::MIN))
    }
}

/// Writes symbols.
#[derive(Debug, Default)]
pub struct RowEncoder {
    coder: RangeEncoder<u64, u128>,
    blocks: Vec<u32>,
    rows: u64,
    cost: Cost,
}

impl RowEncoder {
    /// An encoder that has written nothing.
    pub fn new() -> RowEncoder {
        RowEncoder::default()
    }

    /// Codes `symbol`, whose probability is `row[symbol]`.
    ///
    /// Fails if the row is no distribution, or has no such symbol; the message names the row by the
    /// number of those before it.
    pub fn encode(&mut self, symbol: usize, row: &[f32]) -> Result<()> {
        let model =
            Row::new(row, &mut self.blocks).map_err(|reason| not_a_row(self.rows, &reason))?;
        let Some(&p) = row.get(symbol) else {
            let reason = format!("it has {} symbols, and none of id {symbol}", row.len());
            return Err(not_a_row(self.rows, &reason));
        };
        self.coder
            .encode_symbol(symbol, model)
            .map_err(|error| not_a_row(self.rows, &error.to_string()))?;
        self.rows += 1;
        self.cost.multiply(f64::from(p).max(1.0 / f64::from(TOTAL)));
        Ok(())
    }

    /// The sum of `-log2 p` over the symbols, p of the model and no less than 2^-30.
    pub fn bits(&self) -> f64 {
        self.cost.bits()
    }

    /// The code.
    pub fn finish(self) -> Vec<u8> {
        let words = self.coder.into_compressed().unwrap_infallible();
        to_bytes(words.into_iter().map(u64::to_be_bytes))
    }
}

/// Reads symbols back.
#[derive(Debug)]
pub struct RowDecoder {
    coder: RangeDecoder<u64, u128, Cursor<u64, Vec<u64>>>,
    blocks: Vec<u32>,
    rows: u64,
}

impl RowDecoder {
    /// A decoder of what [`RowEncoder::finish`] returned.
    pub fn new(bytes: &[u8]) -> RowDecoder {
        let words = from_bytes(bytes).map(u64::from_be_bytes).collect();
        let words = Cursor::new_at_write_beginning(words);
        let coder = RangeDecoder::with_backend(words).unwrap_infallible();
        RowDecoder { coder, blocks: Vec::new(), rows: 0 }
    }

    /// The next symbol, which was coded with this very row.
    ///
    /// Fails if the row is no distribution, or if the code is damaged.
    pub fn decode(&mut self, row: &[f32]) -> Result<usize> {
        let model =
            Row::new(row, &mut self.blocks).map_err(|reason| not_a_row(self.rows, &reason))?;
        self.rows += 1;
        self.coder
            .decode_symbol(model)
            .map_err(|_| Error::Code(format!("symbol {} cannot be read", self.rows - 1)))
    }

    /// Fails if there is more to read.
    pub fn finish(self) -> Result<()> {
        if !self.coder.maybe_exhausted() {
            return Err(Error::Code("its symbols and its length do not agree".to_string()));
        }
        Ok(())
    }
}

fn not_a_row(row: u64, reason: &str) -> Error {
    Error::InvalidArgument(format!("row {row} is no distribution to code with: {reason}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The rule, word for word.
    fn naive_weights(row: &[f32]) -> Vec<i64> {
        let scale = (TOTAL - row.len() as u32) as f32;
        let mut weights: Vec<i64> = row.iter().map(|&p| 1 + (p * scale).floor() as i64).collect();
        let most = row.iter().copied().fold(0.0, f32::max);
        let likeliest = row.iter().position(|&p| p == most).unwrap();
        weights[likeliest] += i64::from(TOTAL) - weights.iter().sum::<i64>();
        weights
    }

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
    fn weights_by_hand() {
        let mut blocks = Vec::new();
        let row = Row::new(&[0.25, 0.5, 0.25], &mut blocks).unwrap();
        // s = 2^30 - 3 is rounded to 2^30, so that the weights are too many by 3.
        assert_eq!(
            [row.weight(0), row.weight(1), row.weight(2)],
            [(1 << 28) + 1, (1 << 29) - 2, (1 << 28) + 1]
        );
        let row = Row::new(&[1.0], &mut blocks).unwrap();
        assert_eq!((row.weight(0), row.left(0), row.find(TOTAL - 1)), (TOTAL, 0, (0, 0)));
    }

    #[test]
    fn a_row_that_is_none_is_named() {
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
            let mut encoder = RowEncoder::new();
            encoder.encode(0, &[1.0]).unwrap();
            let error = encoder.encode(0, row).unwrap_err().to_string();
            assert!(error.contains("row 1") && error.contains(words), "{error}");
        }
        assert!(RowEncoder::new().encode(0, &vec![1e-7; (1 << 20) + 1]).is_err());
        let error = RowEncoder::new().encode(2, &[0.5, 0.5]).unwrap_err().to_string();
        assert!(error.contains("none of id 2"), "{error}");
    }

    #[test]
    fn a_large_vocabulary_costs_next_to_nothing() {
        let row = vec![1.0 / 262_144.0; 1 << 18];
        let mut encoder = RowEncoder::new();
        (0..1000).for_each(|symbol| encoder.encode(symbol * 262, &row).unwrap());
        assert!((encoder.bits() - 18_000.0).abs() < 1e-6);
        assert!(8.0 * encoder.finish().len() as f64 <= 18_000.0 + 72.0);
    }

    #[test]
    fn what_is_left_over_is_damage() {
        let mut encoder = RowEncoder::new();
        (0..1000).for_each(|_| encoder.encode(1, &[0.5, 0.5]).unwrap());
        assert!(RowDecoder::new(&encoder.finish()).finish().is_err());
    }

    proptest! {
        #[test]
        fn weights_follow_the_rule(rows in rows()) {
            for (numbers, symbol) in rows {
                let mut blocks = Vec::new();
                let row = Row::new(&numbers, &mut blocks).unwrap();
                let naive = naive_weights(&numbers);
                prop_assert_eq!(i64::from(row.weight(symbol)), naive[symbol]);
                let left: i64 = naive[..symbol].iter().sum();
                prop_assert_eq!(i64::from(row.left(symbol)), left);
                for at in [left, left + naive[symbol] - 1] {
                    prop_assert_eq!(row.find(at as u32), (symbol, left as u32));
                }
            }
        }

        #[test]
        fn what_goes_in_comes_out(rows in rows()) {
            let mut encoder = RowEncoder::new();
            let mut naive = 0.0;
            for (row, symbol) in &rows {
                encoder.encode(*symbol, row).unwrap();
                naive -= f64::from(row[*symbol]).max(1.0 / f64::from(TOTAL)).log2();
            }
            prop_assert!((encoder.bits() - naive).abs() <= 1e-9 * naive.max(1.0));
            let bytes = encoder.finish();
            prop_assert!(8.0 * bytes.len() as f64 <= naive + 72.0 + 0.01 * rows.len() as f64);
            let mut decoder = RowDecoder::new(&bytes);
            for (row, symbol) in &rows {
                prop_assert_eq!(decoder.decode(row).unwrap(), *symbol);
            }
            decoder.finish().unwrap();
        }

        #[test]
        fn foreign_bytes_do_no_harm(
            bytes in prop::collection::vec(any::<u8>(), 0..100), rows in rows(),
        ) {
            let mut decoder = RowDecoder::new(&bytes);
            rows.iter().for_each(|(row, _)| { let _ = decoder.decode(row); });
        }
    }
}
