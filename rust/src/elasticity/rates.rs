//! Rates under the joint code, and their derivatives by the volume of one dataset.
//!
//! With `q = sum_i w_i P_i / W` and `gamma_i = -sum_x P_i(x) log q(x)`, the derivative is
//! `d gamma_i / d w_t = (1 - sum_x P_i(x) P_t(x) / q(x)) / W`, in nats, for any i and t, so no
//! finite differences are needed. Weighted by the volumes these slopes sum to 0, since
//! `sum_i w_i P_i = W q`: the force balance, of which the elastic identity is the case `w_t = 0`.

use std::f64::consts::LOG2_E;

use rayon::prelude::*;

use super::compensated_sum::CompensatedSum;
use super::joint_spectrum::{JointLayer, JointSpectrum};
use crate::{Error, Job, Phase, Result};

/// Number of classes processed for all volumes before more are read.
const BLOCK: usize = 1 << 10;

/// The rates of n datasets at one depth under their joint code, for one choice of volumes.
///
/// All vectors have one entry per dataset. Bits are bits per segment.
#[derive(Debug, Clone, PartialEq)]
pub struct Rates {
    /// `gamma_i = -sum_x P_i log2 q`: the cross-entropy of dataset i under the joint code.
    ///
    /// Infinite if the dataset has leaves that occur in no dataset with a positive volume.
    pub gamma_bits: Vec<f64>,
    /// `d gamma_i / d w_t`; minus infinity for dataset t itself at volume 0 if it has own leaves.
    pub slope_bits: Vec<f64>,
    /// `w_i d gamma_i / d w_t`; for dataset t itself at volume 0 the limit.
    pub force_bits: Vec<f64>,
    /// `gamma_i` minus its value without dataset t, which is the change of `KL(P_i || q)`.
    ///
    /// Minus infinity for dataset t itself if it has own leaves; NaN where both are infinite.
    pub shift_bits: Vec<f64>,
    /// Coverage c: the share of dataset t's occurrences in leaves that others with a volume have.
    pub coverage: f64,
}

impl Rates {
    /// `KL(P_i || q)` of each dataset: the cost of the joint code over the dataset's own code.
    pub fn kl_bits(&self, layer: &JointLayer) -> Vec<f64> {
        self.gamma_bits
            .iter()
            .zip(&layer.entropy_bits)
            .map(|(gamma, entropy)| gamma - entropy)
            .collect()
    }

    /// `(gamma_i - log2 M_i) / depth` in bits per symbol, with M_i leaves in dataset i's own tree.
    pub fn normalized(&self, layer: &JointLayer, depth: usize) -> Vec<f64> {
        let leaves = layer.leaves.iter().map(|&leaves| (leaves as f64).log2());
        self.gamma_bits
            .iter()
            .zip(leaves)
            .map(|(gamma, leaves)| (gamma - leaves) / depth as f64)
            .collect()
    }

    /// The residual of the identity, `sum_i w_i d gamma_i / d w_t`, which is 0 up to rounding.
    pub fn residual_bits(&self) -> f64 {
        self.force_bits.iter().sum()
    }
}

impl JointSpectrum {
    /// The rates at every depth (outer) for each choice of volumes (inner), with slopes by
    /// `w_toward`.
    ///
    /// A choice of volumes has one number per dataset, 0 or more, with a positive one for a dataset
    /// other than `toward`. Runs on the current rayon pool; the result does not depend on it.
    pub fn rates(&self, volumes: &[Vec<f64>], toward: usize, job: &Job) -> Result<Vec<Vec<Rates>>> {
        let n = self.segments().len();
        if toward >= n {
            return Err(Error::InvalidArgument(format!(
                "dataset {toward} does not exist: datasets are numbered 0 to {}",
                n - 1
            )));
        }
        for at in volumes {
            check_volumes(at, n)?;
            if at.iter().enumerate().all(|(dataset, &volume)| dataset == toward || volume == 0.0) {
                return Err(Error::InvalidArgument(
                    "only the perturbation has a positive volume: give another dataset one"
                        .to_string(),
                ));
            }
        }
        job.start(Phase::Rate, self.layers().iter().map(JointLayer::classes).sum());
        self.layers()
            .par_iter()
            .map(|layer| self.layer_rates(layer, volumes, toward, job))
            .collect()
    }

