//! Standard input and pipes, with interruptible reads.
//!
//! Opening a named pipe blocks until it has a writer, and a read until data arrive. A separate
//! thread therefore does both, while this side checks regularly whether the job was stopped; that
//! thread ends with the process.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use crate::Job;

/// Bytes read at once.
const BLOCK: usize = 1 << 18;
/// How often to check whether the job was stopped.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// The blocks of standard input or of a pipe.
#[derive(Debug)]
pub(super) struct Blocks(Receiver<io::Result<Vec<u8>>>);

impl Blocks {
    /// Begins to read the pipe at `path`; None: standard input.
    pub(super) fn new(path: Option<PathBuf>) -> Blocks {
        let (sender, blocks) = bounded(2);
        let failed = sender.clone();
        let work = move || match path.map(File::open) {
            None => read(io::stdin(), &sender),
            Some(Ok(pipe)) => read(pipe, &sender),
            Some(Err(error)) => {
                // The receiver is gone once the job has ended.
                let _ = sender.send(Err(error));
            }
        };
        if let Err(error) = thread::Builder::new().spawn(work) {
            // The channel is empty, and its receiver is here.
            let _ = failed.send(Err(error));
        }
        Blocks(blocks)
    }

    /// The next block; empty at the end, an error once the job was stopped.
    pub(super) fn next(&self, job: &Job) -> io::Result<Vec<u8>> {
        loop {
            if job.check().is_err() {
                return Err(io::Error::other("stopped"));
            }
            match self.0.recv_timeout(POLL_INTERVAL) {
                Ok(block) => return block,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(Vec::new()),
            }
        }
    }
}

/// Sends blocks until the end, an error, or the end of the job, when the receiver is gone.
fn read(mut pipe: impl Read, sender: &Sender<io::Result<Vec<u8>>>) {
    loop {
        let mut block = vec![0; BLOCK];
        let result = match pipe.read(&mut block) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            result => result,
        };
        let last = !matches!(result, Ok(1..));
        let result = result.map(|read| {
            block.truncate(read);
            block
        });
        if sender.send(result).is_err() || last {
            return;
        }
    }
}

/// The bytes of standard input.
pub(crate) struct Stdin<'a> {
    blocks: Blocks,
    block: Vec<u8>,
    used: usize,
    job: &'a Job,
}

impl<'a> Stdin<'a> {
    pub(crate) fn new(job: &'a Job) -> Stdin<'a> {
        Stdin::of(None, job)
    }

    /// The bytes of the pipe at `path`; None: standard input.
    pub(super) fn of(path: Option<PathBuf>, job: &'a Job) -> Stdin<'a> {
        Stdin { blocks: Blocks::new(path), block: Vec::new(), used: 0, job }
    }
}

impl Read for Stdin<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.used == self.block.len() {
            (self.block, self.used) = (self.blocks.next(self.job)?, 0);
        }
        let mut rest = &self.block[self.used..];
        let read = rest.read(buffer)?;
        self.used += read;
        Ok(read)
    }
}
