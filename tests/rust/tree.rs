//! The token tree against a naive oracle: a map from paths to counts, built segment by segment.

use std::collections::BTreeMap;

use elastic_core::Job;
use elastic_core::code::{CodeLengths, Decoder, Encoder, read_codebook, write_codebook};
use elastic_core::statistics::Statistics;
use elastic_core::tree::{BuildOptions, Segment, Spectrum, Symbol, TokenTree, from_symbols};
use proptest::prelude::*;

type Oracle = BTreeMap<Vec<u32>, u64>;

/// Def 3.1 with EOS appended: counts all segments of all documents one by one.
fn oracle(documents: &[Vec<u32>], depth: usize, segment: Segment, eos: u32) -> Oracle {
    let mut leaves = Oracle::new();
    for document in documents {
        let symbols: Vec<u32> = document.iter().copied().chain([eos]).collect();
        let segments: Vec<&[u32]> = match segment {
            Segment::Chunk => symbols.chunks(depth).collect(),
            Segment::Prefix => vec![&symbols[..depth.min(symbols.len())]],
            Segment::Window => {
                (0..symbols.len()).map(|at| &symbols[at..symbols.len().min(at + depth)]).collect()
            }
        };
        for segment in segments {
            *leaves.entry(segment.to_vec()).or_insert(0) += 1;
        }
    }
    leaves
}

fn pruned(leaves: &Oracle, depth: usize) -> Oracle {
    let mut top = Oracle::new();
    for (path, count) in leaves {
        *top.entry(path[..depth.min(path.len())].to_vec()).or_insert(0) += count;
    }
    top
}

/// The leaves of a tree, with paths cut after EOS.
fn leaves_of(tree: &TokenTree) -> Oracle {
    let shape = tree.shape();
    let mut leaves = Oracle::new();
    let mut before: Vec<u8> = Vec::new();
    tree.for_each_leaf(&Job::default(), |row, count| {
        assert!(before.is_empty() || *before < *row, "rows must increase");
        before = row.to_vec();
        let symbols = row
            .chunks_exact(shape.symbol_bytes())
            .map(|symbol| symbol.iter().fold(0, |id, &byte| id << 8 | u32::from(byte)));
        let mut path: Vec<u32> = Vec::new();
        for symbol in symbols {
            if path.last() == Some(&shape.eos()) {
                assert_eq!(symbol, shape.eos(), "EOS fills the row");
            } else {
                path.push(symbol);
            }
        }
        leaves.insert(path, count);
        Ok(())
    })
    .unwrap();
    leaves
}

fn options(depth: usize, segment: Segment, memory: u64, threads: usize) -> BuildOptions {
    BuildOptions { depth, segment, memory, threads }
}

fn tree_of<T: Symbol>(documents: &[Vec<u32>], vocabulary: u32, options: BuildOptions) -> TokenTree {
    let ids: Vec<T> = documents.iter().flatten().map(|&id| T::of(id)).collect();
    let mut offsets = vec![0];
    for document in documents {
        offsets.push(offsets[offsets.len() - 1] + document.len() as u64);
    }
    from_symbols(&ids, &offsets, vocabulary, options, &Job::default()).unwrap()
}

const ROOMY: u64 = 1 << 30;
const TINY: u64 = 1 << 20;

fn segments() -> impl Strategy<Value = Segment> {
    prop_oneof![Just(Segment::Chunk), Just(Segment::Prefix), Just(Segment::Window)]
}

fn documents(vocabulary: u32) -> impl Strategy<Value = Vec<Vec<u32>>> {
    let symbol = prop_oneof![3 => 0..vocabulary.min(3), 1 => 0..vocabulary];
    prop::collection::vec(prop::collection::vec(symbol, 0..40), 1..12)
}

/// A vocabulary of each width, with documents over it.
fn corpora() -> impl Strategy<Value = (u32, Vec<Vec<u32>>)> {
    prop_oneof![Just(2u32), Just(3), Just(256), Just(257), Just(8192), Just(65_536), Just(200_000)]
        .prop_flat_map(|vocabulary| (Just(vocabulary), documents(vocabulary)))
}

