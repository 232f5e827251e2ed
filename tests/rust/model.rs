//! The tree model: probabilities, learning, coding and files.

use std::fs;

use elastic_core::code::{BitDecoder, BitEncoder, Cost};
use elastic_core::model::{MAX_DEPTH, TreeModel};
use elastic_core::tokens::Alphabet;
use elastic_core::{Error, Job};
use proptest::prelude::*;

const MEMORY: u64 = 16 << 20;

fn model(depth: usize, vocabulary: u32) -> TreeModel {
    TreeModel::new(depth, vocabulary, MEMORY).unwrap()
}

fn learn(model: &mut TreeModel, documents: &[Vec<u32>], weight: f64) -> Vec<f64> {
    let documents: Vec<&[u32]> = documents.iter().map(Vec::as_slice).collect();
    model.update(&documents, weight, &Job::default()).unwrap()
}

fn identity(model: &TreeModel) -> String {
    model.identity(&Alphabet::Byte, &Job::default()).unwrap()
}

/// Documents over few symbols, so that contexts recur.
fn documents(vocabulary: u32) -> impl Strategy<Value = Vec<Vec<u32>>> {
    let symbol = prop_oneof![4 => 0..vocabulary.min(4), 1 => 0..vocabulary];
    prop::collection::vec(prop::collection::vec(symbol, 0..60), 0..6)
}

/// A vocabulary of each kind: bytes, a large one, one that is not a power of 2.
fn vocabularies() -> impl Strategy<Value = u32> {
    prop_oneof![Just(2), Just(5), Just(256), Just(1000)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn distributions_sum_to_one_and_match_log_probs(
        (vocabulary, training, queries) in vocabularies()
            .prop_flat_map(|v| (Just(v), documents(v), documents(v))),
        depth in 1..=MAX_DEPTH,
    ) {
        let mut model = model(depth, vocabulary);
        learn(&mut model, &training, 1.0);
        for document in &queries {
            let scored = model.log_probs(&[&document[..]], &Job::default()).unwrap().remove(0);
            prop_assert_eq!(scored.len(), document.len() + 1);
            let contexts: Vec<&[u32]> = (0..=document.len()).map(|n| &document[..n]).collect();
            let rows = model.next_distribution(&contexts, &Job::default()).unwrap();
            let symbols = document.iter().copied().chain([vocabulary]);
            for ((row, symbol), log_prob) in rows.iter().zip(symbols).zip(scored) {
                let total: f64 = row.iter().map(|&p| f64::from(p)).sum();
                prop_assert!((total - 1.0).abs() < 1e-5, "{total}");
                prop_assert!(row.iter().all(|&p| p > 0.0));
                prop_assert!((row[symbol as usize].ln() - log_prob).abs() < 1e-3);
            }
        }
    }

    #[test]
    fn a_prediction_depends_only_on_the_last_symbols(
        training in documents(256),
        tail in prop::collection::vec(0..4u32, MAX_DEPTH),
        depth in 1..=MAX_DEPTH,
    ) {
        let mut model = model(depth, 256);
        learn(&mut model, &training, 1.0);
        let short = &tail[MAX_DEPTH - depth..];
        let long = [&[7, 8, 9][..], short].concat();
        let rows = model.next_distribution(&[short, &long], &Job::default()).unwrap();
        prop_assert_eq!(&rows[0], &rows[1]);
    }

    #[test]
    fn an_integer_weight_equals_that_many_copies(training in documents(1000), weight in 1..4usize) {
        let (mut one, mut other) = (model(5, 1000), model(5, 1000));
        let bits = learn(&mut one, &training, weight as f64);
        let mut copies = Vec::new();
        for _ in 0..weight {
            copies.push(learn(&mut other, &training, 1.0));
        }
        prop_assert_eq!(identity(&one), identity(&other));
        prop_assert_eq!(bits, copies.swap_remove(0));
    }

    #[test]
    fn prefetching_does_not_change_results(document in prop::collection::vec(0..256u32, 0..300), depth in 1..=MAX_DEPTH) {
        let (mut one, mut other) = (model(depth, 256), model(depth, 256));
        let (mut cost, mut same) = (Cost::default(), Cost::default());
        one.begin();
        one.code_all(document.iter().copied(), &mut cost);
        other.begin();
        for &symbol in &document {
            other.code(symbol, &mut same);
        }
        prop_assert_eq!(cost.bits(), same.bits());
        prop_assert_eq!(identity(&one), identity(&other));
    }

    #[test]
    fn code_decodes_and_has_the_predicted_length(
        (vocabulary, documents) in vocabularies().prop_flat_map(|v| (Just(v), documents(v))),
        depth in 1..=MAX_DEPTH,
    ) {
        let predicted: f64 = learn(&mut model(depth, vocabulary), &documents, 1.0).iter().sum();
        let mut encoder = BitEncoder::new();
        let mut writing = model(depth, vocabulary);
        for document in &documents {
            writing.begin();
            writing.code_all(document.iter().copied(), &mut encoder);
            writing.code(vocabulary, &mut encoder);
        }
        let code = encoder.finish().unwrap();
        prop_assert!((8.0 * code.len() as f64 - predicted).abs() <= 8.0 * 6.0 + 1e-3 * predicted);

        let mut decoder = BitDecoder::new(&code);
        let mut reading = model(depth, vocabulary);
        for document in &documents {
            reading.begin();
            let mut read = Vec::new();
            loop {
                let symbol = reading.code(0, &mut decoder);
                if symbol == vocabulary || read.len() > document.len() {
                    break;
                }
                read.push(symbol);
            }
            prop_assert_eq!(&read, document);
        }
        decoder.finish().unwrap();
        prop_assert_eq!(identity(&reading), identity(&writing));
    }

    #[test]
    fn samples_and_scores_do_not_depend_on_threads(training in documents(256), prompts in documents(256), seed: u64) {
        let mut model = model(8, 256);
        learn(&mut model, &training, 1.0);
        let prompts: Vec<&[u32]> = prompts.iter().map(Vec::as_slice).collect();
        let on = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let samples = model.sample(&prompts, 5, 0.8, seed, &Job::default()).unwrap();
                (samples, model.log_probs(&prompts, &Job::default()).unwrap())
            })
        };
        prop_assert_eq!(on(1), on(3));
    }
}

