//! Compression formats of whole files: their extensions, first bytes and decoders.

use std::fmt;
use std::io::{self, BufRead, Read};

use flate2::bufread::GzDecoder;
use liblzma::stream::{CONCATENATED, Stream};

/// Memory limit for unpacking an .xz file; `xz -9` needs 65 MiB.
const XZ_MEMORY: u64 = 128 << 20;

/// A window of a .zst file that is always accepted: 128 MiB, as by the zstd program.
pub(super) const SMALL_WINDOW: u64 = 1 << 27;

/// The largest window that zstd knows, as a power of 2.
const LARGEST_WINDOW: u32 = 31;

/// A compression format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Codec {
    Gzip,
    Zstd,
    Xz,
    Bzip2,
}

impl Codec {
    /// Number of first bytes that identify a codec, and hold the header of a zstd frame.
    pub(super) const HEAD: u64 = 18;

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
    ///
    /// A zstd frame may have a window of [`SMALL_WINDOW`] or up to `window` bytes.
    pub(super) fn decoder<'a>(
        self,
        packed: impl BufRead + 'a,
        window: u64,
    ) -> io::Result<Box<dyn Read + 'a>> {
        Ok(match self {
            Codec::Gzip => Box::new(Gzip { member: Some(GzDecoder::new(packed)) }),
            Codec::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::with_buffer(packed)?;
                decoder.window_log_max(window.max(SMALL_WINDOW).ilog2().min(LARGEST_WINDOW))?;
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

/// The window, in bytes, of the zstd frame that begins with `head`; None if it does not say.
pub(super) fn zstd_window(head: &[u8]) -> Option<u64> {
    let rest = head.strip_prefix(b"\x28\xb5\x2f\xfd")?;
    let (&descriptor, rest) = rest.split_first()?;
    let is_single = descriptor & 0x20 != 0;
    if !is_single {
        // 5 bits of a power of 2, and 3 bits of eighths of it.
        let code = u64::from(*rest.first()?);
        let base = 1 << (10 + (code >> 3));
        return Some(base + base / 8 * (code & 7));
    }
    // One segment as large as the text, whose size follows the id of the dictionary.
    let start = [0, 1, 2, 4][usize::from(descriptor & 3)];
    let size = rest.get(start..)?.first_chunk::<8>();
    match descriptor >> 6 {
        3 => size.map(|size| u64::from_le_bytes(*size)),
        2 => rest[start..].first_chunk::<4>().map(|size| u32::from_le_bytes(*size).into()),
        _ => None,
    }
}

/// Unpacks all members of a .gz file, and skips zeros after each, which tapes and disks add.
struct Gzip<R> {
    /// The current member; None after the last.
    member: Option<GzDecoder<R>>,
}

impl<R: BufRead> Read for Gzip<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(member) = &mut self.member {
            let read = member.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            let Some(mut rest) = self.member.take().map(GzDecoder::into_inner) else { break };
            loop {
                let block = rest.fill_buf()?;
                let zeros = block.iter().take_while(|&&byte| byte == 0).count();
                if block.is_empty() {
                    return Ok(0);
                }
                if zeros < block.len() {
                    rest.consume(zeros);
                    break;
                }
                rest.consume(zeros);
            }
            self.member = Some(GzDecoder::new(rest));
        }
        Ok(0)
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