    fn layer_rates(
        &self,
        layer: &JointLayer,
        volumes: &[Vec<f64>],
        toward: usize,
        job: &Job,
    ) -> Result<Vec<Rates>> {
        let mut sweeps: Vec<Sweep> = Vec::new();
        // The sweep of each choice of volumes, and its index in the sweep.
        let mut places = Vec::with_capacity(volumes.len());
        for at in volumes {
            let sweep = sweeps.iter().position(|sweep| sweep.has_others_of(at));
            let sweep = sweep.unwrap_or_else(|| {
                sweeps.push(Sweep::new(at, toward));
                sweeps.len() - 1
            });
            places.push((sweep, sweeps[sweep].points.len()));
            sweeps[sweep].points.push(Point::new(at[toward], at.len()));
        }
        let mut block = Block::new(self.segments());
        layer.for_each_class(|counts, leaves| {
            block.push(counts, leaves);
            if block.leaves.len() < BLOCK {
                return Ok(());
            }
            job.check()?;
            job.add(block.leaves.len() as u64);
            sweeps.iter_mut().for_each(|sweep| sweep.add(&block));
            block.clear();
            Ok(())
        })?;
        sweeps.iter_mut().for_each(|sweep| sweep.add(&block));
        Ok(places.into_iter().map(|(sweep, point)| sweeps[sweep].rates(point)).collect())
    }
}

/// Returns [`Error::InvalidArgument`] unless these are the volumes of `n` datasets.
pub(super) fn check_volumes(volumes: &[f64], n: usize) -> Result<()> {
    if volumes.len() != n {
        return Err(Error::InvalidArgument(format!(
            "{} volumes for {n} datasets: give one per dataset",
            volumes.len()
        )));
    }
    match volumes.iter().find(|volume| !(volume.is_finite() && **volume >= 0.0)) {
        Some(volume) => {
            Err(Error::InvalidArgument(format!("volume {volume} is out of range: give 0 or more")))
        }
        None if volumes.iter().all(|&volume| volume == 0.0) => Err(Error::InvalidArgument(
            "all volumes are 0: give at least one dataset a positive volume".to_string(),
        )),
        None => Ok(()),
    }
}

/// Some classes of a layer, as probabilities.
struct Block<'a> {
    segments: &'a [u64],
    /// `P_i` of each class's leaves: n numbers per class.
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

    fn clear(&mut self) {
        self.probabilities.clear();
        self.leaves.clear();
    }
}

/// Choices of volumes that differ only in the volume of dataset t.
///
/// With `u = sum_(i != t) w_i P_i` a leaf has `W q = u + w_t P_t`. So `-log2 q` is the code length
/// without t, computed once for all points, plus a shift, which each point computes only for leaves
/// that t shares with other datasets. Without this split it takes three times as long.
struct Sweep {
    /// The volumes, with that of t set to 0.
    others: Vec<f64>,
    toward: usize,
    points: Vec<Point>,
    /// `-sum P_i log2 u` over the leaves with `u > 0`, and the sum of `P_i` there.
    bits: Vec<CompensatedSum>,
    seen: Vec<CompensatedSum>,
    /// `-sum P_i log2 P_t` over the leaves with `u = 0 < P_t`, and the sum of `P_i` there.
    alone_bits: Vec<CompensatedSum>,
    alone: Vec<CompensatedSum>,
    /// Whether a dataset has leaves with `u = P_t = 0`, which no code of this sweep covers.
    uncovered: Vec<bool>,
    /// The classes of the current block with `u` and `P_t` above 0: `P_t`, `u`, the number of
    /// leaves and, in the second vector, n numbers `P_i`.
    shared: Vec<[f64; 3]>,
    shared_probabilities: Vec<f64>,
}

impl Sweep {
    fn new(volumes: &[f64], toward: usize) -> Sweep {
        let n = volumes.len();
        let mut others = volumes.to_vec();
        others[toward] = 0.0;
        let sums = || vec![CompensatedSum::default(); n];
        Sweep {
            others,
            toward,
            points: Vec::new(),
            bits: sums(),
            seen: sums(),
            alone_bits: sums(),
            alone: sums(),
            uncovered: vec![false; n],
            shared: Vec::new(),
            shared_probabilities: Vec::new(),
        }
    }

    fn has_others_of(&self, volumes: &[f64]) -> bool {
        let mut pairs = self.others.iter().zip(volumes).enumerate();
        pairs.all(|(dataset, (mine, theirs))| dataset == self.toward || mine == theirs)
    }

