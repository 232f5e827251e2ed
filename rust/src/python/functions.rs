//! Functions that belong to no class.

use std::path::PathBuf;

use pyo3::prelude::*;

use super::arguments::Progress;
use super::corpus::PyCorpus;
use super::job;
use crate::statistics::{self, Compressor};
use crate::{Result, io};

/// Compresses all documents, one after another, and returns the size in bytes per compressor.
///
/// Every compressor reads the corpora again; see `Corpus.kept` for standard input and pipes.
///
/// Args:
///     corpora: The corpora; their documents are concatenated without a separator.
///     compressors: `zstd:1` to `zstd:22`, `xz:0` to `xz:9`, `gzip:1` to `gzip:9`, `bzip2:1` to
///         `bzip2:9`.
///     utf8: Treat documents that are not UTF-8 as bad rows, as a tokenizer does.
///     bytes: Bytes of text in all corpora if known; only used to report progress.
///     threads: Number of compressors that run at once; None: one per core.
///     progress: Called about ten times a second with a `Step` that counts bytes of text.
///
/// Raises:
///     InvalidArgumentError: A compressor or its level is unknown.
#[pyfunction]
#[pyo3(signature = (corpora, compressors, *, utf8=false, bytes=0, threads=None, progress=None))]
pub(super) fn compressed_sizes(
    py: Python<'_>,
    corpora: Vec<Py<PyCorpus>>,
    compressors: Vec<String>,
    utf8: bool,
    bytes: u64,
    threads: Option<usize>,
    progress: Option<Progress>,
) -> PyResult<Vec<u64>> {
    job::run(py, progress, move |job| {
        let compressors =
            compressors.iter().map(|spec| Compressor::parse(spec)).collect::<Result<Vec<_>>>()?;
        let corpora: Vec<_> = corpora.iter().map(|corpus| &corpus.get().corpus).collect();
        job::pool(threads)?
            .install(|| statistics::compressed_sizes(&corpora, &compressors, utf8, bytes, job))
    })
}

/// Returns the bytes of memory that this process can still use, within the limits of its control
/// groups and its own.
#[pyfunction]
pub(super) fn available_memory() -> u64 {
    crate::available_memory()
}

/// Checks that this process can use `bytes` bytes of memory.
///
/// Raises:
///     InvalidArgumentError: It cannot.
#[pyfunction]
pub(super) fn check_memory(bytes: u64) -> Result<()> {
    crate::check_memory(bytes, "a memory budget")
}

/// What the name of everything begins with that this process has not finished writing.
#[pyfunction]
pub(super) fn partial_prefix() -> String {
    io::partial_prefix()
}

/// Removes from a folder what processes of this machine that are gone left half-written.
///
/// What cannot be read or removed stays.
#[pyfunction]
pub(super) fn remove_leftovers(py: Python<'_>, folder: PathBuf) {
    py.detach(|| io::remove_leftovers(&folder));
}
