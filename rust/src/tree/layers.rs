//! Nodes and spectrum at every depth, from one pass over a tree's sorted leaves.
//!
//! Neighboring rows that share their first L symbols belong to the same node down to depth L and to
//! different ones below. So at each leaf the runs of all depths greater than L end and new ones
//! begin; the occurrences in a run are the weight of a leaf of the tree pruned to its depth.

use rayon::prelude::*;

use super::leaves::{divide, for_each};
use super::shape::{Shape, shared_symbols};
use super::spectrum::{Spectrum, SpectrumBuilder};
use super::token_tree::TokenTree;
use crate::{Job, Phase, Result};

/// One depth of a tree.
#[derive(Debug, Clone, PartialEq)]
pub struct Layer {
    /// Number of distinct paths of exactly that many symbols, including EOS.
    pub nodes: u64,
    /// Weights of the leaves of the tree pruned to that depth.
    pub spectrum: Spectrum,
}

/// All depths of a tree.
#[derive(Debug, Clone, PartialEq)]
pub struct Layers {
    /// Number of leaf occurrences.
    pub segments: u64,
    /// Number of symbols in them, including EOS; with `window`, positions count several times.
    pub segment_symbols: u64,
    /// Depths 1 to d.
    pub layers: Vec<Layer>,
}

/// The state of a pass at one depth.
#[derive(Clone)]
struct OpenLayer {
    nodes: u64,
    spectrum: SpectrumBuilder,
    /// Occurrences before the current run.
    run_start: u64,
}

/// One pass over a range of leaves.
struct Pass<'a> {
    shape: &'a Shape,
    layers: Vec<OpenLayer>,
    row: Vec<u8>,
    occurrences: u64,
    symbols: u64,
}

impl<'a> Pass<'a> {
    fn new(shape: &'a Shape) -> Pass<'a> {
        let layer = OpenLayer { nodes: 0, spectrum: SpectrumBuilder::new(), run_start: 0 };
        let layers = vec![layer; shape.depth()];
        Pass { shape, layers, row: Vec::new(), occurrences: 0, symbols: 0 }
    }

    #[inline]
    fn leaf(&mut self, row: &[u8], count: u64) {
        let shared = if self.row.is_empty() {
            0
        } else {
            let shared = shared_symbols(&self.row, row, self.shape.symbol_bytes());
            self.end_runs(shared);
            shared
        };
        let len = self.shape.path_len(row);
        // A path's own EOS distinguishes it from the others, so it shares fewer symbols than it
        // has.
        self.layers[shared..len].iter_mut().for_each(|layer| layer.nodes += 1);
        self.symbols += count * len as u64;
        self.occurrences += count;
        self.row.clear();
        self.row.extend_from_slice(row);
    }

    /// Ends the runs of all depths greater than `shared`.
    #[inline]
    fn end_runs(&mut self, shared: usize) {
        for layer in &mut self.layers[shared..] {
            layer.spectrum.add(self.occurrences - layer.run_start);
            layer.run_start = self.occurrences;
        }
    }

    /// Adds a pass over another range, which shares no first symbol with this one.
    fn absorb(&mut self, other: Pass) {
        self.occurrences += other.occurrences;
        self.symbols += other.symbols;
        for (mine, theirs) in self.layers.iter_mut().zip(other.layers) {
            mine.nodes += theirs.nodes;
            mine.spectrum.absorb(theirs.spectrum);
        }
    }
}

impl TokenTree {
    /// Nodes and spectra at every depth, on the threads of the current rayon pool.
    pub fn layers(&self, job: &Job) -> Result<Layers> {
        let shape = self.shape();
        job.start(Phase::Measure, self.leaves.len());
        let bounds =
            divide(&[&self.leaves], shape.symbol_bytes(), 4 * rayon::current_num_threads());
        let passes: Vec<Pass> = bounds
            .par_iter()
            .map(|(from, to)| {
                let mut pass = Pass::new(shape);
                for_each(&mut self.leaves.range(from, to.as_deref()), job, |row, count| {
                    pass.leaf(row, count);
                    Ok(())
                })?;
                if !pass.row.is_empty() {
                    pass.end_runs(0);
                }
                Ok(pass)
            })
            .collect::<Result<_>>()?;
        let mut total = Pass::new(shape);
        passes.into_iter().for_each(|pass| total.absorb(pass));
        Ok(Layers {
            segments: total.occurrences,
            segment_symbols: total.symbols,
            layers: total
                .layers
                .into_iter()
                .map(|layer| Layer { nodes: layer.nodes, spectrum: layer.spectrum.finish() })
                .collect(),
        })
    }
}
