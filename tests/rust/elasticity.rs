//! Joint rates against a naive oracle that applies every formula literally, leaf by leaf.

use std::collections::{BTreeMap, BTreeSet};
use std::f64::consts::LN_2;

use elastic_core::elasticity::{JointSpectrum, Rates};
use elastic_core::tree::{BuildOptions, Segment, TokenTree, from_symbols};
use elastic_core::{Error, Job, thread_pool};
use proptest::prelude::*;

const VOCABULARY: u32 = 5;
const ROOMY: u64 = 1 << 30;

type Documents = Vec<Vec<u8>>;

fn tree_at(documents: &Documents, depth: usize, segment: Segment) -> TokenTree {
    let ids: Vec<u8> = documents.concat();
    let mut offsets = vec![0];
    for document in documents {
        offsets.push(offsets[offsets.len() - 1] + document.len() as u64);
    }
    let options = BuildOptions { depth, segment, memory: ROOMY, threads: 1 };
    from_symbols(&ids, &offsets, VOCABULARY, options, &Job::default()).unwrap()
}

fn tree(documents: &Documents) -> TokenTree {
    tree_at(documents, 3, Segment::Chunk)
}

fn joint(trees: &[TokenTree]) -> JointSpectrum {
    JointSpectrum::of(&trees.iter().collect::<Vec<_>>(), ROOMY, &Job::default()).unwrap()
}

/// A distribution over one symbol: leaf x occurs `counts[x]` times, each time as a document.
fn leaves(counts: &[usize]) -> TokenTree {
    let mut documents = Documents::new();
    for (symbol, &count) in counts.iter().enumerate() {
        documents.extend(vec![vec![symbol as u8; 3]; count]);
    }
    tree_at(&documents, 3, Segment::Prefix)
}

fn rates(joint: &JointSpectrum, volumes: &[f64], toward: usize) -> Vec<Rates> {
    let rates = joint.rates(&[volumes.to_vec()], toward, &Job::default()).unwrap();
    rates.into_iter().map(|points| points[0].clone()).collect()
}

/// The leaf distributions of trees pruned to `depth`: the probabilities of each leaf in all trees.
fn distributions(trees: &[TokenTree], depth: usize) -> Vec<Vec<f64>> {
    let mut counts: Vec<BTreeMap<Vec<u8>, u64>> = vec![BTreeMap::new(); trees.len()];
    for (tree, counts) in trees.iter().zip(&mut counts) {
        tree.for_each_leaf(&Job::default(), |row, count| {
            *counts.entry(row[..depth].to_vec()).or_insert(0) += count;
            Ok(())
        })
        .unwrap();
    }
    let paths: BTreeSet<Vec<u8>> =
        counts.iter().flat_map(|leaves| leaves.keys().cloned()).collect();
    let totals: Vec<u64> = counts.iter().map(|leaves| leaves.values().sum()).collect();
    paths
        .iter()
        .map(|path| {
            let shares = counts.iter().zip(&totals);
            shares.map(|(leaves, &n)| *leaves.get(path).unwrap_or(&0) as f64 / n as f64).collect()
        })
        .collect()
}

/// `-sum_x P_i log2 q` with `q = sum_j w_j P_j / W`.
fn gamma(leaves: &[Vec<f64>], volumes: &[f64], dataset: usize) -> f64 {
    let total: f64 = volumes.iter().sum();
    leaves
        .iter()
        .filter(|p| p[dataset] > 0.0)
        .map(|p| {
            let q = volumes.iter().zip(p).map(|(w, p)| w * p).sum::<f64>() / total;
            -p[dataset] * q.log2()
        })
        .sum()
}

fn close(actual: f64, expected: f64) -> bool {
    actual == expected || (actual - expected).abs() <= 1e-9 * expected.abs().max(1.0)
}

fn corpora() -> impl Strategy<Value = Vec<Documents>> {
    let symbol = prop_oneof![3 => 0u8..2, 1 => 0u8..VOCABULARY as u8];
    let documents = prop::collection::vec(prop::collection::vec(symbol, 0..20), 1..20);
    prop::collection::vec(documents, 2..5)
}

