//! Reference compressors: the size of the same text under zstd, xz, gzip and bzip2.

use std::io::{self, Write};

use rayon::prelude::*;

use crate::corpus::{Corpus, DocumentSink, Place};
use crate::{Error, Job, Phase, Result};

/// A compressor and its level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compressor {
    /// zstd, levels 1 to 22.
    Zstd(i32),
    /// xz, levels 0 to 9.
    Xz(u32),
    /// gzip, levels 1 to 9.
    Gzip(u32),
    /// bzip2, levels 1 to 9.
    Bzip2(u32),
}

impl Compressor {
    /// Parses `NAME:LEVEL`, such as `zstd:19`.
    pub fn parse(spec: &str) -> Result<Compressor> {
        let parsed = spec.split_once(':').and_then(|(name, level)| {
            let level: u32 = level.parse().ok()?;
            match (name, level) {
                ("zstd", 1..=22) => Some(Compressor::Zstd(level as i32)),
                ("xz", 0..=9) => Some(Compressor::Xz(level)),
                ("gzip", 1..=9) => Some(Compressor::Gzip(level)),
                ("bzip2", 1..=9) => Some(Compressor::Bzip2(level)),
                _ => None,
            }
        });
        parsed.ok_or_else(|| {
            Error::InvalidArgument(format!(
                "unknown compressor '{spec}': write zstd:1 to zstd:22, xz:0 to xz:9, gzip:1 to \
                 gzip:9 or bzip2:1 to bzip2:9"
            ))
        })
    }
}

/// The compressed size of all documents, concatenated, under each of `compressors`.
///
/// Each compressor reads the corpora again, in order, on a thread of the current rayon pool. With
/// `utf8`, documents that are not UTF-8 are bad rows, as for a tokenizer, so that compressors and
/// trees see the same text. `bytes` is the total size of the text (0: unknown), for progress only.
pub fn compressed_sizes(
    corpora: &[&Corpus],
    compressors: &[Compressor],
    utf8: bool,
    bytes: u64,
    job: &Job,
) -> Result<Vec<u64>> {
    job.start(Phase::Compress, bytes * compressors.len() as u64);
    let size = |&compressor| compressed_size(corpora, compressor, utf8, job);
    compressors.par_iter().map(size).collect()
}

fn compressed_size(
    corpora: &[&Corpus],
    compressor: Compressor,
    utf8: bool,
    job: &Job,
) -> Result<u64> {
    let mut stream = Stream::new(compressor).map_err(failed)?;
    for corpus in corpora {
        // One thread reads the documents in order; progress counts what is compressed, not read.
        let shared = std::sync::Mutex::new(&mut stream);
        corpus.read(1, &Job::default(), || CompressorSink {
            stream: &shared,
            job,
            pending: utf8.then(Vec::new),
        })?;
    }
    Ok(stream.finish().map_err(failed)?.0)
}

fn failed(error: io::Error) -> Error {
    Error::Code(format!("the reference compressor failed: {error}"))
}

/// Counts the bytes written to it.
struct Counter(u64);

impl Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

enum Stream {
    Zstd(Box<zstd::Encoder<'static, Counter>>),
    Xz(liblzma::write::XzEncoder<Counter>),
    Gzip(flate2::write::GzEncoder<Counter>),
    Bzip2(bzip2::write::BzEncoder<Counter>),
}

impl Stream {
    fn new(compressor: Compressor) -> io::Result<Stream> {
        let out = Counter(0);
        Ok(match compressor {
            Compressor::Zstd(level) => Stream::Zstd(Box::new(zstd::Encoder::new(out, level)?)),
            Compressor::Xz(level) => Stream::Xz(liblzma::write::XzEncoder::new(out, level)),
            Compressor::Gzip(level) => {
                Stream::Gzip(flate2::write::GzEncoder::new(out, flate2::Compression::new(level)))
            }
            Compressor::Bzip2(level) => {
                Stream::Bzip2(bzip2::write::BzEncoder::new(out, bzip2::Compression::new(level)))
            }
        })
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Stream::Zstd(stream) => stream.write_all(bytes),
            Stream::Xz(stream) => stream.write_all(bytes),
            Stream::Gzip(stream) => stream.write_all(bytes),
            Stream::Bzip2(stream) => stream.write_all(bytes),
        }
    }

    fn finish(self) -> io::Result<Counter> {
        match self {
            Stream::Zstd(stream) => stream.finish(),
            Stream::Xz(stream) => stream.finish(),
            Stream::Gzip(stream) => stream.finish(),
            Stream::Bzip2(stream) => stream.finish(),
        }
    }
}

/// Passes documents to a compressor.
struct CompressorSink<'a> {
    stream: &'a std::sync::Mutex<&'a mut Stream>,
    job: &'a Job,
    /// The current document, kept until it is known to be UTF-8, if it has to be.
    pending: Option<Vec<u8>>,
}

impl CompressorSink<'_> {
    fn compress(&self, part: &[u8]) -> Result<()> {
        for part in part.chunks(1 << 16) {
            self.job.check()?;
            let mut stream = self.stream.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            stream.write_all(part).map_err(failed)?;
            self.job.add(part.len() as u64);
        }
        Ok(())
    }
}

impl DocumentSink for CompressorSink<'_> {
    fn text(&mut self, part: &[u8]) -> Result<()> {
        match &mut self.pending {
            Some(text) => {
                text.extend_from_slice(part);
                Ok(())
            }
            None => self.compress(part),
        }
    }

    fn end_document(&mut self, _place: Place<'_>) -> Result<std::result::Result<(), String>> {
        if let Some(text) = self.pending.take() {
            self.pending = Some(Vec::new());
            match std::str::from_utf8(&text) {
                Ok(_) => self.compress(&text)?,
                Err(error) => return Ok(Err(error.to_string())),
            }
        }
        Ok(Ok(()))
    }

    fn finish(&mut self) -> Result<()> {
        Ok(())
    }
}
