//! `JointSpectrum` and `JointRates`: several trees side by side, and their rates as arrays.

use numpy::{PyArray1, PyArray2, PyArray3, PyArrayMethods, PyReadonlyArray2, ToPyArray};
use pyo3::prelude::*;

use super::job;
use super::tree::PyTokenTree;
use crate::Error;
use crate::elasticity::{JointLayer, JointSpectrum, Rates};
use crate::tree::TokenTree;

/// How many leaves occur how often in each of several trees, at every depth.
///
/// The rates of the datasets under their joint code follow from it, for any volumes, without
/// another look at the trees.
#[pyclass(frozen, name = "JointSpectrum", module = "elastic_core")]
pub(super) struct PyJointSpectrum {
    joint: JointSpectrum,
}

#[pymethods]
impl PyJointSpectrum {
    /// Sets trees of one shape side by side, by one merge join of their leaves.
    ///
    /// Args:
    ///     trees: The trees, each with at least one leaf.
    ///     memory: Bytes of working space, the trees not counted; classes that do not fit go to
    ///         temporary files. None: half of what is free.
    ///     threads: Threads to work on; None: one for each core. The result does not depend on it.
    ///     progress: Called with the phase, the leaves done and the leaves in all.
    ///
    /// Raises:
    ///     InvalidArgumentError: The trees are not alike, or one is empty.
    ///     OSError: The folder for temporary files is full.
    #[staticmethod]
    #[pyo3(signature = (trees, *, memory=None, threads=None, progress=None))]
    fn of(
        py: Python<'_>,
        trees: Vec<Py<PyTokenTree>>,
        memory: Option<u64>,
        threads: Option<usize>,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<PyJointSpectrum> {
        let memory = job::memory(memory);
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

    /// Leaf occurrences in each tree, the volumes `|D_i|`: shape (n,), uint64.
    #[getter]
    fn segments<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<u64>> {
        self.joint.segments().to_pyarray(py)
    }

    /// Leaves M_i of each dataset's own tree, pruned to each depth: shape (depth, n), uint64.
    #[getter]
    fn leaves<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray2<u64>>> {
        self.by_depth(py, |layer| &layer.leaves)
    }

    /// Entropy of each dataset's own leaves, in bits a segment: shape (depth, n), float64.
    #[getter]
    fn entropy_bits<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray2<f64>>> {
        self.by_depth(py, |layer| &layer.entropy_bits)
    }

    /// The classes of leaves with the same count in every tree, at one depth.
    ///
    /// Args:
    ///     depth: From 1 to the trees' own.
    ///
    /// Returns:
    ///     The counts in each tree, shape (classes, n), uint64, in rising order; and the leaves of
    ///     each class, shape (classes,), uint64.
    ///
    /// Raises:
    ///     InvalidArgumentError: There is no such depth.
    #[allow(clippy::type_complexity)] // A pair of numpy arrays.
    fn classes<'py>(
        &self,
        py: Python<'py>,
        depth: usize,
    ) -> PyResult<(Bound<'py, PyArray2<u64>>, Bound<'py, PyArray1<u64>>)> {
        let (counts, leaves) = py.detach(|| {
            let layer = self.joint.layer(depth)?;
            let (mut counts, mut leaves) = (Vec::new(), Vec::new());
            layer.for_each_class(|of_class, alike| {
                counts.extend_from_slice(of_class);
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
    ///     volumes: The volumes of the datasets, shape (points, n), float64, 0 or more; only their
    ///         proportions matter to rates, while slopes are per unit of them. In each row a
    ///         dataset besides `toward` has one above 0.
    ///     toward: The dataset t by whose volume slopes are taken.
    ///     threads: Threads to work on; None: one for each core. The result does not depend on it.
    ///     progress: Called with the phase, the classes done and the classes in all.
    ///
    /// Raises:
    ///     InvalidArgumentError: The volumes are not what they should be, or there is no dataset t.
    #[pyo3(signature = (volumes, toward, *, threads=None, progress=None))]
    fn rates(
        &self,
        py: Python<'_>,
        volumes: PyReadonlyArray2<'_, f64>,
        toward: usize,
        threads: Option<usize>,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<PyJointRates> {
        let volumes: Vec<Vec<f64>> =
            volumes.as_array().rows().into_iter().map(|row| row.to_vec()).collect();
        let points = volumes.len();
        let rates = job::run(py, progress, |job| {
            job::pool(threads)?.install(|| self.joint.rates(&volumes, toward, job))
        })?;
        let kl_bits = self.flat(&rates, |at, layer, _| at.kl_bits(layer));
        let normalized = self.flat(&rates, |at, layer, depth| at.normalized(layer, depth));
        Ok(PyJointRates { rates, kl_bits, normalized, points, datasets: self.datasets() })
    }

    /// Mean codeword length of each dataset under the Huffman code of the joint tree (Def 3.3).
    ///
    /// Leaves of one joint weight share the mean of the lengths that an optimal code gives them.
    ///
    /// Args:
    ///     depth: Depth of the joint tree, from 1 to the trees' own.
    ///     volumes: The volumes of the datasets, shape (points, n), float64, 0 or more.
    ///     threads: Threads to work on; None: one for each core.
    ///     progress: Called with the phase, the choices of volumes done and those in all.
    ///
    /// Returns:
    ///     Bits a segment, shape (points, n), float64; infinite for a dataset with leaves that no
    ///     dataset with a volume has.
    ///
    /// Raises:
    ///     InvalidArgumentError: There is no such depth, or volumes are not what they should be.
    #[pyo3(signature = (depth, volumes, *, threads=None, progress=None))]
    fn huffman_bits<'py>(
        &self,
        py: Python<'py>,
        depth: usize,
        volumes: PyReadonlyArray2<'_, f64>,
        threads: Option<usize>,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<Bound<'py, PyArray2<f64>>> {
        let volumes: Vec<Vec<f64>> =
            volumes.as_array().rows().into_iter().map(|row| row.to_vec()).collect();
        let bits = job::run(py, progress, |job| {
            job::pool(threads)?.install(|| self.joint.huffman_bits(depth, &volumes, job))
        })?;
        PyArray1::from_vec(py, bits.concat()).reshape([volumes.len(), self.datasets()])
    }
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

    fn flat(
        &self,
        rates: &[Vec<Rates>],
        value: impl Fn(&Rates, &JointLayer, usize) -> Vec<f64>,
    ) -> Vec<f64> {
        let layers = self.joint.layers().iter().zip(rates).enumerate();
        layers
            .flat_map(|(at, (layer, points))| {
                points.iter().map(move |rates| (at + 1, layer, rates))
            })
            .flat_map(|(depth, layer, rates)| value(rates, layer, depth))
            .collect()
    }
}

/// The rates of n datasets under their joint code: arrays of shape (depth, points, n), float64.
///
/// Bits are bits a segment.
#[pyclass(frozen, name = "JointRates", module = "elastic_core")]
pub(super) struct PyJointRates {
    rates: Vec<Vec<Rates>>,
    kl_bits: Vec<f64>,
    normalized: Vec<f64>,
    points: usize,
    datasets: usize,
}

type Cube<'py> = PyResult<Bound<'py, PyArray3<f64>>>;

#[pymethods]
impl PyJointRates {
    /// `gamma_i = -sum_x P_i(x) log2 q(x)`, the rate of dataset i under the joint code.
    ///
    /// Infinite for a dataset with leaves that no dataset with a volume has.
    #[getter]
    fn gamma_bits<'py>(&self, py: Python<'py>) -> Cube<'py> {
        self.cube(py, |rates| &rates.gamma_bits)
    }

    /// `(gamma_i - log2 M_i) / depth`, in bits a symbol; M_i: leaves of i's own tree.
    #[getter]
    fn normalized_rate<'py>(&self, py: Python<'py>) -> Cube<'py> {
        PyArray1::from_vec(py, self.normalized.clone()).reshape(self.shape())
    }

    /// `KL(P_i || q)`: what the joint code costs dataset i beyond a code of its own.
    #[getter]
    fn kl_bits<'py>(&self, py: Python<'py>) -> Cube<'py> {
        PyArray1::from_vec(py, self.kl_bits.clone()).reshape(self.shape())
    }

