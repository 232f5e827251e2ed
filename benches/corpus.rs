//! Reading files into documents, which are discarded. The page cache is warm.

mod text;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::available_parallelism;

use arrow_array::{ArrayRef, RecordBatch, StringArray};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use elastic_core::corpus::{Corpus, DocumentSink, Place, ReadOptions, Split};
use elastic_core::{Job, Result};
use parquet::arrow::ArrowWriter;

const FILES: u64 = 8;
const FILE_BYTES: usize = 4 << 20;

/// Writes a text to a file in some format.
type Write = fn(&Path, &[u8]);

/// Only counts bytes.
struct Count(usize);

impl DocumentSink for Count {
    fn text(&mut self, part: &[u8]) -> Result<()> {
        self.0 += part.len();
        Ok(())
    }

    fn end_document(&mut self, _place: Place<'_>) -> Result<std::result::Result<(), String>> {
        Ok(Ok(()))
    }

    fn finish(&mut self) -> Result<()> {
        Ok(())
    }
}

fn reading(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    let texts: Vec<Vec<u8>> = (0..FILES).map(|seed| text::text(FILE_BYTES, seed)).collect();
    let threads = available_parallelism().unwrap().get();

    let mut group = criterion.benchmark_group("read");
    group.sample_size(10).throughput(Throughput::Bytes(FILES * FILE_BYTES as u64));
    let formats: [(&str, Split, Write); 6] = [
        ("txt", Split::Document, |path, text| fs::write(path, text).unwrap()),
        ("lines.txt", Split::Line, |path, text| fs::write(path, text).unwrap()),
        ("txt.gz", Split::Document, write_gzip),
        ("txt.zst", Split::Document, write_zstd),
        ("jsonl", Split::Document, write_jsonl),
        ("parquet", Split::Document, write_parquet),
    ];
    for (ending, split, write) in formats {
        let paths: Vec<PathBuf> = texts
            .iter()
            .enumerate()
            .map(|(number, text)| {
                let path = folder.path().join(format!("{number}.{ending}"));
                write(&path, text);
                path
            })
            .collect();
        let corpus =
            Corpus::discover(&paths, ReadOptions { split, ..ReadOptions::default() }).unwrap();
        group.bench_function(BenchmarkId::from_parameter(ending), |bencher| {
            bencher.iter(|| corpus.read(threads, &Job::default(), || Count(0)).unwrap());
        });
    }
}

fn write_gzip(path: &Path, text: &[u8]) {
    let mut file = flate2::write::GzEncoder::new(File::create(path).unwrap(), Default::default());
    std::io::Write::write_all(&mut file, text).unwrap();
    file.finish().unwrap();
}

fn write_zstd(path: &Path, text: &[u8]) {
    zstd::stream::copy_encode(text, File::create(path).unwrap(), 3).unwrap();
}

/// One row per line, like instruction data.
fn write_jsonl(path: &Path, text: &[u8]) {
    let rows = text.split(|&byte| byte == b'\n').map(|line| {
        format!("{{\"id\": 7, \"text\": \"{}\"}}\n", std::str::from_utf8(line).unwrap())
    });
    fs::write(path, rows.collect::<String>()).unwrap();
}

fn write_parquet(path: &Path, text: &[u8]) {
    let lines = text.split(|&byte| byte == b'\n').map(|line| std::str::from_utf8(line).unwrap());
    let column: ArrayRef = Arc::new(StringArray::from_iter_values(lines));
    let rows = RecordBatch::try_from_iter([("text", column)]).unwrap();
    let mut file = ArrowWriter::try_new(File::create(path).unwrap(), rows.schema(), None).unwrap();
    file.write(&rows).unwrap();
    file.close().unwrap();
}

criterion_group!(benches, reading);
criterion_main!(benches);
