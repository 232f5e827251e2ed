//! Parquet pages are unpacked within the memory of the job.

use std::sync::{Arc, Mutex};

use arrow_array::builder::{ListBuilder, StringBuilder};
use arrow_array::{ArrayRef, RecordBatch, StringArray};
use elastic_core::corpus::{Corpus, DocumentSink, Place};
use elastic_core::{Job, Result};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use super::support::{Folder, options};

const MIB: usize = 1 << 20;

/// A zstd-compressed file whose pages hold any number of bytes; one text per row group.
fn file(column: ArrayRef) -> Vec<u8> {
    let batch = RecordBatch::try_from_iter([("text", column)]).unwrap();
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_dictionary_enabled(false)
        .set_max_row_group_row_count(Some(1))
        .build();
    let mut file = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut file, batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    file
}

fn texts(lengths: &[usize]) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(lengths.iter().map(|&length| "a".repeat(length))))
}

/// Collects the lengths of documents.
struct Lengths {
    current: usize,
    all: Arc<Mutex<Vec<usize>>>,
}

impl DocumentSink for Lengths {
    fn text(&mut self, part: &[u8]) -> Result<()> {
        self.current += part.len();
        Ok(())
    }

    fn end_document(&mut self, _place: Place<'_>) -> Result<std::result::Result<(), String>> {
        self.all.lock().unwrap().push(std::mem::take(&mut self.current));
        Ok(Ok(()))
    }

    fn finish(&mut self) -> Result<()> {
        Ok(())
    }
}

/// The lengths of the documents, read with `memory` bytes on `threads` threads.
fn read(file: Vec<u8>, memory: usize, threads: usize) -> Result<Vec<usize>> {
    let folder = Folder::new();
    let corpus = Corpus::discover(&[folder.write("a.parquet", file)], options())?;
    let job = Job::default();
    job.limit_memory(memory as u64);
    let all = Arc::new(Mutex::new(Vec::new()));
    corpus.read(threads, &job, || Lengths { current: 0, all: Arc::clone(&all) })?;
    let mut lengths = std::mem::take(&mut *all.lock().unwrap());
    lengths.sort_unstable();
    Ok(lengths)
}

#[test]
fn a_page_larger_than_half_of_the_memory_is_refused() {
    let bomb = file(texts(&[100 * MIB]));
    assert!(bomb.len() < 64 << 10, "{} bytes", bomb.len());
    let error = read(bomb.clone(), 64 * MIB, 1).unwrap_err().to_string();
    let expected = "a.parquet: Parquet pages of 101 MiB, which may take half of the memory; give \
                    `memory=\"201MiB\"`, or write the file with smaller pages";
    assert!(error.ends_with(expected), "{error}");
    assert_eq!(read(bomb, 201 * MIB, 1).unwrap(), [100 * MIB]);
}

#[test]
fn small_pages_are_read_with_any_memory() {
    assert_eq!(read(file(texts(&[20 * MIB, 7])), 1, 2).unwrap(), [7, 20 * MIB]);
}

#[test]
fn threads_take_turns_with_pages_that_exceed_their_share() {
    let lengths = [40 * MIB, 41 * MIB, 42 * MIB, 43 * MIB];
    assert_eq!(read(file(texts(&lengths)), 128 * MIB, 4).unwrap(), lengths);
}

#[test]
fn the_values_of_a_long_list_count() {
    let mut lists = ListBuilder::new(StringBuilder::new());
    for _ in 0..4 << 20 {
        lists.values().append_value("");
    }
    lists.append(true);
    let bomb = file(Arc::new(lists.finish()));
    assert!(bomb.len() < 64 << 10, "{} bytes", bomb.len());
    let error = read(bomb, 64 * MIB, 1).unwrap_err().to_string();
    assert!(error.contains("which may take half of the memory"), "{error}");
}
