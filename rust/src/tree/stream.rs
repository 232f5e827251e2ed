//! Streams of leaves in path order, which are merged, pruned and counted.

use crate::Result;

/// A sequence of leaves with strictly increasing rows.
pub(crate) trait LeafStream {
    /// The next leaf's row and count; `None` after the last.
    fn next(&mut self) -> Result<Option<(&[u8], u64)>>;
}

impl<S: LeafStream + ?Sized> LeafStream for Box<S> {
    fn next(&mut self) -> Result<Option<(&[u8], u64)>> {
        (**self).next()
    }
}

/// A stream with a copy of its current leaf, for comparisons.
pub(crate) struct Head<S> {
    stream: S,
    pub(crate) row: Vec<u8>,
    pub(crate) count: u64,
}

impl<S: LeafStream> Head<S> {
    /// The stream at its first leaf; `None` if it is empty.
    pub(crate) fn new(stream: S) -> Result<Option<Head<S>>> {
        let mut head = Head { stream, row: Vec::new(), count: 0 };
        Ok(head.advance()?.then_some(head))
    }

    /// Moves to the next leaf; false at the end.
    pub(crate) fn advance(&mut self) -> Result<bool> {
        match self.stream.next()? {
            Some((row, count)) => {
                self.row.clear();
                self.row.extend_from_slice(row);
                self.count = count;
                Ok(true)
            }
            None => Ok(false),
        }
    }
}

/// The k-way merge of sorted streams, adding the counts of equal rows.
///
/// The heads form a binary heap by row. Replacing the top in place and sifting it down once takes
/// half the comparisons of popping and pushing.
pub(crate) struct Merge<S> {
    heads: Vec<Head<S>>,
    row: Vec<u8>,
}

impl<S: LeafStream> Merge<S> {
    /// Merges `streams`, all of the same row length.
    pub(crate) fn new(streams: impl IntoIterator<Item = S>) -> Result<Merge<S>> {
        let mut heads = Vec::new();
        for stream in streams {
            heads.extend(Head::new(stream)?);
        }
        let mut merge = Merge { heads, row: Vec::new() };
        for at in (0..merge.heads.len() / 2).rev() {
            merge.sift_down(at);
        }
        Ok(merge)
    }

    fn sift_down(&mut self, mut at: usize) {
        loop {
            let left = 2 * at + 1;
            if left >= self.heads.len() {
                return;
            }
            let right = left + 1;
            let least = if right < self.heads.len() && self.heads[right].row < self.heads[left].row
            {
                right
            } else {
                left
            };
            if self.heads[at].row <= self.heads[least].row {
                return;
            }
            self.heads.swap(at, least);
            at = least;
        }
    }

    /// Advances the top head and restores the heap.
    fn step(&mut self) -> Result<()> {
        if !self.heads[0].advance()? {
            self.heads.swap_remove(0);
        }
        self.sift_down(0);
        Ok(())
    }
}

impl<S: LeafStream> LeafStream for Merge<S> {
    fn next(&mut self) -> Result<Option<(&[u8], u64)>> {
        if self.heads.is_empty() {
            return Ok(None);
        }
        std::mem::swap(&mut self.row, &mut self.heads[0].row);
        let mut count = self.heads[0].count;
        self.step()?;
        while self.heads.first().is_some_and(|head| head.row == self.row) {
            count += self.heads[0].count;
            self.step()?;
        }
        Ok(Some((&self.row, count)))
    }
}

/// Truncates rows and combines equal ones: the tree pruned to fewer layers.
pub(crate) struct Prune<S> {
    stream: S,
    row_len: usize,
    row: Vec<u8>,
    pending: Option<(Vec<u8>, u64)>,
}

impl<S: LeafStream> Prune<S> {
    /// Truncates the rows of `stream` to `row_len` bytes.
    pub(crate) fn new(stream: S, row_len: usize) -> Prune<S> {
        Prune { stream, row_len, row: Vec::new(), pending: None }
    }
}

impl<S: LeafStream> LeafStream for Prune<S> {
    fn next(&mut self) -> Result<Option<(&[u8], u64)>> {
        let mut total = 0;
        if let Some((row, count)) = self.pending.take() {
            self.row = row;
            total = count;
        }
        while let Some((row, count)) = self.stream.next()? {
            let row = &row[..self.row_len];
            if total == 0 {
                self.row.clear();
                self.row.extend_from_slice(row);
            } else if row != self.row {
                self.pending = Some((row.to_vec(), count));
                break;
            }
            total += count;
        }
        Ok((total > 0).then_some((&self.row[..], total)))
    }
}
