//! The token tree: merging, joining, pruning and counting.

use std::sync::Arc;

use rayon::prelude::*;

use super::join::Join;
use super::leaves::{self, Leaves, Room, Stream};
use super::shape::{Shape, Volume, symbol_at};
use super::stream::{LeafStream, Prune};
use super::table::LeafTable;
use crate::{Error, Job, Phase, Result};

/// The token tree of a dataset (Def 3.1), pruned to its depth.
///
/// Trees are immutable, and clones share the leaves.
#[derive(Debug, Clone)]
pub struct TokenTree {
    pub(super) shape: Shape,
    pub(super) volume: Volume,
    pub(super) leaves: Arc<Leaves>,
}

impl TokenTree {
    pub(crate) fn new(shape: Shape, volume: Volume, leaves: Leaves) -> TokenTree {
        TokenTree { shape, volume, leaves: Arc::new(leaves) }
    }

    /// Depth, segmentation and alphabet.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The amount of text in the tree.
    pub fn volume(&self) -> Volume {
        self.volume
    }

    /// The number of leaves, M.
    pub fn len(&self) -> u64 {
        self.leaves.len()
    }

    /// Whether there are no leaves.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The leaf table, if it is in memory.
    pub fn table(&self) -> Option<&LeafTable> {
        match &*self.leaves {
            Leaves::Table(table) => Some(table),
            Leaves::Run(_) => None,
        }
    }

    /// Calls `visit` with each leaf's row and count, in path order.
    ///
    /// A row is the path, padded with EOS, in big-endian symbols of [`Shape::symbol_bytes`] bytes.
    pub fn for_each_leaf(
        &self,
        job: &Job,
        visit: impl FnMut(&[u8], u64) -> Result<()>,
    ) -> Result<()> {
        leaves::for_each(&mut self.leaves.stream(), job, visit)
    }

    /// The tree of the documents of all `trees`, with the counts of equal leaves added up.
    ///
    /// The trees must have the same shape, and their volumes a sum of 64 bits. A result of more than `memory` bytes is kept in
    /// temporary files.
    pub fn merge(trees: &[&TokenTree], memory: u64, job: &Job) -> Result<TokenTree> {
        let [first, others @ ..] = trees else {
            return Err(Error::InvalidArgument("no trees to merge: give at least one".to_string()));
        };
        let mut volume = first.volume;
        for other in others {
            first.require_shape(&other.shape)?;
            volume = volume.plus(other.volume)?;
        }
        let sources: Vec<&Leaves> = trees.iter().map(|tree| &*tree.leaves).collect();
        let room = Room { row_len: first.shape.row_len(), memory };
        job.start(Phase::Merge, sources.iter().map(|leaves| leaves.len()).sum());
        let leaves = leaves::merge(&sources, room, job)?;
        Ok(TokenTree::new(first.shape.clone(), volume, leaves))
    }

    /// Joins trees of one shape: `work` receives ranges of paths with the leaves of all trees.
    ///
    /// Ranges never split the paths that share a first symbol. They are processed in parallel, and
    /// the results are returned in path order.
    pub(crate) fn join<'a, T: Send>(
        trees: &[&'a TokenTree],
        job: &Job,
        work: impl Fn(Join<Stream<'a>>) -> Result<T> + Sync,
    ) -> Result<Vec<T>> {
        let [first, others @ ..] = trees else {
            return Err(Error::InvalidArgument("no trees to join: give at least one".to_string()));
        };
        others.iter().try_for_each(|other| first.require_shape(&other.shape))?;
        let sources: Vec<&Leaves> = trees.iter().map(|tree| &*tree.leaves).collect();
        job.start(Phase::Join, sources.iter().map(|leaves| leaves.len()).sum());
        let ranges = 4 * rayon::current_num_threads();
        leaves::divide(&sources, first.shape.symbol_bytes(), ranges)
            .par_iter()
            .map(|(from, to)| {
                work(Join::new(trees.iter().map(|tree| tree.leaves.range(from, to.as_deref())))?)
            })
            .collect()
    }

    /// Returns [`Error::InvalidArgument`] if `other` differs from this tree's shape.
    fn require_shape(&self, other: &Shape) -> Result<()> {
        let mine = &self.shape;
        let differing = if mine.alphabet != other.alphabet {
            ("alphabet", mine.alphabet.clone(), other.alphabet.clone())
        } else if mine.segment != other.segment {
            ("segmentation", mine.segment.name().into(), other.segment.name().into())
        } else if mine.depth() != other.depth() {
            ("depth", mine.depth().to_string(), other.depth().to_string())
        } else if mine.vocabulary() != other.vocabulary() {
            ("vocabulary", mine.vocabulary().to_string(), other.vocabulary().to_string())
        } else {
            return Ok(());
        };
        let (what, mine, other) = differing;
        Err(Error::InvalidArgument(format!(
            "the trees differ in {what} ({mine} and {other}): build them with the same one"
        )))
    }

    /// Prunes to the top `depth` layers: each segment keeps its first `depth` symbols.
    pub fn prune(&self, depth: usize, memory: u64, job: &Job) -> Result<TokenTree> {
        let shape = self.shape.with_depth(depth)?;
        if depth > self.shape.depth() {
            return Err(Error::InvalidArgument(format!(
                "a tree of depth {} cannot be pruned to depth {depth}: choose at most its own",
                self.shape.depth()
            )));
        }
        job.start(Phase::Merge, self.len());
        let room = Room { row_len: shape.row_len(), memory };
        let threads = rayon::current_num_threads();
        let bounds = leaves::divide(&[&self.leaves], shape.symbol_bytes(), 4 * threads);
        let leaves = room.collect(&bounds, self.len(), job, |from, to| {
            Ok(Box::new(Prune::new(self.leaves.range(from, to), shape.row_len())))
        })?;
        Ok(TokenTree::new(shape, self.volume, leaves))
    }

    /// Number of segments that begin with `path` (symbol ids; EOS is [`Shape::eos`]).
    pub fn count(&self, path: &[u32]) -> Result<u64> {
        let mut total = 0;
        self.for_each_below(path, |_, count| total += count)?;
        Ok(total)
    }

    /// The symbols that follow `path`, in increasing order, with their counts.
    ///
    /// Empty for a path that ends with EOS or has the tree's full depth.
    pub fn children(&self, path: &[u32]) -> Result<Vec<(u32, u64)>> {
        let mut children: Vec<(u32, u64)> = Vec::new();
        if path.len() < self.shape.depth() && path.last() != Some(&self.shape.eos()) {
            let width = self.shape.symbol_bytes();
            self.for_each_below(path, |row, count| {
                let symbol = symbol_at(&row[path.len() * width..][..width]);
                match children.last_mut() {
                    Some(last) if last.0 == symbol => last.1 += count,
                    _ => children.push((symbol, count)),
                }
            })?;
        }
        Ok(children)
    }

    /// Visits the leaves below `path`.
    fn for_each_below(&self, path: &[u32], mut visit: impl FnMut(&[u8], u64)) -> Result<()> {
        let eos = self.shape.eos();
        if path.iter().position(|&symbol| symbol == eos).is_some_and(|at| at + 1 < path.len()) {
            return Ok(());
        }
        let prefix = self.shape.row_prefix(path)?;
        let mut stream = self.leaves.range(&prefix, None);
        while let Some((row, count)) = stream.next()? {
            if !row.starts_with(&prefix) {
                break;
            }
            visit(row, count);
        }
        Ok(())
    }
}
