//! A text or jsonl file in, blocks of whole rows or parts of a long document out.

use memchr::memchr;

use super::discover::File;
use super::documents::{DocumentSink, Documents, Place};
use super::jsonl;
use super::open::Source;
use super::reader::{Reader, Task};
use super::text::{Unit, lines};
use crate::Result;

/// Bytes of text per block.
pub(super) const BLOCK: usize = 1 << 20;

/// The longest row of a JSON file.
pub(super) const MAX_ROW: usize = 64 << 20;

/// The kind of rows in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rows<'a> {
    Text(Unit<'a>),
    Json,
}

/// Whole rows of one file.
struct Block<'a> {
    file: &'a File,
    rows: Rows<'a>,
    /// Index of the first line, from 0.
    line: u64,
    data: Vec<u8>,
}

impl<'a, S: DocumentSink> Task<'a, S> for Block<'a> {
    fn file(&self) -> &'a File {
        self.file
    }

    fn row(&self) -> u64 {
        self.line
    }

    fn read(&self, reader: &mut Reader<'a, S>) -> Result<()> {
        self.read_rows(&mut reader.documents, &mut reader.buffer)
    }
}

impl Block<'_> {
    /// Reads the rows into `documents`; `text` is a reusable buffer.
    fn read_rows<S: DocumentSink>(
        &self,
        documents: &mut Documents<'_, S>,
        text: &mut Vec<u8>,
    ) -> Result<()> {
        let Rows::Text(unit) = self.rows else {
            return jsonl::read(documents, self.file, self.line, &self.data, text);
        };
        let mut line = self.line;
        let mut rest = &self.data[..];
        while !documents.full() {
            let (gap, lines) = unit.gap(rest);
            line += lines;
            rest = &rest[gap..];
            let Some(end) = unit.end(rest, true).filter(|_| !rest.is_empty()) else { break };
            let place = Place { file: self.file, unit: "line", row: line };
            if documents.wants(place) {
                documents.document(place, &rest[..end.text])?;
            }
            line += end.lines;
            rest = &rest[end.next..];
        }
        Ok(())
    }
}

/// Reads a plain text file as one document, in parts; an empty file is no document.
pub(super) fn read_whole<'a, S: DocumentSink>(
    reader: &mut Reader<'a, S>,
    file: &'a File,
) -> Result<()> {
    let place = Place { file, unit: "document", row: 0 };
    if !reader.documents.wants(place) {
        reader.shared.job.add(file.size);
        return Ok(());
    }
    for copy in 0..reader.documents.copies(place) {
        let mut source = Source::open(file, reader.shared)?;
        let mut part = std::mem::take(&mut reader.buffer);
        let mut empty = true;
        loop {
            reader.shared.check_at(file, 0)?;
            part.clear();
            let last = source.fill(&mut part, BLOCK)?;
            if !part.is_empty() {
                reader.documents.part(&part)?;
                empty = false;
            }
            if last {
                break;
            }
        }
        reader.buffer = part;
        if !empty {
            reader.documents.end(place, copy)?;
        }
    }
    Ok(())
}

/// Reads a file of rows, cut into blocks that any thread can read.
pub(super) fn read_rows<'a, S: DocumentSink>(
    reader: &mut Reader<'a, S>,
    file: &'a File,
    rows: Rows<'a>,
) -> Result<()> {
    let mut source = Source::open(file, reader.shared)?;
    let mut buffer = Vec::new();
    let last = source.fill(&mut buffer, BLOCK)?;
    if rows == Rows::Json && buffer.starts_with("\u{feff}".as_bytes()) {
        buffer.drain(..3);
    }
    cut_rows(reader, file, rows, source, buffer, last)
}

/// Reads the rest of a file of rows that begins with `buffer`, or consists of it (`last`).
pub(super) fn cut_rows<'a, S: DocumentSink>(
    reader: &mut Reader<'a, S>,
    file: &'a File,
    rows: Rows<'a>,
    source: Source<'a>,
    buffer: Vec<u8>,
    last: bool,
) -> Result<()> {
    let mut cutter = Cutter { file, rows, source, buffer, line: 0, last };
    loop {
        match (cutter.block(), rows) {
            (Some(block), _) => reader.submit(block)?,
            (None, Rows::Text(unit)) => cutter.stream(reader, unit)?,
            (None, Rows::Json) if cutter.buffer.len() > MAX_ROW => cutter.skip_row(reader)?,
            // A long row: read more of it.
            (None, Rows::Json) => {
                let target = (2 * cutter.buffer.len()).clamp(BLOCK, MAX_ROW + 1);
                cutter.fill(reader, target)?;
                continue;
            }
        }
        if (cutter.last && cutter.buffer.is_empty()) || reader.documents.full() {
            return Ok(());
        }
        cutter.fill(reader, BLOCK)?;
    }
}