fn volumes() -> impl Strategy<Value = Vec<f64>> {
    prop::collection::vec(prop_oneof![1 => Just(0.0), 6 => 1e-3..1e3f64], 4)
}

proptest! {
    #[test]
    fn rates_match_the_oracle(corpora in corpora(), volumes in volumes(), toward in 0usize..4) {
        let trees: Vec<TokenTree> = corpora.iter().map(tree).collect();
        let n = trees.len();
        let (volumes, toward) = (&volumes[..n], toward % n);
        let mut without = volumes.to_vec();
        without[toward] = 0.0;
        prop_assume!(without.iter().any(|&volume| volume > 0.0));
        let total: f64 = volumes.iter().sum();
        for (at, actual) in rates(&joint(&trees), volumes, toward).iter().enumerate() {
            let leaves = distributions(&trees, at + 1);
            for dataset in 0..n {
                let expected = gamma(&leaves, volumes, dataset);
                prop_assert!(close(actual.gamma_bits[dataset], expected));
                // The slope by its formula, and as a finite difference.
                let overlap: f64 = leaves
                    .iter()
                    .filter(|p| p[dataset] * p[toward] > 0.0)
                    .map(|p| {
                        let q = volumes.iter().zip(p).map(|(w, p)| w * p).sum::<f64>() / total;
                        p[dataset] * p[toward] / q
                    })
                    .sum();
                prop_assert!(close(actual.slope_bits[dataset], (1.0 - overlap) / total / LN_2));
                let before = gamma(&leaves, &without, dataset);
                if before.is_finite() {
                    prop_assert!((actual.shift_bits[dataset] - (expected - before)).abs() < 1e-9);
                } else if expected.is_finite() {
                    prop_assert_eq!(actual.shift_bits[dataset], f64::NEG_INFINITY);
                } else {
                    prop_assert!(actual.shift_bits[dataset].is_nan());
                }
            }
            let covered: f64 = leaves
                .iter()
                .filter(|p| without.iter().zip(*p).any(|(w, p)| w * p > 0.0))
                .map(|p| p[toward])
                .sum();
            prop_assert!(close(actual.coverage, covered));
        }
    }

    #[test]
    fn slopes_are_central_differences(corpora in corpora(), volumes in volumes(), toward in 0usize..4) {
        let trees: Vec<TokenTree> = corpora.iter().map(tree).collect();
        let n = trees.len();
        let toward = toward % n;
        let volumes: Vec<f64> = volumes[..n].iter().map(|volume| volume + 0.5).collect();
        let step = 1e-4 * volumes[toward];
        let moved = |by: f64| {
            let mut volumes = volumes.clone();
            volumes[toward] += by;
            volumes
        };
        for (at, actual) in rates(&joint(&trees), &volumes, toward).iter().enumerate() {
            let leaves = distributions(&trees, at + 1);
            for dataset in 0..n {
                let (up, down) =
                    (gamma(&leaves, &moved(step), dataset), gamma(&leaves, &moved(-step), dataset));
                let difference = (up - down) / (2.0 * step);
                prop_assert!((actual.slope_bits[dataset] - difference).abs() < 1e-5);
            }
        }
    }

    #[test]
    fn forces_balance(corpora in corpora(), volumes in volumes(), toward in 0usize..4) {
        let trees: Vec<TokenTree> = corpora.iter().map(tree).collect();
        let n = trees.len();
        let toward = toward % n;
        let mut volumes = volumes[..n].to_vec();
        prop_assume!((0..n).any(|at| at != toward && volumes[at] > 0.0));
        let scale: f64 = volumes.iter().sum::<f64>().max(1.0);
        for actual in rates(&joint(&trees), &volumes, toward) {
            prop_assert!(actual.residual_bits().abs() < 1e-12 * scale);
        }
        // At volume 0 of dataset t, the forces on the others equal its share that is new to them.
        volumes[toward] = 0.0;
        for actual in rates(&joint(&trees), &volumes, toward) {
            let others: f64 =
                (0..n).filter(|&at| at != toward).map(|at| actual.force_bits[at]).sum();
            prop_assert!((others - (1.0 - actual.coverage) / LN_2).abs() < 1e-12 * scale);
        }
    }

    #[test]
    fn results_do_not_depend_on_memory_or_threads(corpora in corpora(), volumes in volumes()) {
        let trees: Vec<TokenTree> = corpora.iter().map(tree).collect();
        let references: Vec<&TokenTree> = trees.iter().collect();
        let mut volumes = volumes[..trees.len()].to_vec();
        volumes[0] += 1.0;
        let expected = rates(&joint(&trees), &volumes, 1);
        let other = thread_pool(3).unwrap().install(|| {
            let joint = JointSpectrum::of(&references, 0, &Job::default()).unwrap();
            rates(&joint, &volumes, 1)
        });
        prop_assert_eq!(format!("{expected:?}"), format!("{other:?}"));
    }

    #[test]
    fn huffman_is_optimal_for_the_joint_tree(corpora in corpora()) {
        // With natural volumes the joint tree is the merged one, whose mean length is known.
        let trees: Vec<TokenTree> = corpora.iter().map(tree).collect();
        let references: Vec<&TokenTree> = trees.iter().collect();
        let joint = joint(&trees);
        let own: Vec<f64> = joint.segments().iter().map(|&segments| segments as f64).collect();
        let merged = TokenTree::merge(&references, ROOMY, &Job::default()).unwrap();
        let statistics = elastic_core::statistics::Statistics::of(&merged, &Job::default()).unwrap();
        for (at, expected) in statistics.depths.iter().enumerate() {
            let bits = joint.huffman_bits(at + 1, std::slice::from_ref(&own), &Job::default());
            let bits = &bits.unwrap()[0];
            let total: f64 = own.iter().sum();
            let mean: f64 = own.iter().zip(bits).map(|(w, bits)| w * bits).sum::<f64>() / total;
            prop_assert!(close(mean, expected.huffman_bits));
        }
    }
}

