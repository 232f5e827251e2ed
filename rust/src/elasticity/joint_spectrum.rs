//! The joint spectrum: how many leaves have which counts in each of several trees, at every depth.
//!
//! It is computed like the layers of a single tree (see `tree/layers.rs`): rows that share their
//! first L symbols are one leaf of the trees pruned to L, so one pass over the joined rows ends, at
//! each row, the leaves of all depths that the row does not share with the previous one.

use rayon::prelude::*;

use super::class_counter::{ClassCounter, counts_of, row_len};
use crate::tree::{Join, Leaves, Room, Shape, Stream, TokenTree, merge_leaves, shared_symbols};
use crate::{Error, Job, Result};

/// How many leaves have which counts in each of several trees of one shape.
#[derive(Debug, Clone)]
pub struct JointSpectrum {
    shape: Shape,
    /// Number of leaf occurrences in each tree.
    segments: Vec<u64>,
    /// Depths 1 to d.
    layers: Vec<JointLayer>,
}

/// One depth of a joint spectrum.
#[derive(Debug, Clone)]
pub struct JointLayer {
    datasets: usize,
    classes: Leaves,
    /// Number of leaves of each dataset's own tree, M_i.
    pub leaves: Vec<u64>,
    /// Entropy of each dataset's own leaf distribution, in bits per segment.
    pub entropy_bits: Vec<f64>,
}

impl JointSpectrum {
    /// The joint spectrum of `trees`, which must have the same shape and be non-empty.
    ///
    /// One merge join on the threads of the current rayon pool. Working memory stays within roughly
    /// `memory` bytes, or 64 KiB per depth and thread if that is more; classes that do not fit go
    /// to temporary files.
    pub fn of(trees: &[&TokenTree], memory: u64, job: &Job) -> Result<JointSpectrum> {
        if let Some(at) = trees.iter().position(|tree| tree.is_empty()) {
            return Err(Error::InvalidArgument(format!(
                "tree {} of {} has no leaves: use a corpus that contains documents",
                at + 1,
                trees.len()
            )));
        }
        let (depth, n) = (trees.first().map_or(0, |tree| tree.shape().depth()), trees.len());
        // Half for the ranges in progress, half for their results.
        let share = memory / (2 * (depth * rayon::current_num_threads()) as u64).max(1);
        let passes: Vec<Pass> = TokenTree::join(trees, job, |join| {
            Pass::new(trees[0].shape(), n, share).run(join, job)
        })?;
        let mut parts: Vec<Vec<Leaves>> = vec![Vec::new(); depth];
        for pass in passes {
            for (layer, counter) in parts.iter_mut().zip(pass.layers) {
                layer.extend(counter.finish()?);
            }
        }
        let room = Room { row_len: row_len(n), memory: memory / (2 * depth as u64) };
        let layers: Vec<JointLayer> = parts
            .into_par_iter()
            .map(|parts| {
                let parts: Vec<&Leaves> = parts.iter().collect();
                JointLayer::new(merge_leaves(&parts, room, &Job::default())?, n)
            })
            .collect::<Result<_>>()?;
        let segments = trees.iter().map(|tree| tree.volume().segments).collect();
        Ok(JointSpectrum { shape: trees[0].shape().clone(), segments, layers })
    }

    /// Depth, segmentation and alphabet of all trees.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Number of leaf occurrences in each tree: the natural volumes `|D_i|` of the datasets.
    pub fn segments(&self) -> &[u64] {
        &self.segments
    }

    /// Depths 1 to d.
    pub fn layers(&self) -> &[JointLayer] {
        &self.layers
    }

    /// One depth.
    pub fn layer(&self, depth: usize) -> Result<&JointLayer> {
        depth.checked_sub(1).and_then(|at| self.layers.get(at)).ok_or_else(|| {
            Error::InvalidArgument(format!(
                "depth {depth} is out of range: the trees have depths 1 to {}",
                self.layers.len()
            ))
        })
    }
}

impl JointLayer {
    fn new(classes: Leaves, datasets: usize) -> Result<JointLayer> {
        let mut layer = JointLayer {
            datasets,
            classes,
            leaves: vec![0; datasets],
            entropy_bits: vec![0.0; datasets],
        };
        let mut segments = vec![0u64; datasets];
        let (mut leaves, mut weighted) = (vec![0u64; datasets], vec![0.0f64; datasets]);
        layer.for_each_class(|counts, alike| {
            for (at, &count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
                segments[at] += alike * count;
                leaves[at] += alike;
                weighted[at] += alike as f64 * (count as f64 * (count as f64).log2());
            }
            Ok(())
        })?;
        // With p = c / N this is log2 N - (1 / N) sum c log2 c, which rounding can make negative.
        layer.entropy_bits = segments
            .iter()
            .zip(weighted)
            .map(|(&n, weighted)| ((n as f64).log2() - weighted / n as f64).max(0.0))
            .collect();
        layer.leaves = leaves;
        Ok(layer)
    }

    /// The number of classes.
    pub fn classes(&self) -> u64 {
        self.classes.len()
    }

    /// Calls `visit` with the counts of each class, one per tree, and its number of leaves.
    ///
    /// Classes are in lexicographic order of their counts.
    pub fn for_each_class(&self, mut visit: impl FnMut(&[u64], u64) -> Result<()>) -> Result<()> {
        let mut stream = self.classes.stream();
        let mut counts = Vec::with_capacity(self.datasets);
        while let Some((row, leaves)) = stream.next()? {
            counts.clear();
            counts.extend(counts_of(row));
            visit(&counts, leaves)?;
        }
        Ok(())
    }
}

/// One pass over a range of joined leaves.
struct Pass<'a> {
    shape: &'a Shape,
    layers: Vec<ClassCounter>,
    row: Vec<u8>,
    /// Occurrences in each tree so far.
    totals: Vec<u64>,
    /// For each depth, the occurrences before its current leaf.
    leaf_starts: Vec<u64>,
    /// The counts of the leaf that ends.
    counts: Vec<u64>,
}

impl<'a> Pass<'a> {
    fn new(shape: &'a Shape, datasets: usize, memory: u64) -> Pass<'a> {
        let depth = shape.depth();
        Pass {
            shape,
            layers: (0..depth).map(|_| ClassCounter::new(datasets, memory)).collect(),
            row: Vec::new(),
            totals: vec![0; datasets],
            leaf_starts: vec![0; depth * datasets],
            counts: vec![0; datasets],
        }
    }

    fn run(mut self, join: Join<Stream<'_>>, job: &Job) -> Result<Pass<'a>> {
        join.for_each(job, |row, counts| {
            if !self.row.is_empty() {
                self.end_leaves(shared_symbols(&self.row, row, self.shape.symbol_bytes()))?;
            }
            self.totals.iter_mut().zip(counts).for_each(|(total, count)| *total += count);
            self.row.clear();
            self.row.extend_from_slice(row);
            Ok(())
        })?;
        if !self.row.is_empty() {
            self.end_leaves(0)?;
        }
        Ok(self)
    }

    /// Ends the leaves of all depths greater than `shared`.
    #[inline]
    fn end_leaves(&mut self, shared: usize) -> Result<()> {
        let n = self.totals.len();
        for (layer, starts) in
            self.layers[shared..].iter_mut().zip(self.leaf_starts[shared * n..].chunks_exact_mut(n))
        {
            for ((count, start), total) in self.counts.iter_mut().zip(starts).zip(&self.totals) {
                *count = total - *start;
                *start = *total;
            }
            layer.add(&self.counts)?;
        }
        Ok(())
    }
}
