//! Sinks, folders and files shared by the tests.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use arrow_array::{ArrayRef, RecordBatch};
use elastic_core::corpus::{Corpus, DocumentSink, OnBadRow, Place, ReadCounts, ReadOptions, Split};
use elastic_core::{Job, Result};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use tempfile::TempDir;

/// Collects documents, and rejects those that contain `refuse`.
pub struct Collect {
    pub current: Vec<u8>,
    pub documents: Arc<Mutex<Vec<String>>>,
}

impl DocumentSink for Collect {
    fn text(&mut self, part: &[u8]) -> Result<()> {
        self.current.extend_from_slice(part);
        Ok(())
    }

    fn end_document(&mut self, _place: Place<'_>) -> Result<std::result::Result<(), String>> {
        let text = String::from_utf8(std::mem::take(&mut self.current)).unwrap();
        if text.contains("refuse") {
            return Ok(Err("refused".to_string()));
        }
        self.documents.lock().unwrap().push(text);
        Ok(Ok(()))
    }

    fn finish(&mut self) -> Result<()> {
        Ok(())
    }
}

/// Counts bytes, and panics on request.
pub struct Count {
    pub panics: bool,
}

impl DocumentSink for Count {
    fn text(&mut self, part: &[u8]) -> Result<()> {
        assert!(!self.panics, "a sink's panic");
        assert!(part.len() <= 1 << 20, "parts are small");
        Ok(())
    }

    fn end_document(&mut self, _place: Place<'_>) -> Result<std::result::Result<(), String>> {
        Ok(Ok(()))
    }

    fn finish(&mut self) -> Result<()> {
        Ok(())
    }
}

pub struct Folder(pub TempDir);

impl Folder {
    pub fn new() -> Folder {
        Folder(tempfile::tempdir().unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn write(&self, name: &str, data: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, data).unwrap();
        path
    }

    pub fn root(&self) -> PathBuf {
        self.0.path().to_path_buf()
    }
}

pub fn options() -> ReadOptions {
    ReadOptions::default()
}

pub fn split(split: Split) -> ReadOptions {
    ReadOptions { split, ..options() }
}

pub fn keys(keys: &[&str]) -> ReadOptions {
    ReadOptions { text_key: keys.iter().map(|key| key.to_string()).collect(), ..options() }
}

pub fn skip(options: ReadOptions) -> ReadOptions {
    ReadOptions { on_bad_row: OnBadRow::Skip, ..options }
}

pub fn read_on(
    threads: usize,
    paths: &[PathBuf],
    options: ReadOptions,
) -> Result<(Vec<String>, ReadCounts)> {
    let corpus = Corpus::discover(paths, options)?;
    let documents = Arc::new(Mutex::new(Vec::new()));
    let job = Job::default();
    let counts = corpus
        .read(threads, &job, || Collect { current: Vec::new(), documents: documents.clone() })?;
    let documents = std::mem::take(&mut *documents.lock().unwrap());
    assert_eq!(counts.documents, documents.len() as u64);
    assert_eq!(counts.bytes, documents.iter().map(|text| text.len() as u64).sum::<u64>());
    Ok((documents, counts))
}

pub fn read(path: &Path, options: ReadOptions) -> Result<Vec<String>> {
    read_on(1, &[path.to_path_buf()], options).map(|(documents, _)| documents)
}

pub fn message(path: &Path, options: ReadOptions) -> String {
    read(path, options).unwrap_err().to_string()
}

pub fn gz(data: &[u8]) -> Vec<u8> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    writer.write_all(data).unwrap();
    writer.finish().unwrap()
}

pub fn zst(data: &[u8]) -> Vec<u8> {
    zstd::stream::encode_all(data, 1).unwrap()
}

pub fn xz(data: &[u8]) -> Vec<u8> {
    let mut writer = liblzma::write::XzEncoder::new(Vec::new(), 1);
    writer.write_all(data).unwrap();
    writer.finish().unwrap()
}

pub fn bz2(data: &[u8]) -> Vec<u8> {
    let mut writer = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    writer.write_all(data).unwrap();
    writer.finish().unwrap()
}

pub type Compress = fn(&[u8]) -> Vec<u8>;

pub const CODECS: [(&str, &str, Compress); 4] =
    [("gz", "gzip", gz), ("zst", "zstd", zst), ("xz", "xz", xz), ("bz2", "bzip2", bz2)];

pub fn parquet(columns: Vec<(&str, ArrayRef)>, group: usize) -> Vec<u8> {
    let batch = RecordBatch::try_from_iter_with_nullable(
        columns.into_iter().map(|(name, column)| (name, column, true)),
    )
    .unwrap();
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(group)).build();
    let mut file = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut file, batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    file
}

pub fn jsonl(texts: &[String]) -> String {
    texts
        .iter()
        .map(|text| serde_json::json!({ "id": 1, "text": text }).to_string() + "\n")
        .collect()
}

/// Text that is hard to compress.
pub fn noise(bytes: usize) -> Vec<u8> {
    let mut state = 1u64;
    let mut next = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        b'!' + ((state >> 33) % 90) as u8
    };
    (0..bytes).map(|index| if index % 80 == 79 { b'\n' } else { next() }).collect()
}

pub fn bag(documents: Vec<String>) -> BTreeMap<String, usize> {
    let mut bag = BTreeMap::new();
    for document in documents {
        *bag.entry(document).or_default() += 1;
    }
    bag
}

pub fn names(paths: &[PathBuf], root: &Path) -> Vec<String> {
    let corpus = Corpus::discover(paths, options()).unwrap();
    corpus.files().map(|path| path.strip_prefix(root).unwrap().display().to_string()).collect()
}
