//! Statistics: one pass over a tree's leaves, and everything derived from it.

mod text;

use std::thread::available_parallelism;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use elastic_core::Job;
use elastic_core::statistics::Statistics;
use elastic_core::tree::{BuildOptions, Segment, TokenTree, from_symbols};

const VOCABULARY: usize = 8192;

fn options(segment: Segment) -> BuildOptions {
    let threads = available_parallelism().unwrap().get();
    BuildOptions { depth: 8, segment, memory: 4 << 30, threads }
}

fn statistics(criterion: &mut Criterion) {
    let bytes = text::text(32 << 20, 1);
    let ids = text::ids(4 << 20, VOCABULARY, 2);
    let job = Job::default();
    let chunk = options(Segment::Chunk);
    let window = options(Segment::Window);
    let offsets = text::offsets(bytes.len(), 1 << 16);
    let of_bytes = from_symbols(&bytes, &offsets, 256, chunk, &job).unwrap();
    let offsets = text::offsets(ids.len(), 1 << 16);
    let of_ids = from_symbols(&ids, &offsets, VOCABULARY as u32, window, &job).unwrap();

    let mut group = criterion.benchmark_group("statistics");
    group.sample_size(10);
    let trees: [(&str, &TokenTree); 2] = [("bytes, chunk", &of_bytes), ("ids, window", &of_ids)];
    for (name, tree) in trees {
        group.throughput(Throughput::Elements(tree.len()));
        group.bench_function(format!("nodes and spectra of {name}"), |bencher| {
            bencher.iter(|| tree.layers(&job).unwrap());
        });
        group.bench_function(format!("all of {name}"), |bencher| {
            bencher.iter(|| Statistics::of(tree, &job).unwrap());
        });
    }
}

criterion_group!(benches, statistics);
criterion_main!(benches);
