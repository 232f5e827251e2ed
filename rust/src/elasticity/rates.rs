//! Rates under the joint code, and how they change with the volume of one dataset.
//!
//! With `q = sum_i w_i P_i / W` and `gamma_i = -sum_x P_i(x) log q(x)` one has
//! `d gamma_i / d w_t = (1 - sum_x P_i(x) P_t(x) / q(x)) / W`, in nats, for any i and t: no
//! differences are taken. Summed with the volumes as weights these slopes give 0, since
//! `sum_i w_i P_i = W q`: the force balance, of which the elastic identity is the case `w_t = 0`.

use std::f64::consts::LOG2_E;

use rayon::prelude::*;

use super::spectrum::{JointLayer, JointSpectrum};
use super::sum::Sum;
use crate::{Error, Job, Phase, Result};

/// Classes that are looked at by all volumes before the next are read.
const BLOCK: usize = 1 << 10;

/// The rates of n datasets of one depth under their joint code, at one choice of volumes.
///
/// All vectors have one entry for each dataset. Bits are bits a segment.
#[derive(Debug, Clone, PartialEq)]
pub struct Rates {
    /// `gamma_i = -sum_x P_i log2 q`: the cross-entropy of dataset i under the joint code.
    ///
    /// Infinite where the dataset has leaves that no dataset with a volume has.
    pub gamma_bits: Vec<f64>,
    /// `d gamma_i / d w_t`; minus infinity for a dataset t of volume 0 with leaves of its own.
    pub slope_bits: Vec<f64>,
    /// `w_i d gamma_i / d w_t`; of dataset t itself, at volume 0, the limit.
    pub force_bits: Vec<f64>,
    /// `gamma_i` here less `gamma_i` without dataset t, so the change of `KL(P_i || q)`.
    ///
    /// Minus infinity for a dataset t with leaves of its own; NaN where both are infinite.
    pub shift_bits: Vec<f64>,
    /// c: the share of dataset t's occurrences in leaves that another dataset with a volume has.
    pub coverage: f64,
}

impl Rates {
    /// `KL(P_i || q)` of each dataset: what the joint code costs it beyond a code of its own.
    pub fn kl_bits(&self, layer: &JointLayer) -> Vec<f64> {
        self.gamma_bits
            .iter()
            .zip(&layer.entropy_bits)
            .map(|(gamma, entropy)| gamma - entropy)
            .collect()
    }

    /// `(gamma_i - log2 M_i) / depth` in bits a symbol, M_i the leaves of dataset i's own tree.
    pub fn normalized(&self, layer: &JointLayer, depth: usize) -> Vec<f64> {
        let leaves = layer.leaves.iter().map(|&leaves| (leaves as f64).log2());
        self.gamma_bits
            .iter()
            .zip(leaves)
            .map(|(gamma, leaves)| (gamma - leaves) / depth as f64)
            .collect()
    }

    /// `sum_i w_i d gamma_i / d w_t`, which is 0 but for rounding: the identity's residual.
    pub fn residual_bits(&self) -> f64 {
        self.force_bits.iter().sum()
    }
}

impl JointSpectrum {
    /// The rates at every depth (outer) for each choice of volumes (inner), slopes by `w_toward`.
    ///
    /// `volumes` holds one number for each dataset, 0 or more, of which one is above 0 besides
    /// `toward`'s. On the threads of the current rayon pool; the result does not depend on them.
    pub fn rates(&self, volumes: &[Vec<f64>], toward: usize, job: &Job) -> Result<Vec<Vec<Rates>>> {
        let n = self.segments().len();
        if toward >= n {
            return Err(Error::InvalidArgument(format!(
                "there is no dataset {toward}: they are counted from 0 to {}",
                n - 1
            )));
        }
        for at in volumes {
            check_volumes(at, n)?;
            if at.iter().enumerate().all(|(dataset, &volume)| dataset == toward || volume == 0.0) {
                return Err(Error::InvalidArgument(
                    "no dataset but the perturbation has a volume: give another one more than 0"
                        .to_string(),
                ));
            }
        }
        job.start(Phase::Measure, self.layers().iter().map(JointLayer::classes).sum());
        self.layers()
            .par_iter()
            .map(|layer| {
                let mut points: Vec<Point> =
                    volumes.iter().map(|at| Point::new(at, toward)).collect();
                let mut block = Block::new(self.segments());
                layer.for_each_class(|counts, leaves| {
                    block.push(counts, leaves);
                    if block.len() < BLOCK {
                        return Ok(());
                    }
                    job.check()?;
                    job.add(block.len() as u64);
                    points.par_iter_mut().for_each(|point| point.add(&block));
                    block.clear();
                    Ok(())
                })?;
                points.par_iter_mut().for_each(|point| point.add(&block));
                Ok(points.into_iter().map(Point::finish).collect())
            })
            .collect()
    }
}

