//! One symbol: coding and learning it, its cost, or the probabilities of all symbols.
//!
//! A symbol is a path of binary decisions, highest bit of its id first, in groups of four, for each
//! of which a context has one slot. Decisions with only one possible outcome are skipped.

use std::borrow::Borrow;

use super::context::Context;
use super::counters::LANES;
use super::decision::Group;
use super::place::{Place, in_group, is_open};
use super::slots::Slot;
use super::tree_model::TreeModel;
use crate::code::{BitCoder, Cost};

/// Calls a method with the number of contexts as a constant, so that its loops can be unrolled.
macro_rules! for_contexts {
    ($contexts:expr, $model:ident.$method:ident($($argument:expr),*)) => {
        match $contexts {
            0 | 1 => $model.$method::<1>($($argument),*),
            2 => $model.$method::<2>($($argument),*),
            3 => $model.$method::<3>($($argument),*),
            4 => $model.$method::<4>($($argument),*),
            5 => $model.$method::<5>($($argument),*),
            6 => $model.$method::<6>($($argument),*),
            _ => $model.$method::<7>($($argument),*),
        }
    };
}
pub(super) use for_contexts;

/// The probability 1 in the units of a decision's probability.
const ONE: f64 = 65_536.0;

impl TreeModel {
    /// Prefetches the memory needed for coding `symbol` next.
    #[inline(always)]
    pub(super) fn prefetch<const H: usize>(&self, symbol: u32) {
        let hashes = self.context.hashes();
        self.history.prefetch(hashes.matched);
        let mut done = 0;
        while done < self.bits {
            let value = symbol.checked_shr(self.bits - done).unwrap_or(0);
            for &hash in &hashes.contexts[..H] {
                self.slots.prefetch(in_group(hash, value, done));
            }
            done += self.group_size(done);
        }
    }

    /// The inputs of a prediction at `context`.
    #[inline(always)]
    pub(super) fn place(&self, context: &Context) -> Place {
        let hashes = context.hashes();
        let last = [context.back(1), context.back(2)];
        let matched = self.plan.matched().and_then(|least| {
            self.history.find(context, hashes.matched, self.vocabulary, least, self.depth)
        });
        Place { hashes, last, matched }
    }

    /// Codes and learns a symbol at a place.
    #[inline(always)]
    pub(super) fn learn<const H: usize>(
        &mut self,
        place: &Place,
        symbol: u32,
        coder: &mut impl BitCoder,
    ) -> u32 {
        let p = self.ends.predict(place.last);
        let end = coder.code(symbol >= self.vocabulary, p);
        self.ends.learn(place.last, end);
        if end {
            return self.vocabulary;
        }
        let mut value = 0;
        let mut done = 0;
        while done < self.bits {
            let hashes = place.in_group::<H>(value, done);
            let size = self.group_size(done);
            let (slots, seen) = self.slots.open(hashes);
            let group = Group::new(place, value, done, seen);
            self.decisions.count();
            let mut node = 1;
            for _ in 0..size {
                let left = self.bits - done - 1;
                let mut bit = false;
                if is_open(value, left, self.vocabulary) {
                    let expected = place.expected(value, left);
                    let counters = counters_of(&slots, node);
                    let prediction = self.decisions.predict::<H>(counters, &group, node, expected);
                    bit = coder.code(symbol >> left & 1 == 1, prediction.p1);
                    let learned = self.decisions.learn::<H>(&group, expected, &prediction, bit);
                    for lane in 0..H {
                        slots[lane][node % 16] = learned[lane];
                    }
                }
                value = value << 1 | u32::from(bit);
                node = node << 1 | usize::from(bit);
                done += 1;
            }
        }
        self.history.remember(place.hashes.matched);
        self.history.push(value);
        value
    }

    /// Adds the cost of a symbol or EOS at a place, without learning it.
    pub(super) fn price<const H: usize>(&self, place: &Place, symbol: u32, cost: &mut Cost) {
        let end = symbol >= self.vocabulary;
        cost.code(end, self.ends.predict(place.last));
        if end {
            return;
        }
        let mut done = 0;
        while done < self.bits {
            let value = symbol.checked_shr(self.bits - done).unwrap_or(0);
            let group = self.peek::<H>(place, value, done);
            let mut node = 1;
            for _ in 0..self.group_size(done) {
                let left = self.bits - done - 1;
                let value = symbol.checked_shr(left + 1).unwrap_or(0);
                let bit = symbol >> left & 1 == 1;
                if is_open(value, left, self.vocabulary) {
                    cost.code(bit, self.p1(&group, node, place.expected(value, left)));
                }
                node = node << 1 | usize::from(bit);
                done += 1;
            }
        }
    }

    /// The slots of a group, without creating those of new contexts.
    #[inline(always)]
    fn peek<const H: usize>(&self, place: &Place, value: u32, done: u32) -> ([&Slot; H], Group) {
        let (slots, seen) = self.slots.peek(place.in_group::<H>(value, done));
        (slots, Group::new(place, value, done, seen))
    }

    /// The probability of a 1 at a node in 16 bits.
    #[inline(always)]
    fn p1<const H: usize>(
        &self,
        (slots, group): &([&Slot; H], Group),
        node: usize,
        expected: Option<bool>,
    ) -> u32 {
        self.decisions.predict::<H>(counters_of(slots, node), group, node, expected).p1
    }

    /// The probabilities of all symbols after `context`, EOS last.
    pub(super) fn distribution(&self, context: &Context) -> Vec<f64> {
        let mut row = vec![0.0; self.vocabulary as usize + 1];
        for_contexts!(self.plan.contexts(), self.fill(&self.place(context), &mut row));
        row
    }

    fn fill<const H: usize>(&self, place: &Place, row: &mut [f64]) {
        let end = f64::from(self.ends.predict(place.last)) / ONE;
        row[self.vocabulary as usize] = end;
        // Groups to visit: the first bits of their symbols, how many bits, and their probability.
        let mut groups = vec![(0, 0, 1.0 - end)];
        while let Some((start, done, p)) = groups.pop() {
            let group = self.peek::<H>(place, start, done);
            let size = self.group_size(done);
            let mut nodes = vec![(1, p)];
            while let Some((node, p)) = nodes.pop() {
                let level = usize::ilog2(node);
                let value = start << level | (node as u32 ^ 1 << level);
                if level == size {
                    if done + size == self.bits {
                        row[value as usize] = p;
                    } else {
                        groups.push((value, done + size, p));
                    }
                    continue;
                }
                let left = self.bits - done - level - 1;
                let one = if is_open(value, left, self.vocabulary) {
                    let p1 = self.p1(&group, node, place.expected(value, left));
                    nodes.push((node << 1 | 1, p * f64::from(p1) / ONE));
                    f64::from(p1) / ONE
                } else {
                    0.0
                };
                nodes.push((node << 1, p * (1.0 - one)));
            }
        }
    }

    /// Number of decisions in the group after `done` decisions: four, or fewer in the first group.
    #[inline(always)]
    fn group_size(&self, done: u32) -> u32 {
        if done == 0 { (self.bits - 1) % 4 + 1 } else { 4 }
    }
}

/// The counters of a node, one per lane.
#[inline(always)]
fn counters_of<S: Borrow<Slot>>(slots: &[S], node: usize) -> [u16; LANES] {
    let mut counters = [0; LANES];
    for (counter, slot) in counters.iter_mut().zip(slots) {
        *counter = slot.borrow()[node % 16];
    }
    counters
}
