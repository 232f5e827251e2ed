//! Builds a tree within a memory budget: sorts what fits, spills it as a run, merges the runs.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use rayon::ThreadPool;

use super::batch::{Batch, MAX_SYMBOLS, Piece, Segments, Symbol};
use super::leaves::{self, Leaves, Room};
use super::shape::{Segment, Shape, Volume};
use super::sort::sort;
use super::token_tree::TokenTree;
use crate::{Error, Job, Phase, Result, thread_pool};

/// Maximum number of runs merged at once; more are merged in stages.
const FAN_IN: usize = 64;

/// How a tree is built.
#[derive(Debug, Clone, Copy)]
pub struct BuildOptions {
    /// Depth in symbols, 1 to 64.
    pub depth: usize,
    /// How documents are cut into leaves.
    pub segment: Segment,
    /// Memory budget in bytes; does not change the result.
    pub memory: u64,
    /// Number of threads for reading, sorting and merging; does not change the result.
    pub threads: usize,
}

/// The smallest memory budget.
const MIN_MEMORY: u64 = 1 << 20;

impl BuildOptions {
    pub(super) fn check(&self) -> Result<()> {
        if self.memory < MIN_MEMORY {
            return Err(Error::InvalidArgument(format!(
                "a memory budget of {} bytes is too small: allow at least 1MiB",
                self.memory
            )));
        }
        Ok(())
    }
}

/// Where to cut a document that continues: how many of `len` symbols form complete segments, and
/// how many of those the next piece repeats.
pub(super) fn split_open(shape: &Shape, len: usize) -> (usize, usize) {
    match shape.segment {
        Segment::Window => (len, shape.depth() - 1),
        Segment::Chunk | Segment::Prefix => (len - len % shape.depth(), 0),
    }
}

/// Collects the symbols of all reading threads and sorts them batch by batch.
pub(super) struct Builder<'a, T> {
    shape: Shape,
    memory: u64,
    job: &'a Job,
    state: Mutex<State<T>>,
    symbols: AtomicU64,
}

struct State<T> {
    text: Vec<T>,
    segments: Segments,
    sorted: SortedRuns,
}

impl<'a, T: Symbol> Builder<'a, T> {
    pub(super) fn new(shape: Shape, options: BuildOptions, job: &'a Job) -> Result<Builder<'a, T>> {
        let sorted = SortedRuns::new(shape.clone(), options)?;
        Ok(Builder {
            shape,
            memory: options.memory,
            job,
            state: Mutex::new(State { text: Vec::new(), segments: Segments::default(), sorted }),
            symbols: AtomicU64::new(0),
        })
    }

    pub(super) fn shape(&self) -> &Shape {
        &self.shape
    }

    pub(super) fn job(&self) -> &Job {
        self.job
    }

    /// Counts symbols of documents, whether or not they become part of a segment.
    pub(super) fn count_symbols(&self, symbols: u64) {
        self.symbols.fetch_add(symbols, Ordering::Relaxed);
    }

    /// Adds pieces of text; sorts everything collected so far when the budget is used up.
    pub(super) fn add(&self, symbols: &[T], pieces: &[Piece]) -> Result<()> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let state = &mut *state;
        state.text.extend_from_slice(symbols);
        let mut rest = symbols;
        for piece in pieces {
            let (piece_symbols, after) = rest.split_at(piece.len);
            state.segments.cut(&self.shape, piece_symbols, piece.closed);
            rest = after;
        }
        let text_bytes = (state.text.len() * size_of::<T>()) as u64;
        if text_bytes + state.segments.cost(&self.shape) < self.memory
            && state.text.len() + state.segments.tails.len() < MAX_SYMBOLS
        {
            return Ok(());
        }
        let segments = std::mem::take(&mut state.segments);
        state.sorted.add(&Batch { text: &state.text, segments: &segments }, self.job)?;
        state.text.clear();
        Ok(())
    }

    /// The tree of everything that was added.
    pub(super) fn finish(self, volume: Volume) -> Result<TokenTree> {
        let symbols = self.symbols.into_inner();
        let state = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        let last = Batch { text: &state.text, segments: &state.segments };
        let (leaves, segments) = state.sorted.finish(&last, self.job)?;
        Ok(TokenTree::new(self.shape, Volume { symbols, segments, ..volume }, leaves))
    }
}

/// The batches sorted and spilled so far.
pub(super) struct SortedRuns {
    shape: Shape,
    memory: u64,
    pool: ThreadPool,
    /// Runs by how often they were merged, so that each leaf is merged only a few times.
    tiers: Vec<Vec<Leaves>>,
    segments: u64,
}

impl SortedRuns {
    pub(super) fn new(shape: Shape, options: BuildOptions) -> Result<SortedRuns> {
        let pool = thread_pool(options.threads)?;
        Ok(SortedRuns { shape, memory: options.memory, pool, tiers: Vec::new(), segments: 0 })
    }

    fn sort<T: Symbol>(&mut self, batch: &Batch<T>, job: &Job) -> Result<Leaves> {
        self.segments += batch.segments.count as u64;
        Ok(Leaves::Table(self.pool.install(|| sort(batch, &self.shape, job))?))
    }

    /// Sorts a batch and spills it.
    pub(super) fn add<T: Symbol>(&mut self, batch: &Batch<T>, job: &Job) -> Result<()> {
        job.check()?;
        // Progress is reported for reading; sorting in between is not counted.
        let table = self.sort(batch, &Job::default())?;
        self.spill(&[&table], 0)
    }

    /// Merges `sources` into a run on disk, in the given tier.
    fn spill(&mut self, sources: &[&Leaves], tier: usize) -> Result<()> {
        let disk = Room { row_len: self.shape.row_len(), memory: 0 };
        let run = self.pool.install(|| leaves::merge(sources, disk, &Job::default()))?;
        if self.tiers.len() == tier {
            self.tiers.push(Vec::new());
        }
        self.tiers[tier].push(run);
        if self.tiers[tier].len() < FAN_IN {
            return Ok(());
        }
        let full = std::mem::take(&mut self.tiers[tier]);
        self.spill(&full.iter().collect::<Vec<_>>(), tier + 1)
    }

    /// Sorts the last batch and merges everything; returns the leaves and the number of segments.
    pub(super) fn finish<T: Symbol>(mut self, last: &Batch<T>, job: &Job) -> Result<(Leaves, u64)> {
        job.check()?;
        if self.tiers.is_empty() {
            job.start(Phase::Sort, last.segments.count as u64);
            return Ok((self.sort(last, job)?, self.segments));
        }
        self.add(last, job)?;
        let runs: Vec<&Leaves> = self.tiers.iter().flatten().collect();
        job.start(Phase::Merge, runs.iter().map(|run| run.len()).sum());
        let room = Room { row_len: self.shape.row_len(), memory: self.memory };
        let leaves = self.pool.install(|| leaves::merge(&runs, room, job))?;
        Ok((leaves, self.segments))
    }
}
