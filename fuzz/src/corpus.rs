//! Corpus files: JSON lines, compressed text and Parquet, against readers of other libraries.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock};

use arrow_array::cast::AsArray;
use arrow_array::{ArrayRef, RecordBatch, StringArray};
use elastic_core::corpus::{Corpus, DocumentSink, OnBadRow, Place, ReadOptions};
use elastic_core::{Error, Job, Result};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;

use super::{folder, overwrite};

const MEMORY: u64 = 64 << 20;
/// More text than any input unpacks to.
const MOST_TEXT: u64 = 64 << 20;

/// A corpus file with arbitrary bytes gives the documents that other libraries find in it.
pub fn corpus(data: &[u8]) {
    let [mode, at, high, data @ ..] = data else { return };
    let at = usize::from(u16::from_le_bytes([*at, *high]));
    match mode % 6 {
        0 => json_lines(data),
        1 => other_rows(data),
        2 => compressed(at, data),
        3 => damaged(at, data),
        4 => parquet(data),
        _ => parquet(&overwrite(good_parquet(), at, data)),
    }
}

/// Collects the text of each row.
struct Collect {
    text: Vec<u8>,
    rows: Arc<Mutex<BTreeMap<u64, Vec<u8>>>>,
}

impl DocumentSink for Collect {
    fn text(&mut self, part: &[u8]) -> Result<()> {
        self.text.extend_from_slice(part);
        Ok(())
    }

    fn end_document(&mut self, place: Place<'_>) -> Result<std::result::Result<(), String>> {
        let text = std::mem::take(&mut self.text);
        assert!(self.rows.lock().unwrap().insert(place.row, text).is_none());
        Ok(Ok(()))
    }

    fn finish(&mut self) -> Result<()> {
        Ok(())
    }
}

/// The text of each row of a file; None if the file is refused.
fn read(path: PathBuf) -> Option<BTreeMap<u64, Vec<u8>>> {
    let options = ReadOptions { on_bad_row: OnBadRow::Skip, ..ReadOptions::default() };
    let rows = Arc::default();
    let job = Job::default();
    job.limit_memory(MEMORY);
    let sink = || Collect { text: Vec::new(), rows: Arc::clone(&rows) };
    let result = Corpus::discover(&[path], options).and_then(|corpus| corpus.read(1, &job, sink));
    match result {
        Ok(_) | Err(Error::EmptyCorpus(_)) => {}
        Err(Error::Corpus { .. }) => return None,
        Err(error) => panic!("{error}"),
    }
    let rows = std::mem::take(&mut *rows.lock().unwrap());
    Some(rows)
}

/// Every line that serde_json reads as an object with a text has this text, and no line that is
/// valid JSON without one has any.
fn json_lines(data: &[u8]) {
    let Some(rows) = read(folder::file("rows.jsonl", data)) else { return };
    let data = data.strip_prefix("\u{feff}".as_bytes()).unwrap_or(data);
    for (row, line) in data.split(|&byte| byte == b'\n').enumerate() {
        let found = rows.get(&(row as u64)).map(|text| String::from_utf8_lossy(text));
        match serde_json::from_slice(line.trim_ascii()) {
            Ok(Value::Object(object)) => match object.get("text") {
                Some(Value::String(text)) => assert_eq!(found.as_deref(), Some(text.as_str())),
                // Lists of parts can be texts.
                Some(Value::Array(_) | Value::Object(_)) => {}
                _ => assert_eq!(found, None),
            },
            Ok(_) => assert_eq!(found, None),
            // Python writes NaN, which serde_json does not read.
            Err(_) => {}
        }
    }
}

/// Files of rows in other formats only must not panic.
fn other_rows(data: &[u8]) {
    for name in ["rows.json", "rows.csv", "rows.tsv", "rows.txt"] {
        read(folder::file(name, data));
    }
}

