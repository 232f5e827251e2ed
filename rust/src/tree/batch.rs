//! A batch of symbols and its segments, which are sorted at once.

use super::shape::{Segment, Shape};

/// Positions in a batch have 32 bits; half of that leaves room for the last block and all tails.
pub(crate) const MAX_SYMBOLS: usize = 1 << 31;

/// A symbol in memory: a byte, a bit, or the id of a BPE token.
pub trait Symbol: Copy + Send + Sync + Into<u32> + 'static {
    /// The symbol with this id, which must fit.
    fn of(id: u32) -> Self;
}

impl Symbol for u8 {
    fn of(id: u32) -> u8 {
        id as u8
    }
}

impl Symbol for u16 {
    fn of(id: u32) -> u16 {
        id as u16
    }
}

impl Symbol for u32 {
    fn of(id: u32) -> u32 {
        id
    }
}

/// A document, or a part of one that is too long for one batch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Piece {
    /// Number of symbols.
    pub len: usize,
    /// Whether EOS follows. A piece that is not closed ends with a complete segment.
    pub closed: bool,
}

/// Complete segments at regular positions of the text: `first`, `first + step`, ...
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    pub first: u32,
    pub step: u32,
    pub count: u32,
}

impl Span {
    /// The positions of its segments.
    pub(crate) fn positions(self) -> impl Iterator<Item = u32> {
        (0..self.count).map(move |index| self.first + index * self.step)
    }
}

/// Where the segments of a text are.
///
/// Complete segments of d symbols are read from the text itself; those that EOS ends are copied to
/// `tails` and padded with EOS. So the sort reads d symbols anywhere, without checking for ends.
#[derive(Debug, Default)]
pub(crate) struct Segments {
    pub spans: Vec<Span>,
    pub tails: Vec<u32>,
    /// Start of every padded segment in `tails`.
    pub tail_starts: Vec<u32>,
    /// Number of symbols cut so far.
    pub symbols: usize,
    /// Total number of segments.
    pub count: usize,
}

impl Segments {
    /// Upper bound of the memory that sorting the segments needs, in bytes.
    pub(crate) fn cost(&self, shape: &Shape) -> u64 {
        let tails = 4 * (self.tails.len() + self.tail_starts.len());
        self.count as u64 * Self::segment_cost(shape) + tails as u64
    }

    /// Memory for one segment: a row, its count, a 16-byte element while its group is sorted and,
    /// for a long row, a copy.
    fn segment_cost(shape: &Shape) -> u64 {
        let row = shape.row_len() as u64;
        let copy = if row > 16 { row } else { 0 };
        row + copy + 4 + 16
    }

    /// Number of further symbols that can be cut within `memory` bytes.
    pub(crate) fn room(&self, shape: &Shape, memory: u64) -> usize {
        let segments = memory.saturating_sub(self.cost(shape)) / Self::segment_cost(shape);
        let symbols = match shape.segment {
            Segment::Chunk => segments.saturating_mul(shape.depth() as u64),
            Segment::Window => segments,
            Segment::Prefix if segments > 0 => u64::MAX,
            Segment::Prefix => 0,
        };
        let positions = MAX_SYMBOLS.saturating_sub(self.symbols + self.tails.len());
        usize::try_from(symbols).unwrap_or(usize::MAX).min(positions)
    }

    /// Cuts the next piece, whose symbols are `text`, into segments.
    pub(crate) fn cut<T: Symbol>(&mut self, shape: &Shape, text: &[T], closed: bool) {
        let depth = shape.depth();
        let step = match shape.segment {
            Segment::Chunk => depth,
            Segment::Window => 1,
            Segment::Prefix => text.len().max(depth),
        };
        // First the complete segments, then, in a closed piece, those that reach its EOS.
        let whole = if text.len() < depth { 0 } else { (text.len() - depth) / step + 1 };
        if whole > 0 {
            self.spans.push(Span {
                first: self.symbols as u32,
                step: step as u32,
                count: whole as u32,
            });
            self.count += whole;
        }
        if closed {
            self.cut_tail(shape, &text[(whole * step).min(text.len())..], whole > 0);
        }
        self.symbols += text.len();
    }

    fn cut_tail<T: Symbol>(&mut self, shape: &Shape, rest: &[T], after_whole: bool) {
        let ends = match shape.segment {
            Segment::Chunk => 1,
            Segment::Window => rest.len() + 1,
            Segment::Prefix => usize::from(!after_whole),
        };
        if ends == 0 {
            return;
        }
        let start = self.tails.len();
        self.tail_starts.extend((start..start + ends).map(|position| position as u32));
        self.tails.extend(rest.iter().map(|&symbol| symbol.into()));
        self.tails.resize(start + ends - 1 + shape.depth(), shape.eos());
        self.count += ends;
    }
}

/// Symbols and the segments in them.
pub(crate) struct Batch<'a, T> {
    pub text: &'a [T],
    pub segments: &'a Segments,
}
