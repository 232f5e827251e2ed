//! Text to `.ec` files and back: the loop over blocks that all codecs share.

use std::fmt;
use std::io::{Read, Write};
use std::path::Path;

use super::container::{Block, Reader, Writer, check_of, push_varint, take_varint};
use crate::{Error, Job, Result};

/// The longest block, in bytes of text; long, because each block has an overhead of 20 bytes.
pub(super) const BLOCK: usize = 16 << 20;

/// What a file was coded with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Description {
    /// The paper's protocol: a Huffman code for segments of bytes, with its codebook in the file.
    Static {
        /// Length of a segment in bytes.
        depth: u64,
    },
    /// A tree model that was untrained at the start of the text.
    Tree {
        /// Its longest context.
        depth: u64,
        /// Size of its tables in bytes.
        memory: u64,
        /// Version of the model's arithmetic.
        revision: u64,
    },
    /// A saved tree model, which continues to learn from the text.
    SavedTree {
        /// The first bytes of its file's SHA-256.
        identity: [u8; 16],
        /// As above.
        revision: u64,
    },
    /// Another language model, described in JSON by its caller.
    LanguageModel(String),
}

impl Description {
    /// Serializes to a kind, then varints or the JSON.
    fn to_bytes(&self) -> Vec<u8> {
        let (kind, numbers) = match self {
            Description::Static { depth } => (0, vec![*depth]),
            Description::Tree { depth, memory, revision } => (1, vec![*depth, *memory, *revision]),
            Description::SavedTree { identity, revision } => {
                let mut bytes = [&[2], &identity[..]].concat();
                push_varint(&mut bytes, *revision);
                return bytes;
            }
            Description::LanguageModel(json) => return [&[3], json.as_bytes()].concat(),
        };
        let mut bytes = vec![kind];
        numbers.into_iter().for_each(|number| push_varint(&mut bytes, number));
        bytes
    }

    /// Parses the result of [`Description::to_bytes`]; `None` if it is invalid.
    fn from_bytes(bytes: &[u8]) -> Option<Description> {
        let (&kind, mut rest) = bytes.split_first()?;
        let rest = &mut rest;
        let description = match kind {
            0 => Description::Static { depth: take_varint(rest)? },
            1 => Description::Tree {
                depth: take_varint(rest)?,
                memory: take_varint(rest)?,
                revision: take_varint(rest)?,
            },
            2 => {
                let (identity, after) = rest.split_first_chunk()?;
                *rest = after;
                Description::SavedTree { identity: *identity, revision: take_varint(rest)? }
            }
            3 => {
                let json = String::from_utf8(std::mem::take(rest).to_vec()).ok()?;
                Description::LanguageModel(json)
            }
            _ => return None,
        };
        rest.is_empty().then_some(description)
    }
}

impl fmt::Display for Description {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Description::Static { depth } => write!(f, "static:{depth}"),
            Description::Tree { depth, .. } => write!(f, "tree:{depth}"),
            Description::SavedTree { identity, .. } => {
                f.write_str("the saved tree model whose SHA-256 begins with ")?;
                identity.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
            Description::LanguageModel(_) => f.write_str("a language model"),
        }
    }
}

/// A coded block, and its predicted cost.
#[derive(Debug, Clone, PartialEq)]
pub struct Coded {
    /// The codec's own number for how it was coded, from 1.
    pub method: u8,
    /// The code.
    pub bytes: Vec<u8>,
    /// The code length that the model predicted, in bits.
    pub predicted_bits: f64,
}

/// Codes text block by block.
pub trait Codec: Send {
    /// What a decoder needs to know.
    fn description(&self) -> Description;

    /// The longest block, in bytes of text.
    fn block_len(&self) -> usize {
        BLOCK
    }

    /// Number of blocks that are coded at once.
    fn parallelism(&self) -> usize {
        1
    }

    /// Encodes the next block; `last` if the text ends with it.
    fn encode(&mut self, raw: &[u8], last: bool, job: &Job) -> Result<Coded>;

    /// Decodes the next block, to `raw_len` bytes of text. Progress counts bytes of text.
    fn decode(&mut self, method: u8, coded: &[u8], raw_len: usize, job: &Job) -> Result<Vec<u8>>;

    /// Encodes the next blocks; `last` if the text ends with them.
    fn encode_all(&mut self, blocks: &[Vec<u8>], last: bool, job: &Job) -> Result<Vec<Coded>> {
        let ends = |at| last && at + 1 == blocks.len();
        blocks.iter().enumerate().map(|(at, raw)| self.encode(raw, ends(at), job)).collect()
    }

    /// Decodes the next blocks.
    fn decode_all(&mut self, blocks: &[Block], job: &Job) -> Vec<Result<Vec<u8>>> {
        let decode =
            |block: &Block| self.decode(block.method, &block.coded, block.raw_len as usize, job);
        blocks.iter().map(decode).collect()
    }
}

/// The outcome of coding a text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Coding {
    /// Bytes of text.
    pub raw_bytes: u64,
    /// Bytes of the file.
    pub coded_bytes: u64,
    /// Bytes of the file that describe the model.
    pub description_bytes: u64,
    /// The code length that the model predicted, in bits.
    pub predicted_bits: f64,
}

