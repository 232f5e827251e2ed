//! A corpus in, its documents out in order, some at a time, while a thread reads ahead.

use std::panic;
use std::path::Path;
use std::sync::Arc;
use std::task::Poll;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use super::documents::Place;
use super::{Corpus, DocumentSink, ReadCounts};
use crate::{Error, Job, Result};

/// Batches that wait for whoever takes them.
const QUEUE: usize = 2;

/// Documents that follow one another in a corpus; all vectors have one entry for each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DocumentBatch {
    /// The file that each is from, as [`Corpus::files`] gives it.
    pub sources: Vec<Arc<Path>>,
    /// The number of its first row in that file, from 0; see [`Place::row`].
    pub indices: Vec<u64>,
    /// Its raw bytes.
    pub texts: Vec<Vec<u8>>,
    size: usize,
}

/// The documents of a corpus, in order; see [`Corpus::batches`].
///
/// Dropped before its end, it stops the thread that reads.
#[derive(Debug)]
pub struct Batches {
    batches: Receiver<DocumentBatch>,
    job: Arc<Job>,
    /// None once its end has been told.
    reader: Option<JoinHandle<Result<ReadCounts>>>,
}

impl Batches {
    pub(super) fn new(corpus: Corpus, bytes: usize, utf8: bool) -> Result<Batches> {
        if bytes == 0 {
            return Err(Error::InvalidArgument("bytes 0: must be at least 1".to_string()));
        }
        let job = Arc::new(Job::default());
        let (sender, batches) = bounded(QUEUE);
        let reader = thread::spawn({
            let job = Arc::clone(&job);
            move || {
                // One thread delivers the documents in order.
                corpus.read(1, &job, || Gather {
                    sender: sender.clone(),
                    bytes,
                    utf8,
                    text: Vec::new(),
                    batch: DocumentBatch::default(),
                })
            }
        });
        Ok(Batches { batches, job, reader: Some(reader) })
    }

    /// The next batch, or what [`Iterator::next`] gives at the end; pending if there is nothing
    /// to tell within `time`.
    pub fn next_within(&mut self, time: Duration) -> Poll<Option<Result<DocumentBatch>>> {
        match self.batches.recv_timeout(time) {
            Ok(batch) => Poll::Ready(Some(Ok(batch))),
            Err(RecvTimeoutError::Timeout) => Poll::Pending,
            Err(RecvTimeoutError::Disconnected) => Poll::Ready(self.end().map(Err)),
        }
    }

    /// The error that ended the reading, told once.
    fn end(&mut self) -> Option<Error> {
        match self.reader.take()?.join() {
            Ok(result) => result.err(),
            Err(payload) => panic::resume_unwind(payload),
        }
    }
}

impl Iterator for Batches {
    type Item = Result<DocumentBatch>;

    fn next(&mut self) -> Option<Result<DocumentBatch>> {
        match self.batches.recv() {
            Ok(batch) => Some(Ok(batch)),
            Err(_) => self.end().map(Err),
        }
    }
}

impl Drop for Batches {
    fn drop(&mut self) {
        self.job.stop();
    }
}

/// Gathers documents to batches and sends them.
struct Gather {
    sender: Sender<DocumentBatch>,
    bytes: usize,
    utf8: bool,
    /// The present document so far.
    text: Vec<u8>,
    batch: DocumentBatch,
}

impl Gather {
    fn send(&mut self) -> Result<()> {
        // Nobody takes batches any more once `Batches` is dropped.
        self.sender.send(std::mem::take(&mut self.batch)).map_err(|_| Error::Interrupted)
    }
}

impl DocumentSink for Gather {
    fn text(&mut self, part: &[u8]) -> Result<()> {
        self.text.extend_from_slice(part);
        Ok(())
    }

    fn end_document(&mut self, place: Place<'_>) -> Result<std::result::Result<(), String>> {
        let text = std::mem::take(&mut self.text);
        if let (true, Err(error)) = (self.utf8, std::str::from_utf8(&text)) {
            let at = error.valid_up_to();
            let reason =
                format!("invalid UTF-8 at byte {at} of the text, which a tokenizer cannot read");
            return Ok(Err(reason));
        }
        // The end counts as a byte, or empty documents would be gathered without end.
        let size = text.len() + 1;
        if self.batch.size > 0 && self.batch.size + size > self.bytes {
            self.send()?;
        }
        let source = match self.batch.sources.last() {
            Some(last) if **last == *place.path() => Arc::clone(last),
            _ => Arc::from(place.path()),
        };
        self.batch.sources.push(source);
        self.batch.indices.push(place.row);
        self.batch.texts.push(text);
        self.batch.size += size;
        Ok(Ok(()))
    }

    fn finish(&mut self) -> Result<()> {
        if self.batch.size > 0 { self.send() } else { Ok(()) }
    }
}
