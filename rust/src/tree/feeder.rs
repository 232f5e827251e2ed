//! Encodes the documents of one reading thread and passes their symbols to the builder.

use super::batch::{Piece, Symbol};
use super::builder::{Builder, split_open};
use super::shape::Segment;
use crate::Result;
use crate::corpus::{DocumentSink, Place};
use crate::tokens::{Alphabet, push_bits};

/// Number of symbols collected before the builder's lock is taken.
const BLOCK: usize = 1 << 20;

/// Encodes documents and passes their symbols to a [`Builder`] in blocks.
pub(crate) struct Feeder<'a, T> {
    builder: &'a Builder<'a, T>,
    alphabet: &'a Alphabet,
    symbols: Vec<T>,
    pieces: Vec<Piece>,
    /// Number of symbols of the current document at the end of `symbols`.
    open: usize,
    /// The text of the current document, if it can only be encoded as a whole.
    text: Vec<u8>,
    bits: Vec<u8>,
}

impl<'a, T: Symbol> Feeder<'a, T> {
    pub(crate) fn new(builder: &'a Builder<'a, T>, alphabet: &'a Alphabet) -> Feeder<'a, T> {
        Feeder {
            builder,
            alphabet,
            symbols: Vec::new(),
            pieces: Vec::new(),
            open: 0,
            text: Vec::new(),
            bits: Vec::new(),
        }
    }

    /// Adds symbols of the current document.
    fn push(&mut self, ids: impl ExactSizeIterator<Item = u32>) -> Result<()> {
        let shape = self.builder.shape();
        self.builder.count_symbols(ids.len() as u64);
        let wanted = match shape.segment {
            Segment::Prefix => shape.depth().saturating_sub(self.open),
            Segment::Chunk | Segment::Window => usize::MAX,
        };
        let before = self.symbols.len();
        self.symbols.extend(ids.take(wanted).map(T::of));
        self.open += self.symbols.len() - before;
        // A prefix is never longer than the depth, so it is sent with its document's end.
        let splits = shape.segment != Segment::Prefix && self.open >= shape.depth();
        if splits && self.symbols.len() >= BLOCK { self.send_open() } else { Ok(()) }
    }

    /// Sends the block, with as much of the current document as makes complete segments.
    fn send_open(&mut self) -> Result<()> {
        let (used, kept) = split_open(self.builder.shape(), self.open);
        let end = self.symbols.len() - self.open + used;
        self.pieces.push(Piece { len: used, closed: false });
        self.builder.add(&self.symbols[..end], &self.pieces)?;
        self.pieces.clear();
        self.symbols.drain(..end - kept);
        self.open = self.symbols.len();
        Ok(())
    }

    fn send(&mut self) -> Result<()> {
        self.builder.add(&self.symbols, &self.pieces)?;
        self.symbols.clear();
        self.pieces.clear();
        Ok(())
    }
}

impl<T: Symbol> DocumentSink for Feeder<'_, T> {
    fn text(&mut self, part: &[u8]) -> Result<()> {
        match self.alphabet {
            Alphabet::Byte => {
                for part in part.chunks(BLOCK) {
                    self.push(part.iter().map(|&byte| byte.into()))?;
                }
            }
            Alphabet::Bit => {
                for part in part.chunks(BLOCK / 8) {
                    let mut bits = std::mem::take(&mut self.bits);
                    bits.clear();
                    push_bits(part, &mut bits);
                    self.push(bits.iter().map(|&bit| bit.into()))?;
                    self.bits = bits;
                }
            }
            Alphabet::Bpe(_) => self.text.extend_from_slice(part),
        }
        Ok(())
    }

    fn end_document(&mut self, _place: Place<'_>) -> Result<std::result::Result<(), String>> {
        if let Alphabet::Bpe(bpe) = self.alphabet {
            let encoded = bpe.encode(&self.text, self.builder.job());
            self.text.clear();
            match encoded {
                Ok(ids) => {
                    for ids in ids.chunks(BLOCK) {
                        self.push(ids.iter().copied())?;
                    }
                }
                Err(reason) => return Ok(Err(reason)),
            }
        }
        self.pieces.push(Piece { len: self.open, closed: true });
        self.open = 0;
        if self.symbols.len() + self.pieces.len() >= BLOCK {
            self.send()?
        }
        Ok(Ok(()))
    }

    fn finish(&mut self) -> Result<()> {
        self.send()
    }
}
