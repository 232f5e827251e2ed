//! Plain text: where its lines and paragraphs begin and end.
//!
//! All functions work on bytes, and so on text in any superset of ASCII.

use memchr::{memchr, memchr_iter, memmem, memrchr};

/// The unit that a text is split into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit<'a> {
    /// Non-empty lines.
    Line,
    /// Runs of lines that are not blank; a blank line has only white space.
    Paragraph,
    /// What lies between two of these separators, without line ends at its edges.
    Between(&'a [u8]),
}

/// The end of a unit's text, and of the line endings and blank lines after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct End {
    pub text: usize,
    pub next: usize,
    /// Line feeds before `next`.
    pub lines: u64,
}

impl Unit<'_> {
    /// Number of bytes and line feeds in `text` before its first unit.
    ///
    /// `text` consists of whole lines.
    pub(super) fn gap(self, text: &[u8]) -> (usize, u64) {
        let (mut at, mut lines) = (0, 0);
        loop {
            let rest = &text[at..];
            let line = match self {
                Unit::Line if rest.starts_with(b"\n") => 1,
                Unit::Line if rest.starts_with(b"\r\n") => 2,
                Unit::Paragraph if rest.first().is_some_and(u8::is_ascii_whitespace) => {
                    let line = memchr(b'\n', rest).map_or(rest.len(), |end| end + 1);
                    if is_blank(&rest[..line]) { line } else { 0 }
                }
                Unit::Between(separator) if rest.starts_with(separator) => separator.len(),
                Unit::Between(_) => usize::from(rest.first().is_some_and(is_line_end)),
                _ => 0,
            };
            if line == 0 {
                return (at, lines);
            }
            lines += self::lines(&rest[..line]);
            at += line;
        }
    }

    /// Number of bytes at the start of a unit that turns out to be longer than `text` which are no
    /// part of it.
    pub(super) fn lead(self, text: &[u8]) -> usize {
        match self {
            Unit::Line | Unit::Paragraph => 0,
            Unit::Between(_) => text.iter().take_while(|byte| is_line_end(byte)).count(),
        }
    }

    /// The end of the unit at the start of `text`, which starts with a line that is not blank.
    ///
    /// None if the unit may continue after `text`, which is not possible at the end of the file
    /// (`last`).
    pub(super) fn end(self, text: &[u8], last: bool) -> Option<End> {
        if let Unit::Between(separator) = self {
            let (end, next) = match memmem::find(text, separator) {
                Some(at) => (at, at + separator.len()),
                None if last => (text.len(), text.len()),
                None => return None,
            };
            let lines = lines(&text[..next]);
            return Some(End { text: without_line_ends(&text[..end]).len(), next, lines });
        }
        let mut lines = 0;
        // The end of the unit's text if it ends with the line before `next`.
        let (mut end, mut next) = (0, 0);
        while let Some(line) = memchr(b'\n', &text[next..]) {
            if lines > 0 && self == Unit::Paragraph && is_blank(&text[next..next + line]) {
                return Some(End { text: end, next: next + line + 1, lines: lines + 1 });
            }
            end = next + without_return(&text[next..next + line]).len();
            next += line + 1;
            lines += 1;
            if self == Unit::Line {
                return Some(End { text: end, next, lines });
            }
        }
        if !last {
            return None;
        }
        let ended = lines > 0 && is_blank(&text[next..]);
        Some(End { text: if ended { end } else { text.len() }, next: text.len(), lines })
    }

    /// The end of the last complete unit or gap in `text`.
    pub(super) fn last_end(self, text: &[u8]) -> Option<usize> {
        if let Unit::Between(separator) = self {
            return memmem::rfind(text, separator).map(|at| at + separator.len());
        }
        let mut end = memrchr(b'\n', text)? + 1;
        if self == Unit::Paragraph {
            loop {
                let start = memrchr(b'\n', &text[..end - 1]).map_or(0, |at| at + 1);
                if is_blank(&text[start..end]) {
                    break;
                }
                if start == 0 {
                    return None;
                }
                end = start;
            }
        }
        Some(end)
    }

    /// How much of `text`, in which a unit continues to the end, certainly belongs to that unit:
    /// everything except what may turn out to be a line ending, blank, or part of a separator.
    pub(super) fn sure(self, text: &[u8]) -> usize {
        match self {
            Unit::Line => without_return(text).len(),
            Unit::Paragraph => text.trim_ascii_end().len(),
            Unit::Between(separator) => {
                without_line_ends(&text[..text.len().saturating_sub(separator.len() - 1)]).len()
            }
        }
    }
}

/// Number of line feeds in `text`.
pub(super) fn lines(text: &[u8]) -> u64 {
    memchr_iter(b'\n', text).count() as u64
}

fn is_line_end(byte: &u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

fn without_line_ends(text: &[u8]) -> &[u8] {
    let ends = text.iter().rev().take_while(|byte| is_line_end(byte)).count();
    &text[..text.len() - ends]
}

fn is_blank(line: &[u8]) -> bool {
    line.iter().all(u8::is_ascii_whitespace)
}

fn without_return(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}
