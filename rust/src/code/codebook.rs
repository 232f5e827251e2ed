//! The serialized codebook of a static code, which a decoder needs in addition to the code.
//!
//! A codebook lists the tree's leaves in path order with the lengths of their codewords, which
//! determine the canonical code. It starts with a header of 16 bytes (`ECCB`, version, depth, two
//! zeros, vocabulary as u32, leaves per block as u32, little-endian). Blocks follow, each with the
//! number of leaves and of compressed bytes (u32 each) and one zstd frame with three columns: how
//! many symbols each path shares with the previous one, the length of each codeword, and the
//! symbols after the shared ones as separate byte planes. A block without leaves is the last.

use std::io::{Read, Write};

use super::huffman::CodeLengths;
use crate::tree::{Segment, Shape, TokenTree, shared_symbols};
use crate::{Error, Job, Result};

const MAGIC: &[u8; 4] = b"ECCB";
const VERSION: u8 = 1;
/// Leaves per block; the first path of each shares no symbols.
const BLOCK: usize = 1 << 16;
/// On the novels (bytes, depth 8), level 9 makes the codebook 3% smaller in twice the time, and
/// level 19 makes it 6% smaller in 25 times the time.
const LEVEL: i32 = 3;

/// A codebook: leaf i has the path `paths[i]` and a codeword of `lengths[i]` bits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Codebook {
    /// The depth of the tree, in symbols.
    pub depth: usize,
    /// Number of symbols, which is also the id of EOS.
    pub vocabulary: u32,
    /// Paths in increasing order, each `depth` symbols long or ending with EOS.
    pub paths: Vec<Vec<u32>>,
    /// Codeword lengths in bits.
    pub lengths: Vec<u32>,
}

/// The columns of the current block.
#[derive(Default)]
struct Columns {
    shared: Vec<u8>,
    lengths: Vec<u8>,
    symbols: Vec<u8>,
}

impl Columns {
    /// Writes the block; returns its size in bytes.
    fn write(&mut self, width: usize, out: &mut impl Write) -> Result<u64> {
        let mut raw = Vec::with_capacity(2 * self.shared.len() + self.symbols.len());
        raw.extend_from_slice(&self.shared);
        raw.extend_from_slice(&self.lengths);
        for plane in 0..width {
            raw.extend(self.symbols.iter().skip(plane).step_by(width));
        }
        let frame = zstd::bulk::compress(&raw, LEVEL).map_err(write_error)?;
        let mut head = [0; 8];
        head[..4].copy_from_slice(&(self.shared.len() as u32).to_le_bytes());
        head[4..].copy_from_slice(&(frame.len() as u32).to_le_bytes());
        out.write_all(&head).and_then(|()| out.write_all(&frame)).map_err(write_error)?;
        *self = Columns::default();
        Ok(8 + frame.len() as u64)
    }
}

fn write_error(error: std::io::Error) -> Error {
    Error::Code(format!("the codebook cannot be written: {error}"))
}

/// Writes the codebook of `tree` with the given code `lengths`; returns its size in bytes.
pub fn write_codebook(
    tree: &TokenTree,
    lengths: &CodeLengths,
    out: &mut impl Write,
    job: &Job,
) -> Result<u64> {
    let shape = tree.shape();
    let width = shape.symbol_bytes();
    let mut head = [0; 16];
    head[..4].copy_from_slice(MAGIC);
    head[4] = VERSION;
    head[5] = shape.depth() as u8;
    head[8..12].copy_from_slice(&shape.vocabulary().to_le_bytes());
    head[12..].copy_from_slice(&(BLOCK as u32).to_le_bytes());
    out.write_all(&head).map_err(write_error)?;

    let mut bytes = head.len() as u64;
    let mut columns = Columns::default();
    let mut assignment = lengths.assign();
    let mut before: Vec<u8> = Vec::new();
    tree.for_each_leaf(job, |row, count| {
        let length = assignment
            .next(count)
            .ok_or_else(|| Error::Code("the code lengths belong to another tree".to_string()))?;
        let shared =
            if columns.shared.is_empty() { 0 } else { shared_symbols(&before, row, width) };
        columns.shared.push(shared as u8);
        columns.lengths.push(length as u8);
        columns.symbols.extend_from_slice(&row[shared * width..shape.path_len(row) * width]);
        before.clear();
        before.extend_from_slice(row);
        if columns.shared.len() == BLOCK {
            bytes += columns.write(width, out)?;
        }
        Ok(())
    })?;
    if !columns.shared.is_empty() {
        bytes += columns.write(width, out)?;
    }
    bytes += columns.write(width, out)?;
    Ok(bytes)
}

/// Reads a codebook of at most `most_leaves` leaves, written by [`write_codebook`].
///
/// Damaged bytes are an [`Error::Code`].
pub fn read_codebook(source: &mut impl Read, most_leaves: usize) -> Result<Codebook> {
    let damaged = |what: &str| Error::Code(format!("the codebook {what}"));
    let mut head = [0; 16];
    source.read_exact(&mut head).map_err(|_| damaged("ends early"))?;
    if &head[..4] != MAGIC || head[4] != VERSION || head[12..] != (BLOCK as u32).to_le_bytes() {
        return Err(damaged("has an invalid header, or another version"));
    }
    let vocabulary = u32::from_le_bytes([head[8], head[9], head[10], head[11]]);
    let shape = Shape::new(usize::from(head[5]), Segment::Chunk, "ids", vocabulary)?;
    let (depth, width) = (shape.depth(), shape.symbol_bytes());
    let mut book = Codebook { depth, vocabulary, paths: Vec::new(), lengths: Vec::new() };
    loop {
        let mut head = [0; 8];
        source.read_exact(&mut head).map_err(|_| damaged("ends early"))?;
        let leaves = u32::from_le_bytes([head[0], head[1], head[2], head[3]]) as usize;
        let size = u32::from_le_bytes([head[4], head[5], head[6], head[7]]);
        let mut frame = Vec::new();
        source.take(size.into()).read_to_end(&mut frame).map_err(|_| damaged("ends early"))?;
        if leaves > BLOCK || leaves > most_leaves - book.paths.len() {
            return Err(damaged("has too many leaves"));
        }
        let raw = zstd::bulk::decompress(&frame, leaves * (2 + depth * width))
            .map_err(|_| damaged("has a damaged block"))?;
        if leaves == 0 {
            return Ok(book);
        }
        let symbols = raw.get(2 * leaves..).ok_or_else(|| damaged("has a damaged block"))?;
        let plane = symbols.len() / width;
        let mut next = 0;
        let mut path: Vec<u32> = Vec::new();
        for leaf in 0..leaves {
            let shared = usize::from(raw[leaf]);
            if shared > path.len() || (leaf == 0 && shared > 0) {
                return Err(damaged("has a damaged block"));
            }
            path.truncate(shared);
            while path.len() < depth && path.last() != Some(&shape.eos()) {
                if next == plane {
                    return Err(damaged("has a damaged block"));
                }
                let bytes = (0..width).map(|at| symbols[at * plane + next]);
                path.push(bytes.fold(0, |symbol, byte| symbol << 8 | u32::from(byte)));
                next += 1;
            }
            book.paths.push(path.clone());
            book.lengths.push(u32::from(raw[leaves + leaf]));
        }
    }
}
