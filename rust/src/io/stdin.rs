//! Standard input, with interruptible reads.
//!
//! A read of standard input blocks until data arrive. A separate thread therefore does the reading,
//! while this side checks regularly whether the job was stopped; that thread ends with the process.

use std::io::{self, Read};
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, bounded};

use crate::Job;

/// Bytes read at once.
const BLOCK: usize = 1 << 18;
/// How often to check whether the job was stopped.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// The bytes of standard input.
pub(crate) struct Stdin<'a> {
    blocks: Receiver<io::Result<Vec<u8>>>,
    block: Vec<u8>,
    used: usize,
    job: &'a Job,
}

impl<'a> Stdin<'a> {
    pub(crate) fn new(job: &'a Job) -> Stdin<'a> {
        let (sender, blocks) = bounded(2);
        thread::spawn(move || {
            loop {
                let mut block = vec![0; BLOCK];
                let result = io::stdin().read(&mut block);
                let last = !matches!(result, Ok(1..));
                let result = result.map(|read| {
                    block.truncate(read);
                    block
                });
                // The receiver is gone once the job has ended.
                if sender.send(result).is_err() || last {
                    return;
                }
            }
        });
        Stdin { blocks, block: Vec::new(), used: 0, job }
    }
}

impl Read for Stdin<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.used == self.block.len() {
            if self.job.check().is_err() {
                return Err(io::Error::other("stopped"));
            }
            match self.blocks.recv_timeout(POLL_INTERVAL) {
                Ok(block) => {
                    (self.block, self.used) = (block?, 0);
                    if self.block.is_empty() {
                        return Ok(0);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(0),
            }
        }
        let mut rest = &self.block[self.used..];
        let read = rest.read(buffer)?;
        self.used += read;
        Ok(read)
    }
}
