//! Sorted runs on disk, for trees that exceed their memory budget.
//!
//! Leaves are front-coded: the number of bytes shared with the previous row, the rest of the row,
//! and the count as a varint. Front coding restarts every [`BLOCK`] leaves, and the first row of
//! each block is kept in memory, so any range of paths can be read independently. The file has no
//! name and disappears with the process, however that ends.

use std::fs::File;
use std::io;
use std::sync::Arc;

use super::shape::shared_bytes;
use super::stream::LeafStream;
use crate::{Error, Result};

/// Leaves between two restarts of the front coding.
const BLOCK: u64 = 4096;
/// Number of bytes written or read at once.
const BUFFER: usize = 1 << 18;

/// One file of a run.
#[derive(Debug, Clone)]
struct Part {
    file: Arc<File>,
    bytes: u64,
    leaves: u64,
    /// The concatenated first rows of the blocks, and the blocks' offsets in the file.
    first_rows: Vec<u8>,
    offsets: Vec<u64>,
}

/// Sorted leaves in temporary files, in increasing parts.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    row_len: usize,
    parts: Vec<Part>,
}

fn temporary_error(source: io::Error) -> Error {
    Error::Temporary { path: std::env::temp_dir(), source }
}

impl Run {
    /// A run without leaves.
    pub(crate) fn new(row_len: usize) -> Run {
        Run { row_len, parts: Vec::new() }
    }

    /// Appends the leaves of `other`, which sort after all of these.
    pub(crate) fn append(&mut self, other: Run) {
        self.parts.extend(other.parts);
    }

    /// Number of leaves.
    pub(crate) fn len(&self) -> u64 {
        self.parts.iter().map(|part| part.leaves).sum()
    }

    /// Roughly `n` rows that divide the leaves evenly.
    pub(crate) fn sample_rows(&self, n: usize) -> Vec<&[u8]> {
        let rows: Vec<&[u8]> =
            self.parts.iter().flat_map(|part| part.first_rows.chunks_exact(self.row_len)).collect();
        let step = rows.len().div_ceil(n.max(1)).max(1);
        rows.into_iter().step_by(step).collect()
    }

    /// The leaves from `from` up to but excluding `to`.
    pub(crate) fn range(&self, from: &[u8], to: Option<&[u8]>) -> RunCursor<'_> {
        RunCursor {
            parts: self.parts.iter(),
            row_len: self.row_len,
            reader: None,
            from: from.to_vec(),
            to: to.map(<[u8]>::to_vec),
            row: Vec::new(),
        }
    }
}

/// Writes one part of a [`Run`].
pub(crate) struct RunWriter {
    row_len: usize,
    part: Part,
    buffer: Vec<u8>,
    row: Vec<u8>,
}

impl RunWriter {
    /// Opens an unnamed file in the system's temporary folder.
    pub(crate) fn create(row_len: usize) -> Result<RunWriter> {
        let file = tempfile::tempfile().map_err(temporary_error)?;
        let part = Part {
            file: Arc::new(file),
            bytes: 0,
            leaves: 0,
            first_rows: Vec::new(),
            offsets: Vec::new(),
        };
        Ok(RunWriter { row_len, part, buffer: Vec::with_capacity(BUFFER + 128), row: Vec::new() })
    }

