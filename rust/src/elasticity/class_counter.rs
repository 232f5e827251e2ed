//! Counts leaves by class within a memory budget.

use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_64;

use crate::tree::{LeafStream, Leaves, Room, merge_leaves};
use crate::{Job, Result};

/// Maximum number of parts on disk before they are merged into one.
const FAN_IN: usize = 64;
/// Bytes of a class in the hash table in addition to its counts: leaves, index and slack.
const OVERHEAD: usize = 24;

/// Counts the leaves of each class. Leaves with the same count in every tree form a class.
///
/// Classes are stored like the leaves of a tree: a sorted table whose rows are the classes' counts,
/// big-endian, and whose counts are their numbers of leaves.
pub(super) struct ClassCounter {
    datasets: usize,
    /// Maximum number of classes in the hash table.
    capacity: usize,
    classes: HashTable<u32>,
    counts: Vec<u64>,
    leaves: Vec<u64>,
    parts: Vec<Leaves>,
}

/// Bytes of a class's row.
pub(super) fn row_len(datasets: usize) -> usize {
    datasets * size_of::<u64>()
}

/// The counts in a row.
pub(super) fn counts_of(row: &[u8]) -> impl Iterator<Item = u64> {
    row.chunks_exact(size_of::<u64>())
        .map(|count| count.iter().fold(0, |value, &byte| value << 8 | u64::from(byte)))
}

impl ClassCounter {
    /// A counter that uses at most `memory` bytes, but always has room for some thousand classes.
    pub(super) fn new(datasets: usize, memory: u64) -> ClassCounter {
        let class = row_len(datasets) + OVERHEAD;
        let capacity = usize::try_from(memory).unwrap_or(usize::MAX) / class;
        ClassCounter {
            datasets,
            capacity: capacity.clamp(1 << 12, u32::MAX as usize),
            classes: HashTable::new(),
            counts: Vec::new(),
            leaves: Vec::new(),
            parts: Vec::new(),
        }
    }

    /// Adds a leaf that occurs `counts[i]` times in tree i.
    #[inline]
    pub(super) fn add(&mut self, counts: &[u64]) -> Result<()> {
        let ClassCounter { datasets: n, classes, counts: known, leaves, .. } = self;
        let hash = |counts: &[u64]| xxh3_64(bytemuck::cast_slice(counts));
        let of = |index: u32| index as usize * *n..(index as usize + 1) * *n;
        let class = classes.find(hash(counts), |&index| known[of(index)] == *counts);
        if let Some(&index) = class {
            leaves[index as usize] += 1;
            return Ok(());
        }
        known.extend_from_slice(counts);
        leaves.push(1);
        let index = leaves.len() as u32 - 1;
        classes.insert_unique(hash(counts), index, |&index| hash(&known[of(index)]));
        if leaves.len() < self.capacity { Ok(()) } else { self.spill() }
    }

    /// Takes the classes so far, sorted, in memory or on disk.
    fn take(&mut self, memory: u64) -> Result<Leaves> {
        let (counts, leaves) = (std::mem::take(&mut self.counts), std::mem::take(&mut self.leaves));
        self.classes.clear();
        let mut rows: Vec<(&[u64], u64)> =
            counts.chunks_exact(self.datasets).zip(leaves.iter().copied()).collect();
        rows.sort_unstable();
        let mut sorted = Sorted { rows: rows.into_iter(), row: Vec::new() };
        let room = Room { row_len: row_len(self.datasets), memory };
        room.gather(&mut sorted, leaves.len() as u64, &Job::default())
    }

    fn spill(&mut self) -> Result<()> {
        let part = self.take(0)?;
        self.parts.push(part);
        if self.parts.len() < FAN_IN {
            return Ok(());
        }
        let disk = Room { row_len: row_len(self.datasets), memory: 0 };
        let parts = std::mem::take(&mut self.parts);
        self.parts = vec![merge_leaves(&parts.iter().collect::<Vec<_>>(), disk, &Job::default())?];
        Ok(())
    }

    /// All classes, in parts to be merged.
    pub(super) fn finish(mut self) -> Result<Vec<Leaves>> {
        let last = self.take(u64::MAX)?;
        self.parts.push(last);
        Ok(self.parts)
    }
}

/// Classes in increasing order, as rows.
struct Sorted<'a> {
    rows: std::vec::IntoIter<(&'a [u64], u64)>,
    row: Vec<u8>,
}

impl LeafStream for Sorted<'_> {
    fn next(&mut self) -> Result<Option<(&[u8], u64)>> {
        let Some((counts, leaves)) = self.rows.next() else { return Ok(None) };
        self.row.clear();
        counts.iter().for_each(|count| self.row.extend_from_slice(&count.to_be_bytes()));
        Ok(Some((&self.row, leaves)))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn spilled_classes_are_merged() {
        // Without memory, about 4,096 classes go to disk at a time: enough parts to be merged once.
        let mut counter = ClassCounter::new(2, 0);
        let mut oracle: BTreeMap<[u64; 2], u64> = BTreeMap::new();
        for leaf in 0..300_000u64 {
            let counts = [leaf % 290_000, (leaf % 3) << 40];
            counter.add(&counts).unwrap();
            *oracle.entry(counts).or_insert(0) += 1;
        }
        let parts = counter.finish().unwrap();
        assert!((2..FAN_IN).contains(&parts.len()), "{} parts", parts.len());
        let room = Room { row_len: row_len(2), memory: 0 };
        let parts: Vec<&Leaves> = parts.iter().collect();
        let all = merge_leaves(&parts, room, &Job::default()).unwrap();
        let mut stream = all.stream();
        for (counts, leaves) in oracle {
            let (row, counted) = stream.next().unwrap().unwrap();
            assert_eq!(counts_of(row).collect::<Vec<_>>(), counts);
            assert_eq!(counted, leaves);
        }
        assert!(stream.next().unwrap().is_none());
    }
}