/// Compresses `source` into `target`; error messages name them by their paths.
pub fn compress(
    (source, source_path): (impl Read, &Path),
    (target, target_path): (impl Write, &Path),
    codec: &mut dyn Codec,
    job: &Job,
) -> Result<Coding> {
    let description = codec.description().to_bytes();
    let mut writer = Writer::new(target, target_path, &description)?;
    let mut blocks = Blocks { source, path: source_path, len: codec.block_len(), rest: Vec::new() };
    let (mut raw_bytes, mut predicted_bits) = (0, 0.0);
    let mut ahead = blocks.next(job)?;
    loop {
        let mut batch = vec![ahead];
        ahead = blocks.next(job)?;
        while batch.len() < codec.parallelism() && !ahead.is_empty() {
            batch.push(ahead);
            ahead = blocks.next(job)?;
        }
        let last = ahead.is_empty();
        for (raw, coded) in batch.iter().zip(codec.encode_all(&batch, last, job)?) {
            raw_bytes += raw.len() as u64;
            predicted_bits += coded.predicted_bits;
            writer.push(&Block {
                method: coded.method,
                raw_len: raw.len() as u64,
                raw_check: check_of(raw),
                coded: coded.bytes,
            })?;
        }
        if last {
            break;
        }
    }
    let coded_bytes = writer.finish()?;
    let description_bytes = description.len() as u64;
    Ok(Coding { raw_bytes, coded_bytes, description_bytes, predicted_bits })
}

/// The description at the start of data that [`compress`] wrote.
pub(super) fn describe(source: impl Read, source_path: &Path) -> Result<Description> {
    description(&Reader::new(source, source_path)?)
}

fn description<R: Read>(reader: &Reader<R>) -> Result<Description> {
    let unknown = || reader.error("it was coded with a method that this version does not support");
    Description::from_bytes(reader.description()).ok_or_else(unknown)
}

/// Decompresses `source` into `target`; error messages name them by their paths.
///
/// `open` returns the codec for a description. Each block is checked before it is written.
pub fn decompress(
    (source, source_path): (impl Read, &Path),
    (mut target, target_path): (impl Write, &Path),
    open: impl FnOnce(&Description) -> Result<Box<dyn Codec>>,
    job: &Job,
) -> Result<()> {
    let reader = Reader::new(source, source_path);
    job.check()?;
    let mut reader = reader?;
    let description = description(&reader)?;
    let mut codec = open(&description).map_err(|error| match error {
        Error::Code(reason) => reader.error(&reason),
        error => error,
    })?;
    let (mut number, mut ended) = (0, false);
    while !ended {
        let mut batch = Vec::new();
        while batch.len() < codec.parallelism() {
            let block = reader.next();
            job.check()?;
            let Some(block) = block? else {
                ended = true;
                break;
            };
            if block.raw_len > codec.block_len() as u64 {
                return Err(reader.error("one of its blocks is too long"));
            }
            batch.push(block);
        }
        for (block, raw) in batch.iter().zip(codec.decode_all(&batch, job)) {
            number += 1;
            let raw = raw.map_err(|error| match error {
                Error::Code(reason) => reader.error(&format!("block {number}: {reason}")),
                error => error,
            })?;
            if raw.len() as u64 != block.raw_len || check_of(&raw) != block.raw_check {
                return Err(reader.error(&format!(
                    "block {number} does not decode to the original text: the model computes other \
                     probabilities on this machine; decode the file on the machine that wrote it"
                )));
            }
            target.write_all(&raw).map_err(Error::io(target_path))?;
        }
    }
    target.flush().map_err(Error::io(target_path))
}

/// Splits a text into blocks between characters of UTF-8.
struct Blocks<'a, R> {
    source: R,
    path: &'a Path,
    len: usize,
    /// Bytes read beyond the previous block.
    rest: Vec<u8>,
}

impl<R: Read> Blocks<'_, R> {
    /// The next block, empty at the end.
    fn next(&mut self, job: &Job) -> Result<Vec<u8>> {
        let mut raw = std::mem::take(&mut self.rest);
        let room = (self.len - raw.len()) as u64;
        let read = self.source.by_ref().take(room).read_to_end(&mut raw);
        job.check()?;
        read.map_err(Error::io(self.path))?;
        if raw.len() == self.len {
            self.rest = raw.split_off(last_boundary(&raw));
        }
        Ok(raw)
    }
}

/// The end of the last complete character of UTF-8, at most 3 bytes from the end.
fn last_boundary(raw: &[u8]) -> usize {
    for back in 1..=raw.len().min(3) {
        let len = match raw[raw.len() - back] {
            0xC0..=0xDF => 2,
            0xE0..=0xEF => 3,
            0xF0..=0xF7 => 4,
            0x80..=0xBF => continue,
            _ => 1,
        };
        if len > back && back < raw.len() {
            return raw.len() - back;
        }
        break;
    }
    raw.len()
}
