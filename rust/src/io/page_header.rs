//! Headers of Parquet pages, which are structures in Thrift's compact protocol.
//!
//! The parquet crate does not make them available. Whatever it accepts as the header of a large page must
//! not look like that of a small one here, so everything unusual is refused.

use std::io::{self, Read};

/// What a page header says of the unpacked page.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct PageHeader {
    /// Its bytes.
    pub size: u32,
    /// Its values, including nulls.
    pub values: u32,
    pub is_dictionary: bool,
}

/// The longest header in bytes; it may hold the smallest and the largest text of the page.
const LONGEST: u64 = 32 << 20;
/// The deepest nesting of structures.
const DEEPEST: usize = 4;
/// The number of a dictionary page's kind.
const DICTIONARY: u32 = 2;

// Types of Thrift, as numbers of the compact protocol.
const TRUE: u8 = 1;
const FALSE: u8 = 2;
const BYTE: u8 = 3;
const I16: u8 = 4;
const I32: u8 = 5;
const I64: u8 = 6;
const BINARY: u8 = 8;
const STRUCT: u8 = 12;

/// The types of the fields 1, 2, ... of a structure; it may have others.
type Fields = &'static [u8];

/// Kind, size, size on disk, checksum, and what is specific to each of the four kinds.
const PAGE: Fields = &[I32, I32, I32, I32, STRUCT, STRUCT, STRUCT, STRUCT];
/// Number of values, three encodings, and statistics.
const DATA: Fields = &[I32, I32, I32, I32, STRUCT];
/// Number of values, encoding, and whether it is sorted.
const DICTIONARY_DATA: Fields = &[I32, I32, TRUE];
/// Numbers of values, nulls and rows, encoding, lengths of levels, compression, and statistics.
const DATA_V2: Fields = &[I32, I32, I32, I32, I32, I32, TRUE, STRUCT];

/// The header that begins here, None if there is none, and the number of bytes that were read.
pub(super) fn read_header(reader: &mut impl Read) -> (Option<PageHeader>, u64) {
    let mut thrift = Thrift { reader, read: 0 };
    let mut header = PageHeader::default();
    let is_whole = thrift.structure(PAGE, DEEPEST, &mut header).is_some();
    (is_whole.then_some(header), thrift.read)
}

struct Thrift<'a, R> {
    reader: &'a mut R,
    read: u64,
}

