//! Which text of a row a key selects: one set of rules for JSON values and Arrow cells.
//!
//! A key is a dotted path. If an object has the whole rest of the path as one key, that key is
//! used; otherwise the path continues below the part up to the first dot. A list selects its
//! elements, joined by line feeds. At the end of a path, an object in a list is a chat message or a
//! part of one, of which `content` is used or, failing that, `text` or `value`; a message that only
//! calls tools has no text. Null in a list is skipped; anything else that is not a string makes the
//! row a bad row.

/// Maximum nesting of lists, which bounds the recursion on hostile input.
const DEPTH: usize = 64;

/// The keys of the text of a message or of a part of one, in order of preference; the last is that
/// of ShareGPT.
const MESSAGE: [&str; 3] = ["content", "text", "value"];

/// Usual keys of a text, in order of preference.
const TEXTS: [&str; 8] = [
    "text",
    "content",
    "messages",
    "conversations",
    "prompt",
    "instruction",
    "completion",
    "response",
];

/// Longest key, in characters, that is compared with others.
const MAX_NAME: usize = 64;

/// Maximum number of keys shown in a message.
const SHOWN: usize = 16;

/// The kind of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    List,
    Object,
    Null,
    /// Anything else, named with an article.
    Other(&'static str),
}

/// Why a row has no usable text.
#[derive(Debug)]
pub(super) struct Fault {
    pub what: String,
    /// A key that is likely to select the text.
    pub key: Option<String>,
}

impl From<String> for Fault {
    fn from(what: String) -> Fault {
        Fault { what, key: None }
    }
}

impl Fault {
    /// The message if the fault is that of a whole column, with the remedy.
    pub(super) fn of_column(&self) -> String {
        match &self.key {
            Some(key) => format!("{}; give `text_key=\"{key}\"`", self.what),
            None => format!("{}; name a text column with `text_key`", self.what),
        }
    }
}

/// A value in a row. Errors state why the row is bad.
pub(super) trait Value: Copy {
    /// Whether this is a type rather than a value: that of a column of nulls makes no row good.
    const IS_TYPE: bool = false;
    /// The kind of the value.
    fn kind(self) -> Kind;
    /// Appends a string to `out`.
    fn text(self, out: &mut Vec<u8>) -> Result<(), String>;
    /// The field `name` of an object.
    fn field(self, name: &str) -> Result<Option<Self>, String>;
    /// The keys of an object.
    fn names(self) -> Vec<String>;
    /// The elements of a list.
    fn elements(self) -> Result<Vec<Self>, String>;
}

/// Appends to `out` the text that `keys` select in `row`, an object.
pub(super) fn text<V: Value>(row: V, keys: &[String], out: &mut Vec<u8>) -> Result<(), Fault> {
    for (index, key) in keys.iter().enumerate() {
        if index > 0 {
            out.push(b'\n');
        }
        Path { key, depth: 0 }.select(row, key, out)?;
    }
    Ok(())
}

/// The traversal of one key.
#[derive(Debug, Clone, Copy)]
struct Path<'a> {
    key: &'a str,
    /// Number of enclosing lists.
    depth: usize,
}

