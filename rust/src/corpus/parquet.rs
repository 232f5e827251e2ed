//! A Parquet file in, documents out: row groups, which any thread can read.

use std::fs;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{DataType, Field, Fields, Schema};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};

use super::arrow::{Cell, Column};
use super::columns;
use super::discover::File;
use super::documents::{DocumentSink, Documents, Place};
use super::key::{self, Fault};
use super::options::{Columns, ReadOptions};
use super::reader::{Reader, Shared, Task};
use crate::io::{Pages, cause, guard};
use crate::{Error, Result};

/// Maximum number of rows read at once.
const BATCH_ROWS: u64 = 1024;

/// Approximate number of bytes of the columns read at once.
const BATCH_BYTES: u64 = 4 << 20;

/// Upper bound of the rows in a row group; a damaged file may claim any number.
const MAX_ROWS: i64 = 1 << 40;

/// One row group of a file.
struct Group<'a> {
    file: &'a File,
    metadata: ArrowReaderMetadata,
    projection: ProjectionMask,
    index: usize,
    /// Index of the first row, from 0.
    row: u64,
}

/// Reads a Parquet file, one task per row group.
pub(super) fn read_groups<'a, S: DocumentSink>(
    reader: &mut Reader<'a, S>,
    file: &'a File,
) -> Result<()> {
    let disk = fs::File::open(&file.path).map_err(Error::io(&file.path))?;
    let metadata = guarded(file, || metadata(&disk))?;
    let options = reader.documents.options();
    if options.columns.is_none() {
        let types = Column::Row(metadata.schema().fields());
        let damaged =
            |fault: Fault| Error::Corpus { path: file.path.clone(), reason: fault.of_column() };
        key::text(types, &options.text_key, &mut Vec::new()).map_err(damaged)?;
    }
    let projection = projection(&metadata, options);

    let mut row = 0;
    let mut counted = 0;
    for index in 0..metadata.metadata().num_row_groups() {
        let task =
            Group { file, metadata: metadata.clone(), projection: projection.clone(), index, row };
        row += task.rows();
        counted += task.bytes_on_disk();
        reader.submit(task)?;
        if reader.documents.full() {
            return Ok(());
        }
    }
    // Count the footer, too.
    reader.shared.job.add(file.size.saturating_sub(counted));
    Ok(())
}

impl<'a, S: DocumentSink> Task<'a, S> for Group<'a> {
    fn file(&self) -> &'a File {
        self.file
    }

    fn row(&self) -> u64 {
        self.row
    }

    fn read(&self, reader: &mut Reader<'a, S>) -> Result<()> {
        self.read_rows(&mut reader.documents, &mut reader.buffer, reader.shared)
    }
}

impl Group<'_> {
    /// Reads the rows into `documents`; `text` is a reusable buffer.
    fn read_rows<S: DocumentSink>(
        &self,
        documents: &mut Documents<'_, S>,
        text: &mut Vec<u8>,
        shared: &Shared<'_>,
    ) -> Result<()> {
        let disk = fs::File::open(&self.file.path).map_err(Error::io(&self.file.path))?;
        let group = self.metadata.metadata().row_group(self.index);
        let pages = Pages::new(&shared.pages, std::slice::from_ref(group));
        let reader = pages.reader(disk);
        let mut batches = guarded(self.file, || {
            ParquetRecordBatchReaderBuilder::new_with_metadata(reader, self.metadata.clone())
                .with_row_groups(vec![self.index])
                .with_projection(self.projection.clone())
                .with_batch_size(self.batch_rows())
                .build()
        })?;
        let mut row = self.row;
        while let Some(batch) = guarded(self.file, || Ok(batches.next().transpose()?))
            .map_err(|error| pages.refused().map_or(error, |bytes| too_large(self.file, bytes)))?
        {
            shared.check_at(self.file, row)?;
            self.read_batch(&batch, row, documents, text)?;
            if documents.full() {
                return Ok(());
            }
            row += batch.num_rows() as u64;
            drop(batch);
            pages.begin();
        }
        if row - self.row != self.rows() {
            return Err(damaged(self.file, "rows are missing"));
        }
        shared.job.add(self.bytes_on_disk());
        Ok(())
    }

    fn read_batch<S: DocumentSink>(
        &self,
        batch: &RecordBatch,
        first: u64,
        documents: &mut Documents<'_, S>,
        text: &mut Vec<u8>,
    ) -> Result<()> {
        for index in 0..batch.num_rows() {
            let place = Place { file: self.file, unit: "row", row: first + index as u64 };
            if !documents.wants(place) {
                continue;
            }
            text.clear();
            let (cells, options) = (Cell::Row(batch, index), documents.options());
            let selected = match &options.columns {
                Some(wanted) => columns::object(cells, wanted, text).map_err(Fault::from),
                None => key::text(cells, &options.text_key, text),
            };
            match selected {
                Ok(()) => documents.document(place, text)?,
                Err(fault) => documents.bad_row(place, fault)?,
            }
        }
        Ok(())
    }

    fn rows(&self) -> u64 {
        self.metadata.metadata().row_group(self.index).num_rows().clamp(0, MAX_ROWS) as u64
    }

    /// Compressed size of all columns of the row group, at most the size of the file.
    fn bytes_on_disk(&self) -> u64 {
        let group = self.metadata.metadata().row_group(self.index);
        (group.compressed_size().max(0) as u64).min(self.file.size)
    }

    /// Rows per batch, fewer if rows are wide.
    fn batch_rows(&self) -> usize {
        let group = self.metadata.metadata().row_group(self.index);
        let columns = group.columns().iter().enumerate();
        let bytes = columns
            .filter(|(leaf, _)| self.projection.leaf_included(*leaf))
            .map(|(_, column)| column.uncompressed_size().max(0) as u64)
            .fold(0, u64::saturating_add);
        let width = bytes / self.rows().max(1);
        (BATCH_BYTES / width.max(1)).clamp(1, BATCH_ROWS) as usize
    }
}