    /// `d gamma_i / d w_t`; minus infinity for t at volume 0, if it has leaves of its own.
    #[getter]
    fn slope_bits<'py>(&self, py: Python<'py>) -> Cube<'py> {
        self.cube(py, |rates| &rates.slope_bits)
    }

    /// `w_i d gamma_i / d w_t`, of t itself at volume 0 the limit: their sum is 0.
    #[getter]
    fn force_bits<'py>(&self, py: Python<'py>) -> Cube<'py> {
        self.cube(py, |rates| &rates.force_bits)
    }

    /// `gamma_i` less what it is without dataset t: the change of `KL(P_i || q)`.
    ///
    /// Minus infinity for t itself if it has leaves of its own; NaN where both are infinite.
    #[getter]
    fn shift_bits<'py>(&self, py: Python<'py>) -> Cube<'py> {
        self.cube(py, |rates| &rates.shift_bits)
    }

    /// c: the share of t's occurrences in leaves that others have too; (depth, points).
    #[getter]
    fn coverage<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray2<f64>>> {
        self.table(py, |rates| rates.coverage)
    }

    /// The sum of `force_bits`, 0 but for rounding: the identity's residual; (depth, points).
    #[getter]
    fn residual_bits<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray2<f64>>> {
        self.table(py, Rates::residual_bits)
    }
}

impl PyJointRates {
    fn shape(&self) -> [usize; 3] {
        [self.rates.len(), self.points, self.datasets]
    }

    fn cube<'py>(&self, py: Python<'py>, column: impl Fn(&Rates) -> &Vec<f64>) -> Cube<'py> {
        let values = self.rates.iter().flatten().flat_map(|rates| column(rates).clone()).collect();
        PyArray1::from_vec(py, values).reshape(self.shape())
    }

    fn table<'py>(
        &self,
        py: Python<'py>,
        value: impl Fn(&Rates) -> f64,
    ) -> PyResult<Bound<'py, PyArray2<f64>>> {
        let values: Vec<f64> = self.rates.iter().flatten().map(value).collect();
        PyArray1::from_vec(py, values).reshape([self.rates.len(), self.points])
    }
}
