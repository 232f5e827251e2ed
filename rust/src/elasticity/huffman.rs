//! The rates of the Huffman code of a joint tree (Def 3.3), whose code lengths are whole bits.

use rayon::prelude::*;

use super::joint_spectrum::{JointLayer, JointSpectrum};
use super::rates::check_volumes;
use crate::code::{CodeLengths, LengthClass};
use crate::tree::Spectrum;
use crate::{Job, Phase, Result};

/// The total weight of all leaves if the volumes do not give integer weights.
const SCALE: f64 = (1u64 << 62) as f64;
/// Relative tolerance for counting a volume as an integer multiple of the smallest one.
const ROUNDING: f64 = 1e-9;

impl JointSpectrum {
    /// Mean codeword length of each dataset under the joint tree's Huffman code, in bits per
    /// segment.
    ///
    /// Returns one vector per choice of volumes, at one depth. Leaves of equal joint weight share
    /// the mean of the lengths that an optimal code gives them. Infinite for a dataset with leaves
    /// that occur in no dataset with a positive volume. The distinct weights of a joint tree are
    /// kept in memory for as many choices of volumes as the current rayon pool has threads.
    pub fn huffman_bits(
        &self,
        depth: usize,
        volumes: &[Vec<f64>],
        job: &Job,
    ) -> Result<Vec<Vec<f64>>> {
        let layer = self.layer(depth)?;
        volumes.iter().try_for_each(|at| check_volumes(at, self.segments().len()))?;
        job.start(Phase::Rate, volumes.len() as u64);
        volumes
            .par_iter()
            .map(|at| {
                job.check()?;
                let weights = Weights::new(at, self.segments());
                let mut spectrum = Vec::new();
                layer.for_each_class(|counts, leaves| {
                    spectrum.push((weights.of(counts), leaves));
                    Ok(())
                })?;
                let lengths = CodeLengths::optimal(&Spectrum::from_classes(spectrum));
                let bits = mean_bits(layer, self.segments(), &weights, &MeanLengths::of(&lengths));
                job.add(1);
                bits
            })
            .collect()
    }
}

fn mean_bits(
    layer: &JointLayer,
    segments: &[u64],
    weights: &Weights,
    lengths: &MeanLengths,
) -> Result<Vec<f64>> {
    let mut bits = vec![0.0; segments.len()];
    layer.for_each_class(|counts, leaves| {
        let length = lengths.of_weight(weights.of(counts));
        for (bits, &count) in bits.iter_mut().zip(counts).filter(|(_, count)| **count > 0) {
            *bits += (leaves * count) as f64 * length;
        }
        Ok(())
    })?;
    Ok(bits.iter().zip(segments).map(|(bits, &segments)| bits / segments as f64).collect())
}

/// The joint weights of leaves as integers.
struct Weights {
    /// The weight of an occurrence in each dataset.
    factors: Vec<f64>,
}

impl Weights {
    /// Weights in proportion to `volumes`, exact if occurrences weigh integer multiples of the
    /// lightest, as they do when all datasets have their natural volumes.
    fn new(volumes: &[f64], segments: &[u64]) -> Weights {
        let factors: Vec<f64> =
            volumes.iter().zip(segments).map(|(volume, &n)| volume / n as f64).collect();
        let least = factors.iter().copied().filter(|&factor| factor > 0.0).fold(f64::MAX, f64::min);
        let multiples: Vec<f64> = factors.iter().map(|factor| factor / least).collect();
        let sum: f64 = multiples.iter().zip(segments).map(|(factor, &n)| factor * n as f64).sum();
        let whole = multiples
            .iter()
            .all(|factor| (factor - factor.round()).abs() <= ROUNDING * factor.max(1.0));
        let factors = if whole && sum < SCALE {
            multiples.iter().map(|factor| factor.round()).collect()
        } else {
            multiples.iter().map(|factor| factor * (SCALE / sum)).collect()
        };
        Weights { factors }
    }

    fn of(&self, counts: &[u64]) -> u64 {
        let weight: f64 =
            self.factors.iter().zip(counts).map(|(factor, &count)| factor * count as f64).sum();
        // A leaf with a positive weight has a codeword, however light it is.
        if weight > 0.0 { weight.round().max(1.0) as u64 } else { 0 }
    }
}

/// The mean codeword length of the leaves of each weight.
struct MeanLengths(Vec<(u64, f64)>);

impl MeanLengths {
    fn of(lengths: &CodeLengths) -> MeanLengths {
        let of_weight = |classes: &[LengthClass]| {
            let leaves: f64 = classes.iter().map(|class| class.leaves as f64).sum();
            let bits: f64 =
                classes.iter().map(|class| class.leaves as f64 * f64::from(class.length)).sum();
            (classes[0].count, bits / leaves)
        };
        MeanLengths(lengths.classes().chunk_by(|a, b| a.count == b.count).map(of_weight).collect())
    }

    fn of_weight(&self, weight: u64) -> f64 {
        match self.0.binary_search_by_key(&weight, |&(weight, _)| weight) {
            Ok(at) => self.0[at].1,
            Err(_) => f64::INFINITY,
        }
    }
}
