//! A reading thread, and the tasks that threads hand to each other.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use crossbeam_channel::{Sender, TrySendError};

use super::discover::{Corpus, File};
use super::documents::{DocumentSink, Documents};
use crate::{Error, Job, Result};

/// A part of a file that any thread can read.
pub(super) trait Task<'a, S>: Send {
    /// The file.
    fn file(&self) -> &'a File;

    /// Reads the part into the documents of a thread.
    fn read(&self, reader: &mut Reader<'a, S>) -> Result<()>;
}

/// What all threads share.
pub(super) struct Shared<'a> {
    pub job: &'a Job,
    pub corpus: &'a Corpus,
    /// The largest window of a .zst file in bytes, if it exceeds what is always accepted.
    pub window: u64,
    /// Index of the first file that no thread has taken yet.
    pub next: AtomicUsize,
    /// Set once a thread has failed.
    pub stop: AtomicBool,
    /// The error to report, and its file.
    pub failure: Mutex<Option<(&'a File, Error)>>,
}

/// A reading thread.
pub(super) struct Reader<'a, S> {
    pub documents: Documents<'a, S>,
    /// A reusable buffer.
    pub buffer: Vec<u8>,
    pub shared: &'a Shared<'a>,
    /// The queue of tasks for other threads, if there are any.
    pub queue: Option<Sender<Box<dyn Task<'a, S> + 'a>>>,
}

impl<'a, S: DocumentSink> Reader<'a, S> {
    /// Queues a task for another thread, or does it here if the queue is full.
    pub(super) fn submit(&mut self, task: impl Task<'a, S> + 'a) -> Result<()> {
        let Some(queue) = &self.queue else { return task.read(self) };
        match queue.try_send(Box::new(task)) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(task) | TrySendError::Disconnected(task)) => task.read(self),
        }
    }
}

impl<'a> Shared<'a> {
    /// [`Error::Interrupted`] if another thread failed or the job was stopped.
    pub(super) fn check(&self) -> Result<()> {
        if self.stop.load(Ordering::Relaxed) { Err(Error::Interrupted) } else { self.job.check() }
    }

    /// Stops all threads because of an error, which is reported unless an earlier file has one.
    pub(super) fn fail(&self, file: &'a File, error: Error) {
        let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        // Stopping a job interrupts reads, which looks like an error of the file.
        let error = self.job.check().err().unwrap_or(error);
        // Threads that were stopped get here too, after the error that stopped them.
        let stopped = matches!(error, Error::Interrupted);
        if failure.as_ref().is_none_or(|(first, _)| !stopped && file.path < first.path) {
            *failure = Some((file, error));
        }
        self.stop.store(true, Ordering::Relaxed);
    }
}