fn check_statistics(tree: &TokenTree, leaves: &Oracle) {
    let statistics = Statistics::of(tree, &Job::default()).unwrap();
    let segments: u64 = leaves.values().sum();
    assert_eq!(statistics.segments, segments);
    let mut entropy_before = 0.0;
    for at in &statistics.depths {
        let top = pruned(leaves, at.depth);
        let full = top.keys().filter(|path| path.len() == at.depth).count() as u64;
        assert_eq!(at.nodes, full, "nodes at depth {}", at.depth);
        assert_eq!(at.leaves, top.len() as u64);
        assert_eq!(at.singletons, top.values().filter(|&&count| count == 1).count() as u64);
        assert_eq!(at.spectrum, Spectrum::from_counts(top.values().copied()));
        let entropy: f64 =
            top.values().map(|&count| count as f64 / segments as f64).map(|p| -p * p.log2()).sum();
        assert!((at.entropy_bits - entropy).abs() < 1e-9);
        assert!((at.conditional_entropy_bits - (entropy - entropy_before)).abs() < 1e-9);
        assert!(at.huffman_bits + 1e-9 >= entropy && at.huffman_bits < entropy + 1.0 + 1e-9);
        assert_eq!(at.theorem_bits, (entropy - 1e-9).ceil().max(0.0) as u64);
        entropy_before = entropy;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn leaves_and_statistics_agree_with_the_oracle(
        (vocabulary, documents) in corpora(),
        depth in prop_oneof![1usize..12, Just(64)],
        segment in segments(),
        threads in 1usize..4,
    ) {
        let tree = tree_of::<u32>(&documents, vocabulary, options(depth, segment, ROOMY, threads));
        let expected = oracle(&documents, depth, segment, vocabulary);
        prop_assert_eq!(leaves_of(&tree), expected.clone());
        prop_assert_eq!(tree.volume().segments, expected.values().sum::<u64>());
        check_statistics(&tree, &expected);
    }

    #[test]
    fn narrow_ids_give_the_same_tree(
        documents in documents(256),
        depth in 1usize..20,
        segment in segments(),
    ) {
        let options = options(depth, segment, ROOMY, 2);
        let expected = leaves_of(&tree_of::<u32>(&documents, 256, options));
        prop_assert_eq!(leaves_of(&tree_of::<u16>(&documents, 256, options)), expected.clone());
        prop_assert_eq!(leaves_of(&tree_of::<u8>(&documents, 256, options)), expected);
    }

    #[test]
    fn merge_prune_count_and_children(
        (vocabulary, first) in corpora(),
        seed in documents(2),
        depth in 1usize..10,
        segment in segments(),
        on_disk in any::<bool>(),
    ) {
        let second: Vec<Vec<u32>> = seed;
        let job = Job::default();
        let options = options(depth, segment, ROOMY, 2);
        let a = tree_of::<u32>(&first, vocabulary, options);
        let b = tree_of::<u32>(&second, vocabulary, options);
        // Without memory the result goes to disk.
        let memory = if on_disk { 0 } else { ROOMY };
        let joint = TokenTree::merge(&[&a, &b], memory, &job).unwrap();
        let both: Vec<Vec<u32>> = first.iter().chain(&second).cloned().collect();
        let expected = oracle(&both, depth, segment, vocabulary);
        prop_assert_eq!(joint.table().is_none(), on_disk);
        prop_assert_eq!(leaves_of(&joint), expected.clone());
        prop_assert_eq!(joint.volume(), a.volume().plus(b.volume()).unwrap());
        check_statistics(&joint, &expected);

        for k in 1..=depth {
            let top = joint.prune(k, memory, &job).unwrap();
            prop_assert_eq!(leaves_of(&top), pruned(&expected, k));
        }
        let mut prefixes: Vec<Vec<u32>> = vec![vec![]];
        prefixes.extend(expected.keys().flat_map(|path| (1..=path.len()).map(|k| path[..k].to_vec())));
        prefixes.push(vec![vocabulary - 1; depth]);
        for prefix in prefixes.iter().take(100) {
            let below = expected.iter().filter(|(path, _)| path.starts_with(prefix));
            let mut children: BTreeMap<u32, u64> = BTreeMap::new();
            let mut total = 0;
            for (path, count) in below {
                total += count;
                if let Some(&symbol) = path.get(prefix.len()) {
                    *children.entry(symbol).or_insert(0) += count;
                }
            }
            prop_assert_eq!(joint.count(prefix).unwrap(), total);
            prop_assert_eq!(joint.children(prefix).unwrap(), children.into_iter().collect::<Vec<_>>());
        }
    }

    #[test]
    fn the_codebook_can_be_read_back(
        (vocabulary, documents) in corpora(),
        depth in 1usize..10,
    ) {
        let tree = tree_of::<u32>(&documents, vocabulary, options(depth, Segment::Chunk, ROOMY, 1));
        let expected = oracle(&documents, depth, Segment::Chunk, vocabulary);
        let lengths = CodeLengths::optimal(&Spectrum::from_counts(expected.values().copied()));
        let mut bytes = Vec::new();
        let size = write_codebook(&tree, &lengths, &mut bytes, &Job::default()).unwrap();
        prop_assert_eq!(size, bytes.len() as u64);
        let book = read_codebook(&mut &bytes[..], usize::MAX).unwrap();
        prop_assert_eq!(&book.paths, &expected.keys().cloned().collect::<Vec<_>>());
        let coded: u128 = book
            .lengths
            .iter()
            .zip(expected.values())
            .map(|(&length, &count)| u128::from(length) * u128::from(count))
            .sum();
        prop_assert_eq!(coded, lengths.total_bits());
        // A code with the codebook that was read has exactly that many bits, and decodes.
        let segments: Vec<usize> = expected
            .values()
            .enumerate()
            .flat_map(|(leaf, &count)| std::iter::repeat_n(leaf, count as usize))
            .collect();
        let mut encoder = Encoder::new(&book.lengths).unwrap();
        segments.iter().for_each(|&leaf| encoder.push(leaf).unwrap());
        let (code, bits) = encoder.finish();
        prop_assert_eq!(u128::from(bits), lengths.total_bits());
        let decoded = Decoder::new(&book.lengths).unwrap().decode(&code, segments.len()).unwrap();
        prop_assert_eq!(decoded, segments);
        prop_assert!(read_codebook(&mut &bytes[..bytes.len() - 1], usize::MAX).is_err());
    }
}

/// Symbols that repeat enough for both ties and singletons.
fn pseudo_random(n: usize, vocabulary: u32) -> Vec<u32> {
    let mut state = 1u64;
    (0..n)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let x = (state >> 40) as u32;
            if x.is_multiple_of(3) { (x >> 8) % vocabulary } else { (x >> 8) % vocabulary.min(5) }
        })
        .collect()
}

