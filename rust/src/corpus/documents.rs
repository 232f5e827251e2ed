//! Documents on their way to a sink: sampling, the limit, bad rows and the counts.

use std::path::Path;

use super::discover::File;
use super::key::Fault;
use super::options::{OnBadRow, ReadOptions};
use super::sample::Sampler;
use crate::{Error, Result};

/// How to skip bad rows, for messages.
const SKIP: &str = "`on_bad_row=\"skip\"`";

/// The position of a document, used by error messages and sampling.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    pub(super) file: &'a File,
    /// What `row` counts: `document`, `line` or `row`.
    pub unit: &'static str,
    /// The index of the document's first row, from 0.
    pub row: u64,
}

impl<'a> Place<'a> {
    /// The file's path, as in [`super::Corpus::files`].
    pub fn path(&self) -> &'a Path {
        &self.file.path
    }
}

/// Receives documents as they are read; each reading thread has a sink of its own.
pub trait DocumentSink: Send {
    /// The next raw bytes of the current document; they may end inside a character.
    fn text(&mut self, part: &[u8]) -> Result<()>;

    /// The current document is complete; an empty one had no bytes.
    ///
    /// An `Err(reason)` inside the `Ok` makes it a bad row, which is handled by [`OnBadRow`]: text
    /// that the alphabet cannot represent, for instance.
    fn end_document(&mut self, place: Place<'_>) -> Result<std::result::Result<(), String>>;

    /// No more documents follow.
    fn finish(&mut self) -> Result<()>;
}

/// The amount of data read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReadCounts {
    /// Number of documents.
    pub documents: u64,
    /// Raw bytes of text in them.
    pub bytes: u64,
    /// Number of rows skipped under [`OnBadRow::Skip`].
    pub bad_rows: u64,
}

/// The sink of one thread, and what has reached it.
pub(super) struct Documents<'a, S> {
    sink: S,
    options: &'a ReadOptions,
    sampler: Sampler,
    counts: ReadCounts,
    /// Documents of the sample so far, including those that a resample repeats 0 times.
    taken: u64,
    /// Bytes of the current document so far.
    open: u64,
}

impl<'a, S: DocumentSink> Documents<'a, S> {
    pub(super) fn new(sink: S, options: &'a ReadOptions) -> Documents<'a, S> {
        let sampler = Sampler::new(options);
        Documents { sink, options, sampler, counts: ReadCounts::default(), taken: 0, open: 0 }
    }

    pub(super) fn options(&self) -> &'a ReadOptions {
        self.options
    }

    pub(super) fn counts(&self) -> ReadCounts {
        self.counts
    }

    /// Whether the limit is reached.
    pub(super) fn full(&self) -> bool {
        self.options.limit.is_some_and(|limit| self.taken >= limit)
    }

    /// Whether the document at `place` is in the sample and within the limit.
    pub(super) fn wants(&mut self, place: Place<'_>) -> bool {
        if self.full() || !self.sampler.keeps(place.file.name_hash, place.row) {
            return false;
        }
        let wanted = self.copies(place) > 0;
        // A document that is repeated counts once it has been read and is not a bad row.
        self.taken += u64::from(!wanted);
        wanted
    }

    /// How often the document at `place` is repeated.
    pub(super) fn copies(&self, place: Place<'_>) -> u64 {
        self.sampler.copies(place.file.name_hash, place.row)
    }

    /// No more documents follow on this thread.
    pub(super) fn finish(&mut self) -> Result<()> {
        self.sink.finish()
    }

    /// Passes on a whole document, as often as it is repeated.
    pub(super) fn document(&mut self, place: Place<'_>, text: &[u8]) -> Result<()> {
        for copy in 0..self.copies(place) {
            self.part(text)?;
            self.end(place, copy)?;
        }
        Ok(())
    }

    /// Passes on a part of the current document.
    pub(super) fn part(&mut self, text: &[u8]) -> Result<()> {
        self.open += text.len() as u64;
        self.sink.text(text)
    }

    /// Ends the current document, or copy number `copy` of it, from 0.
    pub(super) fn end(&mut self, place: Place<'_>, copy: u64) -> Result<()> {
        let bytes = std::mem::take(&mut self.open);
        match self.sink.end_document(place)? {
            Ok(()) => {
                self.counts.documents += 1;
                self.counts.bytes += bytes;
                self.taken += u64::from(copy == 0);
                Ok(())
            }
            Err(reason) if copy == 0 => self.bad_row(place, reason),
            Err(_) => Ok(()),
        }
    }

    /// Handles a row without usable text, of which the sink holds nothing.
    pub(super) fn bad_row(&mut self, place: Place<'_>, fault: impl Into<Fault>) -> Result<()> {
        match self.options.on_bad_row {
            OnBadRow::Skip => {
                self.counts.bad_rows += 1;
                Ok(())
            }
            OnBadRow::Error => {
                let Fault { what, key } = fault.into();
                // Where earlier rows have text, another key would be wrong for those.
                let remedy = match key.filter(|_| place.row == 0) {
                    _ if self.options.columns.is_some() => "fix the row".to_string(),
                    Some(key) => {
                        format!("give `text_key=\"{key}\"`, or skip such rows with {SKIP}")
                    }
                    None => format!("fix the row, or skip such rows with {SKIP}"),
                };
                Err(Error::BadRow {
                    path: place.file.path.clone(),
                    unit: place.unit,
                    row: place.row + 1,
                    reason: what,
                    remedy,
                })
            }
        }
    }
}
