//! The `.ec` file: what a text was coded with, and its blocks, each of which can be checked.
//!
//! | bytes | what |
//! |---|---|
//! | 4 | magic `EC 65 63`, format version 1 |
//! | varint, n | the description: what the text was coded with (see [`super::codec`]) |
//! | 4 | check of all that |
//! | | for each block: |
//! | 1 | method: what `codec` did to it, never 0 |
//! | varint | raw bytes |
//! | varint | coded bytes, n |
//! | 8 | check of the raw bytes |
//! | 4 | check of this head and the coded bytes |
//! | n | coded bytes |
//! | | at the end: |
//! | 1 | 0 |
//! | varint | raw bytes in all |
//! | 8 | check of the description, of all heads and of this end |
//!
//! A varint has 7 bits a byte, the lowest first, and the high bit set where more follow. A check is
//! XXH3 of 64 bits, little-endian, or its lower 4 bytes.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::{Xxh3Default, xxh3_64};

use crate::{Error, Result};

const MAGIC: [u8; 3] = *b"\xECec";
const VERSION: u8 = 1;
/// The method that no block has.
const END: u8 = 0;
/// No description and no coded block is longer; what claims to be is damaged.
const MAX_DESCRIPTION: u64 = 1 << 16;
const MAX_CODED: u64 = 1 << 28;

/// Appends `number` as a varint.
pub(super) fn push_varint(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

/// Takes a varint off the front of `bytes`.
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
    /// How long it was.
    pub raw_len: u64,
    /// [`check_of`] what it was.
    pub raw_check: u64,
    /// What it is now.
    pub coded: Vec<u8>,
}

impl Block {
    /// The head without the check of the coded bytes.
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
    /// Of description and heads.
    check: Xxh3Default,
    raw: u64,
    written: u64,
}

impl<W: Write> Writer<W> {
    /// Begins a file; `path` is what messages call it.
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

    /// Ends the file; returns its bytes.
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

/// Reads an `.ec` file, and finds whatever is wrong with it.
///
/// Memory stays within what the file has bytes for: no length in it is believed before.
pub(super) struct Reader<R> {
    source: R,
    path: PathBuf,
    description: Vec<u8>,
    check: Xxh3Default,
    blocks: u64,
    raw: u64,
}

impl<R: Read> Reader<R> {
    /// Reads up to the first block; `path` is what messages call the file.
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
            return Err(reader.error("not a file that elastic-core compress made"));
        }
        if head[3] != VERSION {
            return Err(reader.error(&format!(
                "of format version {}, and this program reads version {VERSION}; take the \
                 elastic-core that wrote it",
                head[3]
            )));
        }
        let damaged = "its head is damaged; get the file again from where it came";
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

    /// The next block; `None` after the last, when all that can be checked has been.
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
                "the end after block {} is damaged, or blocks are missing; get the file again from \
                 where it came",
                self.blocks
            )));
        }
        if !self.take(1)?.is_empty() {
            return Err(self.error("there is more after its end; cut that off, if it is foreign"));
        }
        Ok(())
    }

    /// An error about the file.
    pub(super) fn error(&self, reason: &str) -> Error {
        Error::CodedFile { path: self.path.clone(), reason: reason.to_string() }
    }

    /// That the present block is damaged.
    fn damaged(&self) -> Error {
        self.error(&format!(
            "block {} is damaged; get the file again from where it came",
            self.blocks
        ))
    }

    fn ends_early(&self, place: &str) -> Error {
        self.error(&format!(
            "it ends early, {place} block {}; get the file again from where it came",
            self.blocks
        ))
    }

    /// A varint, whose bytes are appended to `head`; `None` if there is none.
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

    /// So many bytes, which are appended to `head`; `None` where the file ends.
    fn array<const N: usize>(&mut self, head: &mut Vec<u8>) -> Result<Option<[u8; N]>> {
        let bytes = self.take(N as u64)?;
        head.extend_from_slice(&bytes);
        Ok(bytes.try_into().ok())
    }

    /// Up to `len` bytes; fewer where the file ends.
    fn take(&mut self, len: u64) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let read = self.source.by_ref().take(len).read_to_end(&mut bytes);
        read.map_err(Error::io(&self.path))?;
        Ok(bytes)
    }
}
