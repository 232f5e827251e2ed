//! `JointSpectrum`.

use numpy::{PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray2, ToPyArray};
use pyo3::prelude::*;

use super::arguments::Progress;
use super::job;
use super::joint_rates::PyJointRates;
use super::token_tree::PyTokenTree;
use crate::Error;
use crate::elasticity::{JointLayer, JointSpectrum};
use crate::tree::TokenTree;

/// How many leaves occur how often in each of several trees, at every depth.
///
/// The rates of the datasets under their joint code follow from it for any volumes, without reading
/// the trees again.
#[pyclass(frozen, name = "JointSpectrum", module = "elastic_core")]
pub(super) struct PyJointSpectrum {
    joint: JointSpectrum,
}

#[pymethods]
impl PyJointSpectrum {
    /// Joins trees of one shape in a single pass over their leaves.
    ///
    /// Args:
    ///     trees: The trees, each with at least one leaf.
    ///     memory: Bytes of working memory in addition to the trees; what exceeds it goes to
    ///         temporary files. None: half of the available memory.
    ///     threads: Number of threads; None: one per core. The result does not depend on it.
    ///     progress: Called about ten times a second with a `Step` that counts leaves.
    ///
    /// Raises:
    ///     InvalidArgumentError: The trees differ in shape, or one is empty.
    ///     OSError: The folder for temporary files is full.
    #[staticmethod]
    #[pyo3(signature = (trees, *, memory=None, threads=None, progress=None))]
    fn of(
        py: Python<'_>,
        trees: Vec<Py<PyTokenTree>>,
        memory: Option<u64>,
        threads: Option<usize>,
        progress: Option<Progress>,
    ) -> PyResult<PyJointSpectrum> {
        let memory = job::memory(memory)?;
        let joint = job::run(py, progress, |job| {
            let trees: Vec<&TokenTree> = trees.iter().map(|tree| &tree.get().tree).collect();
            job::pool(threads)?.install(|| JointSpectrum::of(&trees, memory, job))
        })?;
        Ok(PyJointSpectrum { joint })
    }

    /// The depth d of the trees, in symbols.
    #[getter]
    fn depth(&self) -> usize {
        self.joint.shape().depth()
    }

    /// Number of leaf occurrences in each tree, the volumes `|D_i|`; uint64, shape (n,).
    #[getter]
    fn segments<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<u64>> {
        self.joint.segments().to_pyarray(py)
    }

    /// Number of leaves M_i of each dataset's own tree at each depth; uint64, shape (depth, n).
    #[getter]
    fn leaves<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray2<u64>>> {
        self.by_depth(py, |layer| &layer.leaves)
    }

    /// Entropy of each dataset's own leaves in bits per segment; float64, shape (depth, n).
    #[getter]
    fn entropy_bits<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray2<f64>>> {
        self.by_depth(py, |layer| &layer.entropy_bits)
    }

    /// The classes of leaves with equal counts in every tree, at one depth.
    ///
    /// Args:
    ///     depth: From 1 to the depth of the trees.
    ///
    /// Returns:
    ///     The counts of each class in every tree, uint64, shape (classes, n), in increasing order;
    ///     and the number of leaves in each class, uint64, shape (classes,).
    ///
    /// Raises:
    ///     InvalidArgumentError: The depth is out of range.
    #[allow(clippy::type_complexity)] // A pair of numpy arrays.
    fn classes<'py>(
        &self,
        py: Python<'py>,
        depth: usize,
    ) -> PyResult<(Bound<'py, PyArray2<u64>>, Bound<'py, PyArray1<u64>>)> {
        let (counts, leaves) = py.detach(|| {
            let (mut counts, mut leaves) = (Vec::new(), Vec::new());
            self.joint.layer(depth)?.for_each_class(|class, alike| {
                counts.extend_from_slice(class);
                leaves.push(alike);
                Ok(())
            })?;
            Ok::<_, Error>((counts, leaves))
        })?;
        let counts = PyArray1::from_vec(py, counts);
        Ok((counts.reshape([leaves.len(), self.datasets()])?, leaves.to_pyarray(py)))
    }

    /// The rates at every depth for each choice of volumes, with their slopes in closed form.
    ///
    /// Args:
    ///     volumes: The volumes of the datasets, float64, shape (points, n), 0 or more. Rates
    ///         depend on their proportions only; slopes are per unit of volume. Every row needs a
    ///         positive volume for a dataset other than `toward`.
    ///     toward: The dataset t whose volume the slopes are derivatives by, counted from 0.
    ///     threads: Number of threads; None: one per core. The result does not depend on it.
    ///     progress: Called about ten times a second with a `Step` that counts classes.
    ///
    /// Raises:
    ///     InvalidArgumentError: A volume is invalid, or there is no dataset t.
    #[pyo3(signature = (volumes, toward, *, threads=None, progress=None))]
    fn rates(
        &self,
        py: Python<'_>,
        volumes: PyReadonlyArray2<'_, f64>,
        toward: usize,
        threads: Option<usize>,
        progress: Option<Progress>,
    ) -> PyResult<PyJointRates> {
        let volumes = rows_of(&volumes);
        let rates = job::run(py, progress, |job| {
            job::pool(threads)?.install(|| self.joint.rates(&volumes, toward, job))
        })?;
        Ok(PyJointRates::new(&self.joint, rates, volumes.len()))
    }

    /// Mean codeword length of each dataset under the Huffman code of the joint tree (Def 3.3).
    ///
    /// Leaves of equal joint weight share the mean of the lengths that an optimal code gives them.
    ///
    /// Args:
    ///     depth: Depth of the joint tree, from 1 to the depth of the trees.
    ///     volumes: The volumes of the datasets, float64, shape (points, n), 0 or more.
    ///     threads: Number of threads; None: one per core.
    ///     progress: Called about ten times a second with a `Step` that counts choices of volumes.
    ///
    /// Returns:
    ///     Bits per segment, float64, shape (points, n); infinite for a dataset with leaves that
    ///     occur in no dataset with a positive volume.
    ///
    /// Raises:
    ///     InvalidArgumentError: The depth is out of range, or a volume is invalid.
    #[pyo3(signature = (depth, volumes, *, threads=None, progress=None))]
    fn huffman_bits<'py>(
        &self,
        py: Python<'py>,
        depth: usize,
        volumes: PyReadonlyArray2<'_, f64>,
        threads: Option<usize>,
        progress: Option<Progress>,
    ) -> PyResult<Bound<'py, PyArray2<f64>>> {
        let volumes = rows_of(&volumes);
        let bits = job::run(py, progress, |job| {
            job::pool(threads)?.install(|| self.joint.huffman_bits(depth, &volumes, job))
        })?;
        PyArray1::from_vec(py, bits.concat()).reshape([volumes.len(), self.datasets()])
    }
}

fn rows_of(array: &PyReadonlyArray2<'_, f64>) -> Vec<Vec<f64>> {
    array.as_array().rows().into_iter().map(|row| row.to_vec()).collect()
}

impl PyJointSpectrum {
    fn datasets(&self) -> usize {
        self.joint.segments().len()
    }

    fn by_depth<'py, T: numpy::Element + Clone>(
        &self,
        py: Python<'py>,
        column: impl Fn(&JointLayer) -> &Vec<T>,
    ) -> PyResult<Bound<'py, PyArray2<T>>> {
        let layers = self.joint.layers();
        let values = layers.iter().flat_map(|layer| column(layer).clone()).collect();
        PyArray1::from_vec(py, values).reshape([layers.len(), self.datasets()])
    }
}
