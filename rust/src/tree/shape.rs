//! The kind of a tree, the amount of text in it, and the layout of its rows.

use crate::{Error, Result};

/// The segmentation: how a document is cut into leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Segment {
    /// Consecutive segments of d symbols, the last one ending with EOS (Thm 3.4).
    #[default]
    Chunk,
    /// The first d symbols only (Def 3.1 taken literally).
    Prefix,
    /// The d symbols from every position, including that of EOS (n-gram statistics).
    Window,
}

impl Segment {
    /// Parses `chunk`, `prefix` or `window`.
    pub fn parse(name: &str) -> Result<Segment> {
        match name {
            "chunk" => Ok(Segment::Chunk),
            "prefix" => Ok(Segment::Prefix),
            "window" => Ok(Segment::Window),
            _ => Err(Error::InvalidArgument(format!(
                "unknown segmentation '{name}': choose chunk, prefix or window"
            ))),
        }
    }

    /// `chunk`, `prefix` or `window`.
    pub fn name(self) -> &'static str {
        match self {
            Segment::Chunk => "chunk",
            Segment::Prefix => "prefix",
            Segment::Window => "window",
        }
    }
}

/// The kind of a token tree; trees of the same shape can be merged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    depth: usize,
    /// How documents are cut into leaves.
    pub segment: Segment,
    /// `bit`, `byte`, `ids`, or `bpe:` and the start of the tokenizer file's SHA-256.
    pub alphabet: String,
    vocabulary: u32,
}

impl Shape {
    /// The maximum depth of a tree.
    pub const MAX_DEPTH: usize = 64;
    /// The largest vocabulary.
    pub const MAX_VOCABULARY: u32 = 1 << 24;

    /// A shape of `depth` symbols (1 to 64) over ids below `vocabulary` (1 to 2^24).
    pub fn new(depth: usize, segment: Segment, alphabet: &str, vocabulary: u32) -> Result<Shape> {
        if !(1..=Self::MAX_DEPTH).contains(&depth) {
            return Err(Error::InvalidArgument(format!(
                "depth {depth} is out of range: choose 1 to {} symbols",
                Self::MAX_DEPTH
            )));
        }
        if !(1..=Self::MAX_VOCABULARY).contains(&vocabulary) {
            return Err(Error::InvalidArgument(format!(
                "vocabulary {vocabulary} is out of range: choose 1 to {}",
                Self::MAX_VOCABULARY
            )));
        }
        Ok(Shape { depth, segment, alphabet: alphabet.to_string(), vocabulary })
    }

    /// Returns [`Error::InvalidArgument`] if the alphabet is unknown or has another vocabulary.
    pub(super) fn check_alphabet(&self) -> Result<()> {
        let expected = match self.alphabet.as_str() {
            "bit" => 2,
            "byte" => 256,
            "ids" => self.vocabulary,
            other => match other.strip_prefix("bpe:") {
                Some(digits) if digits.bytes().all(|digit| digit.is_ascii_hexdigit()) => {
                    self.vocabulary
                }
                _ => return Err(Error::InvalidArgument(format!("unknown alphabet '{other}'"))),
            },
        };
        if self.vocabulary != expected {
            return Err(Error::InvalidArgument(format!(
                "its vocabulary is {}, but the alphabet {} has {expected} symbols",
                self.vocabulary, self.alphabet
            )));
        }
        Ok(())
    }

    /// The same shape with another depth.
    pub fn with_depth(&self, depth: usize) -> Result<Shape> {
        Shape::new(depth, self.segment, &self.alphabet, self.vocabulary)
    }

    /// Length of the longest path in symbols, including EOS.
    pub fn depth(&self) -> usize {
        self.depth
    }

    /// Number of symbols without EOS.
    pub fn vocabulary(&self) -> u32 {
        self.vocabulary
    }

    /// The id of EOS: the first id after the vocabulary.
    pub fn eos(&self) -> u32 {
        self.vocabulary
    }

    /// Bits needed for a symbol or EOS.
    pub(crate) fn bits(&self) -> u32 {
        u32::BITS - self.vocabulary.leading_zeros()
    }

    /// Bytes of a symbol in a stored row: 1, 2 or 4.
    pub fn symbol_bytes(&self) -> usize {
        match self.bits() {
            0..=8 => 1,
            9..=16 => 2,
            _ => 4,
        }
    }

    /// Bytes of a row: a path of `depth` symbols.
    pub(crate) fn row_len(&self) -> usize {
        self.depth * self.symbol_bytes()
    }

    /// Number of symbols of the path in `row`, including its EOS.
    pub(crate) fn path_len(&self, row: &[u8]) -> usize {
        let width = self.symbol_bytes();
        if symbol_at(&row[row.len() - width..]) != self.eos() {
            return self.depth;
        }
        let mut symbols = row.chunks_exact(width).map(symbol_at);
        symbols.position(|symbol| symbol == self.eos()).map_or(self.depth, |at| at + 1)
    }

