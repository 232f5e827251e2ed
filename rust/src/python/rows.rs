//! `RowEncoder` and `RowDecoder`.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use numpy::{PyArray1, PyReadonlyArray1, PyReadonlyArray2, PyUntypedArrayMethods, ToPyArray};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::code::{RowDecoder, RowEncoder};
use crate::{Error, Job, Result};

/// Steps of a text as its share of a job's progress.
#[derive(Default)]
struct Counter {
    job: Arc<Job>,
    /// Bytes of the text, and how many symbols it has.
    bytes: u64,
    symbols: u64,
    done: u64,
}

impl Counter {
    /// Counts symbols; fails if the job is to stop.
    fn add(&mut self, symbols: usize) -> Result<()> {
        let share = |done: u64| (done * self.bytes).checked_div(self.symbols).unwrap_or(0);
        let after = self.done + symbols as u64;
        self.job.add(share(after) - share(self.done));
        self.done = after;
        self.job.check()
    }
}

/// Writes symbols by range coder, each with a row of probabilities.
///
/// A row becomes integer weights by the rule in `docs/coding.md`, so the code is the same on every
/// machine that has the same rows.
#[pyclass(frozen, name = "RowEncoder", module = "elastic_core")]
pub(super) struct PyRowEncoder {
    inner: Mutex<(RowEncoder, Counter)>,
}

fn lock<T>(inner: &Mutex<T>) -> MutexGuard<'_, T> {
    inner.lock().unwrap_or_else(PoisonError::into_inner)
}

fn rows_of<'a>(rows: &'a PyReadonlyArray2<'_, f32>) -> Result<std::slice::Chunks<'a, f32>> {
    let slice = rows.as_slice().map_err(|_| {
        Error::InvalidArgument("rows must be contiguous: pass np.ascontiguousarray".to_string())
    })?;
    Ok(slice.chunks(rows.shape()[1].max(1)))
}

impl PyRowEncoder {
    /// An encoder for a text of so many bytes, whose symbols count as progress of `job`.
    pub(super) fn counted(bytes: u64, job: &Arc<Job>) -> PyRowEncoder {
        let counter = Counter { job: Arc::clone(job), bytes, ..Counter::default() };
        PyRowEncoder { inner: Mutex::new((RowEncoder::new(), counter)) }
    }

    /// What was written so far; the encoder begins anew.
    pub(super) fn take(&self) -> RowEncoder {
        std::mem::take(&mut lock(&self.inner).0)
    }
}

#[pymethods]
impl PyRowEncoder {
    #[new]
    fn new() -> PyRowEncoder {
        PyRowEncoder::counted(0, &Arc::default())
    }

    /// Says how many symbols will come in all; progress is told by it.
    fn expect(&self, symbols: u64) {
        lock(&self.inner).1.symbols = symbols;
    }

    /// Codes a symbol with each row.
    ///
    /// Args:
    ///     rows: Probabilities, shape (n, vocabulary), float32, contiguous; each row sums to 1 but
    ///         for 2^-8, in a vocabulary of 2^20 at most.
    ///     symbols: The symbols, shape (n,), uint32.
    ///
    /// Raises:
    ///     InvalidArgumentError: A row is no distribution or has no such symbol; it is named by the
    ///         number of rows before it.
    fn encode(
        &self,
        py: Python<'_>,
        rows: PyReadonlyArray2<'_, f32>,
        symbols: PyReadonlyArray1<'_, u32>,
    ) -> PyResult<()> {
        let rows = rows_of(&rows)?;
        let symbols = symbols.as_array();
        if rows.len() != symbols.len() {
            let reason = format!("{} symbols for {} rows", symbols.len(), rows.len());
            return Err(Error::InvalidArgument(reason).into());
        }
        let coded = py.detach(|| {
            let (encoder, counter) = &mut *lock(&self.inner);
            for (row, &symbol) in rows.zip(&symbols) {
                encoder.encode(symbol as usize, row)?;
            }
            counter.add(symbols.len())
        });
        Ok(coded?)
    }

    /// The sum of -log2 p over the symbols so far, in bits; a p below 2^-30 counts as that.
    #[getter]
    fn bits(&self) -> f64 {
        lock(&self.inner).0.bits()
    }

    /// The code of all symbols so far; the encoder begins anew.
    fn finish<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.take().finish())
    }
}

/// Reads symbols that a `RowEncoder` wrote.
///
/// Args:
///     code: What `RowEncoder.finish` returned.
#[pyclass(frozen, name = "RowDecoder", module = "elastic_core")]
pub(super) struct PyRowDecoder {
    inner: Mutex<(RowDecoder, Counter)>,
}

impl PyRowDecoder {
    /// A decoder of a text of so many bytes and symbols, which count as progress of `job`.
    pub(super) fn counted(code: &[u8], bytes: u64, symbols: u64, job: &Arc<Job>) -> PyRowDecoder {
        let counter = Counter { job: Arc::clone(job), bytes, symbols, done: 0 };
        PyRowDecoder { inner: Mutex::new((RowDecoder::new(code), counter)) }
    }
}

#[pymethods]
impl PyRowDecoder {
    #[new]
    fn new(code: &[u8]) -> PyRowDecoder {
        PyRowDecoder::counted(code, 0, 0, &Arc::default())
    }

    /// Reads a symbol with each row.
    ///
    /// Args:
    ///     rows: The probabilities that the symbols were coded with, shape (n, vocabulary),
    ///         float32, contiguous.
    ///
    /// Returns:
    ///     The symbols, shape (n,), uint32.
    ///
    /// Raises:
    ///     InvalidArgumentError: A row is no distribution.
    ///     CodedFileError: The code is damaged, or was written with other rows.
    fn decode<'py>(
        &self,
        py: Python<'py>,
        rows: PyReadonlyArray2<'_, f32>,
    ) -> PyResult<Bound<'py, PyArray1<u32>>> {
        let rows = rows_of(&rows)?;
        let symbols = py.detach(|| {
            let (decoder, counter) = &mut *lock(&self.inner);
            counter.add(rows.len())?;
            rows.map(|row| decoder.decode(row).map(|symbol| symbol as u32)).collect()
        });
        let symbols: Result<Vec<u32>> = symbols;
        Ok(symbols?.to_pyarray(py))
    }
}
