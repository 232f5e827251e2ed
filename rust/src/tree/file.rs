//! The tree file: Parquet, one row per leaf, in path order.
//!
//! Columns `symbol_1` to `symbol_d` (uint8, uint16 or uint32) hold the path, padded with EOS, and
//! `count` (uint64) its occurrences; key-value metadata under `elastic_core.` describe the tree and
//! end with its digest. So polars or DuckDB can prune it with a GROUP BY over the first k columns.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow_array::types::{ArrowPrimitiveType, UInt8Type, UInt16Type, UInt32Type};
use arrow_array::{Array, ArrayRef, PrimitiveArray, RecordBatch, UInt64Array};
use arrow_schema::{DataType, Field, Schema};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader,
    ParquetRecordBatchReaderBuilder,
};
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::{ParquetMetaDataReader, RowGroupMetaData};
use parquet::file::properties::WriterProperties;

use super::file_metadata::{Metadata, TreeDigest, damaged, entries};
use super::leaves::Room;
use super::shape::{Shape, symbol_at};
use super::stream::LeafStream;
use super::token_tree::TokenTree;
use crate::io::{Output, PageBudget, Pages, cause, guard};
use crate::{Error, Job, Phase, Result};

/// Number of leaves converted to columns at once.
const BATCH: usize = 1 << 14;
/// Number of leaves per row group.
const ROW_GROUP: usize = 1 << 20;
/// Bytes of a column that always fit into memory: a dictionary of 1 MiB and a page of as much.
const COLUMN: u64 = 2 << 20;

/// Leaves to be written as columns.
struct Columns {
    schema: Arc<Schema>,
    width: usize,
    rows: Vec<u8>,
    counts: Vec<u64>,
    digest: TreeDigest,
}

fn symbol_type(shape: &Shape) -> DataType {
    match shape.symbol_bytes() {
        1 => DataType::UInt8,
        2 => DataType::UInt16,
        _ => DataType::UInt32,
    }
}

fn schema(shape: &Shape) -> Schema {
    let symbols =
        (1..=shape.depth()).map(|at| Field::new(format!("symbol_{at}"), symbol_type(shape), false));
    Schema::new(symbols.chain([Field::new("count", DataType::UInt64, false)]).collect::<Vec<_>>())
}

/// The symbols at byte `at` of rows of `row_len` bytes.
fn column<A: ArrowPrimitiveType<Native: Default>, const WIDTH: usize>(
    rows: &[u8],
    row_len: usize,
    at: usize,
    symbol: fn([u8; WIDTH]) -> A::Native,
) -> ArrayRef {
    let symbols = rows.chunks_exact(row_len).map(|row| row[at..].first_chunk().copied());
    let values = symbols.map(|bytes| bytes.map(symbol).unwrap_or_default());
    Arc::new(PrimitiveArray::<A>::from_iter_values(values))
}

impl Columns {
    fn new(shape: &Shape) -> Columns {
        Columns {
            schema: Arc::new(schema(shape)),
            width: shape.symbol_bytes(),
            rows: Vec::with_capacity(BATCH * shape.row_len()),
            counts: Vec::with_capacity(BATCH),
            digest: TreeDigest::new(),
        }
    }

    fn push(&mut self, row: &[u8], count: u64) {
        self.rows.extend_from_slice(row);
        self.counts.push(count);
    }

    /// Takes the leaves collected so far.
    fn take(&mut self) -> std::result::Result<RecordBatch, arrow_schema::ArrowError> {
        self.digest.update(&self.rows, &self.counts);
        let (rows, width, depth) = (&self.rows, self.width, self.schema.fields().len() - 1);
        let row_len = depth * width;
        let symbols = (0..row_len).step_by(width).map(|at| match width {
            1 => column::<UInt8Type, 1>(rows, row_len, at, u8::from_be_bytes),
            2 => column::<UInt16Type, 2>(rows, row_len, at, u16::from_be_bytes),
            _ => column::<UInt32Type, 4>(rows, row_len, at, u32::from_be_bytes),
        });
        let mut arrays: Vec<ArrayRef> = symbols.collect();
        self.rows.clear();
        arrays.push(Arc::new(UInt64Array::from_iter_values(self.counts.drain(..))));
        RecordBatch::try_new(Arc::clone(&self.schema), arrays)
    }
}

