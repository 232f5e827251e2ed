//! Where the counters are: a hash table of slots, one slot for the decisions of four bits.

/// Entries of a slot: a check of its context, then the counters of its 15 decisions by node
/// number (1 is the first decision; node j leads to 2j and 2j + 1).
pub(super) type Slot = [u16; 16];

/// A hash table that forgets: it has a fixed size, and a new context takes the place of the less
/// used of the two it could stand in, which share a cache line.
#[derive(Clone)]
pub(super) struct Slots {
    /// A power of 2 of them, then a blank one.
    slots: Vec<Slot>,
    /// Makes a hash the number of the first of a pair.
    mask: usize,
    fresh: u16,
}

impl Slots {
    /// A table of at most `bytes` bytes whose counters begin as `fresh`.
    pub(super) fn new(bytes: usize, fresh: u16) -> Slots {
        let slots = 1 << (bytes / size_of::<Slot>()).max(2).ilog2();
        let mut table = vec![[0; 16]; slots + 1];
        huge_pages(&mut table);
        table[slots] = [fresh; 16];
        Slots { slots: table, mask: slots - 2, fresh }
    }

    /// The slot of a context, made if it is not there, and whether it was.
    #[inline(always)]
    pub(super) fn find_or_make(&mut self, hash: u64) -> (usize, bool) {
        let place = self.place(hash);
        let check = check(hash);
        let pair = &mut self.slots[place..place + 2];
        if pair[0][0] == check {
            return (place, true);
        }
        if pair[1][0] == check {
            return (place + 1, true);
        }
        // How often a context was seen stands, up to 15, in the top of its first counter.
        let used = |slot: &Slot| if slot[0] == 0 { 0 } else { 1 + (slot[1] >> 12) };
        let victim = usize::from(used(&pair[1]) < used(&pair[0]));
        pair[victim] = [self.fresh; 16];
        pair[victim][0] = check;
        (place + victim, false)
    }

    /// The slot of a context, if it is there.
    #[inline(always)]
    pub(super) fn find(&self, hash: u64) -> Option<usize> {
        let place = self.place(hash);
        (place..place + 2).find(|&slot| self.slots[slot][0] == check(hash))
    }

    /// Has the memory of a context brought near, for a [`Slots::find_or_make`] to come.
    #[inline(always)]
    pub(super) fn prefetch(&self, hash: u64) {
        prefetch(&self.slots[self.place(hash)]);
    }

    /// The counter of a slot at a node. (Tried: copies of a group's slots on the stack, and their
    /// transpose, with all counters of a node in one vector; both were a fifth slower.)
    #[inline(always)]
    pub(super) fn counter(&self, slot: usize, node: usize) -> u16 {
        self.slots[slot][node % 16]
    }

    #[inline(always)]
    pub(super) fn set(&mut self, slot: usize, node: usize, counter: u16) {
        self.slots[slot][node % 16] = counter;
    }

    /// A slot that has seen nothing.
    #[inline(always)]
    pub(super) fn blank(&self) -> usize {
        self.slots.len() - 1
    }

    /// All slots, for a file.
    pub(super) fn as_slots(&self) -> &[Slot] {
        &self.slots
    }

    /// All slots, from a file.
    pub(super) fn as_mut_slots(&mut self) -> &mut [Slot] {
        &mut self.slots
    }

    #[inline(always)]
    fn place(&self, hash: u64) -> usize {
        (hash >> 8) as usize & self.mask
    }
}

/// What tells contexts of one place apart; 0 is an empty slot's.
#[inline(always)]
fn check(hash: u64) -> u16 {
    (hash >> 48) as u16 | 1
}

/// Asks the processor to bring `value` near; changes nothing.
#[inline(always)]
pub(super) fn prefetch<T>(value: &T) {
    // SAFETY: a hint about an address, which a reference makes valid; it cannot fault.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(value).cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = value;
}

/// Asks for huge pages for memory that is not touched yet: a tenth less time, as nearly every look
/// into the table is to another page.
fn huge_pages(table: &mut [Slot]) {
    // SAFETY: a hint about whole pages of memory that this slice borrows; their contents stay.
    #[cfg(target_os = "linux")]
    unsafe {
        const PAGE: usize = 4096;
        let range = table.as_mut_ptr_range();
        let start = (range.start as usize).next_multiple_of(PAGE);
        let end = range.end as usize / PAGE * PAGE;
        if start < end {
            let address = std::ptr::with_exposed_provenance_mut(start);
            libc::madvise(address, end - start, libc::MADV_HUGEPAGE);
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = table;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_context_keeps_its_slot_until_it_is_displaced() {
        let mut slots = Slots::new(1 << 12, 7);
        let hashes: Vec<u64> = (1..20u64).map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15)).collect();
        for &hash in &hashes {
            slots.prefetch(hash);
            let (slot, seen) = slots.find_or_make(hash);
            assert!(!seen);
            assert_eq!(slots.counter(slot, 1), 7);
            slots.set(slot, 1, 0x1007);
            assert_eq!(slots.find(hash), Some(slot));
            assert_eq!(slots.find_or_make(hash), (slot, true));
            assert_eq!(slots.counter(slot, 1), 0x1007);
        }
    }

    #[test]
    fn the_less_used_of_a_pair_goes() {
        let mut slots = Slots::new(64, 7);
        let hash = |check: u64| check << 49;
        let (often, _) = slots.find_or_make(hash(1));
        slots.set(often, 1, 0xf007);
        let (seldom, _) = slots.find_or_make(hash(2));
        slots.set(seldom, 1, 0x1007);
        assert_eq!(slots.find_or_make(hash(3)), (seldom, false));
        assert_eq!(slots.find(hash(1)), Some(often));
        assert_eq!(slots.find(hash(2)), None);
        assert_eq!(slots.counter(slots.blank(), 1), 7);
    }

    #[test]
    fn huge_pages_change_nothing() {
        for slots in [0, 1, 1000, 1 << 16] {
            let mut table = vec![[7; 16]; slots];
            huge_pages(&mut table);
            assert!(table.iter().all(|slot| *slot == [7; 16]));
        }
    }

    #[test]
    fn prefetching_changes_nothing() {
        let values = vec![1u8, 2, 3];
        values.iter().for_each(prefetch);
        assert_eq!(values, [1, 2, 3]);
    }
}
