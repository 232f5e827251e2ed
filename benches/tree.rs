//! Building a tree from symbols in memory, for each segmentation; merging and pruning trees.

mod text;

use std::thread::available_parallelism;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use elastic_core::Job;
use elastic_core::tree::{BuildOptions, Segment, Symbol, TokenTree, from_symbols};

const DEPTH: usize = 8;
const VOCABULARY: usize = 8192;
const MEMORY: u64 = 4 << 30;

fn build<T: Symbol>(
    symbols: &[T],
    document: usize,
    vocabulary: usize,
    segment: Segment,
    memory: u64,
) -> TokenTree {
    let threads = available_parallelism().unwrap().get();
    let options = BuildOptions { depth: DEPTH, segment, memory, threads };
    let offsets = text::offsets(symbols.len(), document);
    from_symbols(symbols, &offsets, vocabulary as u32, options, &Job::default()).unwrap()
}

fn building(criterion: &mut Criterion) {
    let bytes = text::text(16 << 20, 1);
    let ids = text::ids(4 << 20, VOCABULARY, 2);

    let mut group = criterion.benchmark_group("build");
    group.sample_size(10);
    for segment in [Segment::Chunk, Segment::Prefix, Segment::Window] {
        // Short documents for prefixes, which skip the rest of each document.
        let document = if segment == Segment::Prefix { 64 } else { 1 << 16 };
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        group.bench_function(BenchmarkId::new("bytes", segment.name()), |bencher| {
            bencher.iter(|| build(&bytes, document, 256, segment, MEMORY));
        });
        group.throughput(Throughput::Elements(ids.len() as u64));
        group.bench_function(BenchmarkId::new("ids", segment.name()), |bencher| {
            bencher.iter(|| build(&ids, document, VOCABULARY, segment, MEMORY));
        });
    }
    // Little enough memory that runs are spilled and merged.
    group.bench_function(BenchmarkId::new("ids", "window, 16 MiB"), |bencher| {
        bencher.iter(|| build(&ids, 1 << 16, VOCABULARY, Segment::Window, 16 << 20));
    });
}

fn merging(criterion: &mut Criterion) {
    let trees: Vec<TokenTree> = (0..4)
        .map(|seed| {
            let ids = text::ids(1 << 20, VOCABULARY, seed);
            build(&ids, 1 << 16, VOCABULARY, Segment::Window, MEMORY)
        })
        .collect();
    let trees: Vec<&TokenTree> = trees.iter().collect();
    let leaves = trees.iter().map(|tree| tree.len()).sum();

    let mut group = criterion.benchmark_group("merge");
    group.sample_size(10).throughput(Throughput::Elements(leaves));
    group.bench_function("4 trees", |bencher| {
        bencher.iter(|| TokenTree::merge(&trees, MEMORY, &Job::default()).unwrap());
    });
    group.throughput(Throughput::Elements(trees[0].len()));
    group.bench_function("prune to depth 3", |bencher| {
        bencher.iter(|| trees[0].prune(3, MEMORY, &Job::default()).unwrap());
    });
}

criterion_group!(benches, building, merging);
criterion_main!(benches);