/// A sequence of 4 symbols, each depending on the last two, from a fixed pseudo-random sequence, and
/// its entropy rate in bits per symbol.
fn markov(length: usize) -> (Vec<u32>, f64) {
    let weights = |last: usize, before: usize| {
        let mut weights = [1.0, 1.0, 1.0, 1.0];
        weights[(last + before) % 4] = 12.0;
        weights[(2 * last + 3 * before + 1) % 4] += 4.0;
        weights
    };
    let mut state = 1u64;
    let mut symbols = vec![0usize, 0];
    let mut entropy = 0.0;
    while symbols.len() < length {
        let weights = weights(symbols[symbols.len() - 1], symbols[symbols.len() - 2]);
        let total: f64 = weights.iter().sum();
        entropy -= weights.iter().map(|w| w / total * (w / total).log2()).sum::<f64>();
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let mut at = (state >> 11) as f64 / (1u64 << 53) as f64 * total;
        let next = weights.iter().position(|w| {
            at -= w;
            at < 0.0
        });
        symbols.push(next.unwrap_or(3));
    }
    let rate = entropy / (length - 2) as f64;
    (symbols.into_iter().map(|symbol| symbol as u32).collect(), rate)
}

#[test]
fn the_entropy_rate_of_a_source_is_approached() {
    let (symbols, rate) = markov(400_000);
    let mut model = model(2, 4);
    learn(&mut model, &[symbols[..200_000].to_vec()], 1.0);
    let bits = learn(&mut model, &[symbols[200_000..].to_vec()], 1.0)[0] / 200_000.0;
    assert!(bits >= 0.99 * rate && bits <= 1.02 * rate, "{bits} bits a symbol, entropy {rate}");
}

