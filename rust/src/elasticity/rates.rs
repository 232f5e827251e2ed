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
        // Where each choice of volumes stands: its sweep, and its place there.
        let mut places = Vec::with_capacity(volumes.len());
        for at in volumes {
            let found = sweeps.iter().position(|sweep| sweep.has_others_of(at));
            let sweep = found.unwrap_or_else(|| {
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

    fn clear(&mut self) {
        self.probabilities.clear();
        self.leaves.clear();
    }
}

/// Choices of volumes that differ in that of dataset t alone.
///
/// With `u = sum_(i != t) w_i P_i` a leaf has `W q = u + w_t P_t`. So `-log2 q` is that of the
/// code without t, which one pass finds for all points, and a shift, which only the leaves that t
/// and another dataset have make them compute. To do without that took three times as long.
struct Sweep {
    /// The volumes, that of t set to 0.
    others: Vec<f64>,
    toward: usize,
    points: Vec<Point>,
    /// `-sum P_i log2 u` over the leaves with `u > 0`, and the sum of `P_i` there.
    bits: Vec<Sum>,
    seen: Vec<Sum>,
    /// `-sum P_i log2 P_t` over the leaves with `u = 0 < P_t`, and the sum of `P_i` there.
    alone_bits: Vec<Sum>,
    alone: Vec<Sum>,
    /// Whether a dataset has leaves with `u = P_t = 0`, which no code of this sweep has.
    lost: Vec<bool>,
    /// The leaves of the present block that have `u` and `P_t` above 0: `P_t`, `u`, how many they
    /// are, and n numbers `P_i`.
    shared: Vec<[f64; 3]>,
    shared_probabilities: Vec<f64>,
}

impl Sweep {
    fn new(volumes: &[f64], toward: usize) -> Sweep {
        let n = volumes.len();
        let mut others = volumes.to_vec();
        others[toward] = 0.0;
        let sums = || vec![Sum::default(); n];
        Sweep {
            others,
            toward,
            points: Vec::new(),
            bits: sums(),
            seen: sums(),
            alone_bits: sums(),
            alone: sums(),
            lost: vec![false; n],
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
                    self.lost.iter_mut().zip(p).for_each(|(lost, &p)| *lost |= p > 0.0);
                    continue;
                }
            };
            let each = leaves * -(if others > 0.0 { others } else { own }).log2();
            for ((bits, mass), &p) in bits.iter_mut().zip(mass).zip(p).filter(|(_, p)| **p > 0.0) {
                bits.add(p * each);
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
            rates.gamma_bits.push(if self.lost[dataset] { f64::INFINITY } else { gamma });
            rates.slope_bits.push(slope);
            rates.force_bits.push(match (dataset == self.toward, point.volume) {
                // w_t sum P_t^2 / q / W tends to the occurrences that nothing else covers.
                (true, 0.0) => -alone * LOG2_E,
                (true, volume) => volume * slope,
                // A dataset without a volume pulls at nothing, however steep its slope is.
                (false, _) if self.others[dataset] == 0.0 => 0.0,
                (false, _) => self.others[dataset] * slope,
            });
            rates.shift_bits.push(match (self.lost[dataset], alone > 0.0, point.volume > 0.0) {
                (false, false, _) => shift,
                (false, true, true) => f64::NEG_INFINITY,
                _ => f64::NAN,
            });
        }
        rates
    }
}

/// The sums of one volume of dataset t, over the leaves that t shares with others.
struct Point {
    volume: f64,
    /// `sum_x P_i ln(1 + w_t P_t / u)`.
    growth: Vec<Sum>,
    /// `sum_x P_i P_t / (u + w_t P_t)`.
    overlap: Vec<Sum>,
}

impl Point {
    fn new(volume: f64, datasets: usize) -> Point {
        let sums = || vec![Sum::default(); datasets];
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
