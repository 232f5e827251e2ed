//! Standard input or a pipe as a source that can be read once, or kept and read again.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use super::stdin::{Blocks, Stdin};
use crate::{Error, Job, Result};

/// Standard input or a pipe.
#[derive(Debug)]
pub(crate) struct Stream {
    /// The pipe; None: standard input.
    path: Option<PathBuf>,
    /// A copy of what has been read so far, if the stream is read again.
    spool: Option<Mutex<Spool>>,
}

/// A stream, and a temporary file with its bytes so far.
#[derive(Debug)]
struct Spool {
    /// The rest of the stream; None before the first read.
    blocks: Option<Blocks>,
    file: File,
    size: u64,
    ended: bool,
}

impl Stream {
    pub(crate) fn stdin() -> Stream {
        Stream { path: None, spool: None }
    }

    /// The pipe or device at `path`.
    pub(crate) fn of(path: PathBuf) -> Stream {
        Stream { path: Some(path), spool: None }
    }

    /// Whether the stream can be read more than once.
    pub(crate) fn is_kept(&self) -> bool {
        self.spool.is_some()
    }

    /// The same stream, kept in a temporary file while it is read.
    pub(crate) fn kept(&self) -> Result<Stream> {
        let file = tempfile::tempfile()
            .map_err(|source| Error::Temporary { path: std::env::temp_dir(), source })?;
        let spool = Spool { blocks: None, file, size: 0, ended: false };
        Ok(Stream { path: self.path.clone(), spool: Some(Mutex::new(spool)) })
    }

    /// Reads the stream, or what is kept of it and then the rest; stops with `job`.
    pub(crate) fn reader<'a>(&'a self, job: &'a Job) -> Box<dyn Read + 'a> {
        match &self.spool {
            None => Box::new(Stdin::of(self.path.clone(), job)),
            Some(spool) => Box::new(Kept { path: &self.path, spool, at: 0, job }),
        }
    }
}

/// Reads a stream that is kept, from its beginning.
struct Kept<'a> {
    path: &'a Option<PathBuf>,
    spool: &'a Mutex<Spool>,
    /// Position in the stream.
    at: u64,
    job: &'a Job,
}

impl Read for Kept<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut spool = self.spool.lock().unwrap_or_else(PoisonError::into_inner);
        if self.at == spool.size && !spool.ended {
            spool.extend(self.path, self.job)?;
        }
        let start = self.at;
        spool.file.seek(SeekFrom::Start(start))?;
        let read = spool.file.read(buffer)?;
        self.at += read as u64;
        Ok(read)
    }
}

impl Spool {
    /// Appends the next block of the stream to the file.
    fn extend(&mut self, path: &Option<PathBuf>, job: &Job) -> io::Result<()> {
        let block = self.blocks.get_or_insert_with(|| Blocks::new(path.clone())).next(job)?;
        self.ended = block.is_empty();
        self.file.seek(SeekFrom::End(0))?;
        self.file.write_all(&block).map_err(|error| {
            let folder = std::env::temp_dir();
            io::Error::new(
                error.kind(),
                format!(
                    "cannot be kept in {} ({error}); free some space there or set TMPDIR to another folder",
                    folder.display()
                ),
            )
        })?;
        self.size += block.len() as u64;
        Ok(())
    }
}
