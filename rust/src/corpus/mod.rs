//! Files in, documents out: discover files, open and decompress them, read their rows.
//!
//! [`Corpus::discover`] turns paths into a sorted list of files; [`Corpus::read`] reads them on
//! several threads, each of which feeds the documents that it reads to a [`DocumentSink`] of its
//! own.

mod arrow;
mod batches;
mod codec;
mod discover;
mod documents;
mod format;
mod glob;
mod jsonl;
mod key;
mod open;
mod parquet;
mod read;
mod rows;
mod sample;
mod stdin;
mod text;

use std::path::{Path, PathBuf};

use crate::{Error, Job, Result};
pub use batches::{Batches, DocumentBatch};
use discover::{File, discover};
pub use documents::Place;
pub(crate) use stdin::Stdin;

/// How a plain text file is cut into documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Split {
    /// The file is one document.
    #[default]
    Document,
    /// Every line is a document, without its line end; empty lines are none.
    Line,
    /// Paragraphs, divided by one or more empty lines, without the line end at their end.
    Paragraph,
}

/// What happens to a row without usable text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnBadRow {
    /// The reading ends with [`crate::Error::BadRow`].
    #[default]
    Error,
    /// The row is left out and counted.
    Skip,
}

/// How a corpus is read; see `docs/measure.md` for what each option does.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadOptions {
    /// How plain text is cut into documents.
    pub split: Split,
    /// Dotted paths of the text in a jsonl or Parquet row; several are joined by a line feed.
    pub text_key: Vec<String>,
    /// Only the first so many documents, files in sorted order (after sampling).
    pub limit: Option<u64>,
    /// Keep each document with this probability, 0 to 1.
    pub sample: Option<f64>,
    /// Seed of the sampling.
    pub seed: u64,
    /// Seed of a resample: each document counts as often as a Poisson variable of mean 1 says.
    pub resample: Option<u64>,
    /// What happens to a bad row.
    pub on_bad_row: OnBadRow,
}

impl Default for ReadOptions {
    fn default() -> Self {
        ReadOptions {
            split: Split::Document,
            text_key: vec!["text".to_string()],
            limit: None,
            sample: None,
            seed: 0,
            resample: None,
            on_bad_row: OnBadRow::Error,
        }
    }
}

/// Takes a document's text as it is read; each reading thread has one of its own.
pub trait DocumentSink: Send {
    /// The next part of the current document, raw bytes; a part may end inside a character.
    fn text(&mut self, part: &[u8]) -> Result<()>;

    /// The current document is complete (it may have had no part at all: an empty document).
    ///
    /// `Err(reason)` inside the `Ok` makes it a bad row (text that the alphabet cannot hold,
    /// say), which the reader treats by [`OnBadRow`].
    fn end_document(&mut self, place: Place<'_>) -> Result<std::result::Result<(), String>>;

    /// No more documents come to this sink.
    fn finish(&mut self) -> Result<()>;
}

/// What was read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReadCounts {
    /// Documents.
    pub documents: u64,
    /// Raw bytes of text in them.
    pub bytes: u64,
    /// Rows left out under [`OnBadRow::Skip`].
    pub bad_rows: u64,
}

/// A corpus: the files that were found, and how to read them.
#[derive(Debug, Clone)]
pub struct Corpus {
    /// What the user called it: the paths joined by `, `.
    pub name: String,
    files: Vec<File>,
    options: ReadOptions,
}

impl Corpus {
    /// Finds the files that `paths` name: files, folders, globs, and `-` for standard input.
    ///
    /// A file that is named is read, whatever it is. A folder stands for all files below it but
    /// hidden ones and those with the ending of a binary format. `.jsonl` and `.ndjson` files
    /// have a JSON object in each line, `.parquet` and `.pq` files are Parquet, all others and
    /// standard input are plain text; any but Parquet may be compressed as a whole, with the
    /// further ending `.gz`, `.zst`, `.xz` or `.bz2`. Files are sorted by path, each taken once.
    pub fn discover(paths: &[PathBuf], options: ReadOptions) -> Result<Corpus> {
        options.check()?;
        let names: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
        Ok(Corpus { name: names.join(", "), files: discover(paths)?, options })
    }

    /// The files, in the order in which they are read.
    pub fn files(&self) -> impl ExactSizeIterator<Item = &Path> {
        self.files.iter().map(|file| file.path.as_path())
    }

    /// Bytes that the files take on disk; 0 (not known) if standard input is among them.
    pub fn size(&self) -> u64 {
        if self.reads_stdin() { 0 } else { self.files.iter().map(|file| file.size).sum() }
    }

    /// Whether standard input is one of the files; it can be read only once.
    pub fn reads_stdin(&self) -> bool {
        self.files.iter().any(File::is_stdin)
    }

    /// Whether one of the files has rows, so that a text key is of use.
    pub fn reads_rows(&self) -> bool {
        self.files.iter().any(|file| file.format != format::Format::Text)
    }

    /// Whether one of the files is plain text, so that a way to split it is of use.
    pub fn reads_text(&self) -> bool {
        self.files.iter().any(|file| file.format == format::Format::Text)
    }

    /// Reads every document on `threads` threads, each into a sink of its own.
    ///
    /// On one thread, documents reach the sink in order; with a limit, one thread is all that is
    /// used. The first error ends the reading on all threads. A corpus without a document is an
    /// error.
    pub fn read<S: DocumentSink>(
        &self,
        threads: usize,
        job: &Job,
        sink: impl Fn() -> S + Sync,
    ) -> Result<ReadCounts> {
        read::read(self, threads, job, sink)
    }

    /// The same files, with documents drawn as for a bootstrap replicate; `limit` comes first.
    pub fn resampled(&self, seed: u64) -> Corpus {
        let mut corpus = self.clone();
        corpus.options.resample = Some(seed);
        corpus
    }

    /// The documents in order, in batches of up to `bytes` bytes; a thread reads ahead.
    ///
    /// A document counts for a byte more than its text has; a longer one is a batch of its own.
    /// With `utf8`, a document that is not UTF-8 is a bad row.
    pub fn batches(&self, bytes: usize, utf8: bool) -> Result<Batches> {
        Batches::new(self.clone(), bytes, utf8)
    }
}

impl ReadOptions {
    /// [`Error::InvalidArgument`] if they ask for something that cannot be.
    fn check(&self) -> Result<()> {
        let invalid = |message: String| Err(Error::InvalidArgument(message));
        if let Some(sample) = self.sample.filter(|sample| !(*sample > 0.0 && *sample <= 1.0)) {
            return invalid(format!("sample {sample}: must be more than 0 and at most 1"));
        }
        if self.limit == Some(0) {
            return invalid("limit 0: must be at least 1".to_string());
        }
        if self.text_key.is_empty() {
            return invalid("no text key: name at least one".to_string());
        }
        if let Some(key) = self.text_key.iter().find(|key| key.split('.').any(str::is_empty)) {
            return invalid(format!("text key `{key}`: a part of the path is empty"));
        }
        Ok(())
    }
}