    /// `path` as the beginning of a row, big-endian.
    pub(crate) fn row_prefix(&self, path: &[u32]) -> Result<Vec<u8>> {
        if path.len() > self.depth {
            return Err(Error::InvalidArgument(format!(
                "a path of {} symbols is longer than the tree's depth of {}",
                path.len(),
                self.depth
            )));
        }
        let mut row = Vec::with_capacity(self.row_len());
        for &symbol in path {
            if symbol > self.eos() {
                return Err(Error::InvalidArgument(format!(
                    "symbol {symbol} is not in the alphabet: ids run to {}, and {} is EOS",
                    self.vocabulary - 1,
                    self.eos()
                )));
            }
            row.extend_from_slice(&symbol.to_be_bytes()[4 - self.symbol_bytes()..]);
        }
        Ok(row)
    }
}

/// The amount of text in a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Volume {
    /// Number of documents.
    pub documents: u64,
    /// Raw bytes of text.
    pub bytes: u64,
    /// Number of symbols, without EOS.
    pub symbols: u64,
    /// Number of rows skipped because they have no usable text.
    pub bad_rows: u64,
    /// Number of leaf occurrences, the `|D_i|` of the theory.
    pub segments: u64,
}

impl Volume {
    /// The sum of two volumes; fails if a number exceeds 64 bits.
    pub fn plus(self, other: Volume) -> Result<Volume> {
        let sum = |mine: u64, others: u64| {
            mine.checked_add(others).ok_or_else(|| {
                Error::InvalidArgument(
                    "together the trees hold more text than 64 bits can count: merge fewer of them"
                        .to_string(),
                )
            })
        };
        Ok(Volume {
            documents: sum(self.documents, other.documents)?,
            bytes: sum(self.bytes, other.bytes)?,
            symbols: sum(self.symbols, other.symbols)?,
            bad_rows: sum(self.bad_rows, other.bad_rows)?,
            segments: sum(self.segments, other.segments)?,
        })
    }

    /// Returns [`Error::InvalidArgument`] if no text has this volume in a tree of `shape`, or in
    /// a deeper one from which it was pruned.
    pub(super) fn check(&self, shape: &Shape) -> Result<()> {
        let Volume { documents, bytes, symbols, segments, .. } = *self;
        let [wide_documents, wide_bytes, wide_symbols, wide_segments] =
            [documents, bytes, symbols, segments].map(u128::from);
        let symbols_in_bytes = match shape.alphabet.as_str() {
            "bit" => wide_symbols == 8 * wide_bytes,
            "byte" => symbols == bytes,
            "ids" => bytes == 0,
            _ => true,
        };
        if !symbols_in_bytes {
            return Err(Error::InvalidArgument(format!(
                "{bytes} bytes of text cannot be {symbols} symbols of the alphabet {}",
                shape.alphabet
            )));
        }
        // Every document ends with EOS, so it has at least one segment.
        let with_ends = wide_symbols + wide_documents;
        let possible = match shape.segment {
            Segment::Chunk => {
                (wide_documents..=with_ends).contains(&wide_segments)
                    && with_ends <= wide_segments * Shape::MAX_DEPTH as u128
            }
            Segment::Prefix => segments == documents,
            Segment::Window => wide_segments == with_ends,
        };
        if !possible || documents == 0 {
            return Err(Error::InvalidArgument(format!(
                "{symbols} symbols in documents, {documents} in number, cannot give {segments} \
                 segments of the kind {}",
                shape.segment.name()
            )));
        }
        Ok(())
    }
}

/// Length of the common prefix of two rows in symbols of `width` bytes.
#[inline]
pub(crate) fn shared_symbols(a: &[u8], b: &[u8], width: usize) -> usize {
    shared_bytes(a, b) / width
}

/// The id of a big-endian symbol of a row.
pub(super) fn symbol_at(symbol: &[u8]) -> u32 {
    symbol.iter().fold(0, |id, &byte| id << 8 | u32::from(byte))
}

/// Length of the common prefix of `a` and `b`, which have equal length, in bytes.
#[inline]
pub(super) fn shared_bytes(a: &[u8], b: &[u8]) -> usize {
    let mut at = 0;
    while at + 8 <= a.len() {
        let x = u64::from_le_bytes(a[at..at + 8].try_into().unwrap_or_default());
        let y = u64::from_le_bytes(b[at..at + 8].try_into().unwrap_or_default());
        let differing = x ^ y;
        if differing != 0 {
            return at + (differing.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    at + a[at..].iter().zip(&b[at..]).take_while(|(x, y)| x == y).count()
}
