//! One binary decision: the contexts' counters, mixed and calibrated to one probability.
//!
//! Mixing is logistic: `ln(p / (1 - p))` is a weighted sum of the contexts' log odds, and the
//! weights follow the gradient of the code length. Two sets of weights are added: one selected by
//! the position in the symbol, one by the length of the match and the number of contexts seen.
//! Finally the probability is averaged with that of a calibration table, selected by the last
//! symbol and the path in the current one.
//!
//! Alternatives tried: 16-bit integer weights (same rate, slower without AVX2, more code), the mean
//! of a probability from each set (0.3% worse and slower), integer log odds.

use wide::{f32x8, u16x8};

use super::context::{MAX_DEPTH, mix};
use super::counters::{self, LANES, Refinement};
use super::logistic::Logistic;

/// Steps of the calibration table between the smallest and the largest probability.
const STEPS: usize = 24;
/// Hashed rows of the calibration table, as a power of 2. More rows do not help and miss the cache.
const ROWS: u32 = 13;
/// Number of weight sets of either kind: for up to 8 groups of 16 paths and 16 nodes, and for
/// matches of up to [`MAX_DEPTH`] symbols and 8 numbers of contexts.
const WEIGHTS: usize = 2048;
/// The lane of the match.
const MATCH: usize = LANES - 1;

/// The four decisions that share a slot: a node of a symbol's binary tree and the three levels
/// below.
pub(super) struct Group {
    /// Number of contexts that have been seen.
    pub(super) seen: usize,
    /// Index of the first of its 16 weight sets.
    pub(super) weights: usize,
    /// Hash of the last symbol and the path to this group.
    pub(super) path: u64,
    /// Length of the match, 0 for none.
    pub(super) matched: usize,
}

/// A prediction and its inputs, for learning from it.
pub(super) struct Prediction {
    counters: u16x8,
    refined: u16x8,
    odds: f32x8,
    mixed: u16,
    calibration: usize,
    weights: [usize; 2],
    /// Probability of a 1 in 16 bits, from 16 to 65520.
    pub(super) p1: u32,
}

/// Turns counters into a probability.
#[derive(Clone)]
pub(super) struct Decisions {
    pub(super) refinement: Refinement,
    /// Weights by position in the symbol, then by match and number of contexts seen.
    pub(super) weights: [Vec<f32x8>; 2],
    pub(super) calibration: Vec<u16>,
    /// For each match length, the probability that the match predicts the decision, in 16 bits.
    pub(super) trust: [u16; MAX_DEPTH + 1],
    /// Number of groups learned, which determines the learning rate of the weights.
    pub(super) learned: u64,
    rate: f32,
    logistic: Logistic,
}

impl Decisions {
    pub(super) fn new() -> Decisions {
        let logistic = Logistic::new();
        let identity = (0..STEPS).map(|step| logistic.squash(((2 * step + 1) << 12) / (2 * STEPS)));
        let identity: Vec<u16> = identity.collect();
        Decisions {
            refinement: Refinement::new(),
            weights: [(); 2].map(|()| vec![f32x8::splat(0.2); WEIGHTS]),
            calibration: identity.repeat(1 << ROWS),
            trust: [1 << 15; MAX_DEPTH + 1],
            learned: 0,
            rate: 0.0,
            logistic,
        }
    }

    /// Predicts the decision at `node` of a group from the contexts' counters; `expected` is the
    /// prediction of the match.
    #[inline(always)]
    pub(super) fn predict<const H: usize>(
        &self,
        counters: [u16; LANES],
        group: &Group,
        node: usize,
        expected: Option<bool>,
    ) -> Prediction {
        let mut refined = [0; LANES];
        for lane in 0..H {
            refined[lane] = self.refinement.of(lane, counters[lane]);
        }
        let counters = u16x8::from(counters);
        let refined = u16x8::from(refined);
        let blended = counters::blend(counters, refined);
        let mut odds = [0.0; LANES];
        for lane in 0..H {
            odds[lane] = self.logistic.stretch(blended[lane]);
        }
        let mut matched = 0;
        if let Some(bit) = expected {
            matched = group.matched;
            let trust = self.logistic.stretch(self.trust[matched] >> 4);
            odds[MATCH] = if bit { trust } else { -trust };
        }
        let odds = f32x8::from(odds);
        let weights = [group.weights + node, matched * 8 + group.seen];
        let sum = self.weights[0][weights[0]] + self.weights[1][weights[1]];
        let place = Logistic::place(add_up(odds * sum));
        let mixed = self.logistic.squash(place);
        let row = (mix(group.path, node as u64) >> (64 - ROWS)) as usize;
        let calibration = row * STEPS + ((place * STEPS) >> 12);
        let p1 = (u32::from(mixed) + u32::from(self.calibration[calibration])) / 2;
        let p1 = p1.clamp(16, 65_520);
        Prediction { counters, refined, odds, mixed, calibration, weights, p1 }
    }

    /// Learns the outcome of a decision; returns the updated counters.
    #[inline(always)]
    pub(super) fn learn<const H: usize>(
        &mut self,
        group: &Group,
        expected: Option<bool>,
        prediction: &Prediction,
        bit: bool,
    ) -> [u16; LANES] {
        let target = if bit { 1 << 16 } else { 0 };
        let error = (target - i32::from(prediction.mixed)) as f32 * (1.0 / 65_536.0);
        let step = prediction.odds * f32x8::splat(error * self.rate);
        self.weights[0][prediction.weights[0]] += step;
        self.weights[1][prediction.weights[1]] += step;

        let refined = counters::refine(prediction.refined, bit).to_array();
        let learned = counters::learn(prediction.counters, bit).to_array();
        let counters = prediction.counters.to_array();
        for lane in 0..H {
            self.refinement.set(lane, counters[lane], refined[lane]);
        }
        if let Some(expected) = expected {
            approach(&mut self.trust[group.matched], expected == bit, 7);
        }
        approach(&mut self.calibration[prediction.calibration], bit, 7);
        learned
    }

    /// Counts a group as learned. The learning rate of the weights decreases to a minimum.
    #[inline(always)]
    pub(super) fn count(&mut self) {
        self.learned += 1;
        self.rate = 0.0006 + 20.0 / (self.learned as f32 + 500.0);
    }
}

/// Moves a probability by `1 / 2^shift` of its distance to 0 or 1.
#[inline(always)]
fn approach(p: &mut u16, bit: bool, shift: u32) {
    let target = if bit { 65_535 } else { 0 };
    *p = (i32::from(*p) + ((target - i32::from(*p)) >> shift)) as u16;
}

/// The sum of all lanes, in a fixed order.
#[inline(always)]
fn add_up(lanes: f32x8) -> f32 {
    let [a, b, c, d, e, f, g, h] = lanes.to_array();
    ((a + e) + (c + g)) + ((b + f) + (d + h))
}
