//! Coding by the paper's protocol (Def 3.3): a Huffman code for the segments of each block.
//!
//! Each block is a document, cut into segments of d bytes, and starts with its codebook. A single
//! codebook for the whole text would require reading the text twice and a decoder that holds a
//! codebook of any size, so a text longer than a block pays for several codebooks, all of which are
//! counted. The predicted size is what `measure` reports for the block, including its codebook.

use std::collections::HashMap;

use rayon::prelude::*;

use super::codec::{Codec, Coded, Description};
use super::container::Block;
use crate::code::{CodeLengths, Decoder, Encoder, read_codebook, write_codebook};
use crate::tree::{BuildOptions, Segment, TokenTree, from_symbols};
use crate::{Error, Job, Result};

/// The only block method of this codec.
const HUFFMAN: u8 = 1;
/// Memory budget for the tree of a block in bytes, which no block's tree reaches.
const MEMORY: u64 = 4 << 30;
const EOS: u32 = 256;

/// Codes blocks by a Huffman code for their segments, several blocks at once.
#[derive(Debug, Clone, Copy)]
pub struct StaticCodec {
    depth: usize,
    threads: usize,
}

impl StaticCodec {
    /// A codec for segments of `depth` bytes, 1 to 64.
    ///
    /// It codes `threads` blocks at once on the current rayon pool; the file does not depend on it.
    pub fn new(depth: usize, threads: usize) -> Result<StaticCodec> {
        if !(1..=64).contains(&depth) {
            let reason = format!("static:{depth}: the depth must be 1 to 64");
            return Err(Error::InvalidArgument(reason));
        }
        Ok(StaticCodec { depth, threads: threads.max(1) })
    }

    fn encode_block(&self, raw: &[u8], job: &Job) -> Result<Coded> {
        job.check()?;
        let silent = Job::default();
        let options =
            BuildOptions { depth: self.depth, segment: Segment::Chunk, memory: MEMORY, threads: 1 };
        let tree = from_symbols(raw, &[0, raw.len() as u64], EOS, options, &silent)?;
        let layers = tree.layers(&silent)?.layers;
        let lengths = match layers.last() {
            Some(deepest) => CodeLengths::optimal(&deepest.spectrum),
            None => CodeLengths::default(),
        };
        let mut bytes = Vec::new();
        let codebook = write_codebook(&tree, &lengths, &mut bytes, &silent)?;
        let (paths, lengths) = leaves(&tree, &lengths)?;
        let mut encoder = Encoder::new(&lengths)?;
        for segment in segments(raw, self.depth) {
            let leaf = paths.get(&segment).copied();
            encoder.push(leaf.ok_or_else(|| {
                Error::Code("a segment is missing from the codebook".to_string())
            })?)?;
        }
        let (code, bits) = encoder.finish();
        bytes.extend_from_slice(&code);
        job.add(raw.len() as u64);
        Ok(Coded { method: HUFFMAN, bytes, predicted_bits: (8 * codebook + bits) as f64 })
    }

    fn decode_block(&self, coded: &[u8], raw_len: usize, job: &Job) -> Result<Vec<u8>> {
        job.check()?;
        let segments = raw_len / self.depth + 1;
        let mut code = coded;
        let book = read_codebook(&mut code, segments)?;
        if book.depth != self.depth || book.vocabulary != EOS {
            return Err(Error::Code("its codebook has another depth".to_string()));
        }
        let mut raw = Vec::with_capacity(raw_len);
        for leaf in Decoder::new(&book.lengths)?.decode(code, segments)? {
            let symbols = book.paths[leaf].iter().take_while(|&&symbol| symbol != EOS);
            raw.extend(symbols.map(|&symbol| symbol as u8));
        }
        job.add(raw_len as u64);
        Ok(raw)
    }
}

impl Codec for StaticCodec {
    fn description(&self) -> Description {
        Description::Static { depth: self.depth as u64 }
    }

    fn parallelism(&self) -> usize {
        self.threads
    }

    fn encode(&mut self, raw: &[u8], _last: bool, job: &Job) -> Result<Coded> {
        self.encode_block(raw, job)
    }

    fn decode(&mut self, _method: u8, coded: &[u8], raw_len: usize, job: &Job) -> Result<Vec<u8>> {
        self.decode_block(coded, raw_len, job)
    }

    fn encode_all(&mut self, blocks: &[Vec<u8>], _last: bool, job: &Job) -> Result<Vec<Coded>> {
        blocks.par_iter().map(|raw| self.encode_block(raw, job)).collect()
    }

    fn decode_all(&mut self, blocks: &[Block], job: &Job) -> Vec<Result<Vec<u8>>> {
        let decode = |block: &Block| self.decode_block(&block.coded, block.raw_len as usize, job);
        blocks.par_iter().map(decode).collect()
    }
}

/// The segments of a document; the last one ends with EOS, and may consist of EOS only.
fn segments(raw: &[u8], depth: usize) -> impl Iterator<Item = Vec<u16>> {
    (0..=raw.len() / depth).map(move |at| {
        let end = raw.len().min((at + 1) * depth);
        let mut segment: Vec<u16> = raw[at * depth..end].iter().map(|&byte| byte.into()).collect();
        if segment.len() < depth {
            segment.push(EOS as u16);
        }
        segment
    })
}

/// The index of each leaf by its path.
type Leaves = HashMap<Vec<u16>, usize>;

/// The indices of the leaves, and the lengths of their codewords.
fn leaves(tree: &TokenTree, lengths: &CodeLengths) -> Result<(Leaves, Vec<u32>)> {
    let (mut paths, mut words) = (Leaves::new(), Vec::new());
    let mut assignment = lengths.assign();
    let shape = tree.shape();
    tree.for_each_leaf(&Job::default(), |row, count| {
        let path = row[..shape.path_len(row) * 2].chunks(2);
        let path = path.map(|symbol| u16::from_be_bytes([symbol[0], symbol[1]]));
        paths.insert(path.collect(), words.len());
        let length = assignment.next(count);
        words.push(length.ok_or_else(|| Error::Code("a leaf has no codeword".to_string()))?);
        Ok(())
    })?;
    Ok((paths, words))
}
