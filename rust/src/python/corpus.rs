//! `Corpus`: files and how to read them.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Mutex;

use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::batches::PyDocumentBatches;
use crate::corpus::{Corpus, OnBadRow, ReadOptions, Split};
use crate::{Error, Result};

/// Files that make up one corpus, and how their documents are read.
///
/// A path is a file, a folder (recursive, sorted, hidden ones skipped), a glob, or `-` for
/// standard input. Plain text, `.jsonl` and `.parquet`; text and jsonl also as `.gz`, `.zst`,
/// `.xz` or `.bz2`. See `docs/measure.md`.
///
/// Args:
///     paths: One path or several.
///     split: What is a document in plain text: `document` (the file), `line` or `paragraph`.
///     text_key: Dotted paths of the text in a jsonl or Parquet row; several are joined by a
///         line feed.
///     limit: Only the first so many documents, files in sorted order.
///     sample: Keep each document with this probability, above 0 and up to 1.
///     seed: Seed of the sampling.
///     on_bad_row: `error`, or `skip` to leave rows without usable text out and count them.
///
/// Raises:
///     InvalidArgumentError: An option is not what it should be.
///     OSError: A path does not exist or cannot be read.
#[pyclass(frozen, name = "Corpus", module = "elastic_core")]
pub(super) struct PyCorpus {
    pub(super) corpus: Corpus,
    paths: Vec<PathBuf>,
    options: ReadOptions,
}

/// One path or several.
#[derive(FromPyObject)]
pub(super) enum Paths {
    One(PathBuf),
    Several(Vec<PathBuf>),
}

impl Paths {
    pub(super) fn into_vec(self) -> Vec<PathBuf> {
        match self {
            Paths::One(path) => vec![path],
            Paths::Several(paths) => paths,
        }
    }
}

fn parse_split(name: &str) -> Result<Split> {
    match name {
        "document" => Ok(Split::Document),
        "line" => Ok(Split::Line),
        "paragraph" => Ok(Split::Paragraph),
        _ => Err(Error::InvalidArgument(format!(
            "unknown split '{name}': choose document, line or paragraph"
        ))),
    }
}

fn parse_on_bad_row(name: &str) -> Result<OnBadRow> {
    match name {
        "error" => Ok(OnBadRow::Error),
        "skip" => Ok(OnBadRow::Skip),
        _ => Err(Error::InvalidArgument(format!(
            "unknown policy '{name}' for bad rows: choose error or skip"
        ))),
    }
}

#[pymethods]
impl PyCorpus {
    #[new]
    #[pyo3(signature = (
        paths, *, split="document", text_key=None, limit=None, sample=None, seed=0, on_bad_row="error"
    ))]
    #[allow(clippy::too_many_arguments)] // Keyword arguments of one Python call.
    fn new(
        py: Python<'_>,
        paths: Paths,
        split: &str,
        text_key: Option<Vec<String>>,
        limit: Option<u64>,
        sample: Option<f64>,
        seed: u64,
        on_bad_row: &str,
    ) -> PyResult<PyCorpus> {
        let default = ReadOptions::default();
        let options = ReadOptions {
            split: parse_split(split)?,
            text_key: text_key.unwrap_or(default.text_key),
            limit,
            sample,
            seed,
            resample: None,
            on_bad_row: parse_on_bad_row(on_bad_row)?,
        };
        let paths = paths.into_vec();
        let corpus = py.detach(|| Corpus::discover(&paths, options.clone()))?;
        Ok(PyCorpus { corpus, paths, options })
    }

    /// The paths as they were given, joined by commas.
    #[getter]
    fn name(&self) -> &str {
        &self.corpus.name
    }

    /// The paths as they were given.
    #[getter]
    fn paths(&self) -> Vec<OsString> {
        self.paths.iter().map(|path| path.clone().into_os_string()).collect()
    }

    /// The reading options, as the keyword arguments of `Corpus`.
    #[getter]
    fn options<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let split = match self.options.split {
            Split::Document => "document",
            Split::Line => "line",
            Split::Paragraph => "paragraph",
        };
        let on_bad_row = match self.options.on_bad_row {
            OnBadRow::Error => "error",
            OnBadRow::Skip => "skip",
        };
        let options = PyDict::new(py);
        options.set_item("split", split)?;
        options.set_item("text_key", self.options.text_key.clone())?;
        options.set_item("limit", self.options.limit)?;
        options.set_item("sample", self.options.sample)?;
        options.set_item("seed", self.options.seed)?;
        options.set_item("on_bad_row", on_bad_row)?;
        Ok(options)
    }

    /// The files that were found, in the order in which they are read.
    #[getter]
    fn files(&self) -> Vec<String> {
        self.corpus.files().map(|path| path.display().to_string()).collect()
    }

    /// Bytes on disk of all files; 0 with standard input, whose size is not known.
    #[getter]
    fn size(&self) -> u64 {
        self.corpus.size()
    }

    /// Whether standard input is among the files, which can be read only once.
    #[getter]
    fn reads_stdin(&self) -> bool {
        self.corpus.reads_stdin()
    }

    /// Whether one of the files has rows (jsonl, Parquet), so that `text_key` is of use.
    #[getter]
    fn reads_rows(&self) -> bool {
        self.corpus.reads_rows()
    }

    /// Whether one of the files is plain text, so that `split` is of use.
    #[getter]
    fn reads_text(&self) -> bool {
        self.corpus.reads_text()
    }

    /// The same files with documents drawn as for a bootstrap replicate.
    ///
    /// Each document counts as often as a Poisson variable of mean 1 says (the Poisson bootstrap),
    /// drawn by the seed, the file's name and the document's place in it, so that neither threads
    /// nor the order of the files matter. A `limit` counts documents before they are drawn.
    ///
    /// Args:
    ///     seed: Seed of the draws; other seeds give other replicates.
    #[pyo3(signature = (seed))]
    fn resampled(&self, seed: u64) -> PyCorpus {
        PyCorpus {
            corpus: self.corpus.resampled(seed),
            paths: self.paths.clone(),
            options: self.options.clone(),
        }
    }

    /// The documents in order, a batch at a time; a thread reads ahead.
    ///
    /// They are those that `TokenTree.build` reads under the same options. Errors come when the
    /// reading gets to them.
    ///
    /// Args:
    ///     bytes: Most bytes in a batch, where each document counts for one more than its text
    ///         has; a longer document is a batch of its own.
    ///     utf8: Whether documents that are not UTF-8 are bad rows, as they are to a tokenizer.
    ///
    /// Raises:
    ///     InvalidArgumentError: `bytes` is 0.
    ///     CorpusError: The corpus is empty, damaged or has a row without usable text.
    ///     OSError: A file cannot be read.
    #[pyo3(signature = (*, bytes=1_048_576, utf8=false))]
    fn batches(&self, bytes: usize, utf8: bool) -> PyResult<PyDocumentBatches> {
        Ok(PyDocumentBatches { batches: Mutex::new(self.corpus.batches(bytes, utf8)?) })
    }

    fn __repr__(&self) -> String {
        format!(
            "Corpus({:?}, {} files, {} bytes)",
            self.corpus.name,
            self.corpus.files().len(),
            self.corpus.size()
        )
    }
}
