//! The tree model: learning, coding and decoding a text, and whole distributions.

mod text;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use elastic_core::Job;
use elastic_core::code::{BitDecoder, BitEncoder};
use elastic_core::model::TreeModel;

const SIZE: usize = 500_000;
const MEMORY: u64 = 64 << 20;

fn model(depth: usize) -> TreeModel {
    TreeModel::new(depth, 256, MEMORY).unwrap()
}

fn code(text: &[u8], depth: usize) -> Vec<u8> {
    let mut encoder = BitEncoder::new();
    let mut model = model(depth);
    model.begin();
    model.code_all(text.iter().map(|&byte| u32::from(byte)), &mut encoder);
    encoder.finish().unwrap()
}

fn learning(criterion: &mut Criterion) {
    let text = text::text(SIZE, 1);
    let mut group = criterion.benchmark_group("tree model");
    group.throughput(Throughput::Bytes(SIZE as u64)).sample_size(10);
    for depth in [2, 7, 16] {
        group.bench_function(format!("update, depth {depth}"), |bencher| {
            bencher.iter_batched(
                || model(depth),
                |mut model| model.update(&[&text[..]], 1.0, &Job::default()).unwrap(),
                BatchSize::PerIteration,
            );
        });
    }
    group.bench_function("encode, depth 16", |bencher| bencher.iter(|| code(&text, 16)));
    let coded = code(&text, 16);
    group.bench_function("decode, depth 16", |bencher| {
        bencher.iter(|| {
            let mut decoder = BitDecoder::new(&coded);
            let mut model = model(16);
            model.begin();
            (0..SIZE).map(|_| model.code(0, &mut decoder)).sum::<u32>()
        });
    });
    group.finish();
}

fn distributions(criterion: &mut Criterion) {
    let text = text::text(SIZE, 1);
    let mut model = model(8);
    model.update(&[&text[..]], 1.0, &Job::default()).unwrap();
    let contexts: Vec<&[u8]> = text.chunks(50).take(100).collect();
    let mut group = criterion.benchmark_group("tree model");
    group.throughput(Throughput::Elements(contexts.len() as u64));
    group.bench_function("next_distribution", |bencher| {
        bencher.iter(|| model.next_distribution(&contexts, &Job::default()).unwrap());
    });
    group.finish();
}

criterion_group!(benches, learning, distributions);
criterion_main!(benches);