#[test]
fn an_example_computed_by_hand() {
    // P_p = (1/2, 1/2, 0), P_a = (0, 1, 0), P_t = (1/2, 0, 1/2); k = 2, l = 0: q = (1/3, 2/3, 0).
    let joint = joint(&[leaves(&[1, 1, 0]), leaves(&[0, 1, 0]), leaves(&[1, 0, 1])]);
    let actual = &rates(&joint, &[2.0, 1.0, 0.0], 2)[2];
    let third = 3f64.log2();
    assert!(close(actual.gamma_bits[0], 0.5 * third + 0.5 * (third - 1.0)));
    assert!(close(actual.gamma_bits[1], third - 1.0));
    assert_eq!(actual.gamma_bits[2], f64::INFINITY);
    assert_eq!(actual.coverage, 0.5);
    // d gamma_p = (1 - (1/4) / (1/3)) / 3 = 1/12 nats, d gamma_a = 1/3 nats (no shared leaf).
    assert!(close(actual.slope_bits[0], 1.0 / 12.0 / LN_2));
    assert!(close(actual.slope_bits[1], 1.0 / 3.0 / LN_2));
    assert_eq!(actual.slope_bits[2], f64::NEG_INFINITY);
    // 2/12 + 1/3 = 1 - c = 1/2, which the new half of the perturbation balances.
    assert!(close(actual.force_bits[2], -0.5 / LN_2));
    assert!(actual.residual_bits().abs() < 1e-15);
    assert_eq!(joint.layers()[2].leaves, [2, 1, 2]);
    assert!(close(joint.layers()[2].entropy_bits[0], 1.0));
    assert!(close(actual.kl_bits(&joint.layers()[2])[1], third - 1.0));
    assert!(close(actual.normalized(&joint.layers()[2], 3)[1], (third - 1.0) / 3.0));
}

