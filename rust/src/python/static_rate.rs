//! `StaticRate`.

use pyo3::prelude::*;

use crate::statistics::StaticRate;

/// The rate of a code for the leaves of a tree, in bits per unit of text.
#[pyclass(frozen, name = "StaticRate", module = "elastic_core")]
pub(super) struct PyStaticRate {
    pub(super) rate: StaticRate,
}

#[pymethods]
impl PyStaticRate {
    /// Bits per symbol of the segments, EOS included; None for `window`.
    #[getter]
    fn bits_per_symbol(&self) -> Option<f64> {
        self.rate.bits_per_symbol
    }

    /// Bits per raw byte of text; None unless the segmentation is `chunk`, which covers all text.
    #[getter]
    fn bits_per_byte(&self) -> Option<f64> {
        self.rate.bits_per_byte
    }

    /// Coded size / raw size; None where `bits_per_byte` is None.
    #[getter]
    fn ratio(&self) -> Option<f64> {
        self.rate.ratio
    }

    /// Like `ratio`, with the serialized codebook counted as part of the coded size.
    #[getter]
    fn with_codebook_ratio(&self) -> Option<f64> {
        self.rate.with_codebook_ratio
    }

    fn __repr__(&self) -> String {
        format!(
            "StaticRate(bits_per_symbol={:?}, bits_per_byte={:?}, ratio={:?}, with_codebook_ratio={:?})",
            self.rate.bits_per_symbol,
            self.rate.bits_per_byte,
            self.rate.ratio,
            self.rate.with_codebook_ratio
        )
    }
}
