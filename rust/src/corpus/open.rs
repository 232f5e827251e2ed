//! A file in, its text out: opened, decompressed according to its name, and counted as progress.
//!
//! Failures of the system become [`Error::Io`], damaged data [`Error::Corpus`].

use std::fmt;
use std::io::{self, BufReader, Cursor, Read};
use std::path::Path;

use super::codec::{Codec, SMALL_WINDOW, zstd_window};
use super::discover::File;
use super::reader::Shared;
use super::sniff::foreign;
use crate::{Error, Job, Result};

/// Buffer size for compressed data, in bytes.
const DISK_BUFFER: usize = 256 << 10;

/// The text of one file.
pub(super) struct Source<'a> {
    file: &'a File,
    reader: Box<dyn Read + 'a>,
    /// Bytes of text read so far.
    read: u64,
}

impl<'a> Source<'a> {
    /// Opens `file`; bytes read from disk count as progress of the job.
    pub(super) fn open(file: &'a File, shared: &Shared<'a>) -> Result<Source<'a>> {
        let job = shared.job;
        let disk: Box<dyn Read + 'a> = match &file.stream {
            Some(stream) => Box::new(Disk { inner: stream.reader(job), job }),
            None => {
                let inner = std::fs::File::open(&file.path).map_err(Error::io(&file.path))?;
                Box::new(Disk { inner, job })
            }
        };
        let mut source = Source { file, reader: disk, read: 0 };
        if let Some(codec) = file.codec {
            source.unpack(codec, shared.window)?;
        }
        Ok(source)
    }

    /// The path of the file.
    pub(super) fn path(&self) -> &'a Path {
        &self.file.path
    }

    /// Wraps the reader in the decoder of `codec`, if the data begin as they should, and the window
    /// of a .zst file has at most `window` bytes.
    fn unpack(&mut self, codec: Codec, window: u64) -> Result<()> {
        let mut head = Vec::new();
        let read = self.reader.by_ref().take(Codec::HEAD).read_to_end(&mut head);
        read.map_err(|error| self.fault(error))?;
        if !codec.begins(&head) {
            let path = self.file.path.clone();
            let reason = if head.is_empty() {
                format!("the file is empty, not {codec} data as its name implies; fetch it again")
            } else {
                format!("not {codec} data as its name implies; rename it or fetch it again")
            };
            return Err(Error::Corpus { path, reason });
        }
        if codec == Codec::Zstd
            && let Some(needed) = zstd_window(&head).filter(|&size| size > window.max(SMALL_WINDOW))
        {
            let path = self.file.path.clone();
            let reason = format!(
                "zstd data with a window of {} MiB, which may take half of the memory; give \
                 `memory=\"{}MiB\"`, or compress them with a smaller window",
                needed.div_ceil(1 << 20),
                needed.div_ceil(1 << 19)
            );
            return Err(Error::Corpus { path, reason });
        }
        let disk = std::mem::replace(&mut self.reader, Box::new(io::empty()));
        let packed = BufReader::with_capacity(DISK_BUFFER, Cursor::new(head).chain(disk));
        self.reader = codec.decoder(packed, window).map_err(|error| self.fault(error))?;
        Ok(())
    }

    /// Reads text into `buffer` until it has `target` bytes; true at the end of the file.
    pub(super) fn fill(&mut self, buffer: &mut Vec<u8>, target: usize) -> Result<bool> {
        let wanted = target.saturating_sub(buffer.len()) as u64;
        let before = buffer.len();
        buffer.reserve(wanted as usize);
        let result = self.reader.by_ref().take(wanted).read_to_end(buffer);
        if self.read == 0
            && let Some(reason) = foreign(&buffer[before..])
        {
            return Err(Error::Corpus { path: self.file.path.clone(), reason });
        }
        self.read += (buffer.len() - before) as u64;
        Ok((result.map_err(|error| self.fault(error))? as u64) < wanted)
    }

    /// Classifies a failed read: a fault of the disk, or of the data.
    fn fault(&self, error: io::Error) -> Error {
        let path = self.file.path.clone();
        let error = match error.downcast::<DiskError>() {
            Ok(DiskError(source)) => return Error::Io { path, source },
            Err(error) => error,
        };
        let Some(codec) = self.file.codec else {
            return Error::Io { path, source: error };
        };
        let after = format!("{codec} data after {} bytes of text", self.read);
        let reason = match error.kind() {
            io::ErrorKind::UnexpectedEof => format!("truncated {after}; fetch the file again"),
            _ if error.to_string().to_lowercase().contains("memory") => {
                format!(
                    "{codec} data that need more than 128 MiB to unpack; give more `memory`, or \
                     compress them with a smaller window"
                )
            }
            _ => format!("damaged {after} ({error}); fetch the file again"),
        };
        Error::Corpus { path, reason }
    }
}

/// Counts bytes read from disk as progress, and marks errors as the disk's.
struct Disk<'a, R> {
    inner: R,
    job: &'a Job,
}

impl<R: Read> Read for Disk<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.inner.read(buffer) {
                Ok(read) => {
                    self.job.add(read as u64);
                    return Ok(read);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(io::Error::other(DiskError(error))),
            }
        }
    }
}

/// An error of the disk; the type distinguishes it from a decoder's.
#[derive(Debug)]
struct DiskError(io::Error);

impl fmt::Display for DiskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for DiskError {}
