//! `JointRates`.

use numpy::{PyArray1, PyArray2, PyArray3, PyArrayMethods};
use pyo3::prelude::*;

use crate::elasticity::{JointSpectrum, Rates};

/// The rates of n datasets under their joint code.
///
/// Arrays are float64 and, unless stated otherwise, of shape (depth, points, n). Bits are bits per
/// segment.
#[pyclass(frozen, name = "JointRates", module = "elastic_core")]
pub(super) struct PyJointRates {
    /// The rates at each depth (outer) and choice of volumes (inner).
    rates: Vec<Vec<Rates>>,
    kl_bits: Vec<f64>,
    normalized: Vec<f64>,
    points: usize,
    datasets: usize,
}

impl PyJointRates {
    pub(super) fn new(joint: &JointSpectrum, rates: Vec<Vec<Rates>>, points: usize) -> Self {
        let (mut kl_bits, mut normalized) = (Vec::new(), Vec::new());
        for (at, (layer, rates)) in joint.layers().iter().zip(&rates).enumerate() {
            for rates in rates {
                kl_bits.extend(rates.kl_bits(layer));
                normalized.extend(rates.normalized(layer, at + 1));
            }
        }
        PyJointRates { rates, kl_bits, normalized, points, datasets: joint.segments().len() }
    }

    fn cube<'py>(&self, py: Python<'py>, values: Vec<f64>) -> Cube<'py> {
        PyArray1::from_vec(py, values).reshape([self.rates.len(), self.points, self.datasets])
    }

    fn column<'py>(&self, py: Python<'py>, column: impl Fn(&Rates) -> &Vec<f64>) -> Cube<'py> {
        let values = self.rates.iter().flatten().flat_map(|rates| column(rates).clone());
        self.cube(py, values.collect())
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

type Cube<'py> = PyResult<Bound<'py, PyArray3<f64>>>;

#[pymethods]
impl PyJointRates {
    /// The rate of dataset i under the joint code, `gamma_i = -sum_x P_i(x) log2 q(x)`.
    ///
    /// Infinite if the dataset has leaves that occur in no dataset with a positive volume.
    #[getter]
    fn gamma_bits<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray3<f64>>> {
        self.column(py, |rates| &rates.gamma_bits)
    }

    /// `(gamma_i - log2 M_i) / depth` in bits per symbol, with M_i leaves in dataset i's own tree.
    #[getter]
    fn normalized_rate<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray3<f64>>> {
        self.cube(py, self.normalized.clone())
    }

    /// `KL(P_i || q)`: the cost of the joint code over dataset i's own code.
    #[getter]
    fn kl_bits<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray3<f64>>> {
        self.cube(py, self.kl_bits.clone())
    }

    /// `d gamma_i / d w_t`; minus infinity for t itself at volume 0 if it has leaves of its own.
    #[getter]
    fn slope_bits<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray3<f64>>> {
        self.column(py, |rates| &rates.slope_bits)
    }

    /// `w_i d gamma_i / d w_t`, for t itself at volume 0 the limit; these sum to 0.
    #[getter]
    fn force_bits<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray3<f64>>> {
        self.column(py, |rates| &rates.force_bits)
    }

    /// `gamma_i` minus its value without dataset t, which is the change of `KL(P_i || q)`.
    ///
    /// Minus infinity for t itself if it has leaves of its own; NaN where both are infinite.
    #[getter]
    fn shift_bits<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray3<f64>>> {
        self.column(py, |rates| &rates.shift_bits)
    }

    /// Coverage c: the share of t's occurrences in leaves that others have; shape (depth, points).
    #[getter]
    fn coverage<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray2<f64>>> {
        self.table(py, |rates| rates.coverage)
    }

    /// The residual of the identity, the sum of `force_bits`, 0 up to rounding; (depth, points).
    #[getter]
    fn residual_bits<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray2<f64>>> {
        self.table(py, Rates::residual_bits)
    }
}
