//! The `.ec` file: a description of the model, and blocks with checksums.
//!
//! | bytes | content |
//! |---|---|
//! | 4 | magic `EC 65 63`, format version 1 |
//! | varint, n | description of what the text was coded with (see [`super::codec`]) |
//! | 4 | check of everything above |
//! | | for each block: |
//! | 1 | method, chosen by the codec, never 0 |
//! | varint | raw bytes |
//! | varint | coded bytes, n |
//! | 8 | check of the raw bytes |
//! | 4 | check of this block header and the coded bytes |
//! | n | coded bytes |
//! | | at the end: |
//! | 1 | 0 |
//! | varint | total raw bytes |
//! | 8 | check of the description, all block headers and this end |
//!
//! A varint has 7 bits per byte, lowest first, with the high bit set if more follow. A check is
//! 64-bit XXH3, little-endian, or its lower 4 bytes.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::{Xxh3Default, xxh3_64};

use crate::{Error, Result};

const MAGIC: [u8; 3] = *b"\xECec";
const VERSION: u8 = 1;
/// Marks the end instead of a block method.
const END: u8 = 0;
/// Maximum length of a description; a longer one is damaged.
const MAX_DESCRIPTION: u64 = 1 << 16;
/// Maximum length of a coded block; a longer one is damaged.
const MAX_CODED: u64 = 1 << 28;

/// Appends `number` as a varint.
pub(super) fn push_varint(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

/// Removes a varint from the front of `bytes`.
pub(super) fn take_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..u64::BITS).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

/// The check of raw bytes.
pub(super) fn check_of(raw: &[u8]) -> u64 {
    xxh3_64(raw)
}

/// A coded part of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// How it was coded, from 1.
    pub method: u8,
    /// Length of its text in bytes.
    pub raw_len: u64,
    /// [`check_of`] its text.
    pub raw_check: u64,
    /// The coded bytes.
    pub coded: Vec<u8>,
}

impl Block {
    /// The header without the check of the coded bytes.
    fn head(&self) -> Vec<u8> {
        let mut head = vec![self.method];
        push_varint(&mut head, self.raw_len);
        push_varint(&mut head, self.coded.len() as u64);
        head.extend_from_slice(&self.raw_check.to_le_bytes());
        head
    }

    fn coded_check(&self, head: &[u8]) -> [u8; 4] {
        let mut check = Xxh3Default::new();
        check.update(head);
        check.update(&self.coded);
        low_half(check.digest())
    }
}

fn low_half(check: u64) -> [u8; 4] {
    (check as u32).to_le_bytes()
}

/// Writes an `.ec` file.
pub(super) struct Writer<W> {
    target: W,
    path: PathBuf,
    /// The check of the description and all headers.
    check: Xxh3Default,
    raw: u64,
    written: u64,
}

impl<W: Write> Writer<W> {
    /// Starts a file; error messages name it `path`.
    pub(super) fn new(target: W, path: &Path, description: &[u8]) -> Result<Writer<W>> {
        let check = Xxh3Default::new();
        let mut writer = Writer { target, path: path.to_path_buf(), check, raw: 0, written: 0 };
        let mut head = [&MAGIC[..], &[VERSION]].concat();
        push_varint(&mut head, description.len() as u64);
        head.extend_from_slice(description);
        writer.check.update(&head);
        head.extend_from_slice(&low_half(writer.check.digest()));
        writer.write(&head)?;
        Ok(writer)
    }

    /// Adds a block.
    pub(super) fn push(&mut self, block: &Block) -> Result<()> {
        let mut head = block.head();
        self.check.update(&head);
        self.raw += block.raw_len;
        head.extend_from_slice(&block.coded_check(&head));
        self.write(&head)?;
        self.write(&block.coded)
    }

    /// Ends the file; returns its size in bytes.
    pub(super) fn finish(mut self) -> Result<u64> {
        let mut end = vec![END];
        push_varint(&mut end, self.raw);
        self.check.update(&end);
        end.extend_from_slice(&self.check.digest().to_le_bytes());
        self.write(&end)?;
        self.target.flush().map_err(Error::io(&self.path))?;
        Ok(self.written)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.written += bytes.len() as u64;
        self.target.write_all(bytes).map_err(Error::io(&self.path))
    }
}

/// Reads and checks an `.ec` file.
///
/// Memory use is bounded by the bytes in the file: lengths in it are not trusted for allocation.
pub(super) struct Reader<R> {
    source: R,
    path: PathBuf,
    description: Vec<u8>,
    check: Xxh3Default,
    blocks: u64,
    raw: u64,
}

