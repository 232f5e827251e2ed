//! `DocumentBatch`, and the iterator that `Corpus.batches` returns.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;

use numpy::{PyArray1, PyArrayMethods, ToPyArray};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyString};

use super::arguments::{BytesList, StrList};
use super::job::POLL_INTERVAL;
use crate::corpus::{Batches, DocumentBatch};

/// Consecutive documents of a corpus.
#[pyclass(frozen, name = "DocumentBatch", module = "elastic_core")]
pub(super) struct PyDocumentBatch {
    sources: Py<StrList>,
    units: Py<StrList>,
    indices: Py<PyArray1<i64>>,
    texts: Py<BytesList>,
}

impl PyDocumentBatch {
    fn new(py: Python<'_>, batch: &DocumentBatch) -> PyResult<PyDocumentBatch> {
        let indices: Vec<i64> = batch.indices.iter().map(|&index| index as i64).collect();
        let indices = indices.to_pyarray(py);
        indices.readwrite().make_nonwriteable();
        let texts = batch.texts.iter().map(|text| PyBytes::new(py, text));
        Ok(PyDocumentBatch {
            sources: sources(py, &batch.sources)?.unbind(),
            units: PyList::new(py, batch.units.iter().map(|unit| PyString::intern(py, unit)))?
                .unbind(),
            indices: indices.unbind(),
            texts: PyList::new(py, texts.collect::<Vec<_>>())?.unbind(),
        })
    }
}

/// The paths as strings; equal neighbours share one object.
fn sources<'py>(py: Python<'py>, paths: &[Arc<Path>]) -> PyResult<Bound<'py, PyList>> {
    let mut names: Vec<Bound<'py, PyString>> = Vec::with_capacity(paths.len());
    for run in paths.chunk_by(Arc::ptr_eq) {
        let name = PyString::new(py, &run[0].display().to_string());
        names.extend(run.iter().map(|_| name.clone()));
    }
    PyList::new(py, names)
}

#[pymethods]
impl PyDocumentBatch {
    /// The file of each document, as in `Corpus.files`.
    #[getter]
    fn sources(&self, py: Python<'_>) -> Py<StrList> {
        self.sources.clone_ref(py)
    }

    /// What counts documents in the file of each: `document`, `line` or `row`.
    #[getter]
    fn units(&self, py: Python<'_>) -> Py<StrList> {
        self.units.clone_ref(py)
    }

    /// The index of each document in its file, from 0; int64, shape (documents,).
    ///
    /// It is the number of its row, bad rows included, or of the line on which it begins.
    #[getter]
    fn indices(&self, py: Python<'_>) -> Py<PyArray1<i64>> {
        self.indices.clone_ref(py)
    }

    /// The raw bytes of each document.
    #[getter]
    fn texts(&self, py: Python<'_>) -> Py<BytesList> {
        self.texts.clone_ref(py)
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        format!("DocumentBatch({} documents)", self.texts.bind(py).len())
    }
}

/// The iterator that `Corpus.batches` returns.
#[pyclass(frozen, name = "DocumentBatches", module = "elastic_core")]
pub(super) struct PyDocumentBatches {
    pub(super) batches: Mutex<Batches>,
}

#[pymethods]
impl PyDocumentBatches {
    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<PyDocumentBatch>> {
        loop {
            let next = py.detach(|| {
                let mut batches = self.batches.lock().unwrap_or_else(PoisonError::into_inner);
                batches.next_within(POLL_INTERVAL)
            });
            match next {
                Poll::Ready(None) => return Ok(None),
                Poll::Ready(Some(batch)) => return PyDocumentBatch::new(py, &batch?).map(Some),
                Poll::Pending => py.check_signals()?,
            }
        }
    }
}
