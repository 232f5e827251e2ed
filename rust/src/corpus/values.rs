//! A .json file in, documents out: lines of JSON, an array of rows, or rows after each other.

use memchr::{memchr, memchr2};

use super::columns;
use super::discover::File;
use super::documents::{DocumentSink, Place};
use super::jsonl;
use super::open::Source;
use super::reader::{Reader, Task};
use super::rows::{BLOCK, MAX_ROW, Rows, cut_rows};
use crate::{Error, Result};

/// The remedy for a file that is not divided into rows.
const REMEDY: &str = "write one row a line, as .jsonl";

/// Whole rows of one file, which may span lines.
struct Block<'a> {
    file: &'a File,
    /// Index of the first row, from 0.
    row: u64,
    data: Vec<u8>,
    /// Where each row begins and ends.
    rows: Vec<(usize, usize)>,
}

impl<'a, S: DocumentSink> Task<'a, S> for Block<'a> {
    fn file(&self) -> &'a File {
        self.file
    }

    fn row(&self) -> u64 {
        self.row
    }

    fn read(&self, reader: &mut Reader<'a, S>) -> Result<()> {
        for (row, &(start, end)) in (self.row..).zip(&self.rows) {
            let place = Place { file: self.file, unit: "row", row };
            jsonl::read_row(
                &mut reader.documents,
                place,
                &self.data[start..end],
                &mut reader.buffer,
            )?;
            if reader.documents.full() {
                break;
            }
        }
        Ok(())
    }
}

/// Reads the rows of a .json file in any layout.
pub(super) fn read_values<'a, S: DocumentSink>(
    reader: &mut Reader<'a, S>,
    file: &'a File,
) -> Result<()> {
    let mut source = Source::open(file, reader.shared)?;
    let mut buffer = Vec::new();
    let last = source.fill(&mut buffer, BLOCK)?;
    if buffer.starts_with("\u{feff}".as_bytes()) {
        buffer.drain(..3);
    }
    let text = buffer.trim_ascii_start();
    let failed = |reason: String| Err(Error::Corpus { path: file.path.clone(), reason });
    match text.first() {
        None if last => return Ok(()),
        Some(b'{') if is_lines(text) => {
            return cut_rows(reader, file, Rows::Json, source, buffer, last);
        }
        Some(b'{' | b'[') => {}
        _ => {
            return failed(
                "neither JSON objects nor an array of them; rename it to .txt if it is plain text"
                    .to_string(),
            );
        }
    }
    let start = buffer.len() - text.len();
    buffer.drain(..start);
    let state = if buffer[0] == b'[' { State::Array } else { State::Between };
    Values { file, source, buffer, last, state, row: 0 }.read(reader)
}

/// Whether a text that starts with an object has one object per line.
fn is_lines(text: &[u8]) -> bool {
    let Some(end) = memchr(b'\n', text).filter(|end| !text[*end..].trim_ascii().is_empty()) else {
        return false;
    };
    text[..end].trim_ascii_end().ends_with(b"}") || text[end + 1..].starts_with(b"{")
}

/// What comes next in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The opening bracket of the array.
    Array,
    /// The first value of an array, or its end.
    First,
    /// A value of an array, after a comma.
    Element,
    /// A comma, or the end of the array.
    Comma,
    /// Nothing, as the array has ended.
    End,
    /// A value that is in no array, or the end of the file.
    Between,
}

/// Cuts a file into its values.
struct Values<'a> {
    file: &'a File,
    source: Source<'a>,
    /// Text that was read but not yet passed on.
    buffer: Vec<u8>,
    /// Whether the buffer extends to the end of the file.
    last: bool,
    state: State,
    /// Index of the next row, from 0.
    row: u64,
}

impl<'a> Values<'a> {
    fn read<S: DocumentSink>(mut self, reader: &mut Reader<'a, S>) -> Result<()> {
        loop {
            let (mut used, mut rows) = self.cut()?;
            let is_alone = (self.state, self.row, rows.len()) == (State::Between, 0, 1);
            if is_alone && used == self.buffer.len() {
                if self.last {
                    let (start, end) = rows[0];
                    if read_columns(reader, self.file, &self.buffer[start..end])? {
                        return Ok(());
                    }
                } else {
                    // Whether it is the only value, and so may be an object of columns, is still open.
                    (used, rows) = (0, Vec::new());
                }
            }
            let rest = self.buffer.split_off(used);
            let data = std::mem::replace(&mut self.buffer, rest);
            let row = self.row;
            self.row += rows.len() as u64;
            let is_stuck = rows.is_empty();
            if !is_stuck {
                reader.submit(Block { file: self.file, row, data, rows })?;
            }
            if reader.documents.full() {
                return Ok(());
            }
            if self.last {
                return match (self.state, self.buffer.is_empty()) {
                    (State::End | State::Between, true) => Ok(()),
                    _ => self.fail(format!("the JSON ends within row {}; {REMEDY}", self.row + 1)),
                };
            }
            if self.buffer.len() > MAX_ROW {
                let reason = format!("row {} is longer than {} MiB", self.row + 1, MAX_ROW >> 20);
                return self.fail(format!("{reason}; {REMEDY}"));
            }
            reader.shared.check_at(self.file, self.row)?;
            let more = if is_stuck { self.buffer.len().max(BLOCK) } else { BLOCK };
            let target = (self.buffer.len() + more).min(MAX_ROW + 1);
            self.last = self.source.fill(&mut self.buffer, target)?;
        }
    }

