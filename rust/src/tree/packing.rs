//! Symbols packed into integers and rows, for sorting segments.

use super::shape::{Shape, symbol_at};

/// Bits of a bucket number: enough for two bytes including EOS.
const BUCKET_BITS: u32 = 18;
/// Bits that identify a segment's bucket within its group.
pub(super) const SPAN_BITS: u32 = 10;

/// How symbols are packed.
#[derive(Clone, Copy)]
pub(super) struct Packing {
    pub depth: usize,
    /// Bytes of a symbol in a row.
    pub width: usize,
    /// Bits of a symbol.
    pub bits: u32,
    /// Number of leading symbols that form the bucket number, which sorting can ignore.
    pub lead: usize,
    /// If there are none, the bucket number is the first symbol without this many low bits.
    shift: u32,
}

impl Packing {
    /// A packing for `segments` segments: few segments need few buckets.
    pub(super) fn new(shape: &Shape, segments: usize) -> Packing {
        let bits = shape.bits();
        let bucket_bits = segments.max(2).ilog2().min(BUCKET_BITS);
        let lead = ((bucket_bits / bits) as usize).min(shape.depth());
        let shift = bits.saturating_sub(bucket_bits);
        Packing { depth: shape.depth(), width: shape.symbol_bytes(), bits, lead, shift }
    }

    #[inline]
    pub(super) fn row_len(&self) -> usize {
        self.depth * self.width
    }

    /// Bits of the symbols by which a bucket is sorted.
    #[inline]
    pub(super) fn rest_bits(&self) -> u32 {
        (self.depth - self.lead) as u32 * self.bits
    }

    /// Whether segments are stored as 64-bit integers, which take no more space than rows.
    #[inline]
    pub(super) fn packed(&self) -> bool {
        self.rest_bits() + SPAN_BITS <= u64::BITS && self.row_len() >= size_of::<u64>()
    }

    /// Bytes of a segment before sorting.
    #[inline]
    pub(super) fn stride(&self) -> usize {
        if self.packed() { size_of::<u64>() } else { self.row_len() }
    }

    /// Writes a row from packed symbols: first those of its bucket, then the others.
    #[inline]
    pub(super) fn unpack<K: Key>(&self, bucket: usize, rest: K, row: &mut [u8]) {
        let Packing { depth, width, bits, lead, .. } = *self;
        let first = (0..lead).rev().map(|at| (bucket as u64).symbol(at as u32 * bits, bits));
        let rest = (0..depth - lead).rev().map(|at| rest.symbol(at as u32 * bits, bits));
        write_symbols(first.chain(rest), width, row);
    }

    pub(super) fn buckets(&self) -> usize {
        match self.lead {
            0 => 1 << (self.bits - self.shift),
            lead => 1 << (lead as u32 * self.bits),
        }
    }

    /// The bucket of a segment that begins with `symbols`.
    #[inline]
    pub(super) fn bucket(&self, mut symbols: impl Iterator<Item = u32>) -> usize {
        match self.lead {
            0 => symbols.next().unwrap_or(0) as usize >> self.shift,
            lead => pack::<u64>(symbols.take(lead), self.bits) as usize,
        }
    }

    /// The symbols of a row.
    #[inline]
    pub(super) fn symbols<'a>(&self, row: &'a [u8]) -> impl Iterator<Item = u32> + use<'a> {
        row.chunks_exact(self.width).map(symbol_at)
    }
}

/// An integer that holds packed symbols.
pub(super) trait Key: Copy + Ord + Default + Send {
    /// Appends a symbol of `bits` bits.
    fn push(self, symbol: u32, bits: u32) -> Self;

    /// The symbol of `bits` bits that is `shift` bits from the end.
    fn symbol(self, shift: u32, bits: u32) -> u32;
}

impl Key for u64 {
    #[inline]
    fn push(self, symbol: u32, bits: u32) -> u64 {
        self << bits | u64::from(symbol)
    }

    #[inline]
    fn symbol(self, shift: u32, bits: u32) -> u32 {
        (self >> shift) as u32 & ((1 << bits) - 1)
    }
}

impl Key for u128 {
    #[inline]
    fn push(self, symbol: u32, bits: u32) -> u128 {
        self << bits | u128::from(symbol)
    }

    #[inline]
    fn symbol(self, shift: u32, bits: u32) -> u32 {
        (self >> shift) as u32 & ((1 << bits) - 1)
    }
}

#[inline]
pub(super) fn pack<K: Key>(symbols: impl Iterator<Item = u32>, bits: u32) -> K {
    symbols.fold(K::default(), |key, symbol| key.push(symbol, bits))
}

#[inline]
pub(super) fn write_symbols(symbols: impl Iterator<Item = u32>, width: usize, row: &mut [u8]) {
    match width {
        1 => row.iter_mut().zip(symbols).for_each(|(out, symbol)| *out = symbol as u8),
        2 => row
            .chunks_exact_mut(2)
            .zip(symbols)
            .for_each(|(out, symbol)| out.copy_from_slice(&(symbol as u16).to_be_bytes())),
        _ => row
            .chunks_exact_mut(4)
            .zip(symbols)
            .for_each(|(out, symbol)| out.copy_from_slice(&symbol.to_be_bytes())),
    }
}
