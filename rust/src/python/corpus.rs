//! `Corpus`.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::sync::Mutex;

use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::arguments::{Names, OptionDict, Paths};
use super::document_batch::PyDocumentBatches;
use crate::Result;
use crate::corpus::{Corpus, OnBadRow, ReadOptions, Split};

/// The files of one corpus, and how their documents are read.
///
/// A path is a file, a folder (read recursively in sorted order, hidden files skipped), a glob, or
/// `-` for standard input. Files are plain text, `.jsonl`, `.json`, `.csv`, `.tsv` or `.parquet`;
/// all but Parquet may be compressed as `.gz`, `.zst`, `.xz` or `.bz2`. See `docs/measure.md`.
///
/// Args:
///     paths: One path or several.
///     split: What counts as a document in plain text: `document` (the whole file), `line` or
///         `paragraph`.
///     text_key: Dotted paths of the text in a jsonl or Parquet row; several texts are joined by a
///         line feed.
///     limit: Read only this many documents, in sorted order of the files.
///     sample: Keep each document with this probability, above 0 and at most 1.
///     seed: Seed of the sampling.
///     on_bad_row: `error`, or `skip` to skip and count rows without usable text.
///     split_on: Split plain text at every occurrence of this, such as `<|endoftext|>`.
///     include: Globs of the files to read in folders; None: all. One without a slash matches names,
///         others paths below the folder.
///     exclude: Globs of the files not to read in folders.
///
/// Raises:
///     InvalidArgumentError: An option has an invalid value.
///     OSError: A path does not exist or cannot be read.
#[pyclass(frozen, name = "Corpus", module = "elastic_core")]
pub(super) struct PyCorpus {
    pub(super) corpus: Corpus,
}

/// A corpus, or the paths of one that is read with the default options.
#[derive(FromPyObject)]
pub(super) enum CorpusOrPaths {
    Corpus(Py<PyCorpus>),
    Paths(Paths),
}

impl CorpusOrPaths {
    pub(super) fn corpus(self) -> Result<Corpus> {
        match self {
            CorpusOrPaths::Corpus(corpus) => Ok(corpus.get().corpus.clone()),
            CorpusOrPaths::Paths(paths) => {
                Corpus::discover(&paths.into_vec(), ReadOptions::default())
            }
        }
    }
}