    fn add(&mut self, block: &Block) {
        self.shared.clear();
        self.shared_probabilities.clear();
        for (p, &leaves) in block.probabilities.chunks_exact(self.others.len()).zip(&block.leaves) {
            let own = p[self.toward];
            let others: f64 = self.others.iter().zip(p).map(|(volume, p)| volume * p).sum();
            if others > 0.0 && own > 0.0 {
                self.shared.push([own, others, leaves]);
                self.shared_probabilities.extend_from_slice(p);
            }
            let (bits, mass) = match (others > 0.0, own > 0.0) {
                (true, _) => (&mut self.bits, &mut self.seen),
                (false, true) => (&mut self.alone_bits, &mut self.alone),
                (false, false) => {
                    self.uncovered
                        .iter_mut()
                        .zip(p)
                        .for_each(|(uncovered, &p)| *uncovered |= p > 0.0);
                    continue;
                }
            };
            let class_bits = leaves * -(if others > 0.0 { others } else { own }).log2();
            for ((bits, mass), &p) in bits.iter_mut().zip(mass).zip(p).filter(|(_, p)| **p > 0.0) {
                bits.add(p * class_bits);
                mass.add(p * leaves);
            }
        }
        let (shared, probabilities) = (&self.shared, &self.shared_probabilities);
        self.points.par_iter_mut().for_each(|point| point.add(shared, probabilities));
    }

    /// The rates of one point.
    fn rates(&self, point: usize) -> Rates {
        let (n, point) = (self.others.len(), &self.points[point]);
        let without: f64 = self.others.iter().sum();
        let total = without + point.volume;
        let thinned = (point.volume / without).ln_1p() * LOG2_E;
        let mut rates = Rates {
            gamma_bits: Vec::with_capacity(n),
            slope_bits: Vec::with_capacity(n),
            force_bits: Vec::with_capacity(n),
            shift_bits: Vec::with_capacity(n),
            coverage: self.seen[self.toward].value(),
        };
        for dataset in 0..n {
            let (seen, alone) = (self.seen[dataset].value(), self.alone[dataset].value());
            let shift = seen * thinned - point.growth[dataset].value() * LOG2_E;
            let mut gamma = self.bits[dataset].value() + seen * without.log2() + shift;
            let mut overlap = point.overlap[dataset].value() * total;
            if alone > 0.0 {
                gamma += self.alone_bits[dataset].value() + alone * (total / point.volume).log2();
                overlap += alone * total / point.volume;
            }
            let slope = (1.0 - overlap) / total * LOG2_E;
            rates.gamma_bits.push(if self.uncovered[dataset] { f64::INFINITY } else { gamma });
            rates.slope_bits.push(slope);
            rates.force_bits.push(match (dataset == self.toward, point.volume) {
                // w_t sum P_t^2 / q / W tends to the share of occurrences that only t has.
                (true, 0.0) => -alone * LOG2_E,
                (true, volume) => volume * slope,
                // A dataset of volume 0 exerts no force, however steep its slope.
                (false, _) if self.others[dataset] == 0.0 => 0.0,
                (false, _) => self.others[dataset] * slope,
            });
            rates.shift_bits.push(
                match (self.uncovered[dataset], alone > 0.0, point.volume > 0.0) {
                    (false, false, _) => shift,
                    (false, true, true) => f64::NEG_INFINITY,
                    _ => f64::NAN,
                },
            );
        }
        rates
    }
}

/// The sums for one volume of dataset t, over the leaves that t shares with others.
struct Point {
    volume: f64,
    /// `sum_x P_i ln(1 + w_t P_t / u)`.
    growth: Vec<CompensatedSum>,
    /// `sum_x P_i P_t / (u + w_t P_t)`.
    overlap: Vec<CompensatedSum>,
}

impl Point {
    fn new(volume: f64, datasets: usize) -> Point {
        let sums = || vec![CompensatedSum::default(); datasets];
        Point { volume, growth: sums(), overlap: sums() }
    }

    fn add(&mut self, shared: &[[f64; 3]], probabilities: &[f64]) {
        let n = self.growth.len();
        for (&[own, others, leaves], p) in shared.iter().zip(probabilities.chunks_exact(n)) {
            let added = self.volume * own;
            let growth = leaves * (added / others).ln_1p();
            let overlap = leaves * own / (others + added);
            for (dataset, &p) in p.iter().enumerate().filter(|(_, p)| **p > 0.0) {
                self.growth[dataset].add(p * growth);
                self.overlap[dataset].add(p * overlap);
            }
        }
    }
}
