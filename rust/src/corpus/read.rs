//! Files in, documents out on every thread: how threads share the work, and how they end.
//!
//! Each thread takes the next file, reads and decompresses it, and cuts it into blocks of whole
//! rows. A block goes to a short queue or, if that is full, is processed at once, so no thread
//! waits while there is a file to read. Threads without a file take blocks from the queue until
//! no thread can add any, so the rows of a single large file reach the sinks of all threads.

use std::io;
use std::panic;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use crossbeam_channel::{Receiver, bounded};

use super::discover::{Corpus, File};
use super::documents::{DocumentSink, Documents, ReadCounts};
use super::format::Format;
use super::options::Split;
use super::parquet::read_groups;
use super::reader::{Reader, Shared, Task};
use super::rows::{Rows, read_rows, read_whole};
use super::table::read_table;
use super::text::Unit;
use super::values::read_values;
use crate::io::PageBudget;
use crate::{Error, Job, Phase, Result};

/// Length of the queue per thread.
const QUEUE: usize = 2;

impl Corpus {
    /// Reads every document on `threads` threads, each into a sink of its own.
    ///
    /// On one thread, documents reach the sink in order; with a limit, only one thread is used. The
    /// first fault of the data in that order is reported, whatever the threads. A corpus without documents is an error.
    pub fn read<S: DocumentSink>(
        &self,
        threads: usize,
        job: &Job,
        sink: impl Fn() -> S + Sync,
    ) -> Result<ReadCounts> {
        if threads == 0 {
            return Err(Error::InvalidArgument("threads 0: must be at least 1".to_string()));
        }
        // A limit counts documents in order, so one thread has to read them all.
        let threads = if self.options.limit.is_some() { 1 } else { threads };
        job.start(Phase::Read, self.size());
        let shared = Shared {
            corpus: self,
            job,
            window: job.memory() / (2 * self.zstd_files().clamp(1, threads as u64)),
            pages: PageBudget::new(job.memory(), threads),
            next: AtomicUsize::new(0),
            stop: AtomicBool::new(false),
            failed: AtomicBool::new(false),
            failure: Mutex::new(None),
        };
        let (sender, receiver) = bounded(QUEUE * threads);
        let reader = |queue| Reader {
            documents: Documents::new(sink(), &self.options),
            buffer: Vec::new(),
            shared: &shared,
            queue,
        };
        let parts = if threads == 1 {
            drop(sender);
            vec![run(reader(None), &receiver)]
        } else {
            thread::scope(|scope| {
                let start = |_| {
                    let (reader, sender, receiver) = (&reader, sender.clone(), receiver.clone());
                    let work = move || run(reader(Some(sender)), &receiver);
                    let worker = thread::Builder::new().spawn_scoped(scope, work);
                    // The threads that were started are joined at the end of the scope.
                    worker.inspect_err(|_| shared.stop.store(true, Ordering::Relaxed))
                };
                let workers = (0..threads).map(start).collect::<io::Result<Vec<_>>>();
                drop((sender, receiver));
                let join = |worker: thread::ScopedJoinHandle<'_, _>| {
                    worker.join().unwrap_or_else(|payload| panic::resume_unwind(payload))
                };
                Ok(workers.map_err(Error::thread)?.into_iter().map(join).collect())
            })?
        };
        job.check()?;
        if let Some(failure) = shared.failure().take() {
            return Err(failure.error);
        }
        let counts = parts.into_iter().fold(ReadCounts::default(), |sum, part| ReadCounts {
            documents: sum.documents + part.documents,
            bytes: sum.bytes + part.bytes,
            bad_rows: sum.bad_rows + part.bad_rows,
        });
        match counts.documents {
            0 => Err(Error::EmptyCorpus(self.name.clone())),
            _ => Ok(counts),
        }
    }
}

/// Reads files, then tasks from the queue.
fn run<'a, S: DocumentSink>(
    mut reader: Reader<'a, S>,
    tasks: &Receiver<Box<dyn Task<'a, S> + 'a>>,
) -> ReadCounts {
    let _alarm = Alarm(&reader.shared.stop);
    let files = &reader.shared.corpus.files;
    while let Some(file) = files.get(reader.shared.next.fetch_add(1, Ordering::Relaxed)) {
        if reader.documents.full() {
            break;
        }
        let result = reader.shared.check_at(file, 0).and_then(|()| read_file(&mut reader, file));
        if let Err(error) = result {
            // The rows before the fault have been handed out.
            reader.shared.fail(file, u64::MAX, error);
            break;
        }
    }
    reader.queue = None;
    for task in tasks {
        let (file, row) = (task.file(), task.row());
        let result = reader.shared.check_at(file, row).and_then(|()| task.read(&mut reader));
        if let Err(error) = result {
            reader.shared.fail(file, row, error);
        }
    }
    if let Some(last) = files.last()
        && !reader.shared.failed.load(Ordering::Relaxed)
        && let Err(error) = reader.shared.check().and_then(|()| reader.documents.finish())
    {
        reader.shared.fail(last, u64::MAX, error);
    }
    reader.documents.counts()
}

fn read_file<'a, S: DocumentSink>(reader: &mut Reader<'a, S>, file: &'a File) -> Result<()> {
    let options = reader.documents.options();
    if let (Format::Text, Some(separator)) = (file.format, &options.split_on) {
        return read_rows(reader, file, Rows::Text(Unit::Between(separator.as_bytes())));
    }
    match (file.format, options.split) {
        (Format::Parquet, _) => read_groups(reader, file),
        (Format::Json, _) => read_values(reader, file),
        (Format::Csv, _) => read_table(reader, file, b',', true),
        (Format::Tsv, _) => read_table(reader, file, b'\t', false),
        (Format::Jsonl, _) => read_rows(reader, file, Rows::Json),
        (Format::Text, Split::Document) => read_whole(reader, file),
        (Format::Text, Split::Line) => read_rows(reader, file, Rows::Text(Unit::Line)),
        (Format::Text, Split::Paragraph) => read_rows(reader, file, Rows::Text(Unit::Paragraph)),
    }
}

/// Stops the other threads if this one panics.
struct Alarm<'a>(&'a AtomicBool);

impl Drop for Alarm<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.store(true, Ordering::Relaxed);
        }
    }
}