impl TokenTree {
    /// Writes the tree to a Parquet file, which appears at `path` only when it is complete; `-` is
    /// standard output.
    ///
    /// Without `overwrite`, fails if there is a file.
    pub fn save(&self, path: &Path, overwrite: bool, job: &Job) -> Result<()> {
        job.start(Phase::Write, self.len());
        let output = Output::create(path, overwrite, job)?;
        let failed =
            |error| Error::io(output.name())(cause(error).unwrap_or_else(std::io::Error::other));
        let mut columns = Columns::new(&self.shape);
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_max_row_group_row_count(Some(ROW_GROUP))
            .set_key_value_metadata(Some(entries(&self.shape, &self.volume)))
            .build();
        let mut writer =
            ArrowWriter::try_new(output.writer()?, Arc::clone(&columns.schema), Some(properties))
                .map_err(failed)?;
        let mut result = self.for_each_leaf(job, |row, count| {
            columns.push(row, count);
            if columns.counts.len() < BATCH {
                return Ok(());
            }
            let batch = columns.take().map_err(|error| failed(error.into()))?;
            writer.write(&batch).map_err(failed)
        });
        if result.is_ok() {
            let batch = columns.take().map_err(|error| failed(error.into()))?;
            result = writer.write(&batch).map_err(failed);
        }
        result?;
        writer.append_key_value_metadata(columns.digest.entry(&self.shape, &self.volume));
        writer.close().map_err(failed)?;
        output.publish()
    }

    /// Whether the file at `path` claims to be a token tree, without checking it.
    ///
    /// Fails only if the file cannot be read.
    pub fn is_file(path: &Path) -> Result<bool> {
        let file = File::open(path).map_err(Error::io(path))?;
        let Ok(metadata) = guard(|| ParquetMetaDataReader::new().parse_and_finish(&file)) else {
            return Ok(false);
        };
        let pairs = metadata.file_metadata().key_value_metadata();
        Ok(Metadata { path, pairs }.is_tree())
    }

    /// Reads a file written by [`TokenTree::save`] and checks that it is complete, in order and
    /// what its digest says.
    ///
    /// A tree of more than `memory` bytes is kept in temporary files.
    pub fn open(path: &Path, memory: u64, job: &Job) -> Result<TokenTree> {
        let file = File::open(path).map_err(Error::io(path))?;
        let opened = guard(|| ArrowReaderMetadata::load(&file, ArrowReaderOptions::new()));
        let opened = opened.map_err(|error| {
            damaged(path, &format!("not a Parquet file, or a damaged one ({error})"))
        })?;
        let metadata = opened.metadata();
        let pairs = metadata.file_metadata().key_value_metadata();
        let (shape, volume, digest) = Metadata { path, pairs }.read()?;
        if **opened.schema() != schema(&shape).with_metadata(opened.schema().metadata().clone()) {
            return Err(damaged(path, "its columns are not those of a token tree"));
        }
        let rows = |group: &RowGroupMetaData| u64::try_from(group.num_rows()).unwrap_or(0);
        let leaves = metadata.row_groups().iter().map(rows).fold(0, u64::saturating_add);
        if leaves == 0 {
            return Err(damaged(path, "it has no leaves"));
        }
        job.start(Phase::Open, leaves);
        let budget = PageBudget::new(memory.max(2 * COLUMN * (shape.depth() as u64 + 1)), 1);
        let pages = Pages::new(&budget, metadata.row_groups());
        let reader = guard(|| {
            ParquetRecordBatchReaderBuilder::new_with_metadata(pages.reader(file), opened.clone())
                .with_batch_size(BATCH)
                .build()
        })
        .map_err(|error| damaged(path, &format!("damaged ({error})")))?;
        let mut stream = FileCursor {
            path,
            reader,
            pages,
            batch: None,
            next: 0,
            row: Vec::new(),
            shape: &shape,
            segments: 0,
            digest: TreeDigest::new(),
        };
        let room = Room { row_len: shape.row_len(), memory };
        let leaves = room.gather(&mut stream, leaves, job)?;
        if stream.segments != volume.segments {
            return Err(damaged(path, "its counts do not add up to the number of segments"));
        }
        if digest.is_some_and(|digest| digest != stream.digest.finish(&shape, &volume)) {
            return Err(damaged(path, "damaged: its contents do not match its digest"));
        }
        Ok(TokenTree::new(shape, volume, leaves))
    }
}