    /// The length of the complete values at the start of the buffer, and where they lie.
    fn cut(&mut self) -> Result<(usize, Vec<(usize, usize)>)> {
        let mut rows = Vec::new();
        let mut at = 0;
        loop {
            at += self.buffer[at..].len() - self.buffer[at..].trim_ascii_start().len();
            let Some(&next) = self.buffer.get(at) else { return Ok((at, rows)) };
            match (self.state, next) {
                (State::Array, _) => (self.state, at) = (State::First, at + 1),
                (State::First | State::Comma, b']') => (self.state, at) = (State::End, at + 1),
                (State::Comma, b',') => (self.state, at) = (State::Element, at + 1),
                (State::End, _) => {
                    return self.fail(format!("the file goes on after the array; {REMEDY}"));
                }
                (State::Comma, _) | (_, b',' | b']' | b'}' | b':') => {
                    let row = self.row + rows.len() as u64;
                    return self.fail(format!("invalid JSON after row {row}; {REMEDY}"));
                }
                (State::First | State::Element | State::Between, _) => {
                    let Some(length) = value_end(&self.buffer[at..], self.last) else {
                        return Ok((at, rows));
                    };
                    rows.push((at, at + length));
                    at += length;
                    if self.state != State::Between {
                        self.state = State::Comma;
                    }
                }
            }
        }
    }

    fn fail<T>(&self, reason: String) -> Result<T> {
        Err(Error::Corpus { path: self.file.path.clone(), reason })
    }
}

/// Reads the rows of an object of columns; false if `object` is a row itself.
fn read_columns<S: DocumentSink>(
    reader: &mut Reader<'_, S>,
    file: &File,
    object: &[u8],
) -> Result<bool> {
    let plain = jsonl::without_nan(object);
    let Ok(text) = str::from_utf8(plain.as_deref().unwrap_or(object)) else { return Ok(false) };
    let Some(lists) = columns::lists(text) else { return Ok(false) };
    let failed = |reason: String| Error::Corpus { path: file.path.clone(), reason };
    let rows = lists.values().map(Vec::len).min().unwrap_or_default();
    if lists.values().any(|elements| elements.len() != rows) {
        let names: Vec<_> = lists.keys().map(|name| format!("`{name}`")).collect();
        return Err(failed(format!("the columns {} differ in length", names.join(", "))));
    }
    for row in 0..rows {
        let mut written = Vec::new();
        for (name, elements) in &lists {
            written.push(if written.is_empty() { b'{' } else { b',' });
            columns::string(name, &mut written).map_err(failed)?;
            written.push(b':');
            written.extend_from_slice(columns::part(object, text, elements[row]));
        }
        written.push(b'}');
        let place = Place { file, unit: "row", row: row as u64 };
        reader.shared.check_at(file, place.row)?;
        jsonl::read_row(&mut reader.documents, place, &written, &mut reader.buffer)?;
        if reader.documents.full() {
            break;
        }
    }
    Ok(true)
}

/// The length of the value at the start of `text`; None if it may go on after `text`, which is not
/// possible at the end of the file (`last`) unless the value is unfinished.
fn value_end(text: &[u8], last: bool) -> Option<usize> {
    let mut depth = 0usize;
    let mut at = 0;
    loop {
        match text.get(at)? {
            b'"' => at = string_end(text, at)?,
            b'{' | b'[' => (depth, at) = (depth + 1, at + 1),
            b'}' | b']' => (depth, at) = (depth.saturating_sub(1), at + 1),
            _ if depth > 0 => {
                let special = |byte: &u8| matches!(byte, b'"' | b'{' | b'[' | b'}' | b']');
                at += text[at..].iter().position(special)?;
            }
            _ => {
                let ends = |byte: &u8| byte.is_ascii_whitespace() || b",]}\"[{".contains(byte);
                return match text[at..].iter().position(ends) {
                    Some(length) => Some(at + length),
                    None => last.then_some(text.len()),
                };
            }
        }
        if depth == 0 {
            return Some(at);
        }
    }
}

/// The end of the string whose opening quote is at `start`.
fn string_end(text: &[u8], start: usize) -> Option<usize> {
    let mut at = start + 1;
    loop {
        at += memchr2(b'"', b'\\', text.get(at..)?)?;
        if text[at] == b'"' {
            return Some(at + 1);
        }
        at += 2;
    }
}
