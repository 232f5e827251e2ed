//! The merge join of sorted streams: every leaf with its count in each of several trees.

use super::leaves::CHECK_EVERY;
use super::stream::{Head, LeafStream};
use crate::{Job, Result};

/// Several streams side by side.
///
/// There are few streams, so the least row is looked for among all heads; a heap would compare
/// no less often.
pub(crate) struct Join<S> {
    /// The streams that have not ended, and the place of each among the counts.
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

    /// Calls `visit` with each distinct row, in rising order, and its count in every stream.
    ///
    /// Leaves of all streams are counted for `job`.
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