/// One batch of a file, as rows and counts.
struct RowBatch {
    rows: Vec<u8>,
    counts: UInt64Array,
}

/// Reads and checks the leaves of a tree file.
struct FileCursor<'a> {
    path: &'a Path,
    reader: ParquetRecordBatchReader,
    pages: Arc<Pages>,
    batch: Option<RowBatch>,
    next: usize,
    row: Vec<u8>,
    shape: &'a Shape,
    segments: u64,
    digest: TreeDigest,
}

impl FileCursor<'_> {
    fn load(&mut self) -> Result<bool> {
        self.pages.begin();
        let batch = guard(|| Ok(self.reader.next().transpose()?)).map_err(|error| {
            let reason = match self.pages.refused() {
                Some(bytes) => format!("its pages take {bytes} bytes, more than a tree's"),
                None => format!("damaged ({error})"),
            };
            damaged(self.path, &reason)
        })?;
        let Some(batch) = batch else { return Ok(false) };
        let (width, row_len) = (self.shape.symbol_bytes(), self.shape.row_len());
        let mut rows = vec![0; batch.num_rows() * row_len];
        for (at, column) in batch.columns()[..self.shape.depth()].iter().enumerate() {
            let places = rows.chunks_exact_mut(row_len).map(|row| &mut row[at * width..][..width]);
            match width {
                1 => fill::<UInt8Type>(column, places),
                2 => fill::<UInt16Type>(column, places),
                _ => fill::<UInt32Type>(column, places),
            }
        }
        let counts = batch.column(self.shape.depth()).as_any().downcast_ref::<UInt64Array>();
        let counts = counts.cloned().ok_or_else(|| damaged(self.path, "damaged"))?;
        self.digest.update(&rows, counts.values());
        self.batch = Some(RowBatch { rows, counts });
        self.next = 0;
        Ok(true)
    }

    /// Whether `row` is a valid path: symbols of the alphabet, and after EOS only EOS.
    fn is_path(&self, row: &[u8]) -> bool {
        let eos = self.shape.eos();
        let symbols = row.chunks_exact(self.shape.symbol_bytes()).map(symbol_at);
        let mut ended = false;
        symbols.into_iter().all(|symbol| {
            let fits = symbol <= eos && (!ended || symbol == eos);
            ended |= symbol == eos;
            fits
        })
    }
}

/// Writes the symbols of a column, big-endian, to their places in the rows.
fn fill<'a, A: ArrowPrimitiveType<Native: Into<u32>>>(
    column: &ArrayRef,
    places: impl Iterator<Item = &'a mut [u8]>,
) {
    if let Some(column) = column.as_any().downcast_ref::<PrimitiveArray<A>>() {
        for (place, &symbol) in places.zip(column.values()) {
            let symbol: u32 = symbol.into();
            place.copy_from_slice(&symbol.to_be_bytes()[4 - place.len()..]);
        }
    }
}

impl LeafStream for FileCursor<'_> {
    fn next(&mut self) -> Result<Option<(&[u8], u64)>> {
        while self.batch.as_ref().is_none_or(|batch| self.next == batch.counts.len()) {
            if !self.load()? {
                return Ok(None);
            }
        }
        let Some(batch) = &self.batch else { return Ok(None) };
        let row_len = self.shape.row_len();
        let row = &batch.rows[self.next * row_len..][..row_len];
        let count = batch.counts.value(self.next);
        if !self.is_path(row) || count == 0 {
            return Err(damaged(self.path, "it has a row that is not a leaf"));
        }
        if !self.row.is_empty() && *self.row >= *row {
            return Err(damaged(self.path, "its leaves are not in order"));
        }
        self.row.clear();
        self.row.extend_from_slice(row);
        let segments = self.segments.checked_add(count);
        self.segments = segments
            .ok_or_else(|| damaged(self.path, "its counts add up to more than 64 bits hold"))?;
        self.next += 1;
        Ok(Some((&self.row, count)))
    }
}
