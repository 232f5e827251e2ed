//! `CategoricalEncoder`.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use numpy::{PyReadonlyArray1, PyReadonlyArray2};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::arguments::probability_rows;
use super::job::TextProgress;
use crate::code::CategoricalEncoder;
use crate::{Error, Job};

/// Range-encodes symbols, each under a categorical distribution of its own.
///
/// A distribution is a row of probabilities; `docs/coding.md` states how it is rounded to integer
/// weights, so the code is the same on every machine that computes the same rows.
#[pyclass(frozen, name = "CategoricalEncoder", module = "elastic_core")]
pub(super) struct PyCategoricalEncoder {
    inner: Mutex<(CategoricalEncoder, TextProgress)>,
}

impl PyCategoricalEncoder {
    /// An encoder for a text of `bytes` bytes, whose symbols count as progress of `job`.
    pub(super) fn counted(bytes: u64, job: &Arc<Job>) -> PyCategoricalEncoder {
        let progress = TextProgress::new(bytes, 0, job);
        PyCategoricalEncoder { inner: Mutex::new((CategoricalEncoder::new(), progress)) }
    }

    /// The encoder with everything written so far; an empty one takes its place.
    pub(super) fn take(&self) -> CategoricalEncoder {
        std::mem::take(&mut self.lock().0)
    }

    fn lock(&self) -> MutexGuard<'_, (CategoricalEncoder, TextProgress)> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl PyCategoricalEncoder {
    #[new]
    fn new() -> PyCategoricalEncoder {
        PyCategoricalEncoder::counted(0, &Arc::default())
    }

    /// Announces how many symbols will be encoded in total, so that progress can be reported.
    fn expect(&self, symbols: u64) {
        self.lock().1.symbols = symbols;
    }

    /// Encodes one symbol per row.
    ///
    /// Args:
    ///     rows: Probabilities, float32, contiguous, shape (n, vocabulary), at most 2^20 columns.
    ///         Each row must sum to 1 within 2^-8.
    ///     symbols: The symbols, uint32, shape (n,).
    ///
    /// Raises:
    ///     InvalidArgumentError: A row is not a distribution or does not contain its symbol; the
    ///         message gives the row's number, counted from 0 over all calls.
    fn encode(
        &self,
        py: Python<'_>,
        rows: PyReadonlyArray2<'_, f32>,
        symbols: PyReadonlyArray1<'_, u32>,
    ) -> PyResult<()> {
        let rows = probability_rows(&rows)?;
        let symbols = symbols.as_array();
        if rows.len() != symbols.len() {
            let reason = format!("{} symbols for {} rows", symbols.len(), rows.len());
            return Err(Error::InvalidArgument(reason).into());
        }
        let result = py.detach(|| {
            let (encoder, progress) = &mut *self.lock();
            for (row, &symbol) in rows.zip(&symbols) {
                encoder.encode(symbol as usize, row)?;
            }
            progress.add(symbols.len())
        });
        Ok(result?)
    }

    /// Sum of -log2 p over the symbols encoded so far, in bits; p is taken as at least 2^-30.
    #[getter]
    fn bits(&self) -> f64 {
        self.lock().0.bits()
    }

    /// Returns the code of all symbols encoded so far, and resets the encoder.
    fn finish<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.take().finish())
    }
}
