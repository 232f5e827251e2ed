//! Gathers how many leaves have which counts, within a budget of memory.

use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_64;

use crate::tree::{LeafStream, Leaves, Room, merge_leaves};
use crate::{Job, Result};

/// Parts on disk that are merged to one before more are added.
const FAN_IN: usize = 64;
/// Bytes of a class in the hash table, beside its counts: its leaves, its index and slack.
const OVERHEAD: usize = 24;

/// Leaves that have the same count in every tree are of one class; gathered leaf by leaf.
///
/// A joint spectrum is kept as a tree's leaves are: a sorted table whose rows are the classes'
/// counts, big-endian, and whose counts are their numbers of leaves.
pub(super) struct Gather {
    datasets: usize,
    /// Classes that may stand in the hash table.
    most: usize,
    classes: HashTable<u32>,
    counts: Vec<u64>,
    leaves: Vec<u64>,
    parts: Vec<Leaves>,
}

/// Bytes of the row of a class.
pub(super) fn row_len(datasets: usize) -> usize {
    datasets * size_of::<u64>()
}

/// The counts in a row.
pub(super) fn counts_of(row: &[u8]) -> impl Iterator<Item = u64> {
    row.chunks_exact(size_of::<u64>())
        .map(|count| count.iter().fold(0, |value, &byte| value << 8 | u64::from(byte)))
}

impl Gather {
    /// Takes at most `memory` bytes, and room for some thousand classes in any case.
    pub(super) fn new(datasets: usize, memory: u64) -> Gather {
        let class = row_len(datasets) + OVERHEAD;
        let most = usize::try_from(memory).unwrap_or(usize::MAX) / class;
        Gather {
            datasets,
            most: most.clamp(1 << 12, u32::MAX as usize),
            classes: HashTable::new(),
            counts: Vec::new(),
            leaves: Vec::new(),
            parts: Vec::new(),
        }
    }

    /// One more leaf, which occurs `counts[i]` times in tree i.
    #[inline]
    pub(super) fn add(&mut self, counts: &[u64]) -> Result<()> {
        let Gather { datasets: n, classes, counts: known, leaves, .. } = self;
        let hash = |counts: &[u64]| xxh3_64(bytemuck::cast_slice(counts));
        let of = |index: u32| index as usize * *n..(index as usize + 1) * *n;
        let found = classes.find(hash(counts), |&index| known[of(index)] == *counts);
        if let Some(&index) = found {
            leaves[index as usize] += 1;
            return Ok(());
        }
        known.extend_from_slice(counts);
        leaves.push(1);
        let index = leaves.len() as u32 - 1;
        classes.insert_unique(hash(counts), index, |&index| hash(&known[of(index)]));
        if leaves.len() < self.most { Ok(()) } else { self.spill() }
    }

    /// The classes so far, sorted, in memory or on disk; then there are none.
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

    /// All classes, in parts that have yet to be merged.
    pub(super) fn finish(mut self) -> Result<Vec<Leaves>> {
        let last = self.take(u64::MAX)?;
        self.parts.push(last);
        Ok(self.parts)
    }
}

/// Classes in rising order as rows.
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
    fn what_goes_to_disk_comes_back() {
        // Without memory some 4,096 classes go to disk at a time; so many parts are merged once.
        let mut gather = Gather::new(2, 0);
        let mut oracle: BTreeMap<[u64; 2], u64> = BTreeMap::new();
        for leaf in 0..300_000u64 {
            let counts = [leaf % 290_000, (leaf % 3) << 40];
            gather.add(&counts).unwrap();
            *oracle.entry(counts).or_insert(0) += 1;
        }
        let parts = gather.finish().unwrap();
        assert!((2..FAN_IN).contains(&parts.len()), "{} parts", parts.len());
        let room = Room { row_len: row_len(2), memory: 0 };
        let parts: Vec<&Leaves> = parts.iter().collect();
        let all = merge_leaves(&parts, room, &Job::default()).unwrap();
        let mut stream = all.stream();
        for (counts, leaves) in oracle {
            let (row, found) = stream.next().unwrap().unwrap();
            assert_eq!(counts_of(row).collect::<Vec<_>>(), counts);
            assert_eq!(found, leaves);
        }
        assert!(stream.next().unwrap().is_none());
    }
}
