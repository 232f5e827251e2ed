//! `TreeModel`.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use numpy::{PyArray1, PyArray2, PyArrayMethods, ToPyArray};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::arguments::{Document, Progress};
use super::job;
use crate::model::TreeModel;
use crate::tokens::Alphabet;
use crate::{Error, Job, Result};

/// Default size of a model's tables, in bytes.
pub(super) const DEFAULT_MEMORY: u64 = 256 << 20;

/// An adaptive language model over the token tree, whose longest context is the depth d.
///
/// It learns online: each symbol is predicted from at most the d symbols before it in the same
/// document, then learned. The same calls give the same bits on every machine and for any number
/// of threads.
///
/// Args:
///     depth: The longest context d in symbols, 1 to 32.
///     alphabet: `byte`, or `bpe:PATH` with PATH a Hugging Face `tokenizer.json`.
///     memory: Size of the model's tables in bytes, at least 16 MiB; None: 256 MiB. Full tables
///         drop rare contexts, so predictions depend on it.
///
/// Raises:
///     InvalidArgumentError: An argument has an invalid value.
///     TokenizerError: The tokenizer file cannot be loaded.
#[pyclass(frozen, name = "TreeModel", module = "elastic_core")]
pub(super) struct PyTreeModel {
    alphabet: Alphabet,
    model: Mutex<TreeModel>,
}

impl PyTreeModel {
    fn model(&self) -> MutexGuard<'_, TreeModel> {
        // A panic inside the model has already been reported to the caller.
        self.model.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn encode(&self, documents: Vec<Document>, job: &Job) -> Result<Vec<Vec<u32>>> {
        let symbols = |(number, document): (usize, Document)| {
            let bytes = document.into_bytes();
            match &self.alphabet {
                Alphabet::Bpe(bpe) => bpe.encode(&bytes, job).map_err(|reason| {
                    Error::InvalidArgument(format!("document {number}: {reason}"))
                }),
                _ => Ok(bytes.into_iter().map(u32::from).collect()),
            }
        };
        documents.into_iter().enumerate().map(symbols).collect()
    }
}

fn slices(documents: &[Vec<u32>]) -> Vec<&[u32]> {
    documents.iter().map(Vec::as_slice).collect()
}

#[pymethods]
impl PyTreeModel {
    #[new]
    #[pyo3(signature = (depth=8, *, alphabet="byte", memory=None))]
    fn new(py: Python<'_>, depth: usize, alphabet: &str, memory: Option<u64>) -> PyResult<Self> {
        py.detach(|| {
            let alphabet = Alphabet::parse(alphabet)?;
            if matches!(alphabet, Alphabet::Bit) {
                let reason = "a tree model cannot use the alphabet bit: choose byte or bpe:PATH";
                return Err(Error::InvalidArgument(reason.to_string()));
            }
            let model =
                TreeModel::new(depth, alphabet.vocabulary(), memory.unwrap_or(DEFAULT_MEMORY))?;
            Ok(PyTreeModel { alphabet, model: Mutex::new(model) })
        })
        .map_err(PyErr::from)
    }

