//! Scores of documents under models, as a Parquet file with one row per document and model.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;

use super::guard::cause;
use super::output::Output;
use crate::{Error, Job, Result};

const SCHEMA: &str = "elastic-core/scores/1";
/// Rows per row group, which is held in memory.
const ROW_GROUP: usize = 1 << 17;

/// The scores of some documents of one corpus under one model, one entry per document.
#[derive(Debug, Clone, Copy)]
pub struct Scores<'a> {
    /// The file of each document.
    pub sources: &'a [String],
    /// The index of each document in its file; source and index together identify the document.
    pub indices: &'a [i64],
    /// The corpus.
    pub corpus: &'a str,
    /// The model.
    pub model: &'a str,
    /// Number of tokens scored.
    pub tokens: &'a [i64],
    /// Raw bytes of text.
    pub bytes: &'a [i64],
    /// Number of Unicode scalar values; None where the text is not UTF-8.
    pub characters: &'a [Option<i64>],
    /// Code length under the model, in bits.
    pub bits: &'a [f64],
}

/// Writes scores to a Parquet file, which appears only when it is complete.
pub struct ScoreWriter {
    output: Output,
    writer: ArrowWriter<Box<dyn Write + Send>>,
}

impl ScoreWriter {
    /// Creates the file that will appear at `path`.
    ///
    /// Without `overwrite`, this and [`ScoreWriter::finish`] fail if there is a file.
    pub fn create(path: &Path, overwrite: bool, job: &Job) -> Result<ScoreWriter> {
        let output = Output::create(path, overwrite, job)?;
        let entry = |key: &str, value: &str| KeyValue::new(key.to_string(), value.to_string());
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_max_row_group_row_count(Some(ROW_GROUP))
            .set_key_value_metadata(Some(vec![
                entry("elastic_core.schema", SCHEMA),
                entry("elastic_core.version", env!("CARGO_PKG_VERSION")),
            ]))
            .build();
        let writer = ArrowWriter::try_new(output.writer()?, schema(), Some(properties))
            .map_err(failed(path))?;
        Ok(ScoreWriter { output, writer })
    }

    /// Appends one row per document.
    pub fn write(&mut self, scores: &Scores<'_>) -> Result<()> {
        let rows = scores.sources.len();
        let repeated =
            |name: &str| Arc::new(StringArray::from_iter_values(std::iter::repeat_n(name, rows)));
        let integers =
            |values: &[i64]| Arc::new(Int64Array::from_iter_values(values.iter().copied()));
        let columns: Vec<ArrayRef> = vec![
            Arc::new(StringArray::from_iter_values(scores.sources)),
            integers(scores.indices),
            repeated(scores.corpus),
            repeated(scores.model),
            integers(scores.tokens),
            integers(scores.bytes),
            Arc::new(Int64Array::from_iter(scores.characters.iter().copied())),
            Arc::new(Float64Array::from_iter_values(scores.bits.iter().copied())),
        ];
        let batch = RecordBatch::try_new(schema(), columns).map_err(|error| {
            Error::InvalidArgument(format!("the columns of scores do not match: {error}"))
        })?;
        self.writer.write(&batch).map_err(failed(self.output.name()))
    }

    /// Completes the file and moves it to its final path.
    pub fn finish(self) -> Result<()> {
        self.writer.close().map_err(failed(self.output.name()))?;
        self.output.publish()
    }
}

fn schema() -> Arc<Schema> {
    Arc::new(Schema::new(vec![
        Field::new("source", DataType::Utf8, false),
        Field::new("index", DataType::Int64, false),
        Field::new("corpus", DataType::Utf8, false),
        Field::new("model", DataType::Utf8, false),
        Field::new("tokens", DataType::Int64, false),
        Field::new("bytes", DataType::Int64, false),
        Field::new("characters", DataType::Int64, true),
        Field::new("bits", DataType::Float64, false),
    ]))
}

fn failed(path: &Path) -> impl FnOnce(ParquetError) -> Error + '_ {
    move |error| Error::io(path)(cause(error).unwrap_or_else(std::io::Error::other))
}
