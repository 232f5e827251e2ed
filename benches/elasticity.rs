//! Elasticity: joining trees, and the rates of a sweep, compared with reading the trees.

mod text;

use std::thread::available_parallelism;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use elastic_core::Job;
use elastic_core::elasticity::JointSpectrum;
use elastic_core::tree::{BuildOptions, Segment, TokenTree, from_symbols};

const BYTES: usize = 32 << 20;

fn tree(seed: u64) -> TokenTree {
    let threads = available_parallelism().unwrap().get();
    let options = BuildOptions { depth: 8, segment: Segment::Chunk, memory: 4 << 30, threads };
    let bytes = text::text(BYTES, seed);
    let offsets = text::offsets(bytes.len(), 1 << 16);
    from_symbols(&bytes, &offsets, 256, options, &Job::default()).unwrap()
}

fn elasticity(criterion: &mut Criterion) {
    let job = Job::default();
    let folder = tempfile::tempdir().unwrap();
    let trees: Vec<TokenTree> = (1..4).map(tree).collect();
    let files: Vec<_> = (0..3).map(|at| folder.path().join(format!("{at}.parquet"))).collect();
    for (tree, file) in trees.iter().zip(&files) {
        tree.save(file, true, &job).unwrap();
    }
    let references: Vec<&TokenTree> = trees.iter().collect();
    let joint = JointSpectrum::of(&references, 4 << 30, &job).unwrap();
    let volumes: Vec<Vec<f64>> =
        (0..100).map(|at| vec![16.8, 1.0, 1e-4 * 1e5f64.powf(f64::from(at) / 99.0)]).collect();

    let mut group = criterion.benchmark_group("elasticity");
    group.sample_size(10);
    group.throughput(Throughput::Elements(trees.iter().map(TokenTree::len).sum()));
    group.bench_function("read three trees", |bencher| {
        bencher.iter(|| {
            let open = |file| TokenTree::open(file, 4 << 30, &job).unwrap();
            files.iter().map(|file| open(file.as_path())).collect::<Vec<_>>()
        });
    });
    group.bench_function("read, join and rate three trees at 100 volumes", |bencher| {
        bencher.iter(|| {
            let open = |file| TokenTree::open(file, 4 << 30, &job).unwrap();
            let trees: Vec<_> = files.iter().map(|file| open(file.as_path())).collect();
            let references: Vec<&TokenTree> = trees.iter().collect();
            let joint = JointSpectrum::of(&references, 4 << 30, &job).unwrap();
            joint.rates(&volumes, 2, &job).unwrap()
        });
    });
    group.bench_function("join three trees", |bencher| {
        bencher.iter(|| JointSpectrum::of(&references, 4 << 30, &job).unwrap());
    });
    group.bench_function("rates at 100 volumes", |bencher| {
        bencher.iter(|| joint.rates(&volumes, 2, &job).unwrap());
    });
    group.bench_function("Huffman rates at 100 volumes, depth 8", |bencher| {
        bencher.iter(|| joint.huffman_bits(8, &volumes, &job).unwrap());
    });
}

criterion_group!(benches, elasticity);
criterion_main!(benches);