    /// Learns documents in order, each followed by EOS.
    ///
    /// Args:
    ///     documents: The documents, bytes or strings.
    ///     weight: How often the data are learned: that many whole passes, then a fraction of the
    ///         symbols, chosen by a fixed pseudo-random sequence.
    ///     progress: Called about ten times a second with a `Step` that counts symbols.
    ///
    /// Returns:
    ///     The code length of each document in bits, EOS included, with every symbol predicted
    ///     before it was learned; float64, shape (documents,). Of several passes, the first.
    ///
    /// Raises:
    ///     InvalidArgumentError: The weight is not positive, or the tokenizer cannot encode a
    ///         document.
    #[pyo3(signature = (documents, weight=1.0, *, progress=None))]
    fn update<'py>(
        &self,
        py: Python<'py>,
        documents: Vec<Document>,
        weight: f64,
        progress: Option<Progress>,
    ) -> PyResult<Bound<'py, PyArray1<f64>>> {
        let bits = job::run(py, progress, |job| {
            let symbols = self.encode(documents, job)?;
            self.model().update(&slices(&symbols), weight, job)
        })?;
        Ok(bits.to_pyarray(py))
    }

    /// The natural log-probability of each symbol; the model does not learn.
    ///
    /// Args:
    ///     documents: The documents, bytes or strings.
    ///     threads: Number of threads; None: one per core.
    ///     progress: Called about ten times a second with a `Step` that counts symbols.
    ///
    /// Returns:
    ///     For each document a float32 array of shape (symbols + 1,), the last entry for EOS.
    ///
    /// Raises:
    ///     InvalidArgumentError: The tokenizer cannot encode a document.
    #[pyo3(signature = (documents, *, threads=None, progress=None))]
    fn log_probs<'py>(
        &self,
        py: Python<'py>,
        documents: Vec<Document>,
        threads: Option<usize>,
        progress: Option<Progress>,
    ) -> PyResult<Vec<Bound<'py, PyArray1<f32>>>> {
        let scored = job::run(py, progress, |job| {
            let symbols = self.encode(documents, job)?;
            let model = self.model();
            job::pool(threads)?.install(|| model.log_probs(&slices(&symbols), job))
        })?;
        Ok(scored.iter().map(|document| document.to_pyarray(py)).collect())
    }

    /// The distribution of the next symbol after each context; the model does not learn.
    ///
    /// Args:
    ///     contexts: Beginnings of documents, bytes or strings; only the last d symbols matter.
    ///     threads: Number of threads; None: one per core.
    ///
    /// Returns:
    ///     Probabilities, float32, shape (contexts, vocabulary + 1), the last column for EOS. Each
    ///     row sums to 1.
    ///
    /// Raises:
    ///     InvalidArgumentError: The tokenizer cannot encode a context.
    #[pyo3(signature = (contexts, *, threads=None))]
    fn next_distribution<'py>(
        &self,
        py: Python<'py>,
        contexts: Vec<Document>,
        threads: Option<usize>,
    ) -> PyResult<Bound<'py, PyArray2<f32>>> {
        let rows = job::run(py, None, |job| {
            let symbols = self.encode(contexts, job)?;
            let model = self.model();
            job::pool(threads)?.install(|| model.next_distribution(&slices(&symbols), job))
        })?;
        let shape = [rows.len(), self.alphabet.vocabulary() as usize + 1];
        PyArray1::from_vec(py, rows.concat()).reshape(shape)
    }

    /// Samples a continuation of each prompt; the same arguments give the same texts.
    ///
    /// Args:
    ///     prompts: Beginnings of documents, bytes or strings.
    ///     n: Maximum number of symbols in a continuation; EOS ends it sooner.
    ///     temperature: Probabilities are raised to 1 / temperature and normalized; 0: always take
    ///         the most probable symbol.
    ///     seed: Random seed; each prompt has its own random sequence.
    ///     threads: Number of threads; None: one per core.
    ///
    /// Returns:
    ///     The continuations, without the prompts.
    ///
    /// Raises:
    ///     InvalidArgumentError: The temperature is negative, or the tokenizer cannot encode a
    ///         prompt.
    #[pyo3(signature = (prompts, n, temperature=1.0, seed=0, *, threads=None))]
    fn sample<'py>(
        &self,
        py: Python<'py>,
        prompts: Vec<Document>,
        n: usize,
        temperature: f64,
        seed: u64,
        threads: Option<usize>,
    ) -> PyResult<Vec<Bound<'py, PyBytes>>> {
        let texts = job::run(py, None, |job| {
            let symbols = self.encode(prompts, job)?;
            let model = self.model();
            let samples = job::pool(threads)?
                .install(|| model.sample(&slices(&symbols), n, temperature, seed, job))?;
            samples.iter().map(|sample| self.alphabet.decode(sample)).collect::<Result<Vec<_>>>()
        })?;
        Ok(texts.iter().map(|text| PyBytes::new(py, text)).collect())
    }

    /// The symbol ids of each document.
    ///
    /// Args:
    ///     documents: The documents, bytes or strings.
    ///
    /// Returns:
    ///     For each document a uint32 array of shape (symbols + 1,), the last entry EOS.
    ///
    /// Raises:
    ///     InvalidArgumentError: The tokenizer cannot encode a document.
    fn symbols<'py>(
        &self,
        py: Python<'py>,
        documents: Vec<Document>,
    ) -> PyResult<Vec<Bound<'py, PyArray1<u32>>>> {
        let mut symbols = job::run(py, None, |job| self.encode(documents, job))?;
        symbols.iter_mut().for_each(|document| document.push(self.alphabet.vocabulary()));
        Ok(symbols.iter().map(|document| document.to_pyarray(py)).collect())
    }

    /// Writes the model to a file, which appears only when it is complete.
    ///
    /// Args:
    ///     path: The file to write, with the tokenizer, if any; `-` is standard output.
    ///     progress: Called about ten times a second with a `Step`.
    ///
    /// Raises:
    ///     InvalidArgumentError: The path is a folder.
    ///     OSError: The file cannot be written, or the disk is full.
    #[pyo3(signature = (path, *, progress=None))]
    fn save(&self, py: Python<'_>, path: PathBuf, progress: Option<Progress>) -> PyResult<()> {
        job::run(py, progress, |job| self.model().save(&path, &self.alphabet, job))
    }

    /// Loads a saved model and checks that its file is complete and of this version.
    ///
    /// Args:
    ///     path: A file that `save` wrote.
    ///     progress: Called about ten times a second with a `Step`.
    ///
    /// Raises:
    ///     ModelError: The file is damaged, of another version or not a tree model.
    ///     OSError: The file is missing or unreadable.
    #[staticmethod]
    #[pyo3(signature = (path, *, progress=None))]
    fn load(py: Python<'_>, path: PathBuf, progress: Option<Progress>) -> PyResult<PyTreeModel> {
        let (model, alphabet) = job::run(py, progress, |job| TreeModel::load(&path, job))?;
        Ok(PyTreeModel { alphabet, model: Mutex::new(model) })
    }

    /// The SHA-256 with which `save` would end the file, in hexadecimal; it identifies the model.
    fn identity(&self, py: Python<'_>) -> PyResult<String> {
        job::run(py, None, |job| self.model().identity(&self.alphabet, job))
    }

    /// An independent copy of the model.
    fn copy(&self, py: Python<'_>) -> PyTreeModel {
        py.detach(|| {
            let model = Mutex::new(self.model().clone());
            PyTreeModel { alphabet: self.alphabet.clone(), model }
        })
    }

    /// The longest context d, in symbols.
    #[getter]
    fn depth(&self, py: Python<'_>) -> usize {
        py.detach(|| self.model().depth())
    }

    /// `byte`, or `bpe:` and the first 16 digits of the tokenizer file's SHA-256.
    #[getter]
    fn alphabet(&self) -> String {
        self.alphabet.identity()
    }

    /// Number of symbols without EOS, which is also the id of EOS.
    #[getter]
    fn vocabulary(&self) -> u32 {
        self.alphabet.vocabulary()
    }

    /// Size of the model's tables in bytes.
    #[getter]
    fn memory(&self, py: Python<'_>) -> u64 {
        py.detach(|| self.model().memory())
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        format!("TreeModel(depth={}, alphabet={})", self.depth(py), self.alphabet.identity())
    }
}
