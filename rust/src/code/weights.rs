//! Probabilities as integers, for the range coder.
//!
//! A row of V probabilities becomes integers by one rule, which is the same on every machine: symbol
//! i weighs `1 + floor(p_i * s)` with `s = 2^30 - 2^16 - V`, in f32, and what all weights lack of
//! 2^30 falls to the last symbol. So no symbol is impossible. It costs (2^16 + V) / 2^30 of the
//! probability: 0.0001 bits a symbol for small vocabularies, 0.0004 for one of 2^18. The 2^16 are
//! for rows that sum to a little more than 1.

use std::borrow::Borrow;
use std::num::NonZeroU64;

use constriction::stream::model::{DecoderModel, EncoderModel, EntropyModel};
use multiversion::multiversion;

/// Bits of a symbol's probability.
pub(super) const PRECISION: usize = 30;
/// What all weights sum to.
pub(super) const TOTAL: u64 = 1 << PRECISION;
/// Kept back for rows that sum to more than 1.
const SLACK: u64 = 1 << 16;
/// What the weights may lack of their sum.
const TOLERANCE: u64 = TOTAL >> 8;
/// The largest vocabulary, so that the least weights take no more than a thousandth of all.
const MAX_VOCABULARY: usize = 1 << 20;
/// What no probability reaches.
const LIMIT: f32 = 1.5;
/// Symbols whose weights are summed up together.
const BLOCK: usize = 256;

/// `floor(p * scale)`; a conversion that saturates would take four times the time.
#[inline(always)]
fn floor(p: f32, scale: f32) -> u32 {
    // SAFETY: it is called only with p from 0 to LIMIT, and the scale is below 2^30.
    unsafe { (p * scale).to_int_unchecked::<i32>() as u32 }
}

/// The weight of all symbols of a block, and the highest bit pattern: of the largest probability, or
/// of what is negative or no number.
#[multiversion(targets("x86_64+avx2"))]
fn weigh_block(block: &[f32], scale: f32) -> (u64, u32) {
    // Sums of 64 bits would take twice the time. The rough one does not overflow, and tells
    // whether the other one did.
    let (mut weight, mut rough, mut highest) = (block.len() as u32, 0u32, 0);
    for &p in block {
        highest = highest.max(p.to_bits());
        let p = if p > 0.0 { p } else { 0.0 };
        let floor = floor(if p < LIMIT { p } else { LIMIT }, scale);
        weight = weight.wrapping_add(floor);
        rough = rough.wrapping_add(floor >> 8);
    }
    let weight = if u64::from(rough) < TOTAL >> 7 { weight.into() } else { u64::from(rough) << 8 };
    (weight, highest)
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

/// The scale of a row, if it is of a possible length.
fn scale_of(row: &[f32]) -> Result<f32, String> {
    if !(1..=MAX_VOCABULARY).contains(&row.len()) {
        return Err(format!("it has {} symbols, where 1 to 2^20 are possible", row.len()));
    }
    Ok((TOTAL - SLACK - row.len() as u64) as f32)
}

/// Checks a row by the sum of all weights and the highest bit pattern.
fn check(total: u64, highest: u32, row: &[f32]) -> Result<(), String> {
    // The bit patterns of numbers from 0 on are in their order, all others are above.
    if highest >= LIMIT.to_bits() {
        return Err("a probability in it is negative, above 1 or not a number".to_string());
    }
    if !(TOTAL - TOLERANCE..=TOTAL).contains(&total) {
        let sum: f32 = row.iter().sum();
        return Err(format!("its probabilities sum to {sum}, not to 1"));
    }
    Ok(())
}

/// A symbol's place among the weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slot {
    /// The weight of all symbols before it.
    pub left: u64,
    /// Its own.
    pub weight: u64,
}

impl Slot {
    /// The slot of `symbol`, which is in the row; fails, saying why, if that is no distribution.
    pub(super) fn of(symbol: usize, row: &[f32]) -> Result<Slot, String> {
        let scale = scale_of(row)?;
        let mut highest = 0;
        let mut weigh = |part: &[f32]| {
            let mut weight = 0;
            for block in part.chunks(BLOCK) {
                let (own, high) = weigh_block(block, scale);
                weight += own;
                highest = highest.max(high);
            }
            weight
        };
        let (left, weight) = (weigh(&row[..symbol]), weigh(&row[symbol..=symbol]));
        let right = weigh(&row[symbol + 1..]);
        check(left + weight + right, highest, row)?;
        let last = symbol + 1 == row.len();
        Ok(Slot { left, weight: if last { TOTAL - left } else { weight } })
    }
}

impl EntropyModel<PRECISION> for Slot {
    type Symbol = ();
    type Probability = u64;
}