/// Cuts the text of a file into blocks.
struct Cutter<'a> {
    file: &'a File,
    rows: Rows<'a>,
    source: Source<'a>,
    /// Text that was read but not yet passed on; it starts at the start of a row.
    buffer: Vec<u8>,
    /// Index of the line at the start of the buffer, from 0.
    line: u64,
    /// Whether the buffer extends to the end of the file.
    last: bool,
}

impl<'a> Cutter<'a> {
    fn fill<S: DocumentSink>(&mut self, reader: &Reader<'a, S>, target: usize) -> Result<()> {
        reader.shared.check_at(self.file, self.line)?;
        self.last = self.last || self.source.fill(&mut self.buffer, target)?;
        Ok(())
    }

    /// The complete rows in the buffer; None if there are none.
    fn block(&mut self) -> Option<Block<'a>> {
        let end = if self.last {
            self.buffer.len()
        } else {
            match self.rows {
                Rows::Text(unit) => unit.last_end(&self.buffer)?,
                Rows::Json => Unit::Line.last_end(&self.buffer)?,
            }
        };
        let mut rest = Vec::with_capacity(BLOCK);
        rest.extend_from_slice(&self.buffer[end..]);
        self.buffer.truncate(end);
        let data = std::mem::replace(&mut self.buffer, rest);
        let block = Block { file: self.file, rows: self.rows, line: self.line, data };
        self.line += lines(&block.data);
        Some(block)
    }

    /// Streams the document at the start of the buffer to this thread's sink.
    ///
    /// If it is repeated, its text is kept for the copies.
    fn stream<S: DocumentSink>(
        &mut self,
        reader: &mut Reader<'a, S>,
        unit: Unit<'a>,
    ) -> Result<()> {
        let place = Place { file: self.file, unit: "line", row: self.line };
        let wanted = reader.documents.wants(place);
        let copies = reader.documents.copies(place);
        let mut whole = Vec::new();
        let mut begun = false;
        loop {
            if !begun {
                let lead = unit.lead(&self.buffer);
                self.line += lines(&self.buffer[..lead]);
                self.buffer.drain(..lead);
                begun = !self.buffer.is_empty();
            }
            let end = unit.end(&self.buffer, self.last);
            let (text, next) = match end {
                Some(end) => (end.text, end.next),
                // A whole block of white space counts as text, or the buffer would grow without
                // limit.
                None => match unit.sure(&self.buffer) {
                    0 if self.buffer.len() >= BLOCK => (self.buffer.len(), self.buffer.len()),
                    sure => (sure, sure),
                },
            };
            if wanted {
                reader.documents.part(&self.buffer[..text])?;
            }
            if copies > 1 {
                whole.extend_from_slice(&self.buffer[..text]);
            }
            self.line += lines(&self.buffer[..next]);
            self.buffer.drain(..next);
            if end.is_some() {
                break;
            }
            self.fill(reader, BLOCK)?;
        }
        if wanted {
            reader.documents.end(place, 0)?;
        }
        for copy in 1..copies {
            reader.documents.part(&whole)?;
            reader.documents.end(place, copy)?;
        }
        Ok(())
    }

    /// Skips the row at the start of the buffer, which is too long.
    fn skip_row<S: DocumentSink>(&mut self, reader: &mut Reader<'a, S>) -> Result<()> {
        let place = Place { file: self.file, unit: "line", row: self.line };
        if reader.documents.wants(place) {
            let reason = format!("longer than {} MiB", MAX_ROW >> 20);
            reader.documents.bad_row(place, reason)?;
        }
        self.buffer = Vec::new();
        loop {
            self.fill(reader, BLOCK)?;
            match memchr(b'\n', &self.buffer) {
                Some(at) => {
                    self.buffer.drain(..=at);
                    self.line += 1;
                    return Ok(());
                }
                None if self.last => {
                    self.buffer.clear();
                    return Ok(());
                }
                None => self.buffer.clear(),
            }
        }
    }
}
