//! Counters: the probability of a 1 after one context, and how often it was updated.
//!
//! A counter has 16 bits: a level from 0 to 15 in the top 4, and the probability in the other 12.
//! Up to level 8 the level is the number of updates n; above, it rises only if the two lowest bits
//! of the probability are 0, about every fourth time, and stands for 3 more updates. After n
//! updates the probability moves by `1 / (n + 1.5)` of its error: at first it is the average, later
//! an exponential average over about the last 30 updates. A map then refines the probability: it
//! learns, for each context length, the actual probability of counters in each state.
//!
//! Alternatives tried: 32-bit counters (16 bits of probability: no better), windows of 16 and 255
//! (0.2% and 0.7% worse), bit histories with a map and no probability (2% worse).

use wide::{f32x8, i16x8, i32x8, u16x8};

/// Lanes of one decision: its contexts, and the match.
pub(super) const LANES: usize = 8;
/// A new counter: probability one half.
pub(super) const FRESH: u16 = 1 << 11;

/// The bits of the probability.
const PROBABILITY: u16 = 0xfff;
/// One level.
const LEVEL: u16 = 0x1000;
/// The level up to which the level is the number of updates.
const EXACT: u16 = 8;
/// Number of updates for each level above.
const UPDATES_PER_LEVEL: f32 = 3.0;
/// Bits of the probability that must be 0 for a level above to be reached.
const RARE: u16 = 0b11;
/// Number of counter states that the map distinguishes.
const STATES: usize = 1 << 11;

/// The map: for each lane and counter state, the probability of a 1 in 15 bits.
#[derive(Clone)]
pub(super) struct Refinement {
    map: Box<[[u16; STATES]; LANES]>,
}

impl Refinement {
    pub(super) fn new() -> Refinement {
        let mut map = Box::new([[0; STATES]; LANES]);
        for lane in map.iter_mut() {
            for (state, p) in lane.iter_mut().enumerate() {
                *p = ((state % 128) * 256 + 128) as u16;
            }
        }
        Refinement { map }
    }

    /// The probability of a counter in `lane`.
    #[inline(always)]
    pub(super) fn of(&self, lane: usize, counter: u16) -> u16 {
        self.map[lane][state(counter)]
    }

    /// Sets the probability of a counter in `lane`.
    #[inline(always)]
    pub(super) fn set(&mut self, lane: usize, counter: u16, p: u16) {
        self.map[lane][state(counter)] = p;
    }

    pub(super) fn as_flat(&self) -> &[u16] {
        self.map.as_flattened()
    }

    pub(super) fn as_mut_flat(&mut self) -> &mut [u16] {
        self.map.as_flattened_mut()
    }
}

#[inline(always)]
fn state(counter: u16) -> usize {
    usize::from(counter >> 5) % STATES
}

/// The mean of each counter's own probability and the refined one, in 12 bits.
#[inline(always)]
pub(super) fn blend(counters: u16x8, refined: u16x8) -> [u16; LANES] {
    let own: u16x8 = (counters & u16x8::splat(PROBABILITY)) << 3u32;
    let mean: u16x8 = (refined + own) >> 4u32;
    mean.to_array()
}

/// The counters after an update with `bit`.
#[inline(always)]
pub(super) fn learn(counters: u16x8, bit: bool) -> u16x8 {
    let target = if bit { PROBABILITY as i16 } else { 0 };
    let error = i16x8::splat(target) - signed(counters & u16x8::splat(PROBABILITY));
    let level: u16x8 = counters >> 12u32;
    let above = i32x8::from_u16x8(level).round_float() - f32x8::splat(f32::from(EXACT));
    let updates =
        above.fast_max(above * f32x8::splat(UPDATES_PER_LEVEL)) + f32x8::splat(f32::from(EXACT));
    let divisor = updates + f32x8::splat(1.5);
    let step = (i32x8::from_i16x8(error).round_float() / divisor).fast_round_int();
    let step = unsigned(i16x8::from_i32x8_truncate(step));
    let exact = signed(level).simd_lt(i16x8::splat(EXACT as i16));
    let rare = signed(counters & u16x8::splat(RARE)).simd_eq(i16x8::ZERO);
    let room = signed(level).simd_lt(i16x8::splat(15));
    counters + step + (unsigned(room & (exact | rare)) & u16x8::splat(LEVEL))
}

/// The refined probabilities after `bit`: moved by 1/128 of their error.
#[inline(always)]
pub(super) fn refine(refined: u16x8, bit: bool) -> u16x8 {
    let p = signed(refined);
    let target = i16x8::splat(if bit { i16::MAX } else { 0 });
    let step: i16x8 = (target - p) >> 7i32;
    unsigned(p + step)
}

#[inline(always)]
fn signed(lanes: u16x8) -> i16x8 {
    bytemuck::cast(lanes)
}

#[inline(always)]
fn unsigned(lanes: i16x8) -> u16x8 {
    bytemuck::cast(lanes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The update of one counter as documented above.
    fn naive(counter: u16, bit: bool) -> u16 {
        let (level, p) = (counter >> 12, i32::from(counter & PROBABILITY));
        let updates = if level <= 8 { level } else { 8 + 3 * (level - 8) };
        let target = if bit { 4095 } else { 0 };
        let step = (f64::from(target - p) / (f64::from(updates) + 1.5)).round() as i32;
        let rises = level < 8 || (level < 15 && p % 4 == 0);
        ((level + u16::from(rises)) << 12) | (p + step) as u16
    }

    proptest! {
        #[test]
        fn counters_learn_as_documented(counters: [u16; LANES], bit: bool) {
            let expected = counters.map(|counter| naive(counter, bit));
            prop_assert_eq!(learn(u16x8::from(counters), bit).to_array(), expected);
        }

        #[test]
        fn the_map_moves_towards_the_bit(refined in prop::array::uniform8(0u16..32768), bit: bool) {
            let moved = refine(u16x8::from(refined), bit).to_array();
            for (before, after) in refined.into_iter().zip(moved) {
                prop_assert!(after < 32768);
                prop_assert!((after >= before) == bit || after == before);
            }
        }

        #[test]
        fn blending_is_the_mean(counters: [u16; LANES], refined in prop::array::uniform8(0u16..32768)) {
            let blended = blend(u16x8::from(counters), u16x8::from(refined));
            for lane in 0..LANES {
                let own = u32::from(counters[lane] & PROBABILITY) * 8;
                prop_assert_eq!(u32::from(blended[lane]), (own + u32::from(refined[lane])) / 16);
            }
        }
    }
}