impl<R: Read> Thrift<'_, R> {
    /// Reads a structure with these fields into `header`; None if it is damaged or too deep.
    fn structure(&mut self, fields: Fields, depth: usize, header: &mut PageHeader) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        let mut id: i16 = 0;
        loop {
            let byte = self.byte()?;
            let (kind, step) = (byte & 0xf, i16::from(byte >> 4));
            if kind == 0 {
                return Some(());
            }
            id = match step {
                0 => self.integer()?.try_into().ok()?,
                step => id.checked_add(step)?,
            };
            let place = usize::try_from(id).ok().and_then(|id| id.checked_sub(1));
            let expected = place.and_then(|place| fields.get(place));
            let without_value = if kind == FALSE { TRUE } else { kind };
            if expected.is_some_and(|&expected| expected != without_value) {
                return None;
            }
            match (kind, id) {
                (TRUE | FALSE, _) => {}
                (BYTE, _) => drop(self.byte()?),
                (I32, 1) if fields == PAGE => header.is_dictionary = self.size()? == DICTIONARY,
                (I32, 2) if fields == PAGE => header.size = self.size()?,
                (I32, 1) if !fields.is_empty() => header.values = self.size()?,
                (I16 | I32 | I64, _) => drop(self.integer()?),
                (BINARY, _) => self.skip_binary()?,
                (STRUCT, 5) if fields == PAGE => self.structure(DATA, depth, header)?,
                (STRUCT, 7) if fields == PAGE => self.structure(DICTIONARY_DATA, depth, header)?,
                (STRUCT, 8) if fields == PAGE => self.structure(DATA_V2, depth, header)?,
                (STRUCT, _) => self.structure(&[], depth, header)?,
                // There are no lists, maps or floating-point numbers.
                _ => return None,
            }
        }
    }

    fn byte(&mut self) -> Option<u8> {
        let mut byte = [0];
        self.reader.read_exact(&mut byte).ok()?;
        self.read += 1;
        Some(byte[0])
    }

    fn varint(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..u64::BITS).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    /// A signed integer: 0, -1, 1, -2, ... as 0, 1, 2, 3, ...
    fn integer(&mut self) -> Option<i64> {
        let number = self.varint()?;
        Some((number >> 1) as i64 ^ -((number & 1) as i64))
    }

    /// An integer of 32 bits that is not negative.
    fn size(&mut self) -> Option<u32> {
        i32::try_from(self.integer()?).ok()?.try_into().ok()
    }

    fn skip_binary(&mut self) -> Option<()> {
        let length = self.varint()?;
        let room = length.min(LONGEST);
        let skipped = io::copy(&mut self.reader.by_ref().take(room), &mut io::sink()).ok()?;
        self.read += skipped;
        (skipped == length && self.read <= LONGEST).then_some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A data page of 3 values, -1 and a text in its statistics.
    const HEADER: &[u8] = &[
        0x15, 0, 0x15, 0x80, 0x40, 0x15, 20, // data, 4096 bytes, 10 on disk
        0x2c, 0x15, 6, 0x15, 0, 0x15, 6, 0x15, 6, // 3 values, encodings
        0x1c, 0x16, 1, 0x18, 2, b'a', b'b', 0x11, 0, // statistics: -1, "ab", true
        0, 0,
    ];

    fn header_of(bytes: &[u8]) -> Option<PageHeader> {
        read_header(&mut &bytes[..]).0
    }

    #[test]
    fn a_header_is_read_to_its_end() {
        let expected = PageHeader { size: 4096, values: 3, is_dictionary: false };
        let data = [HEADER, b"data"].concat();
        assert_eq!(read_header(&mut &data[..]), (Some(expected), HEADER.len() as u64));
        for end in 0..HEADER.len() {
            assert_eq!(read_header(&mut &HEADER[..end]), (None, end as u64));
        }
    }

    #[test]
    fn a_dictionary_and_a_page_of_version_2_are_read() {
        let dictionary = [0x15, 4, 0x15, 20, 0x15, 20, 0x4c, 0x15, 14, 0x15, 0, 0x11, 0, 0];
        let expected = PageHeader { size: 10, values: 7, is_dictionary: true };
        assert_eq!(header_of(&dictionary), Some(expected));
        let page = [0x15, 6, 0x15, 20, 0x15, 20, 0x5c, 0x15, 14, 0x62, 0, 0];
        let expected = PageHeader { size: 10, values: 7, is_dictionary: false };
        assert_eq!(header_of(&page), Some(expected));
    }

    #[test]
    fn a_size_that_another_reader_may_find_is_not_overlooked() {
        let size = |kind_and_step: &[u8]| [kind_and_step, &[0x80, 0x40, 0]].concat();
        assert_eq!(header_of(&size(&[0x25])).map(|header| header.size), Some(4096));
        // Field 2 by its number, and as an integer of 64 bits, a boolean and a number that wraps.
        assert_eq!(header_of(&size(&[0x05, 4])).map(|header| header.size), Some(4096));
        assert_eq!(header_of(&size(&[0x26])), None);
        assert_eq!(header_of(&size(&[0x21])), None);
        assert_eq!(header_of(&size(&[0x05, 0x84, 0x80, 0x08])), None);
        assert_eq!(header_of(&[0x25, 0x80, 0x80, 0x80, 0x80, 0x80, 1, 0]), None);
        // The last of two sizes counts.
        let twice = [0x25, 2, 0x05, 4, 0x80, 0x40, 0];
        assert_eq!(header_of(&twice).map(|header| header.size), Some(4096));
    }
}
