//! A reading thread, and the tasks that threads hand to each other.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crossbeam_channel::{Sender, TrySendError};

use super::discover::{Corpus, File};
use super::documents::{DocumentSink, Documents};
use crate::io::PageBudget;
use crate::{Error, Job, Result};

/// A part of a file that any thread can read.
pub(super) trait Task<'a, S>: Send {
    /// The file.
    fn file(&self) -> &'a File;

    /// Index of its first row, from 0.
    fn row(&self) -> u64;

    /// Reads the part into the documents of a thread.
    fn read(&self, reader: &mut Reader<'a, S>) -> Result<()>;
}

/// What all threads share.
pub(super) struct Shared<'a> {
    pub job: &'a Job,
    pub corpus: &'a Corpus,
    /// The largest window of a .zst file in bytes, if it exceeds what is always accepted.
    pub window: u64,
    /// The memory for pages of Parquet files.
    pub pages: Arc<PageBudget>,
    /// Index of the first file that no thread has taken yet.
    pub next: AtomicUsize,
    /// Set once all threads have to stop.
    pub stop: AtomicBool,
    /// Set once a file or row is at fault; what comes before it is still read.
    pub failed: AtomicBool,
    /// The first fault so far.
    pub failure: Mutex<Option<Failure>>,
}

/// An error, and the file and row at which it is reached when reading in order.
pub(super) struct Failure {
    place: (usize, u64),
    pub error: Error,
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
    /// [`Error::Interrupted`] if the job was stopped, or another thread failed for good.
    pub(super) fn check(&self) -> Result<()> {
        if self.stop.load(Ordering::Relaxed) { Err(Error::Interrupted) } else { self.job.check() }
    }

    /// Like [`Shared::check`], and also if a fault was found before this row of this file.
    pub(super) fn check_at(&self, file: &File, row: u64) -> Result<()> {
        self.check()?;
        if self.failed.load(Ordering::Relaxed)
            && self.failure().as_ref().is_some_and(|failure| failure.place <= (file.index, row))
        {
            return Err(Error::Interrupted);
        }
        Ok(())
    }

    /// Records an error that was met in `file`, at `row` or later, to be reported if it is the
    /// first.
    ///
    /// Faults of the data do not stop the threads from reading what comes before them, so that the
    /// same fault is reported on every run; all other errors stop everything.
    pub(super) fn fail(&self, file: &File, row: u64, error: Error) {
        // Stopping a job interrupts reads, which looks like an error of the file.
        let error = self.job.check().err().unwrap_or(error);
        let place = match &error {
            // A thread that was stopped, or that has nothing left to read.
            Error::Interrupted => {
                self.stop.fetch_or(self.job.check().is_err(), Ordering::Relaxed);
                return;
            }
            Error::BadRow { row, .. } => (file.index, row - 1),
            Error::Corpus { .. } => (file.index, row),
            Error::Io { path, .. } if *path == file.path => (file.index, row),
            _ => {
                self.stop.store(true, Ordering::Relaxed);
                (0, 0)
            }
        };
        let mut failure = self.failure();
        if failure.as_ref().is_none_or(|first| place < first.place) {
            *failure = Some(Failure { place, error });
        }
        self.failed.store(true, Ordering::Relaxed);
    }

    /// The first fault so far.
    pub(super) fn failure(&self) -> MutexGuard<'_, Option<Failure>> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
