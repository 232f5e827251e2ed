//! `ScoreWriter`: what models make of documents, as a Parquet file.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use numpy::PyReadonlyArray1;
use pyo3::prelude::*;

use crate::code::{ScoreWriter, Scores};
use crate::{Error, Result};

/// Writes what models make of documents to a Parquet file, a row for each document and model.
///
/// It is a context manager: the file appears at the end of the block, complete, or not at all if
/// the block fails. `docs/measure.md` lists the columns.
///
/// Args:
///     path: The file to write.
///
/// Raises:
///     InvalidArgumentError: The path is that of a folder.
///     OSError: The file cannot be written.
#[pyclass(frozen, name = "ScoreWriter", module = "elastic_core")]
pub(super) struct PyScoreWriter {
    /// None once the block has ended.
    writer: Mutex<Option<ScoreWriter>>,
}

impl PyScoreWriter {
    fn take(&self) -> Option<ScoreWriter> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

#[pymethods]
impl PyScoreWriter {
    #[new]
    fn new(path: PathBuf) -> Result<PyScoreWriter> {
        Ok(PyScoreWriter { writer: Mutex::new(Some(ScoreWriter::create(&path)?)) })
    }

    /// Adds a row for each document of a batch.
    ///
    /// Args:
    ///     sources: The file that each is from.
    ///     indices: The number of each in its file, int64, shape (documents,).
    ///     corpus: The corpus that all are of.
    ///     model: The model.
    ///     tokens: Tokens scored, int64, shape (documents,).
    ///     bytes: Raw bytes of text, int64, shape (documents,).
    ///     characters: Unicode scalar values; None where a text is not UTF-8.
    ///     bits: Code lengths, float64, shape (documents,).
    ///
    /// Raises:
    ///     InvalidArgumentError: The columns differ in length, or the block has ended.
    ///     OSError: The file cannot be written.
    #[allow(clippy::too_many_arguments)] // Columns of one table.
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
            None => Err(Error::InvalidArgument("the file of scores is closed".to_string())),
        })?;
        Ok(())
    }

    fn __enter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __exit__(
        &self,
        py: Python<'_>,
        kind: Option<Py<PyAny>>,
        _error: Option<Py<PyAny>>,
        _traceback: Option<Py<PyAny>>,
    ) -> PyResult<()> {
        match (self.take(), kind) {
            (Some(writer), None) => Ok(py.detach(|| writer.finish())?),
            _ => Ok(()),
        }
    }
}
