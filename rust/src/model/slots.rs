//! The hash table of counters, whose slots hold the counters of four decisions.

use super::context::CONTEXTS;
use super::memory::{huge_pages, prefetch};
use crate::Result;
use crate::memory::zeros;

/// A slot: a check of its context, then the counters of its 15 decisions by node number (1 is the
/// first decision; node j leads to 2j and 2j + 1).
pub(super) type Slot = [u16; 16];

/// A hash table of fixed size. A new context replaces the less used of two candidates, which share
/// a cache line.
#[derive(Clone)]
pub(super) struct Slots {
    /// The table (a power of 2), then a blank slot and one scratch slot per context.
    slots: Vec<Slot>,
    /// Masks a hash to the index of the first of a pair.
    mask: usize,
    fresh: u16,
}

impl Slots {
    /// A table of at most `bytes` bytes whose counters start as `fresh`.
    pub(super) fn new(bytes: usize, fresh: u16) -> Result<Slots> {
        let slots = 1 << (bytes / size_of::<Slot>()).max(2).ilog2();
        let mut table: Vec<Slot> = zeros(slots + 1 + CONTEXTS)?;
        huge_pages(&mut table);
        table[slots] = [fresh; 16];
        Ok(Slots { slots: table, mask: slots - 2, fresh })
    }

    /// The slots of contexts, created if missing, and the number of those that existed.
    ///
    /// (Alternatives tried: slot indices, checked at every decision; copies of the slots on the
    /// stack; and their transpose, with all counters of a node in one vector. All were slower.)
    #[inline(always)]
    pub(super) fn open<const H: usize>(&mut self, hashes: [u64; H]) -> ([&mut Slot; H], usize) {
        let mut numbers = [0; H];
        let mut seen = 0;
        for lane in 0..H {
            let (number, known) = self.find_or_make(hashes[lane]);
            seen += usize::from(known);
            // Contexts that share a slot, by collision or replacement, get a scratch slot instead.
            let taken = numbers[..lane].contains(&number);
            numbers[lane] = if taken { self.scratch(lane) } else { number };
        }
        match self.slots.get_disjoint_mut(numbers) {
            Ok(slots) => (slots, seen),
            Err(_) => unreachable!("numbers are made distinct and within the table"),
        }
    }

    /// The slots of contexts, blank if missing, and the number of those that exist.
    #[inline(always)]
    pub(super) fn peek<const H: usize>(&self, hashes: [u64; H]) -> ([&Slot; H], usize) {
        let numbers = hashes.map(|hash| self.find(hash));
        let seen = numbers.iter().flatten().count();
        (numbers.map(|number| &self.slots[number.unwrap_or(self.mask + 2)]), seen)
    }

    /// The index of a context's slot, created if missing, and whether it existed.
    #[inline(always)]
    fn find_or_make(&mut self, hash: u64) -> (usize, bool) {
        let place = self.place(hash);
        let check = check(hash);
        let pair = &mut self.slots[place..place + 2];
        if pair[0][0] == check {
            return (place, true);
        }
        if pair[1][0] == check {
            return (place + 1, true);
        }
        // The top bits of the first counter say how often a context was seen, up to 15 times.
        let used = |slot: &Slot| if slot[0] == 0 { 0 } else { 1 + (slot[1] >> 12) };
        let victim = usize::from(used(&pair[1]) < used(&pair[0]));
        pair[victim] = [self.fresh; 16];
        pair[victim][0] = check;
        (place + victim, false)
    }

    #[inline(always)]
    fn find(&self, hash: u64) -> Option<usize> {
        let place = self.place(hash);
        (place..place + 2).find(|&number| self.slots[number][0] == check(hash))
    }

    /// The index of a scratch slot, for a context without a slot of its own.
    #[inline(always)]
    fn scratch(&mut self, lane: usize) -> usize {
        let number = self.mask + 3 + lane;
        self.slots[number] = [self.fresh; 16];
        number
    }

    /// Has the memory of a context brought near, for a [`Slots::find_or_make`] to come.
    #[inline(always)]
    pub(super) fn prefetch(&self, hash: u64) {
        prefetch(&self.slots[self.place(hash)]);
    }

    /// All slots, for a file.
    pub(super) fn as_slots(&self) -> &[Slot] {
        &self.slots
    }

    /// All slots, for reading a file into.
    pub(super) fn as_mut_slots(&mut self) -> &mut [Slot] {
        &mut self.slots
    }

    #[inline(always)]
    fn place(&self, hash: u64) -> usize {
        (hash >> 8) as usize & self.mask
    }
}

/// Distinguishes contexts with the same index; 0 marks an empty slot.
#[inline(always)]
fn check(hash: u64) -> u16 {
    (hash >> 48) as u16 | 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_context_keeps_its_slot_until_it_is_displaced() {
        let mut slots = Slots::new(1 << 12, 7).unwrap();
        let hashes: Vec<u64> = (1..20u64).map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15)).collect();
        for &hash in &hashes {
            slots.prefetch(hash);
            assert_eq!(slots.peek([hash]).1, 0);
            let ([slot], seen) = slots.open([hash]);
            assert_eq!((slot[1], seen), (7, 0));
            slot[1] = 0x1007;
            let ([slot], seen) = slots.open([hash]);
            assert_eq!((slot[1], seen), (0x1007, 1));
            let ([slot], seen) = slots.peek([hash]);
            assert_eq!((slot[1], seen), (0x1007, 1));
        }
    }

    #[test]
    fn the_less_used_of_a_pair_is_replaced() {
        let mut slots = Slots::new(64, 7).unwrap();
        let hash = |check: u64| check << 49;
        slots.open([hash(1)]).0[0][1] = 0xf007;
        slots.open([hash(2)]).0[0][1] = 0x1007;
        assert_eq!(slots.open([hash(3)]).1, 0);
        assert_eq!(slots.peek([hash(1)]).0[0][1], 0xf007);
        let ([slot], seen) = slots.peek([hash(2)]);
        assert_eq!((slot[1], seen), (7, 0));
    }

    #[test]
    fn contexts_that_collide_do_not_share_a_slot() {
        let mut slots = Slots::new(64, 7).unwrap();
        for hashes in [[1 << 49; 3], [1 << 49, 2 << 49, 3 << 49]] {
            let (opened, _) = slots.open(hashes);
            opened.into_iter().enumerate().for_each(|(i, slot)| slot[5] = i as u16);
        }
        assert_eq!(slots.peek([9 << 49]).0[0], &[7; 16]);
    }
}
