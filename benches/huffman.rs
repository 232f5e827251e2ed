//! Huffman: optimal lengths from a spectrum, the codebook, encoding and decoding.

mod text;

use std::collections::HashMap;
use std::io::sink;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use elastic_core::Job;
use elastic_core::code::{CodeLengths, Decoder, Encoder, write_codebook};
use elastic_core::tree::{BuildOptions, Segment, Spectrum, from_symbols};

/// The codeword length of each leaf, from the class of its weight.
fn lengths_of(counts: &[u64]) -> Vec<u32> {
    let code = CodeLengths::optimal(&Spectrum::from_counts(counts.iter().copied()));
    let mut left: HashMap<u64, Vec<(u32, u64)>> = HashMap::new();
    for class in code.classes() {
        left.entry(class.count).or_default().push((class.length, class.leaves));
    }
    let mut next = |count: &u64| {
        let classes = left.get_mut(count).unwrap();
        let (length, leaves) = classes.last_mut().unwrap();
        let length = *length;
        *leaves -= 1;
        if *leaves == 0 {
            classes.pop();
        }
        length
    };
    counts.iter().map(&mut next).collect()
}

fn lengths(criterion: &mut Criterion) {
    // The hard case, as many distinct counts as possible, and the usual one, Zipf's law.
    let different: Vec<u64> = (1..=100_000).collect();
    let zipf: Vec<u64> = (1..=1_000_000).map(|rank| 1_000_000 / rank).collect();

    let mut group = criterion.benchmark_group("lengths");
    for (name, counts) in [("all counts different", different), ("Zipf's law", zipf)] {
        let spectrum = Spectrum::from_counts(counts.iter().copied());
        group.throughput(Throughput::Elements(spectrum.leaves()));
        group.bench_function(name, |bencher| bencher.iter(|| CodeLengths::optimal(&spectrum)));
    }
}

fn codebook(criterion: &mut Criterion) {
    let bytes = text::text(16 << 20, 1);
    let options = BuildOptions { depth: 8, segment: Segment::Chunk, memory: 4 << 30, threads: 1 };
    let offsets = text::offsets(bytes.len(), 1 << 16);
    let job = Job::default();
    let tree = from_symbols(&bytes, &offsets, 256, options, &job).unwrap();
    let layers = tree.layers(&job).unwrap().layers;
    let code = CodeLengths::optimal(&layers.last().unwrap().spectrum);

    let mut group = criterion.benchmark_group("codebook");
    group.sample_size(10).throughput(Throughput::Elements(tree.len()));
    group.bench_function("write", |bencher| {
        bencher.iter(|| write_codebook(&tree, &code, &mut sink(), &job).unwrap());
    });
}

fn coding(criterion: &mut Criterion) {
    let message: Vec<usize> = text::ids(1 << 20, 8192, 3).into_iter().map(usize::from).collect();
    let mut counts = vec![1; 8192];
    message.iter().for_each(|&leaf| counts[leaf] += 1);
    let lengths = lengths_of(&counts);
    let coder = Encoder::new(&lengths).unwrap();
    let decoder = Decoder::new(&lengths).unwrap();
    let encode = || {
        let mut coder = coder.clone();
        message.iter().for_each(|&leaf| coder.push(leaf).unwrap());
        coder.finish().0
    };
    let encoded = encode();

    let mut group = criterion.benchmark_group("coding");
    group.sample_size(20).throughput(Throughput::Elements(message.len() as u64));
    group.bench_function("encode", |bencher| bencher.iter(encode));
    group.bench_function("decode", |bencher| {
        bencher.iter(|| decoder.decode(&encoded, message.len()).unwrap());
    });
}

criterion_group!(benches, lengths, codebook, coding);
criterion_main!(benches);