#[test]
fn a_tiny_budget_spills_without_changing_the_result() {
    for vocabulary in [2u32, 256, 70_000] {
        for segment in [Segment::Chunk, Segment::Prefix, Segment::Window] {
            let long = pseudo_random(300_000, vocabulary);
            let mut documents: Vec<Vec<u32>> =
                long[..200_000].chunks(7).map(<[u32]>::to_vec).collect();
            documents.push(long[..150_000].to_vec());
            documents.push(Vec::new());
            for depth in [3, 11] {
                let roomy =
                    tree_of::<u32>(&documents, vocabulary, options(depth, segment, ROOMY, 2));
                let tiny = tree_of::<u32>(&documents, vocabulary, options(depth, segment, TINY, 3));
                assert_eq!(leaves_of(&tiny), leaves_of(&roomy));
                assert_eq!(tiny.volume(), roomy.volume());
                let job = Job::default();
                let statistics = Statistics::of(&roomy, &job).unwrap();
                assert_eq!(Statistics::of(&tiny, &job).unwrap(), statistics);
            }
        }
    }
}

#[test]
fn runs_are_merged_in_stages() {
    // A row of 64 symbols costs 148 bytes here, so 1 MiB holds 7,000 windows: about 85 runs.
    let documents = [pseudo_random(600_000, 2)];
    let roomy = tree_of::<u8>(&documents, 2, options(64, Segment::Window, ROOMY, 2));
    let tiny = tree_of::<u8>(&documents, 2, options(64, Segment::Window, TINY, 2));
    assert!(tiny.table().is_none() && roomy.table().is_some());
    assert_eq!(leaves_of(&tiny), leaves_of(&roomy));
}