    /// Appends a leaf that sorts after all others.
    pub(crate) fn push(&mut self, row: &[u8], count: u64) -> Result<()> {
        let shared = if self.part.leaves.is_multiple_of(BLOCK) {
            self.part.first_rows.extend_from_slice(row);
            self.part.offsets.push(self.part.bytes + self.buffer.len() as u64);
            0
        } else {
            shared_bytes(&self.row, row).min(usize::from(u8::MAX))
        };
        self.buffer.push(shared as u8);
        self.buffer.extend_from_slice(&row[shared..]);
        let mut rest = count;
        while rest >= 0x80 {
            self.buffer.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        self.buffer.push(rest as u8);
        self.row.clear();
        self.row.extend_from_slice(row);
        self.part.leaves += 1;
        if self.buffer.len() >= BUFFER { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<()> {
        use std::io::Write;
        (&*self.part.file).write_all(&self.buffer).map_err(temporary_error)?;
        self.part.bytes += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    /// Writes the rest and returns the run for reading.
    pub(crate) fn finish(mut self) -> Result<Run> {
        self.flush()?;
        let parts = if self.part.leaves > 0 { vec![self.part] } else { Vec::new() };
        Ok(Run { row_len: self.row_len, parts })
    }
}

/// Reads a part of a [`Run`] in order.
pub(crate) struct RunCursor<'a> {
    parts: std::slice::Iter<'a, Part>,
    row_len: usize,
    reader: Option<PartReader>,
    from: Vec<u8>,
    to: Option<Vec<u8>>,
    row: Vec<u8>,
}

impl LeafStream for RunCursor<'_> {
    fn next(&mut self) -> Result<Option<(&[u8], u64)>> {
        loop {
            if self.reader.is_none() {
                let Some(part) = self.parts.next() else { return Ok(None) };
                self.row = vec![0; self.row_len];
                self.reader = Some(PartReader::seek(part, &self.from, self.row_len));
            }
            let count = match &mut self.reader {
                Some(reader) => reader.next(&mut self.row)?,
                None => None,
            };
            let Some(count) = count else {
                self.reader = None;
                continue;
            };
            if self.to.as_ref().is_some_and(|to| self.row >= *to) {
                self.parts = [].iter();
                self.reader = None;
                return Ok(None);
            }
            if self.row >= self.from {
                return Ok(Some((&self.row, count)));
            }
        }
    }
}

/// Decodes the leaves of one part, starting from some block.
struct PartReader {
    file: Arc<File>,
    offset: u64,
    leaves_left: u64,
    buffer: Vec<u8>,
    at: usize,
}

impl PartReader {
    /// A reader at the last block that begins at or before `from`.
    fn seek(part: &Part, from: &[u8], row_len: usize) -> PartReader {
        let first = |block: usize| &part.first_rows[block * row_len..][..row_len];
        let (mut low, mut high) = (0, part.offsets.len());
        while low < high {
            let middle = low + (high - low) / 2;
            if first(middle) <= from {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        let block = low.saturating_sub(1);
        PartReader {
            file: Arc::clone(&part.file),
            offset: part.offsets[block],
            leaves_left: part.leaves - block as u64 * BLOCK,
            buffer: Vec::new(),
            at: 0,
        }
    }

    /// Decodes the next leaf over the previous row; `None` after the last.
    fn next(&mut self, row: &mut [u8]) -> Result<Option<u64>> {
        if self.leaves_left == 0 {
            return Ok(None);
        }
        // The longest leaf: one byte for the shared length, a whole row, a count of ten bytes.
        if self.buffer.len() - self.at < row.len() + 11 {
            self.fill()?;
        }
        let damaged = || temporary_error(io::ErrorKind::UnexpectedEof.into());
        let bytes = &self.buffer[self.at..];
        let shared = usize::from(*bytes.first().ok_or_else(damaged)?);
        let rest = row.len().checked_sub(shared).ok_or_else(damaged)?;
        row[shared..].copy_from_slice(bytes.get(1..1 + rest).ok_or_else(damaged)?);
        let mut used = 1 + rest;
        let (mut count, mut shift) = (0u64, 0);
        loop {
            let byte = *bytes.get(used).ok_or_else(damaged)?;
            used += 1;
            count |= u64::from(byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 || shift > 63 {
                break;
            }
        }
        self.at += used;
        self.leaves_left -= 1;
        Ok(Some(count))
    }

    /// Keeps the rest of the buffer and reads more after it.
    fn fill(&mut self) -> Result<()> {
        self.buffer.drain(..self.at);
        self.at = 0;
        let kept = self.buffer.len();
        self.buffer.resize(kept + BUFFER, 0);
        let mut filled = kept;
        while filled < self.buffer.len() {
            match read_at(&self.file, &mut self.buffer[filled..], self.offset) {
                Ok(0) => break,
                Ok(read) => {
                    filled += read;
                    self.offset += read as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(temporary_error(error)),
            }
        }
        self.buffer.truncate(filled);
        Ok(())
    }
}

/// Reads at an offset without moving the file's position, so that readers can share the file.
#[cfg(unix)]
fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, offset)
}

#[cfg(windows)]
fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, buffer, offset)
}
