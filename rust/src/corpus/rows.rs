//! A text or jsonl file in, blocks of whole rows out, or a long document in parts.

use memchr::memchr;

use super::discover::File;
use super::documents::{Documents, Place};
use super::open::Source;
use super::read::{Reader, Task};
use super::text::{Unit, lines};
use super::{DocumentSink, jsonl};
use crate::Result;

/// Bytes of text read, sent and processed at once.
const BLOCK: usize = 1 << 20;

/// The longest row of a jsonl file that is held in memory.
const MAX_ROW: usize = 64 << 20;

/// What the rows of a file are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rows {
    Text(Unit),
    Json,
}

/// Whole rows of one file.
pub(super) struct Block<'a> {
    pub file: &'a File,
    rows: Rows,
    /// Number of the first line, from 0.
    line: u64,
    data: Vec<u8>,
}

impl Block<'_> {
    /// Reads the rows into `documents`; `text` is working space.
    pub(super) fn read<S: DocumentSink>(
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

/// Reads a plain text file that is one document, in parts; an empty file is none.
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
        let mut source = Source::open(file, reader.shared.job)?;
        let mut part = std::mem::take(&mut reader.buffer);
        let mut empty = true;
        loop {
            reader.shared.check()?;
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

/// Reads a file of rows: cuts it into blocks, which any thread may read.
pub(super) fn read_rows<'a, S: DocumentSink>(
    reader: &mut Reader<'a, S>,
    file: &'a File,
    rows: Rows,
) -> Result<()> {
    let source = Source::open(file, reader.shared.job)?;
    let mut cutter = Cutter { file, rows, source, buffer: Vec::new(), line: 0, last: false };
    cutter.fill(reader, BLOCK)?;
    if rows == Rows::Json && cutter.buffer.starts_with("\u{feff}".as_bytes()) {
        cutter.buffer.drain(..3);
    }
    loop {
        match (cutter.block(), rows) {
            (Some(block), _) => reader.submit(Task::Rows(block))?,
            (None, Rows::Text(unit)) => cutter.stream(reader, unit)?,
            (None, Rows::Json) if cutter.buffer.len() > MAX_ROW => cutter.pass_over(reader)?,
            // One long row: read on until it ends.
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
    rows: Rows,
    source: Source<'a>,
    /// Text that was read and not yet handed on; it starts at the start of a row.
    buffer: Vec<u8>,
    /// Number of the line that the buffer starts in, from 0.
    line: u64,
    /// Whether the buffer reaches to the end of the file.
    last: bool,
}

impl<'a> Cutter<'a> {
    fn fill<S: DocumentSink>(&mut self, reader: &Reader<'a, S>, target: usize) -> Result<()> {
        reader.shared.check()?;
        self.last = self.last || self.source.fill(&mut self.buffer, target)?;
        Ok(())
    }

    /// The whole rows of the buffer; None if there is none.
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

    /// Streams the document that the buffer starts with to the reading thread's own sink.
    ///
    /// One that counts several times is held for the copies.
    fn stream<S: DocumentSink>(&mut self, reader: &mut Reader<'a, S>, unit: Unit) -> Result<()> {
        let place = Place { file: self.file, unit: "line", row: self.line };
        let wanted = reader.documents.wants(place);
        let copies = reader.documents.copies(place);
        let mut held = Vec::new();
        loop {
            let end = unit.end(&self.buffer, self.last);
            let (text, next) = match end {
                Some(end) => (end.text, end.next),
                // White space of a whole block is text, or it would have to be held for ever.
                None => match unit.sure(&self.buffer) {
                    0 if self.buffer.len() >= BLOCK => (self.buffer.len(), self.buffer.len()),
                    sure => (sure, sure),
                },
            };
            if wanted {
                reader.documents.part(&self.buffer[..text])?;
            }
            if copies > 1 {
                held.extend_from_slice(&self.buffer[..text]);
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
            reader.documents.part(&held)?;
            reader.documents.end(place, copy)?;
        }
        Ok(())
    }

    /// Leaves out the row that the buffer starts with, which is too long to be held.
    fn pass_over<S: DocumentSink>(&mut self, reader: &mut Reader<'a, S>) -> Result<()> {
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
