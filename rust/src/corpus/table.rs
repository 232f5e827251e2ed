//! A .csv or .tsv file in, documents out: column names in the first record, then a row per record.

use std::io::{self, Read};

use csv::{ByteRecord, ErrorKind, ReaderBuilder};

use super::columns::{self, Written};
use super::discover::File;
use super::documents::{DocumentSink, Place};
use super::key::{self, Fault, Kind, Value};
use super::open::Source;
use super::reader::{Reader, Shared};
use crate::{Error, Result};

/// Bytes of text read at once.
const BLOCK: usize = 1 << 20;

/// Maximum size of a record; a quote that is never closed makes one of the rest of the file.
const MAX_RECORD: usize = 64 << 20;

/// Follows the last byte of a file: a record of its own unless a quote is still open.
const END: &[u8] = b"\n\0";

/// Reads a file whose cells are separated by `delimiter`, quoted as in RFC 4180 or not at all.
pub(super) fn read_table<'a, S: DocumentSink>(
    reader: &mut Reader<'a, S>,
    file: &'a File,
    delimiter: u8,
    quoting: bool,
) -> Result<()> {
    let (shared, options) = (reader.shared, reader.documents.options());
    let source = Source::open(file, shared)?;
    let feed = Feed { source, shared, block: Vec::new(), used: 0, record: 0, ended: false };
    let mut records = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter)
        .quoting(quoting)
        .from_reader(feed);
    let damaged = |reason| Error::Corpus { path: file.path.clone(), reason };
    let mut record = ByteRecord::new();
    let mut names: Option<Vec<String>> = None;
    let mut row = 0;
    let text = &mut reader.buffer;
    while !reader.documents.full() {
        let next = records.read_byte_record(&mut record);
        if !next.map_err(|error| fault(error, file, row))? {
            return Err(damaged("a quote is opened and never closed; close it".to_string()));
        }
        records.get_mut().record = 0;
        if records.get_ref().ended && record.len() == 1 && &record[0] == b"\0" {
            return Ok(());
        }
        let Some(names) = &names else {
            let header = names.insert(header(&record).map_err(damaged)?);
            if options.columns.is_none() {
                key::text(Cell::Names(header), &options.text_key, &mut Vec::new())
                    .map_err(|fault| damaged(fault.of_column()))?;
            }
            continue;
        };
        shared.check_at(file, row)?;
        let place = Place { file, unit: "row", row };
        row += 1;
        if !reader.documents.wants(place) {
            continue;
        }
        text.clear();
        let cells = Cell::Row(names, &record);
        let selected = match &options.columns {
            _ if record.len() > names.len() => {
                Err(format!("{} cells for {} columns", record.len(), names.len()).into())
            }
            Some(wanted) => columns::object(cells, wanted, text).map_err(Fault::from),
            None => key::text(cells, &options.text_key, text),
        };
        match selected {
            Ok(()) => reader.documents.document(place, text)?,
            Err(fault) => reader.documents.bad_row(place, fault)?,
        }
    }
    Ok(())
}

/// The names of the columns.
fn header(record: &ByteRecord) -> std::result::Result<Vec<String>, String> {
    let name = |cell: &[u8]| {
        String::from_utf8(cell.to_vec())
            .map_err(|_| "the column names are not UTF-8; save the file as UTF-8".to_string())
    };
    record.iter().map(name).collect()
}

/// The error behind that of the csv crate, after `row` whole rows.
fn fault(error: csv::Error, file: &File, row: u64) -> Error {
    let path = file.path.clone();
    match error.into_kind() {
        ErrorKind::Io(source) => match source.downcast::<Error>() {
            Ok(error) => error,
            Err(source) => Error::Io { path, source },
        },
        _ => Error::Corpus { path, reason: format!("row {} cannot be read", row + 1) },
    }
}

/// A cell of a table, or a whole row.
#[derive(Debug, Clone, Copy)]
enum Cell<'a> {
    /// The header, whose columns all hold text.
    Names(&'a [String]),
    Row(&'a [String], &'a ByteRecord),
    Text(&'a [u8]),
    /// A cell that a short row lacks.
    Missing,
}

impl Value for Cell<'_> {
    fn kind(self) -> Kind {
        match self {
            Cell::Names(_) | Cell::Row(..) => Kind::Object,
            Cell::Text(_) => Kind::Text,
            Cell::Missing => Kind::Null,
        }
    }

    fn text(self, out: &mut Vec<u8>) -> std::result::Result<(), String> {
        if let Cell::Text(text) = self {
            std::str::from_utf8(text).map_err(|error| {
                format!("not UTF-8 at byte {} of the cell", error.valid_up_to())
            })?;
            out.extend_from_slice(text);
        }
        Ok(())
    }

    fn field(self, name: &str) -> std::result::Result<Option<Self>, String> {
        // Of columns with the same name the last, as in JSON.
        let find = |names: &[String]| names.iter().rposition(|other| other == name);
        Ok(match self {
            Cell::Names(names) => find(names).map(|_| Cell::Text(b"")),
            Cell::Row(names, record) => {
                find(names).map(|at| record.get(at).map_or(Cell::Missing, Cell::Text))
            }
            Cell::Text(_) | Cell::Missing => None,
        })
    }

    fn names(self) -> Vec<String> {
        match self {
            Cell::Names(names) | Cell::Row(names, _) => names.to_vec(),
            Cell::Text(_) | Cell::Missing => Vec::new(),
        }
    }

    fn elements(self) -> std::result::Result<Vec<Self>, String> {
        Ok(Vec::new())
    }
}

impl Written for Cell<'_> {
    /// Cells are texts.
    fn write(self, _out: &mut Vec<u8>) -> std::result::Result<(), String> {
        Ok(())
    }
}

/// The text of a file, followed by [`END`].
struct Feed<'a> {
    source: Source<'a>,
    shared: &'a Shared<'a>,
    block: Vec<u8>,
    /// How much of the block has been passed on.
    used: usize,
    /// Bytes passed on since the last complete record.
    record: usize,
    /// Whether the file is at its end.
    ended: bool,
}

impl Feed<'_> {
    fn refill(&mut self) -> Result<()> {
        self.shared.check()?;
        if self.record > MAX_RECORD {
            return Err(Error::Corpus {
                path: self.source.path().to_path_buf(),
                reason: format!(
                    "a row of more than {} MiB, perhaps because a quote is never closed; close it",
                    MAX_RECORD >> 20
                ),
            });
        }
        self.block.clear();
        self.used = 0;
        if !self.ended {
            self.ended = self.source.fill(&mut self.block, BLOCK)?;
            if self.ended {
                self.block.extend_from_slice(END);
            }
        }
        Ok(())
    }
}

impl Read for Feed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.used == self.block.len() {
            self.refill().map_err(io::Error::other)?;
        }
        let read = (&self.block[self.used..]).read(buffer)?;
        self.used += read;
        self.record += read;
        Ok(read)
    }
}
