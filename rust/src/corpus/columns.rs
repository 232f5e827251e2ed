//! A row in, its columns out, as a JSON object.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::key::{Kind, Value};
use super::options::Columns;

/// Maximum nesting of values, which bounds the recursion on hostile input.
const DEPTH: usize = 64;

impl Columns {
    fn has(&self, name: &[u8]) -> bool {
        match self {
            Columns::All => true,
            Columns::Named(names) => names.iter().any(|other| other.as_bytes() == name),
        }
    }
}

/// A value that can be written as JSON.
pub(super) trait Written: Value {
    /// Appends a value that is no text, list or object to `out`.
    fn write(self, out: &mut Vec<u8>) -> Result<(), String>;
}

/// Appends an object with these columns of `row` to `out`.
pub(super) fn object<V: Written>(
    row: V,
    columns: &Columns,
    out: &mut Vec<u8>,
) -> Result<(), String> {
    fields(row, 0, |name| columns.has(name.as_bytes()), out)
}

fn fields<V: Written>(
    object: V,
    depth: usize,
    wanted: impl Fn(&str) -> bool,
    out: &mut Vec<u8>,
) -> Result<(), String> {
    out.push(b'{');
    let mut first = true;
    for name in object.names().iter().filter(|name| wanted(name)) {
        if let Some(field) = object.field(name)? {
            separate(&mut first, out);
            string(name, out)?;
            out.push(b':');
            value(field, depth + 1, out)?;
        }
    }
    out.push(b'}');
    Ok(())
}

fn value<V: Written>(value: V, depth: usize, out: &mut Vec<u8>) -> Result<(), String> {
    if depth == DEPTH {
        return Err(format!("values nested more than {DEPTH} deep"));
    }
    match value.kind() {
        Kind::Null => out.extend_from_slice(b"null"),
        Kind::Text => {
            let mut text = Vec::new();
            value.text(&mut text)?;
            let text = str::from_utf8(&text)
                .map_err(|error| format!("bytes that are not UTF-8 at {}", error.valid_up_to()))?;
            string(text, out)?;
        }
        Kind::List => {
            out.push(b'[');
            let mut first = true;
            for element in value.elements()? {
                separate(&mut first, out);
                self::value(element, depth + 1, out)?;
            }
            out.push(b']');
        }
        Kind::Object => fields(value, depth, |_| true, out)?,
        Kind::Other(_) => value.write(out)?,
    }
    Ok(())
}

fn separate(first: &mut bool, out: &mut Vec<u8>) {
    if !std::mem::take(first) {
        out.push(b',');
    }
}

/// Appends a JSON string to `out`.
pub(super) fn string(text: &str, out: &mut Vec<u8>) -> Result<(), String> {
    serde_json::to_writer(out, text).map_err(|error| error.to_string())
}

/// Appends the columns of a row of JSON to `out`, as the file has them.
///
/// `row` is `written` with other numbers of the same length in place of NaN and Infinity.
pub(super) fn copy(
    row: &str,
    written: &[u8],
    columns: &Columns,
    out: &mut Vec<u8>,
) -> serde_json::Result<()> {
    let mut reader = serde_json::Deserializer::from_str(row);
    reader.deserialize_map(CopyFields { row, written, columns, out })?;
    reader.end()
}

struct CopyFields<'a> {
    row: &'a str,
    written: &'a [u8],
    columns: &'a Columns,
    out: &'a mut Vec<u8>,
}

impl<'de> Visitor<'de> for CopyFields<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        self.out.push(b'{');
        let mut first = true;
        // Of a key that occurs twice, readers of JSON use the last value.
        while let Some(name) = map.next_key::<&RawValue>()? {
            let plain = serde_json::from_str::<String>(name.get()).unwrap_or_default();
            if !self.columns.has(plain.as_bytes()) {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            separate(&mut first, self.out);
            self.out.extend_from_slice(name.get().as_bytes());
            self.out.push(b':');
            let value = map.next_value::<&RawValue>()?;
            self.out.extend_from_slice(part(self.written, self.row, value));
        }
        self.out.push(b'}');
        Ok(())
    }
}

/// The columns of an object of columns by name: its non-empty lists.
///
/// None if `object` is a row: if it is not well-formed, has no list of plain values, or has strings
/// or objects beside its lists.
pub(super) fn lists(object: &str) -> Option<BTreeMap<String, Vec<&RawValue>>> {
    let fields = serde_json::from_str::<BTreeMap<String, &RawValue>>(object).ok()?;
    let starts = |value: &RawValue, with: &[u8]| with.contains(&value.get().as_bytes()[0]);
    if fields.values().any(|value| starts(value, b"\"{")) {
        return None;
    }
    let mut columns = BTreeMap::new();
    for (name, value) in fields {
        if starts(value, b"[") {
            let elements = serde_json::from_str::<Vec<&RawValue>>(value.get()).ok()?;
            columns.insert(name, elements);
        }
    }
    columns.retain(|_, elements| !elements.is_empty());
    let is_plain = |elements: &Vec<&RawValue>| !starts(elements[0], b"[{");
    columns.values().any(is_plain).then_some(columns)
}

/// The part of `written` at the place that `value` has in `text`, which is equally long.
pub(super) fn part<'a>(written: &'a [u8], text: &str, value: &RawValue) -> &'a [u8] {
    let start = value.get().as_ptr().addr() - text.as_ptr().addr();
    &written[start..start + value.get().len()]
}
