//! `ScoreWriter`.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use numpy::PyReadonlyArray1;
use pyo3::prelude::*;

use super::arguments::{Exception, ExceptionType, Traceback};
use super::job;
use crate::Error;
use crate::io::{ScoreWriter, Scores};

/// Writes per-document scores of models to a Parquet file, one row per document and model.
///
/// A context manager: the file appears when the block ends, and not at all if the block raises.
/// `docs/measure.md` lists the columns.
///
/// Args:
///     path: The file to write.
///     overwrite: Whether to replace an existing file; if not, one that is there at the end of the
///         block also raises InvalidArgumentError.
///
/// Raises:
///     InvalidArgumentError: The path is a folder, or the file exists.
///     OSError: The file cannot be written.
#[pyclass(frozen, name = "ScoreWriter", module = "elastic_core")]
pub(super) struct PyScoreWriter {
    /// None once the block has ended.
    writer: Mutex<Option<ScoreWriter>>,
}

#[pymethods]
impl PyScoreWriter {
    #[new]
    #[pyo3(signature = (path, *, overwrite=true))]
    fn new(py: Python<'_>, path: PathBuf, overwrite: bool) -> PyResult<PyScoreWriter> {
        let writer = job::run(py, None, |job| ScoreWriter::create(&path, overwrite, job))?;
        Ok(PyScoreWriter { writer: Mutex::new(Some(writer)) })
    }

    /// Appends one row per document.
    ///
    /// Args:
    ///     sources: The file of each document.
    ///     indices: The index of each document in its file, int64, shape (documents,).
    ///     corpus: The corpus that all documents belong to.
    ///     model: The model.
    ///     tokens: Number of tokens scored, int64, shape (documents,).
    ///     bytes: Raw bytes of text, int64, shape (documents,).
    ///     characters: Number of Unicode scalar values; None where a text is not UTF-8.
    ///     bits: Code lengths, float64, shape (documents,).
    ///
    /// Raises:
    ///     InvalidArgumentError: The columns differ in length, or the block has ended.
    ///     OSError: The file cannot be written.
    #[allow(clippy::too_many_arguments)] // The columns of one table.
    fn write(
        &self,
        py: Python<'_>,
        sources: Vec<String>,
        indices: PyReadonlyArray1<'_, i64>,
        corpus: &str,
        model: &str,
        tokens: PyReadonlyArray1<'_, i64>,
        bytes: PyReadonlyArray1<'_, i64>,
        characters: Vec<Option<i64>>,
        bits: PyReadonlyArray1<'_, f64>,
    ) -> PyResult<()> {
        let scores = Scores {
            sources: &sources,
            indices: indices.as_slice()?,
            corpus,
            model,
            tokens: tokens.as_slice()?,
            bytes: bytes.as_slice()?,
            characters: &characters,
            bits: bits.as_slice()?,
        };
        py.detach(|| match &mut *self.writer.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(writer) => writer.write(&scores),
            None => Err(Error::InvalidArgument("the score file is closed".to_string())),
        })?;
        Ok(())
    }

    fn __enter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __exit__(
        &self,
        py: Python<'_>,
        kind: Option<ExceptionType>,
        _error: Option<Exception>,
        _traceback: Option<Traceback>,
    ) -> PyResult<()> {
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        match (writer, kind) {
            (Some(writer), None) => Ok(py.detach(|| writer.finish())?),
            _ => Ok(()),
        }
    }
}