impl Path<'_> {
    /// Appends the text at `rest`, the part of the key below `value`; false if that is null.
    fn select<V: Value>(self, value: V, rest: &str, out: &mut Vec<u8>) -> Result<bool, Fault> {
        match value.kind() {
            Kind::List => self.join(value, rest, out),
            Kind::Null if self.depth > 0 || V::IS_TYPE => Ok(false),
            Kind::Object if !rest.is_empty() => self.descend(value, rest, out),
            Kind::Object if self.depth > 0 => self.message(value, out),
            Kind::Text if rest.is_empty() => {
                value.text(out)?;
                Ok(true)
            }
            kind => Err(self.mismatch(kind, rest).into()),
        }
    }

    fn join<V: Value>(self, list: V, rest: &str, out: &mut Vec<u8>) -> Result<bool, Fault> {
        if self.depth == DEPTH {
            return Err(format!("more than {DEPTH} nested lists at `{}`", self.key).into());
        }
        let inside = Path { depth: self.depth + 1, ..self };
        let mut first = true;
        for element in list.elements()? {
            let before = out.len();
            if !first {
                out.push(b'\n');
            }
            if inside.select(element, rest, out)? {
                first = false;
            } else {
                out.truncate(before);
            }
        }
        Ok(true)
    }

    fn descend<V: Value>(self, object: V, rest: &str, out: &mut Vec<u8>) -> Result<bool, Fault> {
        if let Some(value) = object.field(rest)? {
            return self.select(value, "", out);
        }
        if let Some((name, below)) = rest.split_once('.')
            && let Some(value) = object.field(name)?
        {
            return self.select(value, below, out);
        }
        let above = self.key[..self.key.len() - rest.len()].trim_end_matches('.');
        let place = if above.is_empty() { "the row".into() } else { format!("`{above}`") };
        let names = object.names();
        let (name, is_near) = match (near(rest, &names), self.depth) {
            (Some(name), _) => (Some(name), true),
            (None, 0) => (likely(object, &names), false),
            (None, _) => (None, false),
        };
        let key = name.map(|name| match above {
            "" => name,
            above => format!("{above}.{name}"),
        });
        let mean = key.as_ref().filter(|_| is_near);
        let mean = mean.map(|key| format!(" (did you mean `{key}`?)")).unwrap_or_default();
        Err(Fault {
            what: format!("no key `{}`{mean}; {place} has {}", self.key, list(&names)),
            key,
        })
    }

    fn message<V: Value>(self, object: V, out: &mut Vec<u8>) -> Result<bool, Fault> {
        for name in MESSAGE {
            if let Some(value) = object.field(name)? {
                return self.select(value, "", out);
            }
        }
        if object.field("tool_calls")?.is_some() {
            return Ok(false);
        }
        let names = list(&object.names());
        let key = self.key;
        Err(format!("an object in `{key}` has none of `content`, `text` and `value`, only {names}")
            .into())
    }

    fn mismatch(self, kind: Kind, rest: &str) -> String {
        let actual = match kind {
            Kind::Text => "a string",
            Kind::List => "a list",
            Kind::Object => "an object",
            Kind::Null => "null",
            Kind::Other(name) => name,
        };
        let wanted = if rest.is_empty() { "a string" } else { "an object" };
        let at = self.key[..self.key.len() - rest.len()].trim_end_matches('.');
        format!("`{at}` is {actual}, not {wanted}")
    }
}

/// The name that differs from `name` by case or a typing error.
fn near(name: &str, names: &[String]) -> Option<String> {
    let allowed = (name.chars().count() / 3).min(2);
    let lower = name.to_lowercase();
    let distance = |other: &String| distance(&lower, &other.to_lowercase());
    let nearest = names.iter().min_by_key(|other| distance(other))?;
    (distance(nearest) <= allowed).then(|| nearest.clone())
}

/// The number of characters to insert, delete, replace or swap with their neighbour.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    if other.len() > MAX_NAME || one.len() > 4 * MAX_NAME {
        return usize::MAX;
    }
    let (mut before, mut above) = (Vec::new(), (0..=other.len()).collect::<Vec<_>>());
    let mut previous = None;
    for (row, char) in one.chars().enumerate() {
        let mut current = vec![row + 1];
        for (column, &another) in other.iter().enumerate() {
            let mut least = (above[column] + usize::from(char != another))
                .min(above[column + 1] + 1)
                .min(current[column] + 1);
            if column > 0 && previous == Some(another) && other[column - 1] == char {
                least = least.min(before[column - 1] + 1);
            }
            current.push(least);
        }
        (before, above, previous) = (above, current, Some(char));
    }
    above[other.len()]
}

/// The name of the value that most likely is the text of an object.
fn likely<V: Value>(object: V, names: &[String]) -> Option<String> {
    let is_text = |name: &str| {
        let value = object.field(name).ok().flatten();
        value.is_some_and(|value| matches!(value.kind(), Kind::Text | Kind::List))
    };
    let known = TEXTS.iter().copied().find(|name| is_text(name)).map(String::from);
    known.or_else(|| names.iter().find(|name| is_text(name)).cloned())
}

/// A readable number of names in backticks.
fn list(names: &[String]) -> String {
    let mut shown: Vec<_> = names.iter().take(SHOWN).map(|name| format!("`{name}`")).collect();
    match names.len() {
        0 => return "no keys".to_string(),
        n if n > SHOWN => shown.push(format!("{} more", n - SHOWN)),
        _ => {}
    }
    shown.join(", ")
}