#[test]
fn disjoint_equal_thirds() {
    // D_p in three parts of its own leaves each, D_a ~ part 2, D_t ~ part 3, k = 1000, l = 0.1.
    let joint = joint(&[leaves(&[1, 1, 1]), leaves(&[0, 1, 0]), leaves(&[0, 0, 1])]);
    let (k, l) = (1000.0, 0.1);
    let actual = &rates(&joint, &[k, 1.0, l], 2)[2];
    let ratio = actual.slope_bits[1] / actual.slope_bits[0];
    assert!((ratio - -1250.375).abs() < 1e-6, "{ratio}");
    assert!(close(ratio, -(k + 3.0 * l) / (1.0 - 2.0 * l)));
    let start = &rates(&joint, &[k, 1.0, 0.0], 2)[2];
    assert!((start.slope_bits[1] / start.slope_bits[0] + k).abs() < 1e-6);
}

#[test]
fn a_disjoint_perturbation_shifts_all_rates_equally() {
    let joint = joint(&[leaves(&[3, 1, 0]), leaves(&[1, 3, 0]), leaves(&[0, 0, 1])]);
    let actual = &rates(&joint, &[7.0, 1.0, 0.0], 2)[2];
    assert_eq!(actual.coverage, 0.0);
    assert_eq!(actual.slope_bits[0], actual.slope_bits[1]);
    assert!(actual.slope_bits[0] > 0.0);
}

#[test]
fn huffman_lengths_hide_a_small_change() {
    let joint = joint(&[leaves(&[8, 4, 2, 2]), leaves(&[0, 1, 0, 0]), leaves(&[0, 0, 1, 0])]);
    let volumes = |l: f64| vec![1000.0, 1.0, l];
    let job = Job::default();
    let huffman = joint.huffman_bits(3, &[volumes(0.0), volumes(1.0)], &job).unwrap();
    assert_eq!(huffman[0][0], huffman[1][0]);
    let ideal = joint.rates(&[volumes(0.0), volumes(1.0)], 2, &job).unwrap();
    assert!(ideal[2][0].gamma_bits[0] != ideal[2][1].gamma_bits[0]);
    // Leaves without weight have no codeword.
    let novel = joint_of_novel().huffman_bits(3, &[vec![1.0, 0.0]], &job).unwrap();
    assert_eq!(novel[0][1], f64::INFINITY);
}

fn joint_of_novel() -> JointSpectrum {
    joint(&[leaves(&[1, 1]), leaves(&[1, 0, 1])])
}

#[test]
fn invalid_arguments_are_rejected() {
    let trees = [leaves(&[1, 1]), leaves(&[0, 1])];
    let joint = joint(&trees);
    let job = Job::default();
    let message = |error: Error| error.to_string();
    for volumes in [vec![1.0], vec![-1.0, 1.0], vec![f64::NAN, 1.0], vec![0.0, 0.0]] {
        assert!(matches!(
            joint.rates(std::slice::from_ref(&volumes), 1, &job),
            Err(Error::InvalidArgument(_))
        ));
        assert!(joint.huffman_bits(3, &[volumes], &job).is_err());
    }
    assert!(message(joint.rates(&[vec![0.0, 1.0]], 1, &job).unwrap_err()).contains("perturbation"));
    assert!(
        message(joint.rates(&[vec![1.0, 1.0]], 2, &job).unwrap_err())
            .contains("dataset 2 does not exist")
    );
    assert!(
        message(joint.huffman_bits(4, &[vec![1.0, 1.0]], &job).unwrap_err()).contains("depth 4")
    );
    let deeper = tree_at(&vec![vec![1, 2]], 4, Segment::Prefix);
    let unlike = JointSpectrum::of(&[&trees[0], &deeper], ROOMY, &job);
    assert!(message(unlike.unwrap_err()).contains("depth (3 and 4)"));
    assert!(JointSpectrum::of(&[], ROOMY, &job).is_err());
}

#[test]
fn a_job_can_be_stopped() {
    let trees = [leaves(&[1, 1]), leaves(&[0, 1])];
    let joint = joint(&trees);
    let job = Job::default();
    job.stop();
    assert!(matches!(joint.huffman_bits(1, &[vec![1.0, 1.0]], &job), Err(Error::Interrupted)));
}
