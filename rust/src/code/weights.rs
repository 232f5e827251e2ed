//! Probabilities as integer weights, for the range coder.
//!
//! The weights of a row of V probabilities are the same on every machine: symbol i gets
//! `1 + floor(p_i * s)` with `s = 2^30 - 2^16 - V`, in f32, and the last symbol gets whatever is
//! missing from a total of 2^30. So no symbol is impossible. This costs (2^16 + V) / 2^30 of the
//! probability: 0.0001 bits per symbol for small vocabularies, 0.0004 for one of 2^18. The 2^16
//! leaves room for rows that sum to slightly more than 1.

use std::borrow::Borrow;
use std::num::NonZeroU64;

use constriction::stream::model::{DecoderModel, EncoderModel, EntropyModel};
use multiversion::multiversion;

/// Bits of a probability.
pub(super) const PRECISION: usize = 30;
/// The sum of all weights.
pub(super) const TOTAL: u64 = 1 << PRECISION;
/// Reserve for rows that sum to more than 1.
const SLACK: u64 = 1 << 16;
/// How much the weights may fall short of their sum.
const TOLERANCE: u64 = TOTAL >> 8;
/// The largest vocabulary, for which minimum weights take at most a thousandth of the total.
const MAX_VOCABULARY: usize = 1 << 20;
/// Upper bound of probabilities, above 1 to allow for rounding.
const LIMIT: f32 = 1.5;
/// Number of symbols whose weights are summed together.
const BLOCK: usize = 256;

/// `floor(p * scale)`; a saturating conversion would take four times as long.
#[inline(always)]
fn floor(p: f32, scale: f32) -> u32 {
    // SAFETY: callers pass p from 0 to LIMIT, and the scale is below 2^30.
    unsafe { (p * scale).to_int_unchecked::<i32>() as u32 }
}

/// The total weight of a block, and the highest bit pattern in it: that of the largest probability,
/// or of a negative number or NaN.
#[multiversion(targets("x86_64+avx2"))]
fn weigh_block(block: &[f32], scale: f32) -> (u64, u32) {
    // A 64-bit sum would take twice as long. The rough sum cannot overflow, and shows whether the
    // exact one did.
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

/// The index of the symbol that owns the unit of weight `at` in a block, and the unit's index in
/// it.
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

/// The scale of a row, if its length is valid.
fn scale_of(row: &[f32]) -> Result<f32, String> {
    if !(1..=MAX_VOCABULARY).contains(&row.len()) {
        return Err(format!("it has {} symbols, but must have 1 to 2^20", row.len()));
    }
    Ok((TOTAL - SLACK - row.len() as u64) as f32)
}

/// Checks a row by its total weight and highest bit pattern.
fn check(total: u64, highest: u32, row: &[f32]) -> Result<(), String> {
    // Bit patterns order like numbers from 0 up; those of all other values are higher.
    if highest >= LIMIT.to_bits() {
        return Err("a probability in it is negative, above 1 or not a number".to_string());
    }
    if !(TOTAL - TOLERANCE..=TOTAL).contains(&total) {
        let sum: f32 = row.iter().sum();
        return Err(format!("its probabilities sum to {sum}, not to 1"));
    }
    Ok(())
}

/// A symbol's interval of the total weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slot {
    /// The total weight of the symbols before it.
    pub left: u64,
    /// Its own weight.
    pub weight: u64,
}

impl Slot {
    /// The slot of `symbol`, which must be in the row; an `Err` states why the row is invalid.
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

/// The weights of a row, for finding symbols.
pub(super) struct Weights<'a> {
    row: &'a [f32],
    scale: f32,
    /// The weight of each block.
    blocks: &'a [u64],
}

impl<'a> Weights<'a> {
    /// The weights of a row, with those of its blocks stored in `blocks`; an `Err` states why the
    /// row is invalid.
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

    /// The symbol that owns the unit of weight `at`, and its slot.
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
        // Whatever is beyond the weights belongs to the last symbol.
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

    /// The rule as documented.
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
