//! Compression formats of whole files: their extensions, first bytes and decoders.

use std::fmt;
use std::io::{self, BufRead, Read};

use liblzma::stream::{CONCATENATED, Stream};

/// Memory limit for unpacking an .xz file; `xz -9` needs 65 MiB.
const XZ_MEMORY: u64 = 128 << 20;

/// Largest window of a .zst file, as a power of 2: 128 MiB, like the zstd program.
const ZSTD_WINDOW: u32 = 27;

/// A compression format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Codec {
    Gzip,
    Zstd,
    Xz,
    Bzip2,
}

impl Codec {
    /// Number of first bytes that identify a codec.
    pub(super) const HEAD: u64 = 6;

    /// The codec that a file extension names.
    pub(super) fn of_ending(ending: &str) -> Option<Codec> {
        match ending {
            "gz" => Some(Codec::Gzip),
            "zst" => Some(Codec::Zstd),
            "xz" => Some(Codec::Xz),
            "bz2" => Some(Codec::Bzip2),
            _ => None,
        }
    }

    /// Whether data that begin with `head` can be in this format.
    pub(super) fn begins(self, head: &[u8]) -> bool {
        match self {
            Codec::Gzip => head.starts_with(b"\x1f\x8b"),
            // A frame, or one of the skippable frames that pzstd and others write first.
            Codec::Zstd => match head {
                [first, rest @ ..] if first & 0xf0 == 0x50 => rest.starts_with(b"\x2a\x4d\x18"),
                _ => head.starts_with(b"\x28\xb5\x2f\xfd"),
            },
            Codec::Xz => head.starts_with(b"\xfd7zXZ\0"),
            Codec::Bzip2 => head.starts_with(b"BZh"),
        }
    }

    /// Unpacks `packed`, including all concatenated members, frames or streams.
    pub(super) fn decoder<'a>(self, packed: impl BufRead + 'a) -> io::Result<Box<dyn Read + 'a>> {
        Ok(match self {
            Codec::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(packed)),
            Codec::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::with_buffer(packed)?;
                decoder.window_log_max(ZSTD_WINDOW)?;
                Box::new(decoder)
            }
            Codec::Xz => {
                let stream = Stream::new_stream_decoder(XZ_MEMORY, CONCATENATED)?;
                Box::new(liblzma::bufread::XzDecoder::new_stream(packed, stream))
            }
            Codec::Bzip2 => Box::new(bzip2::bufread::MultiBzDecoder::new(packed)),
        })
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Codec::Gzip => "gzip",
            Codec::Zstd => "zstd",
            Codec::Xz => "xz",
            Codec::Bzip2 => "bzip2",
        })
    }
}