/// What was compressed is read as it was, in any number of members.
fn compressed(at: usize, text: &[u8]) {
    let (first, second) = text.split_at(at % (text.len() + 1));
    let plain = read(folder::file("text.txt", text));
    for (ending, pack) in CODECS {
        let file = [pack(first), pack(second)].concat();
        assert_eq!(read(folder::file(&format!("text.txt.{ending}"), &file)), plain);
    }
}

type Pack = fn(&[u8]) -> Vec<u8>;

const CODECS: [(&str, Pack); 4] = [("gz", gzip), ("zst", zstandard), ("xz", xz), ("bz2", bzip2)];

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    writer.write_all(text).unwrap();
    writer.finish().unwrap()
}

fn zstandard(text: &[u8]) -> Vec<u8> {
    zstd::encode_all(text, 1).unwrap()
}

fn xz(text: &[u8]) -> Vec<u8> {
    let mut writer = liblzma::write::XzEncoder::new(Vec::new(), 0);
    writer.write_all(text).unwrap();
    writer.finish().unwrap()
}

fn bzip2(text: &[u8]) -> Vec<u8> {
    let mut writer = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    writer.write_all(text).unwrap();
    writer.finish().unwrap()
}

/// A damaged file is refused, or unpacks to what the codec's own decoder gives.
fn damaged(at: usize, data: &[u8]) {
    let text = b"to be or not to be, that is the question\n".repeat(3);
    let (ending, pack) = CODECS[at % CODECS.len()];
    let file = overwrite(&pack(&text), at / CODECS.len(), data);
    let Some(rows) = read(folder::file(&format!("damaged.txt.{ending}"), &file)) else { return };
    let decoder: Box<dyn Read> = match ending {
        "gz" => Box::new(flate2::read::MultiGzDecoder::new(&file[..])),
        "zst" => Box::new(zstd::Decoder::new(&file[..]).unwrap()),
        "xz" => Box::new(liblzma::read::XzDecoder::new_multi_decoder(&file[..])),
        _ => Box::new(bzip2::read::MultiBzDecoder::new(&file[..])),
    };
    let mut expected = Vec::new();
    // Zeros after the last member are accepted, which flate2 takes for the begin of another.
    let result = decoder.take(MOST_TEXT).read_to_end(&mut expected);
    assert!(result.is_ok() || ending == "gz", "{result:?}");
    assert_eq!(rows.into_values().next().unwrap_or_default(), expected);
}

fn good_parquet() -> &'static [u8] {
    static GOOD: OnceLock<Vec<u8>> = OnceLock::new();
    GOOD.get_or_init(|| {
        let texts = [Some("to be"), None, Some("or not"), Some("to be"), Some("")];
        let column: ArrayRef = Arc::new(StringArray::from(texts.to_vec()));
        let batch = RecordBatch::try_from_iter([("text", column)]).unwrap();
        let mut file = Vec::new();
        let mut writer = ArrowWriter::try_new(&mut file, batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        file
    })
}

/// A Parquet file is refused, or has the texts that the arrow crate finds in its column of texts.
fn parquet(file: &[u8]) {
    let Some(rows) = read(folder::file("rows.parquet", file)) else { return };
    if let Ok(Some(expected)) = catch_unwind(AssertUnwindSafe(|| plainly(file.to_vec()))) {
        assert_eq!(rows, expected);
    }
}

/// The texts by row; None if the crate refuses the file or the column has another type.
fn plainly(file: Vec<u8>) -> Option<BTreeMap<u64, Vec<u8>>> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(file)).ok()?;
    let (mut rows, mut row) = (BTreeMap::new(), 0);
    for batch in reader.build().ok()? {
        let batch = batch.ok()?;
        let texts = batch.column_by_name("text")?.as_string_opt::<i32>()?;
        for text in texts {
            if let Some(text) = text {
                rows.insert(row, text.as_bytes().to_vec());
            }
            row += 1;
        }
    }
    Some(rows)
}
