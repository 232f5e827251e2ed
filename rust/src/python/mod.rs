//! The Python module `elastic_core._core`: a thin shell, one file for each class.
//!
//! The types and docstrings that Python users see stand in `python/elastic_core/_core.pyi`.

mod batches;
mod coding;
mod corpus;
mod errors;
mod job;
mod joint;
mod model;
mod rows;
mod scores;
mod statistics;
mod tree;

use pyo3::prelude::*;

use crate::Job;
use crate::code::Compressor;
use corpus::PyCorpus;

/// Bytes that each reference compressor makes of all documents, one after another.
///
/// Each reads the corpora anew, so standard input will not do.
///
/// Args:
///     corpora: The corpora, whose documents follow one another with nothing between.
///     compressors: `zstd:1` to `zstd:22`, `xz:0` to `xz:9`, `gzip:1` to `gzip:9`, `bzip2:1` to
///         `bzip2:9`.
///     utf8: Whether documents that are not UTF-8 are bad rows, as they are to a tokenizer.
///     bytes: Bytes of text in all corpora, if known; only the progress uses it.
///     threads: Compressors that run at once; None: one for each core.
///     progress: Called with the phase, the bytes done and the bytes in all.
///
/// Raises:
///     InvalidArgumentError: An unknown compressor or level.
#[pyfunction]
#[pyo3(signature = (corpora, compressors, *, utf8=false, bytes=0, threads=None, progress=None))]
fn compressed_sizes(
    py: Python<'_>,
    corpora: Vec<Py<PyCorpus>>,
    compressors: Vec<String>,
    utf8: bool,
    bytes: u64,
    threads: Option<usize>,
    progress: Option<Py<PyAny>>,
) -> PyResult<Vec<u64>> {
    job::run(py, progress, move |job: &Job| {
        let compressors: Vec<Compressor> =
            compressors.iter().map(|spec| Compressor::parse(spec)).collect::<crate::Result<_>>()?;
        let corpora: Vec<_> = corpora.iter().map(|corpus| &corpus.get().corpus).collect();
        job::pool(threads)?
            .install(|| crate::code::compressed_sizes(&corpora, &compressors, utf8, bytes, job))
    })
}

/// Bytes of memory that this process can still use, a container's limit included.
#[pyfunction]
fn available_memory() -> u64 {
    crate::available_memory()
}

#[pymodule(gil_used = false)]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    errors::register(module)?;
    module.add_class::<PyCorpus>()?;
    module.add_class::<batches::PyDocumentBatch>()?;
    module.add_class::<scores::PyScoreWriter>()?;
    module.add_class::<tree::PyTokenTree>()?;
    module.add_class::<joint::PyJointSpectrum>()?;
    module.add_class::<joint::PyJointRates>()?;
    module.add_class::<model::PyTreeModel>()?;
    module.add_class::<rows::PyRowEncoder>()?;
    module.add_class::<rows::PyRowDecoder>()?;
    module.add_class::<statistics::PyStatistics>()?;
    module.add_class::<statistics::PyDepthStatistics>()?;
    module.add_class::<statistics::PyStaticRate>()?;
    module.add_function(wrap_pyfunction!(coding::compress, module)?)?;
    module.add_function(wrap_pyfunction!(coding::decompress, module)?)?;
    module.add_function(wrap_pyfunction!(compressed_sizes, module)?)?;
    module.add_function(wrap_pyfunction!(available_memory, module)?)
}