/// [`Error::InvalidArgument`] if these are not the volumes of `n` datasets.
pub(super) fn check_volumes(volumes: &[f64], n: usize) -> Result<()> {
    if volumes.len() != n {
        return Err(Error::InvalidArgument(format!(
            "{} volumes for {n} datasets: give one for each",
            volumes.len()
        )));
    }
    match volumes.iter().find(|volume| !(volume.is_finite() && **volume >= 0.0)) {
        Some(volume) => {
            Err(Error::InvalidArgument(format!("a volume of {volume} cannot be: give 0 or more")))
        }
        None if volumes.iter().all(|&volume| volume == 0.0) => {
            Err(Error::InvalidArgument("no dataset has a volume: give one more than 0".to_string()))
        }
        None => Ok(()),
    }
}

/// Some classes of a layer, as probabilities.
struct Block<'a> {
    segments: &'a [u64],
    /// `P_i` of each class's leaves: n numbers a class.
    probabilities: Vec<f64>,
    leaves: Vec<f64>,
}

impl<'a> Block<'a> {
    fn new(segments: &'a [u64]) -> Block<'a> {
        Block { segments, probabilities: Vec::new(), leaves: Vec::new() }
    }

    fn push(&mut self, counts: &[u64], leaves: u64) {
        let shares = counts.iter().zip(self.segments).map(|(&count, &n)| count as f64 / n as f64);
        self.probabilities.extend(shares);
        self.leaves.push(leaves as f64);
    }

    fn len(&self) -> usize {
        self.leaves.len()
    }

    fn clear(&mut self) {
        self.probabilities.clear();
        self.leaves.clear();
    }
}

/// The sums of one choice of volumes.
struct Point<'a> {
    volumes: &'a [f64],
    toward: usize,
    /// W.
    total: f64,
    /// `log2 (W_without / W)`: the shift of a leaf that `toward` does not have.
    thinned: f64,
    gamma: Vec<Sum>,
    /// `sum_x P_i P_t / q`.
    overlap: Vec<Sum>,
    shift: Vec<Sum>,
    covered: Sum,
    /// Occurrences of `toward` in leaves that no dataset with a volume has, itself included.
    unseen: Sum,
}

impl<'a> Point<'a> {
    fn new(volumes: &'a [f64], toward: usize) -> Point<'a> {
        let sums = || vec![Sum::default(); volumes.len()];
        let others = volumes.iter().enumerate().filter(|(dataset, _)| *dataset != toward);
        let total_without: f64 = others.map(|(_, volume)| volume).sum();
        Point {
            volumes,
            toward,
            total: total_without + volumes[toward],
            thinned: -(volumes[toward] / total_without).ln_1p() * LOG2_E,
            gamma: sums(),
            overlap: sums(),
            shift: sums(),
            covered: Sum::default(),
            unseen: Sum::default(),
        }
    }

    fn add(&mut self, block: &Block) {
        let (n, own) = (self.volumes.len(), self.volumes[self.toward]);
        for (p, &leaves) in block.probabilities.chunks_exact(n).zip(&block.leaves) {
            let toward = p[self.toward];
            let mut without = 0.0;
            for (dataset, (volume, p)) in self.volumes.iter().zip(p).enumerate() {
                if dataset != self.toward {
                    without += volume * p;
                }
            }
            let weight = without + own * toward;
            let bits = (self.total / weight).log2();
            // -log2 of q over the q without `toward`, exact where little is added to it.
            let shift = match (toward > 0.0, without > 0.0) {
                (false, _) => -self.thinned,
                (true, true) => -self.thinned - (own * toward / without).ln_1p() * LOG2_E,
                (true, false) if own > 0.0 => f64::NEG_INFINITY,
                (true, false) => f64::NAN,
            };
            let overlap = leaves * toward * self.total / weight;
            for (dataset, &p) in p.iter().enumerate().filter(|(_, p)| **p > 0.0) {
                self.gamma[dataset].add(leaves * p * bits);
                self.shift[dataset].add(leaves * p * shift);
                if toward > 0.0 {
                    self.overlap[dataset].add(p * overlap);
                }
            }
            if toward > 0.0 {
                let sum = if without > 0.0 { &mut self.covered } else { &mut self.unseen };
                sum.add(leaves * toward);
            }
        }
    }

    fn finish(self) -> Rates {
        let slope_bits: Vec<f64> = self
            .overlap
            .iter()
            .map(|overlap| (1.0 - overlap.value()) / self.total * LOG2_E)
            .collect();
        let mut force_bits: Vec<f64> =
            self.volumes.iter().zip(&slope_bits).map(|(volume, slope)| volume * slope).collect();
        for (force, volume) in force_bits.iter_mut().zip(self.volumes) {
            // A dataset without a volume pulls at nothing, however steep its own slope is.
            if *volume == 0.0 {
                *force = 0.0;
            }
        }
        if self.volumes[self.toward] == 0.0 {
            // w_t sum P_t^2 / q / W tends to the occurrences that nothing else covers.
            force_bits[self.toward] = -self.unseen.value() * LOG2_E;
        }
        let values = |sums: &[Sum]| sums.iter().map(|sum| sum.value()).collect();
        Rates {
            gamma_bits: values(&self.gamma),
            slope_bits,
            force_bits,
            shift_bits: values(&self.shift),
            coverage: self.covered.value(),
        }
    }
}
