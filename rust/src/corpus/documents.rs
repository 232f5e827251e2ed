//! Documents in, one thread's sink out: sampling, the limit, bad rows and the counts.

use std::path::Path;

use super::discover::File;
use super::sample::Sampler;
use super::{DocumentSink, OnBadRow, ReadCounts, ReadOptions};
use crate::{Error, Result};

/// Where a document stands: what error messages and the sample go by.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    pub(super) file: &'a File,
    /// What is counted: `document`, `line` or `row`.
    pub unit: &'static str,
    /// The number of the document's first row, from 0.
    pub row: u64,
}

impl<'a> Place<'a> {
    /// The file's path, as [`super::Corpus::files`] gives it.
    pub fn path(&self) -> &'a Path {
        &self.file.path
    }
}

/// One thread's sink, and what has reached it.
pub(super) struct Documents<'a, S> {
    sink: S,
    options: &'a ReadOptions,
    sampler: Sampler,
    counts: ReadCounts,
    /// Documents of the sample so far, in a resample also those that it left out.
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

    /// Whether the limit is reached, so that no document is wanted any more.
    pub(super) fn full(&self) -> bool {
        self.options.limit.is_some_and(|limit| self.taken >= limit)
    }

    /// Whether the document at `place` is wanted: in the sample, and within the limit.
    pub(super) fn wants(&mut self, place: Place<'_>) -> bool {
        if self.full() || !self.sampler.keeps(place.file.name_hash, place.row) {
            return false;
        }
        let wanted = self.copies(place) > 0;
        // Of the others, those that turn out to be good are taken when they have been read.
        self.taken += u64::from(!wanted);
        wanted
    }

    /// How often the document at `place` is to be handed on.
    pub(super) fn copies(&self, place: Place<'_>) -> u64 {
        self.sampler.copies(place.file.name_hash, place.row)
    }

    /// No more documents come on this thread.
    pub(super) fn finish(&mut self) -> Result<()> {
        self.sink.finish()
    }

    /// A whole document, handed on as often as it counts.
    pub(super) fn document(&mut self, place: Place<'_>, text: &[u8]) -> Result<()> {
        for copy in 0..self.copies(place) {
            self.part(text)?;
            self.end(place, copy)?;
        }
        Ok(())
    }

    /// A part of the current document.
    pub(super) fn part(&mut self, text: &[u8]) -> Result<()> {
        self.open += text.len() as u64;
        self.sink.text(text)
    }

    /// The end of the current document, or of copy number `copy` of it, from 0.
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

    /// A row without usable text; nothing of it has reached the sink, or the sink dropped it.
    pub(super) fn bad_row(&mut self, place: Place<'_>, reason: String) -> Result<()> {
        match self.options.on_bad_row {
            OnBadRow::Skip => {
                self.counts.bad_rows += 1;
                Ok(())
            }
            OnBadRow::Error => Err(Error::BadRow {
                path: place.file.path.clone(),
                unit: place.unit,
                row: place.row + 1,
                reason,
            }),
        }
    }
}