impl EncoderModel<PRECISION> for Slot {
    #[inline]
    fn left_cumulative_and_probability(&self, _: impl Borrow<()>) -> Option<(u64, NonZeroU64)> {
        Some((self.left, NonZeroU64::new(self.weight)?))
    }
}

/// A row's weights, to find symbols among.
pub(super) struct Weights<'a> {
    row: &'a [f32],
    scale: f32,
    /// The weights of blocks.
    blocks: &'a [u64],
}

impl<'a> Weights<'a> {
    /// The weights of a row, those of blocks in `blocks`; fails, saying why, if that is no
    /// distribution.
    pub(super) fn of(row: &'a [f32], blocks: &'a mut Vec<u64>) -> Result<Weights<'a>, String> {
        let scale = scale_of(row)?;
        blocks.clear();
        let mut highest = 0;
        for block in row.chunks(BLOCK) {
            let (weight, high) = weigh_block(block, scale);
            blocks.push(weight);
            highest = highest.max(high);
        }
        check(blocks.iter().sum(), highest, row)?;
        Ok(Weights { row, scale, blocks })
    }

    /// The symbol that has the weight number `at`, and its slot.
    #[inline]
    fn find(&self, at: u64) -> (usize, Slot) {
        let (mut block, mut rest) = (0, at);
        while block + 1 < self.blocks.len() && rest >= self.blocks[block] {
            rest -= self.blocks[block];
            block += 1;
        }
        let start = block * BLOCK;
        let end = self.row.len().min(start + BLOCK);
        let (index, rest) = find(&self.row[start..end], self.scale, rest as u32);
        // What is beyond all weights is the last symbol's.
        let symbol = start + index;
        let last = self.row.len() - 1;
        if symbol >= last {
            let left =
                self.blocks.iter().sum::<u64>() - u64::from(1 + floor(self.row[last], self.scale));
            return (last, Slot { left, weight: TOTAL - left });
        }
        let weight = u64::from(1 + floor(self.row[symbol], self.scale));
        (symbol, Slot { left: at - u64::from(rest), weight })
    }
}

impl EntropyModel<PRECISION> for Weights<'_> {
    type Symbol = usize;
    type Probability = u64;
}

impl DecoderModel<PRECISION> for Weights<'_> {
    #[inline]
    fn quantile_function(&self, quantile: u64) -> (usize, u64, NonZeroU64) {
        let (symbol, Slot { left, weight }) = self.find(quantile);
        (symbol, left, NonZeroU64::new(weight).unwrap_or(NonZeroU64::MIN))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The rule, word for word.
    fn naive_weights(row: &[f32]) -> Vec<u64> {
        let scale = (TOTAL - SLACK - row.len() as u64) as f32;
        let mut weights: Vec<u64> = row.iter().map(|&p| 1 + (p * scale).floor() as u64).collect();
        let lacking = TOTAL - weights.iter().sum::<u64>();
        *weights.last_mut().unwrap() += lacking;
        weights
    }

    #[test]
    fn weights_by_hand() {
        // s = 2^30 - 2^16 - 4 is rounded to 2^30 - 2^16.
        let row = [0.25, 0.5, 0.125, 0.125];
        let eighth = (TOTAL - SLACK) / 8;
        let slots = [0, 1, 2, 3].map(|symbol| Slot::of(symbol, &row).unwrap());
        assert_eq!(
            slots.map(|slot| slot.left),
            [0, 2 * eighth + 1, 6 * eighth + 2, 7 * eighth + 3]
        );
        assert_eq!(
            slots.map(|slot| slot.weight),
            [2 * eighth + 1, 4 * eighth + 1, eighth + 1, eighth + SLACK - 3]
        );
        assert_eq!(Slot::of(0, &[1.0]).unwrap(), Slot { left: 0, weight: TOTAL });
    }

    proptest! {
        #[test]
        fn weights_follow_the_rule(
            numbers in prop::collection::vec(
                prop_oneof![0.0f32..1.0, Just(0.0), 1e-9f32..1e-6, 100.0f32..1e4], 1..1500,
            ),
            pick in any::<prop::sample::Index>(),
        ) {
            let total: f32 = numbers.iter().sum::<f32>() + 0.01;
            let mut row: Vec<f32> = numbers.iter().map(|number| number / total).collect();
            row[0] += 0.01 / total;
            let naive = naive_weights(&row);
            let symbol = pick.index(row.len());
            let slot = Slot { left: naive[..symbol].iter().sum(), weight: naive[symbol] };
            prop_assert_eq!(Slot::of(symbol, &row).unwrap(), slot);
            let mut blocks = Vec::new();
            let weights = Weights::of(&row, &mut blocks).unwrap();
            for at in [slot.left, slot.left + slot.weight / 2, slot.left + slot.weight - 1] {
                prop_assert_eq!(weights.find(at), (symbol, slot));
            }
        }
    }
}
