//! The range coder: binary decisions, and symbols under categorical distributions.

mod text;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use elastic_core::code::{
    BitCoder, BitDecoder, BitEncoder, CategoricalDecoder, CategoricalEncoder, Cost,
};

/// Decisions and their probabilities, as from a trained model.
fn decisions(n: usize) -> Vec<(bool, u32)> {
    let mut skewed = text::ids(n, 1 << 12, 5).into_iter().map(u32::from);
    let bits = text::ids(n, 1 << 16, 6).into_iter().map(u32::from);
    bits.map(|uniform| {
        let p1 = 1 + skewed.next().unwrap_or(0) * 15;
        (uniform < p1, p1)
    })
    .collect()
}

/// Rows that follow Zipf's law, each rotated by a different offset, and a symbol for each.
fn rows(n: usize, vocabulary: usize) -> (Vec<f32>, Vec<usize>) {
    let turns = text::ids(n, vocabulary, 7);
    let total: f32 = (1..=vocabulary).map(|rank| 1.0 / rank as f32).sum();
    let zipf: Vec<f32> = (1..=vocabulary).map(|rank| 1.0 / rank as f32 / total).collect();
    let mut rows = Vec::with_capacity(n * vocabulary);
    for &turn in &turns {
        rows.extend_from_slice(&zipf[usize::from(turn)..]);
        rows.extend_from_slice(&zipf[..usize::from(turn)]);
    }
    let ranks = text::ids(n, vocabulary, 8);
    let symbols = ranks
        .iter()
        .zip(&turns)
        .map(|(&rank, &turn)| (usize::from(rank) + vocabulary - usize::from(turn)) % vocabulary);
    (rows, symbols.collect())
}

fn bits(criterion: &mut Criterion) {
    let decisions = decisions(1 << 20);
    fn run<C: BitCoder>(mut coder: C, decisions: &[(bool, u32)]) -> C {
        decisions.iter().for_each(|&(bit, p1)| {
            coder.code(bit, p1);
        });
        coder
    }
    let encoded = run(BitEncoder::new(), &decisions).finish().unwrap();

    let mut group = criterion.benchmark_group("bits");
    group.sample_size(20).throughput(Throughput::Elements(decisions.len() as u64));
    group.bench_function("encode", |bencher| {
        bencher.iter(|| run(BitEncoder::new(), &decisions).finish().unwrap());
    });
    group.bench_function("decode", |bencher| {
        bencher.iter(|| run(BitDecoder::new(&encoded), &decisions).finish().unwrap());
    });
    group.bench_function("price", |bencher| bencher.iter(|| run(Cost::new(), &decisions).bits()));
}

fn symbols(criterion: &mut Criterion) {
    for vocabulary in [256, 8192] {
        let n = (1 << 20) / vocabulary;
        let (rows, symbols) = rows(n, vocabulary);
        let encode = || {
            let mut encoder = CategoricalEncoder::new();
            for (&symbol, row) in symbols.iter().zip(rows.chunks(vocabulary)) {
                encoder.encode(symbol, row).unwrap();
            }
            encoder.finish()
        };
        let encoded = encode();
        let mut group = criterion.benchmark_group(format!("symbols of {vocabulary}"));
        group.sample_size(20).throughput(Throughput::Elements(n as u64));
        group.bench_function("encode", |bencher| bencher.iter(encode));
        group.bench_function("decode", |bencher| {
            bencher.iter(|| {
                let mut decoder = CategoricalDecoder::new(&encoded);
                for row in rows.chunks(vocabulary) {
                    decoder.decode(row).unwrap();
                }
                decoder.finish().unwrap();
            });
        });
    }
}

criterion_group!(benches, bits, symbols);
criterion_main!(benches);