#[test]
fn the_papers_binary_tree_by_hand() {
    // Documents 0, 01, 01, 11 with `prefix` at depth 3; EOS is symbol 2.
    let documents = [vec![0], vec![0, 1], vec![0, 1], vec![1, 1]];
    let tree = tree_of::<u8>(&documents, 2, options(3, Segment::Prefix, ROOMY, 1));
    assert_eq!(
        leaves_of(&tree),
        Oracle::from([(vec![0, 1, 2], 2), (vec![0, 2], 1), (vec![1, 1, 2], 1)])
    );
    let statistics = Statistics::of(&tree, &Job::default()).unwrap();
    let row = |k: usize| {
        let at = &statistics.depths[k - 1];
        (at.nodes, at.leaves, at.singletons, at.theorem_bits)
    };
    // Depth 1: weights 3/4 (0) and 1/4 (1). Depth 2: 01 1/2, 0$ 1/4, 11 1/4. Depth 3: the same.
    assert_eq!(row(1), (2, 2, 1, 1));
    assert_eq!(row(2), (3, 3, 2, 2));
    assert_eq!(row(3), (2, 3, 2, 2));
    assert!((statistics.depths[0].entropy_bits - 0.811_278_124_459).abs() < 1e-9);
    assert_eq!(statistics.depths[1].entropy_bits, 1.5);
    assert_eq!(statistics.depths[2].huffman_bits, 1.5);
    assert_eq!(statistics.depths[2].conditional_entropy_bits, 0.0);
    // 6 bits for 2 + 3 + 3 + 3 symbols; M = 3.
    assert_eq!(statistics.ideal.bits_per_symbol, Some(6.0 / 11.0));
    assert_eq!(statistics.ideal.bits_per_byte, None);
    assert!((statistics.normalized_rate - (1.5 - 3f64.log2()) / 3.0).abs() < 1e-12);
}

#[test]
fn depths_and_budgets_out_of_range_are_rejected() {
    let build = |depth, memory, threads| {
        from_symbols(
            &[0u8],
            &[0, 1],
            2,
            options(depth, Segment::Chunk, memory, threads),
            &Job::default(),
        )
    };
    for (depth, memory, threads) in [(0, ROOMY, 1), (65, ROOMY, 1), (8, 1000, 1), (8, ROOMY, 0)] {
        assert!(build(depth, memory, threads).is_err());
    }
}

#[test]
fn trees_of_different_shape_do_not_merge() {
    let documents = [vec![0, 1]];
    let base = tree_of::<u8>(&documents, 2, options(3, Segment::Chunk, ROOMY, 1));
    let others = [
        tree_of::<u8>(&documents, 3, options(3, Segment::Chunk, ROOMY, 1)),
        tree_of::<u8>(&documents, 2, options(4, Segment::Chunk, ROOMY, 1)),
        tree_of::<u8>(&documents, 2, options(3, Segment::Window, ROOMY, 1)),
    ];
    for other in &others {
        let message =
            TokenTree::merge(&[&base, other], ROOMY, &Job::default()).unwrap_err().to_string();
        assert!(message.contains("the trees differ in"), "{message}");
    }
}

#[test]
fn a_stopped_job_ends_interrupted() {
    let job = Job::default();
    job.stop();
    let result = from_symbols(&[0u8], &[0, 1], 2, options(2, Segment::Chunk, ROOMY, 1), &job);
    assert!(matches!(result, Err(elastic_core::Error::Interrupted)));
}