impl<R: Read> Reader<R> {
    /// Reads up to the first block; error messages name the file `path`.
    pub(super) fn new(source: R, path: &Path) -> Result<Reader<R>> {
        let mut reader = Reader {
            source,
            path: path.to_path_buf(),
            description: Vec::new(),
            check: Xxh3Default::new(),
            blocks: 0,
            raw: 0,
        };
        let mut head = reader.take(4)?;
        if head.len() < 4 || head[..3] != MAGIC {
            return Err(reader.error("not a file written by elastic-core compress"));
        }
        if head[3] != VERSION {
            return Err(reader.error(&format!(
                "it has format version {}, but this program reads version {VERSION}; use the \
                 elastic-core version that wrote it",
                head[3]
            )));
        }
        let damaged = "its header is damaged; fetch the file again";
        let len = reader.varint(&mut head)?.filter(|&len| len <= MAX_DESCRIPTION);
        let len = len.ok_or_else(|| reader.error(damaged))?;
        reader.description = reader.take(len)?;
        head.extend_from_slice(&reader.description);
        reader.check.update(&head);
        if reader.take(4)? != low_half(reader.check.digest()) {
            return Err(reader.error(damaged));
        }
        Ok(reader)
    }

    /// What the text was coded with.
    pub(super) fn description(&self) -> &[u8] {
        &self.description
    }

    /// The next block; `None` after the last, when the whole file has been checked.
    pub(super) fn next(&mut self) -> Result<Option<Block>> {
        let mut head = self.take(1)?;
        let Some(&method) = head.first() else {
            return Err(self.ends_early("after"));
        };
        if method == END {
            self.end(head)?;
            return Ok(None);
        }
        self.blocks += 1;
        let raw_len = self.varint(&mut head)?;
        let coded_len = self.varint(&mut head)?.filter(|&len| len <= MAX_CODED);
        let (Some(raw_len), Some(coded_len)) = (raw_len, coded_len) else {
            return Err(self.damaged());
        };
        let raw_check = self.array(&mut head)?.map(u64::from_le_bytes);
        let coded_check: Option<[u8; 4]> = self.array(&mut Vec::new())?;
        let coded = self.take(coded_len)?;
        let whole = coded.len() as u64 == coded_len;
        let (Some(raw_check), Some(coded_check), true) = (raw_check, coded_check, whole) else {
            return Err(self.ends_early("in"));
        };
        let block = Block { method, raw_len, raw_check, coded };
        if coded_check != block.coded_check(&head) {
            return Err(self.damaged());
        }
        self.check.update(&head);
        self.raw = self.raw.saturating_add(raw_len);
        Ok(Some(block))
    }

    fn end(&mut self, mut end: Vec<u8>) -> Result<()> {
        let raw = self.varint(&mut end)?;
        self.check.update(&end);
        let check = self.array(&mut end)?.map(u64::from_le_bytes);
        if raw.is_none() || check.is_none() {
            return Err(self.ends_early("after"));
        }
        if raw != Some(self.raw) || check != Some(self.check.digest()) {
            return Err(self.error(&format!(
                "the end after block {} is damaged, or blocks are missing; fetch the file again",
                self.blocks
            )));
        }
        if !self.take(1)?.is_empty() {
            return Err(self.error(
                "there is extra data after its end; remove it if it does not belong to the file",
            ));
        }
        Ok(())
    }

    /// An error about the file.
    pub(super) fn error(&self, reason: &str) -> Error {
        Error::CodedFile { path: self.path.clone(), reason: reason.to_string() }
    }

    /// The error that the current block is damaged.
    fn damaged(&self) -> Error {
        self.error(&format!("block {} is damaged; fetch the file again", self.blocks))
    }

    fn ends_early(&self, place: &str) -> Error {
        self.error(&format!("it ends early, {place} block {}; fetch the file again", self.blocks))
    }

    /// Reads a varint and appends its bytes to `head`; `None` if it is invalid.
    fn varint(&mut self, head: &mut Vec<u8>) -> Result<Option<u64>> {
        let start = head.len();
        for _ in 0..10 {
            head.append(&mut self.take(1)?);
            if head[start..].last().is_none_or(|&byte| byte < 0x80) {
                break;
            }
        }
        Ok(take_varint(&mut &head[start..]))
    }

    /// Reads N bytes and appends them to `head`; `None` if the file ends before.
    fn array<const N: usize>(&mut self, head: &mut Vec<u8>) -> Result<Option<[u8; N]>> {
        let bytes = self.take(N as u64)?;
        head.extend_from_slice(&bytes);
        Ok(bytes.try_into().ok())
    }

    /// Reads `len` bytes; fewer if the file ends before.
    fn take(&mut self, len: u64) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let read = self.source.by_ref().take(len).read_to_end(&mut bytes);
        read.map_err(Error::io(&self.path))?;
        Ok(bytes)
    }
}
