//! The leaf table in memory: sorted rows (paths) with their counts.
//!
//! A row is a path of exactly d symbols, padded with EOS if it ends early. Symbols are big-endian
//! in 1, 2 or 4 bytes, so the order of the bytes is the order of the paths.

use super::stream::LeafStream;
use crate::Result;

/// Counts of leaves: 4 bytes each, until one of them needs 8.
#[derive(Debug, Clone, PartialEq)]
pub enum Counts {
    /// All counts fit in 32 bits.
    Narrow(Vec<u32>),
    /// Some count does not fit in 32 bits.
    Wide(Vec<u64>),
}

impl Counts {
    /// The count at `index`.
    pub fn get(&self, index: usize) -> u64 {
        match self {
            Counts::Narrow(counts) => u64::from(counts[index]),
            Counts::Wide(counts) => counts[index],
        }
    }

    fn push(&mut self, count: u64) {
        match (&mut *self, u32::try_from(count)) {
            (Counts::Narrow(counts), Ok(count)) => counts.push(count),
            (Counts::Narrow(counts), Err(_)) => {
                let mut wide: Vec<u64> = counts.iter().map(|&count| u64::from(count)).collect();
                wide.push(count);
                *self = Counts::Wide(wide);
            }
            (Counts::Wide(counts), _) => counts.push(count),
        }
    }
}

/// A sorted table of distinct leaves with their counts.
#[derive(Debug, Clone, PartialEq)]
pub struct LeafTable {
    pub(crate) row_len: usize,
    pub(crate) rows: Vec<u8>,
    pub(crate) counts: Counts,
    pub(crate) len: usize,
}

impl LeafTable {
    /// An empty table with rows of `row_len` bytes.
    pub(crate) fn new(row_len: usize) -> LeafTable {
        LeafTable { row_len, rows: Vec::new(), counts: Counts::Narrow(Vec::new()), len: 0 }
    }

    /// All rows, one after another.
    pub fn rows(&self) -> &[u8] {
        &self.rows
    }

    /// The count of each row.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Maximum bytes of a row with its count.
    pub(crate) fn bytes_per_leaf(row_len: usize) -> u64 {
        row_len as u64 + 8
    }

    /// The row at `index`.
    pub(crate) fn row(&self, index: usize) -> &[u8] {
        &self.rows[index * self.row_len..][..self.row_len]
    }

    /// Appends a leaf that sorts after all others.
    pub(crate) fn push(&mut self, row: &[u8], count: u64) {
        self.rows.extend_from_slice(row);
        self.counts.push(count);
        self.len += 1;
    }

    /// Appends all leaves of `other`, which sort after all of these.
    pub(crate) fn append(&mut self, other: &LeafTable) {
        self.rows.extend_from_slice(&other.rows);
        match (&mut self.counts, &other.counts) {
            (Counts::Narrow(mine), Counts::Narrow(theirs)) => mine.extend_from_slice(theirs),
            _ => (0..other.len).for_each(|index| self.counts.push(other.counts.get(index))),
        }
        self.len += other.len;
    }

    /// Index of the first row that is not less than `bound`.
    fn lower_bound(&self, bound: &[u8]) -> usize {
        let (mut low, mut high) = (0, self.len);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.row(middle) < bound {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    /// The leaves from `from` up to but excluding `to`.
    pub(crate) fn range(&self, from: &[u8], to: Option<&[u8]>) -> TableCursor<'_> {
        let next = self.lower_bound(from);
        let end = to.map_or(self.len, |to| self.lower_bound(to));
        TableCursor { table: self, next, end }
    }
}

/// Reads a range of a [`LeafTable`] in order.
pub(crate) struct TableCursor<'a> {
    table: &'a LeafTable,
    next: usize,
    end: usize,
}

impl LeafStream for TableCursor<'_> {
    fn next(&mut self) -> Result<Option<(&[u8], u64)>> {
        if self.next >= self.end {
            return Ok(None);
        }
        let index = self.next;
        self.next += 1;
        Ok(Some((self.table.row(index), self.table.counts.get(index))))
    }
}