#[test]
fn a_fractional_weight_teaches_less() {
    let (symbols, _) = markov(24_000);
    let after = |weight| {
        let mut model = model(2, 4);
        learn(&mut model, &[symbols[..20_000].to_vec()], weight);
        let scored = model.log_probs(&[&symbols[20_000..]], &Job::default()).unwrap();
        -scored[0].iter().sum::<f32>()
    };
    let (all, some, few) = (after(1.0), after(0.1), after(0.01));
    assert!(all < some && some < few, "{all} {some} {few}");
    assert!(after(2.5) != after(2.0) && after(2.5) != after(3.0));
}

/// Existing files depend on this arithmetic, which is the same on every machine. If the result
/// changes, increment the revision in `compress/tree_codec.rs`.
#[test]
fn the_arithmetic_has_not_changed() {
    let (symbols, _) = markov(20_000);
    let mut coder = BitEncoder::new();
    let mut model = model(12, 256);
    model.begin();
    model.code_all(symbols.iter().map(|&symbol| 60 + 20 * symbol), &mut coder);
    model.code(256, &mut coder);
    let code = coder.finish().unwrap();
    let sum = code.iter().fold(0u64, |sum, &byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    assert_eq!((code.len(), sum), (3224, 14184044190565170462));
}

#[test]
fn files_preserve_everything_learned() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.ectm");
    let text: Vec<u32> =
        b"to be or not to be, that is the question".repeat(20).into_iter().map(u32::from).collect();
    let mut model = model(12, 256);
    learn(&mut model, std::slice::from_ref(&text), 1.5);
    model.save(&path, &Alphabet::Byte, &Job::default()).unwrap();
    let (mut loaded, alphabet) = TreeModel::load(&path, &Job::default()).unwrap();
    assert_eq!(alphabet.identity(), "byte");
    assert_eq!(identity(&loaded), identity(&model));
    let bytes = fs::read(&path).unwrap();
    let checksum: String = bytes[bytes.len() - 32..].iter().map(|b| format!("{b:02x}")).collect();
    assert_eq!(checksum, identity(&model));
    assert_eq!(
        learn(&mut loaded, std::slice::from_ref(&text), 0.5),
        learn(&mut model, &[text], 0.5)
    );
    assert_eq!(identity(&loaded), identity(&model));
}

#[test]
fn damaged_files_are_rejected() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.ectm");
    model(3, 256).save(&path, &Alphabet::Byte, &Job::default()).unwrap();
    let whole = fs::read(&path).unwrap();
    let refused = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        match TreeModel::load(&path, &Job::default()) {
            Err(Error::ModelFile { reason, .. }) => reason,
            Err(other) => panic!("{other}"),
            Ok(_) => panic!("{} bytes were read", bytes.len()),
        }
    };
    for at in (0..whole.len()).step_by(whole.len() / 50).chain(0..40) {
        let mut flipped = whole.clone();
        flipped[at] ^= 4;
        refused(&flipped);
        refused(&whole[..at]);
    }
    assert!(refused(b"a text").contains("not a saved tree model"));
    let mut newer = whole.clone();
    newer[8] = 9;
    assert!(refused(&newer).contains("format 9"));
}

#[test]
fn invalid_arguments_are_rejected() {
    let invalid = |result: elastic_core::Result<TreeModel>| match result {
        Err(Error::InvalidArgument(reason)) => reason,
        _ => panic!("was accepted"),
    };
    assert!(invalid(TreeModel::new(0, 256, MEMORY)).contains("depth 0 is out of range"));
    assert!(invalid(TreeModel::new(33, 256, MEMORY)).contains("depth 33 is out of range"));
    assert!(invalid(TreeModel::new(8, 256, MEMORY - 1)).contains("16 MiB"));
    assert!(invalid(TreeModel::new(8, 1, MEMORY)).contains("vocabulary 1 is out of range"));
    let mut model = model(2, 10);
    for weight in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(model.update(&[&[1u32][..]], weight, &Job::default()).is_err());
    }
    let outside = model.update(&[&[1u32, 2][..], &[3, 10]], 1.0, &Job::default());
    assert!(outside.unwrap_err().to_string().contains("document 1 contains symbol 10"));
    let stopped = Job::default();
    stopped.stop();
    let document = vec![1u32; 100];
    assert!(matches!(model.update(&[&document[..]], 1.0, &stopped), Err(Error::Interrupted)));
}
