//! The statistics of a token tree at every depth, and its static rates.

use crate::code::{CodeLengths, write_codebook};
use crate::tree::{Segment, Spectrum, TokenTree};
use crate::{Job, Phase, Result};

/// The statistics of a tree pruned to one depth.
#[derive(Debug, Clone, PartialEq)]
pub struct DepthStatistics {
    /// The depth k.
    pub depth: usize,
    /// Number of distinct paths of exactly k symbols, including EOS.
    pub nodes: u64,
    /// Number of leaves: distinct paths of k symbols, or shorter ones that end with EOS.
    pub leaves: u64,
    /// Number of leaves that occur once.
    pub singletons: u64,
    /// Entropy of the leaves, H_k = -sum p log2 p, in bits per segment.
    pub entropy_bits: f64,
    /// H_k - H_(k-1), in bits per symbol.
    pub conditional_entropy_bits: f64,
    /// Mean length of an optimal prefix code, in bits per segment.
    pub huffman_bits: f64,
    /// Theorem 3.4 as printed, for one segment: ceil(H_k).
    pub theorem_bits: u64,
    /// How many leaves have each count.
    pub spectrum: Spectrum,
}

/// The static rate: the rate of a code for the tree's leaves, in bits per unit of text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StaticRate {
    /// Bits per symbol of the segments, EOS included; `None` for `window`.
    pub bits_per_symbol: Option<f64>,
    /// Bits per raw byte of text; `None` unless the segmentation is `chunk`, which covers all text.
    pub bits_per_byte: Option<f64>,
    /// Coded size / raw size: `bits_per_byte` / 8.
    pub ratio: Option<f64>,
    /// Like `ratio`, with the codebook counted as part of the coded size.
    pub with_codebook_ratio: Option<f64>,
}

/// The statistics of a tree at every depth, and the static rates at its full depth.
#[derive(Debug, Clone, PartialEq)]
pub struct Statistics {
    /// Number of leaf occurrences.
    pub segments: u64,
    /// Depths 1 to d.
    pub depths: Vec<DepthStatistics>,
    /// Size of the serialized codebook in bytes; `None` unless the segmentation is `chunk`.
    pub codebook_bytes: Option<u64>,
    /// Rate of the ideal code lengths, -log2 p.
    pub ideal: StaticRate,
    /// Rate of the Huffman code.
    pub huffman: StaticRate,
    /// Rate of Theorem 3.4 as printed.
    pub theorem: StaticRate,
    /// (H_d - log2 M) / d, in bits per symbol: 0 for equally likely leaves, otherwise negative.
    pub normalized_rate: f64,
}

/// Theorem 3.4 as printed, for one segment: `ceil(H)`.
///
/// An entropy within 1e-9 bits of a whole number counts as that number, to absorb rounding.
pub fn theorem_bits(entropy_bits: f64) -> u64 {
    (entropy_bits - 1e-9).ceil().max(0.0) as u64
}

impl Statistics {
    /// The statistics of `tree`, on the threads of the current rayon pool.
    ///
    /// Fails only if leaves on disk cannot be read, or if the job is stopped.
    pub fn of(tree: &TokenTree, job: &Job) -> Result<Statistics> {
        let pass = tree.layers(job)?;
        let segments = pass.segments;
        let mut depths: Vec<DepthStatistics> = Vec::with_capacity(pass.layers.len());
        let mut lengths = CodeLengths::default();
        for layer in pass.layers {
            let before = depths.last().map_or(0.0, |above| above.entropy_bits);
            let entropy_bits = layer.spectrum.entropy_bits();
            lengths = CodeLengths::optimal(&layer.spectrum);
            depths.push(DepthStatistics {
                depth: depths.len() + 1,
                nodes: layer.nodes,
                leaves: layer.spectrum.leaves(),
                singletons: layer.spectrum.singletons(),
                entropy_bits,
                conditional_entropy_bits: entropy_bits - before,
                huffman_bits: lengths.total_bits() as f64 / segments as f64,
                theorem_bits: theorem_bits(entropy_bits),
                spectrum: layer.spectrum,
            });
        }
        let (entropy, leaves) =
            depths.last().map_or((0.0, 1), |deepest| (deepest.entropy_bits, deepest.leaves));
        let codebook_bytes = match tree.shape().segment {
            Segment::Chunk => {
                job.start(Phase::Codebook, tree.len());
                Some(write_codebook(tree, &lengths, &mut std::io::sink(), job)?)
            }
            Segment::Prefix | Segment::Window => None,
        };
        let denominators = Denominators {
            symbols: (tree.shape().segment != Segment::Window).then_some(pass.segment_symbols),
            bytes: codebook_bytes.map(|_| tree.volume().bytes),
            codebook_bytes,
        };
        let bound = segments as f64 * theorem_bits(entropy) as f64;
        Ok(Statistics {
            segments,
            depths,
            codebook_bytes,
            ideal: denominators.rate(segments as f64 * entropy),
            huffman: denominators.rate(lengths.total_bits() as f64),
            theorem: denominators.rate(bound),
            normalized_rate: (entropy - (leaves as f64).log2()) / tree.shape().depth() as f64,
        })
    }
}

/// The denominators of rates, as far as the segmentation defines them.
struct Denominators {
    symbols: Option<u64>,
    bytes: Option<u64>,
    codebook_bytes: Option<u64>,
}

impl Denominators {
    fn rate(&self, bits: f64) -> StaticRate {
        // A corpus of empty documents only has no rate per byte.
        let bytes = self.bytes.filter(|&bytes| bytes > 0).map(|bytes| bytes as f64);
        let codebook_bits = self.codebook_bytes.map_or(0.0, |bytes| 8.0 * bytes as f64);
        StaticRate {
            bits_per_symbol: self.symbols.map(|symbols| bits / symbols as f64),
            bits_per_byte: bytes.map(|bytes| bits / bytes),
            ratio: bytes.map(|bytes| bits / (8.0 * bytes)),
            with_codebook_ratio: bytes.map(|bytes| (bits + codebook_bits) / (8.0 * bytes)),
        }
    }
}
