//! `Statistics`.

use pyo3::prelude::*;

use super::depth_statistics::PyDepthStatistics;
use super::static_rate::PyStaticRate;
use crate::statistics::Statistics;

/// The statistics of a tree at every depth, and its static rates.
#[pyclass(frozen, name = "Statistics", module = "elastic_core")]
pub(super) struct PyStatistics {
    pub(super) statistics: Statistics,
}

#[pymethods]
impl PyStatistics {
    /// Number of leaf occurrences, the volume `|D|` of the theory.
    #[getter]
    fn segments(&self) -> u64 {
        self.statistics.segments
    }

    /// The statistics at depths 1 to d.
    #[getter]
    fn depths(&self) -> Vec<PyDepthStatistics> {
        let depths = self.statistics.depths.iter().cloned();
        depths.map(|depth| PyDepthStatistics { depth }).collect()
    }

    /// Size of the serialized codebook in bytes; None unless the segmentation is `chunk`.
    #[getter]
    fn codebook_bytes(&self) -> Option<u64> {
        self.statistics.codebook_bytes
    }

    /// Rate of the ideal code lengths, -log2 p, at depth d.
    #[getter]
    fn ideal(&self) -> PyStaticRate {
        PyStaticRate { rate: self.statistics.ideal }
    }

    /// Rate of the Huffman code (Def 3.3) at depth d.
    #[getter]
    fn huffman(&self) -> PyStaticRate {
        PyStaticRate { rate: self.statistics.huffman }
    }

    /// Rate of Theorem 3.4 as printed at depth d.
    #[getter]
    fn theorem(&self) -> PyStaticRate {
        PyStaticRate { rate: self.statistics.theorem }
    }

    /// (H_d - log2 M) / d, in bits per symbol: 0 for equally likely leaves, otherwise negative.
    ///
    /// M is the number of leaves of this corpus's own tree.
    #[getter]
    fn normalized_rate(&self) -> f64 {
        self.statistics.normalized_rate
    }

    fn __repr__(&self) -> String {
        let Statistics { depths, segments, normalized_rate, .. } = &self.statistics;
        format!(
            "Statistics(depths={}, segments={segments}, normalized_rate={normalized_rate})",
            depths.len()
        )
    }
}
