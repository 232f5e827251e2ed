//! Symbols in, a token tree out: the sorted table of its leaves.
//!
//! A token tree pruned to depth d *is* the sorted table of its leaves (paths of at most d
//! symbols) and how often each occurs. Everything else follows from one pass over it: to build
//! is to sort and count, to merge is to merge sorted tables, to prune is to cut rows short.

mod batch;
mod builder;
mod export;
mod feed;
mod file;
mod join;
mod layers;
mod leaves;
mod packing;
mod run;
mod shape;
mod sort;
mod stream;
mod table;

use std::sync::Arc;

use rayon::prelude::*;

pub use batch::Symbol;
pub use builder::{BuildOptions, build, from_symbols, thread_pool};
pub use export::ExportFormat;
pub use layers::{Layer, Layers};
pub use shape::{Segment, Shape, Volume};
pub use table::{Counts, LeafTable};

pub(crate) use join::Join;
pub(crate) use leaves::{Leaves, Room, Stream, merge as merge_leaves};
pub(crate) use stream::LeafStream;
use stream::Prune;

use crate::{Error, Job, Phase, Result};

/// How many symbols of `width` bytes two rows share at the front.
#[inline]
pub(crate) fn shared_symbols(a: &[u8], b: &[u8], width: usize) -> usize {
    run::shared_bytes(a, b) / width
}

/// The id of a symbol of a row, which is big-endian.
pub(crate) fn symbol_at(symbol: &[u8]) -> u32 {
    symbol.iter().fold(0, |id, &byte| id << 8 | u32::from(byte))
}

/// The token tree of a dataset (Def 3.1), pruned to its depth.
///
/// Trees never change; what looks like a copy shares the leaves.
#[derive(Debug, Clone)]
pub struct TokenTree {
    shape: Shape,
    volume: Volume,
    leaves: Arc<Leaves>,
}

impl TokenTree {
    pub(crate) fn new(shape: Shape, volume: Volume, leaves: Leaves) -> TokenTree {
        TokenTree { shape, volume, leaves: Arc::new(leaves) }
    }

    /// Depth, segmentation and alphabet.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// How much text the tree was made of.
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

    /// Nodes and spectra at every depth, on the threads of the current rayon pool.
    pub fn layers(&self, job: &Job) -> Result<Layers> {
        layers::layers(self, job)
    }

    /// Calls `visit` with each leaf's row and count, in path order.
    ///
    /// A row is the path with big-endian symbols of [`Shape::symbol_bytes`], filled up with EOS.
    pub fn for_each_leaf(
        &self,
        job: &Job,
        visit: impl FnMut(&[u8], u64) -> Result<()>,
    ) -> Result<()> {
        leaves::for_each(&mut self.leaves.stream(), job, visit)
    }

    /// The tree of all responses of both: equal leaves become one, their counts add up.
    ///
    /// The trees must be of one shape. The result takes at most `memory` bytes, else it is kept
    /// in temporary files.
    pub fn merge(trees: &[&TokenTree], memory: u64, job: &Job) -> Result<TokenTree> {
        let [first, others @ ..] = trees else {
            return Err(Error::InvalidArgument("there is no tree to merge".to_string()));
        };
        let mut volume = first.volume;
        for other in others {
            first.require_shape(&other.shape)?;
            volume = volume.plus(other.volume);
        }
        let sources: Vec<&Leaves> = trees.iter().map(|tree| &*tree.leaves).collect();
        let room = Room { row_len: first.shape.row_len(), memory };
        job.start(Phase::Merge, sources.iter().map(|leaves| leaves.len()).sum());
        let leaves = leaves::merge(&sources, room, job)?;
        Ok(TokenTree::new(first.shape.clone(), volume, leaves))
    }

    /// Joins trees of one shape: `work` gets every range of paths with the leaves of all trees.
    ///
    /// Ranges are worked on in parallel and part between first symbols; what `work` makes of
    /// them comes in path order.
    pub(crate) fn join<'a, T: Send>(
        trees: &[&'a TokenTree],
        job: &Job,
        work: impl Fn(Join<Stream<'a>>) -> Result<T> + Sync,
    ) -> Result<Vec<T>> {
        let [first, others @ ..] = trees else {
            return Err(Error::InvalidArgument("there is no tree to join".to_string()));
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

    /// [`Error::InvalidArgument`] if `other` is another shape than this tree's.
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
            "trees of different {what} ({mine} and {other}) do not fit together: build them alike"
        )))
    }

    /// The tree's top `depth` layers: each segment keeps its first `depth` symbols.
    pub fn prune(&self, depth: usize, memory: u64, job: &Job) -> Result<TokenTree> {
        let shape = self.shape.with_depth(depth)?;
        if depth > self.shape.depth() {
            return Err(Error::InvalidArgument(format!(
                "a tree of depth {} cannot be pruned to {depth}: choose a depth up to its own",
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

    /// How many segments begin with `path` (symbol ids; EOS is [`Shape::eos`]).
    pub fn count(&self, path: &[u32]) -> Result<u64> {
        let mut total = 0;
        self.for_each_below(path, |_, count| total += count)?;
        Ok(total)
    }

    /// The symbols that follow `path`, in rising order, and how often each does.
    ///
    /// A path that EOS ended, or that is as long as the tree is deep, has none.
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
