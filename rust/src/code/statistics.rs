//! The statistics of a token tree at every depth, and its static rates.

use super::codebook::write_codebook;
use super::huffman::CodeLengths;
use crate::mass::Spectrum;
use crate::tree::{Segment, TokenTree};
use crate::{Job, Phase, Result};

/// The statistics of a tree pruned to one depth.
#[derive(Debug, Clone, PartialEq)]
pub struct DepthStatistics {
    /// The depth k.
    pub depth: usize,
    /// Distinct paths of exactly k symbols, EOS counted as one.
    pub nodes: u64,
    /// Distinct paths after pruning to k: those of k symbols, and the shorter ones EOS ended.
    pub leaves: u64,
    /// Leaves that occur once.
    pub singletons: u64,
    /// H_k = -sum p log2 p over the leaves, in bits.
    pub entropy_bits: f64,
    /// H_k - H_(k-1), in bits.
    pub conditional_entropy_bits: f64,
    /// Mean length of an optimal prefix code's words, in bits a segment.
    pub huffman_bits: f64,
    /// The bound of Thm 3.4 for one segment: ceil(H_k).
    pub theorem_bits: u64,
    /// How many leaves occur how often.
    pub spectrum: Spectrum,
}

/// The static rate: a code for the tree's leaves, in bits per unit of text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StaticRate {
    /// Bits of all segments / symbols in them, EOS included; `None` under `window`.
    pub bits_per_symbol: Option<f64>,
    /// The same bits / raw bytes of text; `None` but for `chunk`, which alone codes all text.
    pub bits_per_byte: Option<f64>,
    /// Coded bits / raw bits: `bits_per_byte` / 8.
    pub ratio: Option<f64>,
    /// As `ratio`, with the codebook's bits added to the coded ones.
    pub with_codebook_ratio: Option<f64>,
}

/// The statistics of a tree at every depth, and the static rates at its own.
#[derive(Debug, Clone, PartialEq)]
pub struct Statistics {
    /// Leaf occurrences.
    pub segments: u64,
    /// Depths 1 to d.
    pub depths: Vec<DepthStatistics>,
    /// Bytes of the codebook's serialization; `None` but for `chunk`.
    pub codebook_bytes: Option<u64>,
    /// Rate of ideal code lengths, -log2 p.
    pub ideal: StaticRate,
    /// Rate of the Huffman code.
    pub huffman: StaticRate,
    /// Rate of Thm 3.4's bound.
    pub theorem: StaticRate,
    /// (H_d - log2 M) / d, in bits a symbol: 0 for equally likely leaves, else negative.
    pub normalized_rate: f64,
}

/// The bound of Thm 3.4 for one segment: `ceil(H)`.
///
/// An entropy that is a whole number but for rounding, here 1e-9 bits, counts as that number.
pub fn theorem_bits(entropy_bits: f64) -> u64 {
    (entropy_bits - 1e-9).ceil().max(0.0) as u64
}

impl Statistics {
    /// The statistics of `tree`, on the threads of the current rayon pool.
    ///
    /// Fails only where the leaves are on disk and cannot be read, or the job is stopped.
    pub fn of(tree: &TokenTree, job: &Job) -> Result<Statistics> {
        let found = tree.layers(job)?;
        let segments = found.segments;
        let mut depths: Vec<DepthStatistics> = Vec::with_capacity(found.layers.len());
        let mut lengths = CodeLengths::default();
        for layer in found.layers {
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
            symbols: (tree.shape().segment != Segment::Window).then_some(found.segment_symbols),
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

/// What a number of bits is divided by, as far as the segmentation allows.
struct Denominators {
    symbols: Option<u64>,
    bytes: Option<u64>,
    codebook_bytes: Option<u64>,
}

impl Denominators {
    fn rate(&self, bits: f64) -> StaticRate {
        // No text at all (nothing but empty documents) has no rate per byte.
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
