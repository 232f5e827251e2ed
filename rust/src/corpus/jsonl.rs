//! Lines of JSON in, documents out.
//!
//! Only the values on the path of a key are parsed; the rest of a row is skipped, without building
//! a tree of the row.

use std::fmt;

use memchr::memchr;
use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::columns;
use super::discover::File;
use super::documents::{DocumentSink, Documents, Place};
use super::key::{self, Fault, Kind, Value};
use super::options::ReadOptions;
use super::unescape;
use crate::Result;

/// Reads the rows in `block`, which starts at line `line` (from 0) of `file`.
///
/// `text` is a reusable buffer.
pub(super) fn read<S: DocumentSink>(
    documents: &mut Documents<'_, S>,
    file: &File,
    mut line: u64,
    mut block: &[u8],
    text: &mut Vec<u8>,
) -> Result<()> {
    while !block.is_empty() && !documents.full() {
        let (row, next) = match memchr(b'\n', block) {
            Some(at) => (&block[..at], at + 1),
            None => (block, block.len()),
        };
        let row = row.trim_ascii();
        if !row.is_empty() {
            read_row(documents, Place { file, unit: "line", row: line }, row, text)?;
        }
        block = &block[next..];
        line += 1;
    }
    Ok(())
}

/// Reads one row without white space around it; `text` is a reusable buffer.
pub(super) fn read_row<S: DocumentSink>(
    documents: &mut Documents<'_, S>,
    place: Place<'_>,
    row: &[u8],
    text: &mut Vec<u8>,
) -> Result<()> {
    if !documents.wants(place) {
        return Ok(());
    }
    let options = documents.options();
    text.clear();
    let selected = select(row, row, options, text).or_else(|fault| {
        let Some(plain) = without_nan(row) else { return Err(fault) };
        text.clear();
        select(&plain, row, options, text)
    });
    match selected {
        Ok(()) => documents.document(place, text),
        Err(fault) => documents.bad_row(place, fault),
    }
}

/// The row with other numbers of the same length in place of NaN and Infinity, which Python writes
/// but JSON lacks; None if it has neither.
pub(super) fn without_nan(row: &[u8]) -> Option<Vec<u8>> {
    const NUMBERS: [(&[u8], &[u8]); 2] = [(b"NaN", b"0.0"), (b"Infinity", b"0.000000")];
    let mut plain = row.to_vec();
    let (mut at, mut in_string, mut found) = (0, false, false);
    while let Some(&byte) = row.get(at) {
        let number = NUMBERS.iter().find(|(name, _)| !in_string && row[at..].starts_with(name));
        at += match (byte, number) {
            (_, Some((name, number))) => {
                plain[at..at + name.len()].copy_from_slice(number);
                found = true;
                name.len()
            }
            (b'\\', _) if in_string => 2,
            (b'"', _) => {
                in_string = !in_string;
                1
            }
            _ => 1,
        };
    }
    found.then_some(plain)
}

/// Appends to `text` what the options select in a row: its text, or columns of it as `written`.
fn select(
    row: &[u8],
    written: &[u8],
    options: &ReadOptions,
    text: &mut Vec<u8>,
) -> std::result::Result<(), Fault> {
    let row = std::str::from_utf8(row)
        .map_err(|error| format!("not UTF-8 at column {}", error.valid_up_to() + 1))?;
    if !row.starts_with('{') {
        serde_json::from_str::<IgnoredAny>(row).map_err(invalid)?;
        let kind = match Json(row).kind() {
            Kind::Text => "a string",
            Kind::List => "a list",
            Kind::Null => "null",
            Kind::Other(name) => name,
            Kind::Object => "an object",
        };
        return Err(format!("the row is {kind}, not an object").into());
    }
    match &options.columns {
        Some(wanted) => Ok(columns::copy(row, written, wanted, text).map_err(invalid)?),
        None => key::text(Json(row), &options.text_key, text),
    }
}

/// The source of a JSON value. All except whole rows are known to be well-formed.
#[derive(Debug, Clone, Copy)]
struct Json<'a>(&'a str);

impl Value for Json<'_> {
    fn kind(self) -> Kind {
        match self.0.as_bytes().first() {
            Some(b'"') => Kind::Text,
            Some(b'[') => Kind::List,
            Some(b'{') => Kind::Object,
            Some(b'n') => Kind::Null,
            Some(b't' | b'f') => Kind::Other("a boolean"),
            _ => Kind::Other("a number"),
        }
    }

    fn text(self, out: &mut Vec<u8>) -> std::result::Result<(), String> {
        Ok(unescape::append(self.0, out)?)
    }

    fn field(self, name: &str) -> std::result::Result<Option<Self>, String> {
        let mut reader = serde_json::Deserializer::from_str(self.0);
        let value = reader.deserialize_map(FindField(name)).map_err(invalid)?;
        reader.end().map_err(invalid)?;
        Ok(value.map(|value| Json(value.get())))
    }

    fn names(self) -> Vec<String> {
        serde_json::from_str::<serde_json::Map<_, _>>(self.0)
            .map(|object| object.into_iter().map(|(name, _)| name).collect())
            .unwrap_or_default()
    }

    fn elements(self) -> std::result::Result<Vec<Self>, String> {
        let elements: Vec<&RawValue> = serde_json::from_str(self.0).map_err(invalid)?;
        Ok(elements.into_iter().map(|element| Json(element.get())).collect())
    }
}

/// The message of serde_json, without the line number of rows of one line.
fn invalid(error: serde_json::Error) -> String {
    format!("invalid JSON ({})", error.to_string().replace(" at line 1 column ", " at column "))
}

/// Finds a field of an object; of duplicates the last, as in Python.
struct FindField<'a>(&'a str);

impl<'de> Visitor<'de> for FindField<'_> {
    type Value = Option<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(
        self,
        mut map: A,
    ) -> std::result::Result<Self::Value, A::Error> {
        let mut value = None;
        while let Some(matches) = map.next_key_seed(IsName(self.0))? {
            if matches {
                value = Some(map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(value)
    }
}

/// Whether a key equals this name.
struct IsName<'a>(&'a str);

impl<'de> DeserializeSeed<'de> for IsName<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, key: D) -> std::result::Result<bool, D::Error> {
        // Not as a string, so that a key with half a surrogate pair is simply another one.
        key.deserialize_bytes(self)
    }
}

impl Visitor<'_> for IsName<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_bytes<E: de::Error>(self, key: &[u8]) -> std::result::Result<bool, E> {
        Ok(key == self.0.as_bytes())
    }
}
