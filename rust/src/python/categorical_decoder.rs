//! `CategoricalDecoder`.

use std::sync::{Arc, Mutex, PoisonError};

use numpy::{PyArray1, PyReadonlyArray2, ToPyArray};
use pyo3::prelude::*;

use super::arguments::probability_rows;
use super::job::TextProgress;
use crate::code::CategoricalDecoder;
use crate::{Job, Result};

/// Decodes what a `CategoricalEncoder` wrote.
///
/// Args:
///     code: The result of `CategoricalEncoder.finish`.
#[pyclass(frozen, name = "CategoricalDecoder", module = "elastic_core")]
pub(super) struct PyCategoricalDecoder {
    inner: Mutex<(CategoricalDecoder, TextProgress)>,
}

impl PyCategoricalDecoder {
    /// A decoder of a text of `bytes` bytes and `symbols` symbols, which count as progress of
    /// `job`.
    pub(super) fn counted(
        code: &[u8],
        bytes: u64,
        symbols: u64,
        job: &Arc<Job>,
    ) -> PyCategoricalDecoder {
        let progress = TextProgress::new(bytes, symbols, job);
        PyCategoricalDecoder { inner: Mutex::new((CategoricalDecoder::new(code), progress)) }
    }
}

#[pymethods]
impl PyCategoricalDecoder {
    #[new]
    fn new(code: &[u8]) -> PyCategoricalDecoder {
        PyCategoricalDecoder::counted(code, 0, 0, &Arc::default())
    }

    /// Decodes one symbol per row.
    ///
    /// Args:
    ///     rows: The probabilities used for encoding, float32, contiguous, shape (n, vocabulary).
    ///
    /// Returns:
    ///     The symbols, uint32, shape (n,).
    ///
    /// Raises:
    ///     InvalidArgumentError: A row is not a distribution.
    ///     CodedFileError: The code is damaged, or was written with other rows.
    fn decode<'py>(
        &self,
        py: Python<'py>,
        rows: PyReadonlyArray2<'_, f32>,
    ) -> PyResult<Bound<'py, PyArray1<u32>>> {
        let rows = probability_rows(&rows)?;
        let symbols: Result<Vec<u32>> = py.detach(|| {
            let (decoder, progress) =
                &mut *self.inner.lock().unwrap_or_else(PoisonError::into_inner);
            progress.add(rows.len())?;
            rows.map(|row| decoder.decode(row).map(|symbol| symbol as u32)).collect()
        });
        Ok(symbols?.to_pyarray(py))
    }
}
