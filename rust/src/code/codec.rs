//! Text in, an `.ec` file out, and back: the loop over blocks that all ways of coding share.

use std::fmt;
use std::io::{Read, Write};
use std::path::Path;

use super::container::{Block, Reader, Writer, check_of, push_varint, take_varint};
use crate::{Error, Job, Result};

/// The longest block, in bytes of text. A block costs some 20 bytes, so it is long.
pub(super) const BLOCK: usize = 16 << 20;

/// What a file says it was coded with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Description {
    /// The paper's protocol: Huffman's code for segments of so many bytes, its codebook inside.
    Static {
        /// Bytes of a segment.
        depth: u64,
    },
    /// A tree model that had learned nothing when the text began.
    Tree {
        /// Its longest context.
        depth: u64,
        /// Bytes of its tables.
        memory: u64,
        /// Version of the model's arithmetic.
        revision: u64,
    },
    /// A tree model that was saved, and goes on learning from there.
    SavedTree {
        /// The first bytes of its file's SHA-256.
        identity: [u8; 16],
        /// As above.
        revision: u64,
    },
    /// Another language model, described in JSON by whoever knows it.
    LanguageModel(String),
}

impl Description {
    /// The description as bytes: a kind, then varints or the JSON.
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

    /// What [`Description::to_bytes`] wrote; `None` where it was not that.
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

/// A coded block, and what it should have cost.
#[derive(Debug, Clone, PartialEq)]
pub struct Coded {
    /// How it was coded, from 1; the codec's own choice.
    pub method: u8,
    /// The code.
    pub bytes: Vec<u8>,
    /// The code length that the model predicted, in bits.
    pub predicted_bits: f64,
}

/// A way of coding text, block by block.
pub trait Codec: Send {
    /// What a decoder has to know.
    fn description(&self) -> Description;

    /// The longest block, in bytes of text.
    fn block_len(&self) -> usize {
        BLOCK
    }

    /// How many blocks are coded at once.
    fn abreast(&self) -> usize {
        1
    }

    /// Codes the next block; `last` says whether the text ends with it.
    fn encode(&mut self, raw: &[u8], last: bool, job: &Job) -> Result<Coded>;

    /// The text of the next block, `raw_len` bytes long. Progress is counted in bytes of text.
    fn decode(&mut self, method: u8, coded: &[u8], raw_len: usize, job: &Job) -> Result<Vec<u8>>;

    /// Codes the next blocks, the text ending with the last of them where `last` says so.
    fn encode_all(&mut self, blocks: &[Vec<u8>], last: bool, job: &Job) -> Result<Vec<Coded>> {
        let ends = |at| last && at + 1 == blocks.len();
        blocks.iter().enumerate().map(|(at, raw)| self.encode(raw, ends(at), job)).collect()
    }

    /// The text of the next blocks.
    fn decode_all(&mut self, blocks: &[Block], job: &Job) -> Vec<Result<Vec<u8>>> {
        let decode =
            |block: &Block| self.decode(block.method, &block.coded, block.raw_len as usize, job);
        blocks.iter().map(decode).collect()
    }
}

/// What became of a text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Coding {
    /// Bytes of text.
    pub raw_bytes: u64,
    /// Bytes of the file.
    pub coded_bytes: u64,
    /// Those of them that describe the model.
    pub description_bytes: u64,
    /// The code length that the model predicted, in bits.
    pub predicted_bits: f64,
}

/// Codes all that `source` holds into `target`; the paths are what messages call them.
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
        while batch.len() < codec.abreast() && !ahead.is_empty() {
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

/// Writes to `target` the text that `source` is the code of; the paths are what messages call them.
///
/// `open` makes the codec that a description asks for. Each block is checked before it is written.
pub fn decompress(
    (source, source_path): (impl Read, &Path),
    (mut target, target_path): (impl Write, &Path),
    open: impl FnOnce(&Description) -> Result<Box<dyn Codec>>,
    job: &Job,
) -> Result<()> {
    let reader = Reader::new(source, source_path);
    job.check()?;
    let mut reader = reader?;
    let Some(description) = Description::from_bytes(reader.description()) else {
        return Err(reader.error("it was coded in a way that this version does not know"));
    };
    let mut codec = open(&description).map_err(|error| match error {
        Error::Code(reason) => reader.error(&reason),
        error => error,
    })?;
    let (mut number, mut ended) = (0, false);
    while !ended {
        let mut batch = Vec::new();
        while batch.len() < codec.abreast() {
            let block = reader.next();
            job.check()?;
            let Some(block) = block? else {
                ended = true;
                break;
            };
            if block.raw_len > codec.block_len() as u64 {
                return Err(reader.error("a block in it is longer than any can be"));
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
                    "block {number} does not decode to what was coded, so the model does not give \
                     the probabilities here that it gave there; decode it where it was made"
                )));
            }
            target.write_all(&raw).map_err(Error::io(target_path))?;
        }
    }
    target.flush().map_err(Error::io(target_path))
}

/// A text's blocks, which end between the characters of UTF-8.
struct Blocks<'a, R> {
    source: R,
    path: &'a Path,
    len: usize,
    /// What was read beyond the block before.
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

/// Where the last character of UTF-8 ends that is whole, no more than 3 bytes from the end.
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
