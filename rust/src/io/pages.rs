//! Parquet pages within a memory budget.
//!
//! A page of a few bytes on disk may unpack to gigabytes, and the sizes in the footer may say
//! anything. A page's header says how large it becomes, so headers are read here before the parquet
//! crate reads them.

use std::collections::HashMap;
use std::fs::File;
use std::io::BufReader;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::RowGroupMetaData;
use parquet::file::reader::{ChunkReader, Length};

use super::page_header::{PageHeader, read_header};

/// Bytes of pages that a thread may always hold: most writers start a new page after 1 MiB.
const SMALL: u64 = 32 << 20;
/// Bytes of a decoded value and its levels, where a row can have any number of values.
const VALUE: u64 = 20;

/// The memory that pages may take on all threads of a job.
#[derive(Debug)]
pub(crate) struct PageBudget {
    /// Bytes for each thread.
    share: u64,
    /// Bytes for one thread at a time, which then has `large`.
    most: u64,
    large: Mutex<bool>,
    freed: Condvar,
}

impl PageBudget {
    /// A budget of `memory` bytes for `threads` threads: one half for their equal shares, and the
    /// other for a thread that needs more than its share.
    pub(crate) fn new(memory: u64, threads: usize) -> Arc<PageBudget> {
        let most = (memory / 2).max(SMALL);
        let share = (most / threads.max(1) as u64).max(SMALL);
        Arc::new(PageBudget { share, most, large: Mutex::new(false), freed: Condvar::new() })
    }

    /// Waits until no other thread holds large pages.
    fn take(&self) {
        let taken = self.large.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = self.freed.wait_while(taken, |taken| *taken);
        *taken.unwrap_or_else(PoisonError::into_inner) = true;
    }

    fn free(&self) {
        *self.large.lock().unwrap_or_else(PoisonError::into_inner) = false;
        self.freed.notify_one();
    }
}

/// Where the pages of a column are in a row group.
#[derive(Debug)]
struct Chunk {
    start: u64,
    column: usize,
}

/// A column, and the memory of its pages.
#[derive(Debug, Default, Clone)]
struct Column {
    /// Whether a row can have any number of values.
    is_repeated: bool,
    dictionary: u64,
    /// The last page that was read.
    page: u64,
}

#[derive(Debug)]
struct Held {
    /// Headers whose pages have not been read, by the place of the page.
    headers: HashMap<u64, PageHeader>,
    columns: Vec<Column>,
    /// Pages of the current batch before the last of each column.
    earlier: u64,
    has_large: bool,
}

impl Held {
    fn total(&self) -> u64 {
        self.columns.iter().fold(self.earlier, |sum, column| {
            sum.saturating_add(column.dictionary).saturating_add(column.page)
        })
    }
}

/// The pages that a reader of row groups holds.
#[derive(Debug)]
pub(crate) struct Pages {
    budget: Arc<PageBudget>,
    /// In the order of their places.
    chunks: Vec<Chunk>,
    held: Mutex<Held>,
    /// The bytes that were too many; 0 if none were.
    refused: AtomicU64,
}

impl Pages {
    /// The pages of a reader of these row groups.
    pub(crate) fn new(budget: &Arc<PageBudget>, groups: &[RowGroupMetaData]) -> Arc<Pages> {
        let mut chunks = Vec::new();
        let mut columns = Vec::new();
        for group in groups {
            columns.resize(group.num_columns().max(columns.len()), Column::default());
            for (column, chunk) in group.columns().iter().enumerate() {
                let start = chunk.dictionary_page_offset().unwrap_or(chunk.data_page_offset());
                chunks.push(Chunk { start: start.max(0) as u64, column });
                columns[column].is_repeated = chunk.column_descr().max_rep_level() > 0;
            }
        }
        chunks.sort_by_key(|chunk| chunk.start);
        let held = Held { headers: HashMap::new(), columns, earlier: 0, has_large: false };
        Arc::new(Pages {
            budget: Arc::clone(budget),
            chunks,
            held: Mutex::new(held),
            refused: AtomicU64::new(0),
        })
    }

    /// A reader of `file` that fails at a page for which there is no memory.
    pub(crate) fn reader(self: &Arc<Pages>, file: File) -> PagedFile {
        PagedFile { file, pages: Arc::clone(self) }
    }

    /// Begins a batch, when the previous one is no longer in use.
    pub(crate) fn begin(&self) {
        let mut held = self.held();
        held.earlier = 0;
        if held.has_large && held.total() <= self.budget.share {
            held.has_large = false;
            self.budget.free();
        }
    }

    /// Bytes of memory that reading takes, if they are too many.
    pub(crate) fn refused(&self) -> Option<u64> {
        Some(self.refused.load(Ordering::Relaxed)).filter(|&bytes| bytes > 0)
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts the page at `start`, whose header has been read.
    fn count(&self, start: u64) -> Result<()> {
        let inconsistent = || ParquetError::General("a page has no header".into());
        let mut held = self.held();
        let header = held.headers.remove(&start).ok_or_else(inconsistent)?;
        let after = self.chunks.partition_point(|chunk| chunk.start <= start);
        let chunk = self.chunks[..after].last().ok_or_else(inconsistent)?;
        let column = &mut held.columns[chunk.column];
        let values = if column.is_repeated { VALUE * u64::from(header.values) } else { 0 };
        let bytes = u64::from(header.size) + values;
        let earlier = match header.is_dictionary {
            true => std::mem::replace(&mut column.dictionary, bytes),
            false => std::mem::replace(&mut column.page, bytes),
        };
        held.earlier = held.earlier.saturating_add(earlier);
        let total = held.total();
        if total > self.budget.most {
            self.refused.store(total, Ordering::Relaxed);
            return Err(ParquetError::General("its pages are too large".into()));
        }
        if total > self.budget.share && !held.has_large {
            self.budget.take();
            held.has_large = true;
        }
        Ok(())
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        if self.held().has_large {
            self.budget.free();
        }
    }
}

/// A file whose pages are counted before they are unpacked.
pub(crate) struct PagedFile {
    file: File,
    pages: Arc<Pages>,
}

impl Length for PagedFile {
    fn len(&self) -> u64 {
        Length::len(&self.file)
    }
}

impl ChunkReader for PagedFile {
    type T = BufReader<File>;

    /// A reader at a page header, or at a page whose header was read before.
    fn get_read(&self, start: u64) -> Result<BufReader<File>> {
        let mut reader = self.file.get_read(start)?;
        let mut held = self.pages.held();
        if !held.headers.contains_key(&start) {
            let (header, length) = read_header(&mut reader);
            if let Some(header) = header {
                held.headers.insert(start.saturating_add(length), header);
            }
            reader.seek_relative(-(length as i64))?;
        }
        Ok(reader)
    }

    /// The data of a page.
    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        if start.saturating_add(length as u64) > Length::len(self) {
            return Err(ParquetError::EOF("a page ends after the file".into()));
        }
        self.pages.count(start)?;
        self.file.get_bytes(start, length)
    }
}
