//! `DepthStatistics`.

use numpy::ToPyArray;
use pyo3::prelude::*;

use super::arguments::ArrayPair;
use crate::statistics::DepthStatistics;

/// The statistics of a tree pruned to one depth k.
#[pyclass(frozen, name = "DepthStatistics", module = "elastic_core")]
pub(super) struct PyDepthStatistics {
    pub(super) depth: DepthStatistics,
}

#[pymethods]
impl PyDepthStatistics {
    /// The depth k, in symbols.
    #[getter]
    fn depth(&self) -> usize {
        self.depth.depth
    }

    /// Number of distinct paths of exactly k symbols, EOS included.
    #[getter]
    fn nodes(&self) -> u64 {
        self.depth.nodes
    }

    /// Number of leaves M: distinct paths of k symbols, or shorter ones that end with EOS.
    #[getter]
    fn leaves(&self) -> u64 {
        self.depth.leaves
    }

    /// Number of leaves that occur once.
    #[getter]
    fn singletons(&self) -> u64 {
        self.depth.singletons
    }

    /// Entropy of the leaves, H_k = -sum p log2 p, in bits per segment.
    #[getter]
    fn entropy_bits(&self) -> f64 {
        self.depth.entropy_bits
    }

    /// H_k - H_(k-1), in bits per symbol.
    #[getter]
    fn conditional_entropy_bits(&self) -> f64 {
        self.depth.conditional_entropy_bits
    }

    /// Mean length of an optimal prefix code (Def 3.3), in bits per segment; at least 1.
    #[getter]
    fn huffman_bits(&self) -> f64 {
        self.depth.huffman_bits
    }

    /// Theorem 3.4 as printed, for one segment: ceil(H_k), in bits.
    #[getter]
    fn theorem_bits(&self) -> u64 {
        self.depth.theorem_bits
    }

    /// The spectrum of leaf weights: how many leaves have each count.
    ///
    /// Returns:
    ///     Two uint64 arrays of equal length: the counts in increasing order, and the number of
    ///     leaves with each.
    #[getter]
    fn spectrum<'py>(&self, py: Python<'py>) -> ArrayPair<'py, u64, u64> {
        let classes = self.depth.spectrum.classes();
        let (counts, leaves): (Vec<u64>, Vec<u64>) = classes.iter().copied().unzip();
        (counts.to_pyarray(py), leaves.to_pyarray(py))
    }

    fn __repr__(&self) -> String {
        let DepthStatistics { depth, nodes, leaves, entropy_bits, .. } = &self.depth;
        format!(
            "DepthStatistics(depth={depth}, nodes={nodes}, leaves={leaves}, entropy_bits={entropy_bits})"
        )
    }
}