/// The file's metadata, with all strings to be read as views.
///
/// Strings of a dictionary then share one copy, so a small file cannot expand to gigabytes. Arrow
/// types recorded by the writer are ignored for the same reason.
fn metadata(disk: &fs::File) -> parquet::errors::Result<ArrowReaderMetadata> {
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let plain = ArrowReaderMetadata::load(disk, options.clone())?;
    let schema = Arc::new(Schema::new(as_views(plain.schema().fields())));
    ArrowReaderMetadata::try_new(plain.metadata().clone(), options.with_schema(schema))
}

fn as_views(fields: &Fields) -> Fields {
    fields.iter().map(view_field).collect()
}

fn view_field(field: &Arc<Field>) -> Arc<Field> {
    let data_type = match field.data_type() {
        DataType::Utf8 => DataType::Utf8View,
        DataType::Binary => DataType::BinaryView,
        DataType::Struct(fields) => DataType::Struct(as_views(fields)),
        DataType::List(element) => DataType::List(view_field(element)),
        _ => return field.clone(),
    };
    Arc::new(field.as_ref().clone().with_data_type(data_type))
}

/// The columns that the options need.
fn projection(metadata: &ArrowReaderMetadata, options: &ReadOptions) -> ProjectionMask {
    let fields = metadata.schema().fields();
    let keys = match &options.columns {
        Some(Columns::All) => return ProjectionMask::all(),
        Some(Columns::Named(names)) => {
            let indices = names.iter().filter_map(|name| Some(fields.find(name)?.0));
            return ProjectionMask::roots(metadata.parquet_schema(), indices);
        }
        None => &options.text_key,
    };
    let column = |key: &String| match fields.find(key) {
        Some((index, _)) => Some(index),
        None => fields.find(key.split('.').next().unwrap_or_default()).map(|(index, _)| index),
    };
    ProjectionMask::roots(metadata.parquet_schema(), keys.iter().filter_map(column))
}

/// Calls the parquet crate and converts its errors and panics.
fn guarded<T>(file: &File, work: impl FnOnce() -> parquet::errors::Result<T>) -> Result<T> {
    guard(work).map_err(|error| match cause(error) {
        Ok(source) => Error::io(&file.path)(source),
        Err(what) => damaged(file, &what),
    })
}

/// The error for pages that take this many bytes of memory.
fn too_large(file: &File, bytes: u64) -> Error {
    let reason = format!(
        "Parquet pages of {} MiB, which may take half of the memory; give `memory=\"{}MiB\"`, or \
         write the file with smaller pages",
        bytes.div_ceil(1 << 20),
        bytes.div_ceil(1 << 19)
    );
    Error::Corpus { path: file.path.clone(), reason }
}

fn damaged(file: &File, what: &str) -> Error {
    let reason = format!("damaged or truncated Parquet data ({what}); fetch the file again");
    Error::Corpus { path: file.path.clone(), reason }
}
