//! A corpus in, batches of its documents out, in order, while a thread reads ahead.

use std::panic;
use std::path::Path;
use std::sync::Arc;
use std::task::Poll;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use super::discover::Corpus;
use super::documents::{DocumentSink, Place, ReadCounts};
use super::format::Format;
use super::options::Columns;
use crate::{Error, Job, Result};

/// Number of batches that are read ahead.
const QUEUE: usize = 2;

/// Consecutive documents of a corpus; all vectors have one entry per document.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DocumentBatch {
    /// The file of each document, as in [`Corpus::files`].
    pub sources: Vec<Arc<Path>>,
    /// What is counted in that file: see [`Place::unit`].
    pub units: Vec<&'static str>,
    /// The index of its first row in that file, from 0; see [`Place::row`].
    pub indices: Vec<u64>,
    /// The raw bytes of each document.
    pub texts: Vec<Vec<u8>>,
    size: usize,
}

/// The documents of a corpus, in order; see [`Corpus::batches`].
///
/// Dropping it before its end stops the reading thread.
#[derive(Debug)]
pub struct Batches {
    batches: Receiver<DocumentBatch>,
    job: Arc<Job>,
    /// None once the end has been returned.
    reader: Option<JoinHandle<Result<ReadCounts>>>,
}

impl Corpus {
    /// The documents in order, in batches of up to `bytes` bytes; a thread reads ahead.
    ///
    /// Each document counts one byte more than its text; one that exceeds the limit is a batch of
    /// its own. With `utf8`, a document that is not UTF-8 is a bad row.
    pub fn batches(&self, bytes: usize, utf8: bool) -> Result<Batches> {
        Batches::new(self.clone(), bytes, utf8)
    }

    /// The rows in order, each as a JSON object with `columns` (`None`: all), in batches like those
    /// of [`Corpus::batches`]; a column that a row lacks is left out.
    ///
    /// Returns [`Error::InvalidArgument`] if a file is plain text.
    pub fn rows(&self, columns: Option<Vec<String>>, bytes: usize) -> Result<Batches> {
        if let Some(file) = self.files.iter().find(|file| file.format == Format::Text) {
            let path = file.path.display();
            return Err(Error::InvalidArgument(format!("{path}: plain text has no columns")));
        }
        let mut corpus = self.clone();
        corpus.options.columns = Some(columns.map_or(Columns::All, Columns::Named));
        Batches::new(corpus, bytes, true)
    }
}

impl Batches {
    fn new(corpus: Corpus, bytes: usize, utf8: bool) -> Result<Batches> {
        if bytes == 0 {
            return Err(Error::InvalidArgument("bytes 0: must be at least 1".to_string()));
        }
        let job = Arc::new(Job::default());
        let (sender, batches) = bounded(QUEUE);
        let reader = thread::Builder::new().spawn({
            let job = Arc::clone(&job);
            move || {
                // One thread delivers the documents in order.
                corpus.read(1, &job, || BatchSink {
                    sender: sender.clone(),
                    bytes,
                    utf8,
                    text: Vec::new(),
                    batch: DocumentBatch::default(),
                })
            }
        });
        let reader = reader.map_err(Error::thread)?;
        Ok(Batches { batches, job, reader: Some(reader) })
    }

    /// Like [`Iterator::next`], but pending if nothing arrives within `time`.
    pub fn next_within(&mut self, time: Duration) -> Poll<Option<Result<DocumentBatch>>> {
        match self.batches.recv_timeout(time) {
            Ok(batch) => Poll::Ready(Some(Ok(batch))),
            Err(RecvTimeoutError::Timeout) => Poll::Pending,
            Err(RecvTimeoutError::Disconnected) => Poll::Ready(self.end().map(Err)),
        }
    }

    /// The error that ended the reading, returned once.
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

/// Collects documents into batches and sends them.
struct BatchSink {
    sender: Sender<DocumentBatch>,
    bytes: usize,
    utf8: bool,
    /// The current document so far.
    text: Vec<u8>,
    batch: DocumentBatch,
}

impl BatchSink {
    fn send(&mut self) -> Result<()> {
        // The receiver is gone once `Batches` is dropped.
        self.sender.send(std::mem::take(&mut self.batch)).map_err(|_| Error::Interrupted)
    }
}

impl DocumentSink for BatchSink {
    fn text(&mut self, part: &[u8]) -> Result<()> {
        self.text.extend_from_slice(part);
        Ok(())
    }

    fn end_document(&mut self, place: Place<'_>) -> Result<std::result::Result<(), String>> {
        let text = std::mem::take(&mut self.text);
        if let (true, Err(error)) = (self.utf8, std::str::from_utf8(&text)) {
            let at = error.valid_up_to();
            let reason =
                format!("invalid UTF-8 at byte {at} of the text, which a tokenizer cannot encode");
            return Ok(Err(reason));
        }
        // The end counts as a byte, otherwise a batch could hold any number of empty documents.
        let size = text.len() + 1;
        if self.batch.size > 0 && self.batch.size + size > self.bytes {
            self.send()?;
        }
        let source = match self.batch.sources.last() {
            Some(last) if **last == *place.path() => Arc::clone(last),
            _ => Arc::from(place.path()),
        };
        self.batch.sources.push(source);
        self.batch.units.push(place.unit);
        self.batch.indices.push(place.row);
        self.batch.texts.push(text);
        self.batch.size += size;
        Ok(Ok(()))
    }

    fn finish(&mut self) -> Result<()> {
        if self.batch.size > 0 { self.send() } else { Ok(()) }
    }
}
