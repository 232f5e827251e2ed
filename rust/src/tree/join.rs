//! The merge join of sorted streams: every leaf with its count in each of several trees.

use super::leaves::CHECK_EVERY;
use super::stream::{Head, LeafStream};
use crate::{Job, Result};

/// Sorted streams to be joined.
///
/// There are few streams, so the least row is found by comparing all heads; a heap would not save
/// comparisons.
pub(crate) struct Join<S> {
    /// The streams that have not ended, with their index among the counts.
    heads: Vec<(usize, Head<S>)>,
    row: Vec<u8>,
    counts: Vec<u64>,
}

impl<S: LeafStream> Join<S> {
    /// Joins `streams`, all of the same row length.
    pub(crate) fn new(streams: impl IntoIterator<Item = S>) -> Result<Join<S>> {
        let mut heads = Vec::new();
        let mut places = 0;
        for (place, stream) in streams.into_iter().enumerate() {
            heads.extend(Head::new(stream)?.map(|head| (place, head)));
            places = place + 1;
        }
        Ok(Join { heads, row: Vec::new(), counts: vec![0; places] })
    }

    /// Calls `visit` with each distinct row, in increasing order, and its count in every stream.
    ///
    /// Leaves of all streams count as progress of `job`.
    pub(crate) fn for_each(
        mut self,
        job: &Job,
        mut visit: impl FnMut(&[u8], &[u64]) -> Result<()>,
    ) -> Result<()> {
        let mut since = 0;
        while let Some(least) = self.heads.iter().map(|(_, head)| &head.row).min() {
            self.row.clone_from(least);
            self.counts.fill(0);
            let mut at = 0;
            while let Some((place, head)) = self.heads.get_mut(at) {
                if head.row == self.row {
                    self.counts[*place] = head.count;
                    since += 1;
                    if !head.advance()? {
                        self.heads.swap_remove(at);
                        continue;
                    }
                }
                at += 1;
            }
            visit(&self.row, &self.counts)?;
            if since >= CHECK_EVERY {
                job.check()?;
                job.add(since);
                since = 0;
            }
        }
        job.add(since);
        Ok(())
    }
}