#[pymethods]
impl PyCorpus {
    #[new]
    #[pyo3(signature = (
        paths, *, split="document", text_key=None, limit=None, sample=None, seed=0, on_bad_row="error",
        split_on=None, include=None, exclude=None
    ))]
    #[allow(clippy::too_many_arguments)] // Keyword arguments of one Python call.
    fn new(
        py: Python<'_>,
        paths: Paths,
        split: &str,
        text_key: Option<Names>,
        limit: Option<u64>,
        sample: Option<f64>,
        seed: u64,
        on_bad_row: &str,
        split_on: Option<String>,
        include: Option<Names>,
        exclude: Option<Names>,
    ) -> PyResult<PyCorpus> {
        let options = ReadOptions {
            split: Split::parse(split)?,
            split_on,
            include: include.map_or_else(Vec::new, Names::into_vec),
            exclude: exclude.map_or_else(Vec::new, Names::into_vec),
            text_key: text_key.map_or(ReadOptions::default().text_key, Names::into_vec),
            limit,
            sample,
            seed,
            resample: None,
            columns: None,
            on_bad_row: OnBadRow::parse(on_bad_row)?,
        };
        let corpus = py.detach(|| Corpus::discover(&paths.into_vec(), options))?;
        Ok(PyCorpus { corpus })
    }

    /// The paths as passed in, joined by `, `.
    #[getter]
    fn name(&self) -> &str {
        &self.corpus.name
    }

    /// The paths as passed in.
    #[getter]
    fn paths(&self) -> Vec<&OsStr> {
        self.corpus.paths().iter().map(|path| path.as_os_str()).collect()
    }

    /// The reading options, as keyword arguments of `Corpus`.
    #[getter]
    fn options<'py>(&self, py: Python<'py>) -> PyResult<OptionDict<'py>> {
        let ReadOptions {
            split,
            split_on,
            include,
            exclude,
            text_key,
            limit,
            sample,
            seed,
            on_bad_row,
            resample: _,
            columns: _,
        } = self.corpus.options();
        let options = PyDict::new(py);
        options.set_item("split", split.name())?;
        options.set_item("text_key", text_key)?;
        options.set_item("limit", limit)?;
        options.set_item("sample", sample)?;
        options.set_item("seed", seed)?;
        options.set_item("on_bad_row", on_bad_row.name())?;
        options.set_item("split_on", split_on)?;
        options.set_item("include", include)?;
        options.set_item("exclude", exclude)?;
        Ok(options)
    }

    /// The files found, in the order in which they are read.
    #[getter]
    fn files(&self) -> Vec<String> {
        self.corpus.files().map(|path| path.display().to_string()).collect()
    }

    /// The files in folders of rows that are about the data, such as a README, and are not read.
    #[getter]
    fn left_out(&self) -> Vec<String> {
        self.corpus.left_out().iter().map(|path| path.display().to_string()).collect()
    }

    /// The formats of the files, such as `jsonl` and `plain text`, and how many files have each.
    #[getter]
    fn kinds(&self) -> BTreeMap<&'static str, u64> {
        self.corpus.kinds()
    }

    /// Total size of the files on disk in bytes; 0 with a pipe, whose size is unknown.
    #[getter]
    fn size(&self) -> u64 {
        self.corpus.size()
    }

    /// Whether standard input or a pipe, which can be read only once, is one of the files.
    #[getter]
    fn reads_stdin(&self) -> bool {
        self.corpus.reads_stdin()
    }

    /// Whether any file has rows (JSON, CSV or Parquet), so that `text_key` applies.
    #[getter]
    fn reads_rows(&self) -> bool {
        self.corpus.reads_rows()
    }

    /// Whether any file is plain text, so that `split` applies.
    #[getter]
    fn reads_text(&self) -> bool {
        self.corpus.reads_text()
    }

    /// The same corpus, to be read more than once: what comes from standard input or pipes is kept
    /// in temporary files.
    ///
    /// Raises:
    ///     OSError: No temporary file can be created.
    fn kept(&self) -> PyResult<PyCorpus> {
        Ok(PyCorpus { corpus: self.corpus.kept()? })
    }

    /// The same corpus with its documents resampled for a bootstrap replicate.
    ///
    /// Each document is repeated a Poisson-distributed number of times with mean 1 (the Poisson
    /// bootstrap). The number depends on the seed, the file's name and the document's position in
    /// the file only, not on threads or on the order of the files. A `limit` counts documents
    /// before resampling.
    ///
    /// Args:
    ///     seed: Seed of the replicate.
    #[pyo3(signature = (seed))]
    fn resampled(&self, seed: u64) -> PyCorpus {
        PyCorpus { corpus: self.corpus.resampled(seed) }
    }

    /// Iterates over the documents in order, a batch at a time; a thread reads ahead.
    ///
    /// These are the documents that `TokenTree.build` reads with the same options. An error is
    /// raised when the iteration reaches it.
    ///
    /// Args:
    ///     bytes: Maximum size of a batch, counting one byte per document in addition to its text;
    ///         a longer document forms a batch of its own.
    ///     utf8: Treat documents that are not UTF-8 as bad rows, as a tokenizer does.
    ///
    /// Raises:
    ///     InvalidArgumentError: `bytes` is 0.
    ///     CorpusError: The corpus is empty, damaged or has a row without usable text.
    ///     OSError: A file cannot be read.
    #[pyo3(signature = (*, bytes=1_048_576, utf8=false))]
    fn batches(&self, bytes: usize, utf8: bool) -> PyResult<PyDocumentBatches> {
        Ok(PyDocumentBatches { batches: Mutex::new(self.corpus.batches(bytes, utf8)?) })
    }

    /// Iterates over the rows of JSON, CSV and Parquet files in order, a batch at a time.
    ///
    /// Each text of a batch is a JSON object with the columns of a row; a column that a row lacks is
    /// left out. Cells of CSV are strings; of Parquet, dates and times are, too. NaN and infinite
    /// numbers are written as Python's `json` writes and reads them.
    ///
    /// Args:
    ///     columns: The columns to read; None: all.
    ///     bytes: As for `batches`.
    ///
    /// Raises:
    ///     InvalidArgumentError: A file is plain text, or `bytes` is 0.
    ///     CorpusError: The corpus is empty or damaged, or a row is no object.
    ///     OSError: A file cannot be read.
    #[pyo3(signature = (columns=None, *, bytes=1_048_576))]
    fn rows(&self, columns: Option<Names>, bytes: usize) -> PyResult<PyDocumentBatches> {
        Ok(PyDocumentBatches {
            batches: Mutex::new(self.corpus.rows(columns.map(Names::into_vec), bytes)?),
        })
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
