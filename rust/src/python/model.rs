//! `TreeModel`.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use numpy::ndarray::Array2;
use numpy::{PyArray1, PyArray2, ToPyArray};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::job;
use crate::model::TreeModel;
use crate::tokens::Alphabet;
use crate::{Error, Job, Result};

/// Memory that a model takes unless told otherwise, in bytes.
pub(super) const MEMORY: u64 = 256 << 20;

/// An adaptive predictor over the token tree: the longest context is the depth d.
///
/// It learns as it goes: each symbol is predicted from at most d symbols before it in the same
/// document, then learned. The same calls give the same bits on every machine, and on any number
/// of threads.
///
/// Args:
///     depth: The longest context d in symbols, 1 to 32.
///     alphabet: `byte`, or `bpe:PATH` with PATH a Hugging Face `tokenizer.json`.
///     memory: Bytes that the model's tables may take, at least 16 MiB; None: 256 MiB. What is
///         seldom seen is forgotten when they are full, so the model depends on it.
///
/// Raises:
///     InvalidArgumentError: An argument is not what it should be.
///     TokenizerError: The tokenizer file cannot be loaded.
#[pyclass(frozen, name = "TreeModel", module = "elastic_core")]
pub(super) struct PyTreeModel {
    alphabet: Alphabet,
    model: Mutex<TreeModel>,
}

/// A document: bytes, or a string that stands for its bytes in UTF-8.
#[derive(FromPyObject)]
enum Document {
    Bytes(Vec<u8>),
    Text(String),
}

impl Document {
    fn into_bytes(self) -> Vec<u8> {
        match self {
            Document::Bytes(bytes) => bytes,
            Document::Text(text) => text.into_bytes(),
        }
    }
}

impl PyTreeModel {
    fn model(&self) -> MutexGuard<'_, TreeModel> {
        // A panic inside the model is a defect that reached the user already.
        self.model.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn symbols(&self, documents: Vec<Document>) -> Result<Vec<Vec<u32>>> {
        let symbols = |(number, document): (usize, Document)| {
            let bytes = document.into_bytes();
            match &self.alphabet {
                Alphabet::Bpe(bpe) => bpe.encode(&bytes).map_err(|reason| {
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
                let reason = "a tree model's alphabet is byte or bpe:PATH, not bit";
                return Err(Error::InvalidArgument(reason.to_string()));
            }
            let model = TreeModel::new(depth, alphabet.vocabulary(), memory.unwrap_or(MEMORY))?;
            Ok(PyTreeModel { alphabet, model: Mutex::new(model) })
        })
        .map_err(PyErr::from)
    }

    /// Learns documents in order, each followed by EOS.
    ///
    /// Args:
    ///     documents: The documents, bytes or strings.
    ///     weight: How many times the data count. They are learned as often as it has whole parts,
    ///         one pass after another; of a fraction, that share of the symbols is learned, chosen
    ///         by a fixed pseudo-random sequence.
    ///     progress: Called with the phase, the symbols done and the symbols in all.
    ///
    /// Returns:
    ///     The code length of each document in bits, EOS included, every symbol predicted before it
    ///     was learned; shape (documents,), float64. Of several passes, those of the first.
    ///
    /// Raises:
    ///     InvalidArgumentError: The weight is not above 0, or a tokenizer cannot read a document.
    #[pyo3(signature = (documents, weight=1.0, *, progress=None))]
    fn update<'py>(
        &self,
        py: Python<'py>,
        documents: Vec<Document>,
        weight: f64,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<Bound<'py, PyArray1<f64>>> {
        let bits = job::run(py, progress, |job: &Job| {
            let symbols = self.symbols(documents)?;
            self.model().update(&slices(&symbols), weight, job)
        })?;
        Ok(bits.to_pyarray(py))
    }

    /// The natural logarithm of each symbol's probability; the model does not learn.
    ///
    /// Args:
    ///     documents: The documents, bytes or strings.
    ///     threads: Threads to work on; None: one for each core.
    ///     progress: Called with the phase, the symbols done and the symbols in all.
    ///
    /// Returns:
    ///     For each document an array of shape (symbols + 1,), float32; EOS's is the last.
    ///
    /// Raises:
    ///     InvalidArgumentError: A tokenizer cannot read a document.
    #[pyo3(signature = (documents, *, threads=None, progress=None))]
    fn log_probs<'py>(
        &self,
        py: Python<'py>,
        documents: Vec<Document>,
        threads: Option<usize>,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<Vec<Bound<'py, PyArray1<f32>>>> {
        let scored = job::run(py, progress, |job: &Job| {
            let symbols = self.symbols(documents)?;
            let model = self.model();
            job::pool(threads)?.install(|| model.log_probs(&slices(&symbols), job))
        })?;
        Ok(scored.iter().map(|document| document.to_pyarray(py)).collect())
    }

    /// The probability of every symbol after each context, EOS the last; nothing is learned.
    ///
    /// Args:
    ///     contexts: How documents begin, bytes or strings; the last d symbols of each count.
    ///     threads: Threads to work on; None: one for each core.
    ///
    /// Returns:
    ///     Shape (contexts, vocabulary + 1), float32; each row sums to 1.
    ///
    /// Raises:
    ///     InvalidArgumentError: A tokenizer cannot read a context.
    #[pyo3(signature = (contexts, *, threads=None))]
    fn next_distribution<'py>(
        &self,
        py: Python<'py>,
        contexts: Vec<Document>,
        threads: Option<usize>,
    ) -> PyResult<Bound<'py, PyArray2<f32>>> {
        let rows = job::run(py, None, |job: &Job| {
            let symbols = self.symbols(contexts)?;
            let model = self.model();
            job::pool(threads)?.install(|| model.next_distribution(&slices(&symbols), job))
        })?;
        let shape = (rows.len(), self.alphabet.vocabulary() as usize + 1);
        let rows: Vec<f32> = rows.into_iter().flatten().collect();
        let rows = Array2::from_shape_vec(shape, rows)
            .map_err(|error| Error::InvalidArgument(error.to_string()))?;
        Ok(rows.to_pyarray(py))
    }

    /// Goes on from each prompt; the same arguments give the same text.
    ///
    /// Args:
    ///     prompts: How documents begin, bytes or strings.
    ///     n: Most symbols to add to each; EOS ends a text sooner.
    ///     temperature: Probabilities are raised to 1 / temperature and scaled to 1; 0: always the
    ///         likeliest symbol.
    ///     seed: Seed of the draws; each prompt has draws of its own.
    ///     threads: Threads to work on; None: one for each core.
    ///
    /// Returns:
    ///     What follows each prompt, without the prompt.
    ///
    /// Raises:
    ///     InvalidArgumentError: The temperature is below 0, or a tokenizer cannot read a prompt.
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
        let texts = job::run(py, None, |job: &Job| {
            let symbols = self.symbols(prompts)?;
            let model = self.model();
            let samples = job::pool(threads)?
                .install(|| model.sample(&slices(&symbols), n, temperature, seed, job))?;
            samples.iter().map(|sample| self.alphabet.decode(sample)).collect::<Result<Vec<_>>>()
        })?;
        Ok(texts.iter().map(|text| PyBytes::new(py, text)).collect())
    }

    /// The ids of each document's symbols, EOS the last.
    ///
    /// Returns:
    ///     For each document an array of shape (symbols + 1,), uint32.
    ///
    /// Raises:
    ///     InvalidArgumentError: A tokenizer cannot read a document.
    #[pyo3(name = "symbols")]
    fn symbols_of<'py>(
        &self,
        py: Python<'py>,
        documents: Vec<Document>,
    ) -> PyResult<Vec<Bound<'py, PyArray1<u32>>>> {
        let mut symbols = py.detach(|| self.symbols(documents))?;
        symbols.iter_mut().for_each(|document| document.push(self.alphabet.vocabulary()));
        Ok(symbols.iter().map(|document| document.to_pyarray(py)).collect())
    }

    /// Writes the model to a file, which appears only when it is complete.
    ///
    /// Args:
    ///     path: The file to write; a tokenizer becomes a part of it.
    ///     progress: Called with the phase, the bytes done and the bytes in all.
    ///
    /// Raises:
    ///     InvalidArgumentError: The path is a folder.
    ///     OSError: The file cannot be written, or the disk is full.
    #[pyo3(signature = (path, *, progress=None))]
    fn save(&self, py: Python<'_>, path: PathBuf, progress: Option<Py<PyAny>>) -> PyResult<()> {
        job::run(py, progress, |job| self.model().save(&path, &self.alphabet, job))
    }

    /// Reads a model that was saved, checking that its file is whole and of this version.
    ///
    /// Args:
    ///     path: What `save` wrote.
    ///     progress: Called with the phase, the bytes done and the bytes in all.
    ///
    /// Raises:
    ///     ModelError: The file is damaged, of another version or not a tree model.
    ///     OSError: The file is missing or unreadable.
    #[staticmethod]
    #[pyo3(signature = (path, *, progress=None))]
    fn load(py: Python<'_>, path: PathBuf, progress: Option<Py<PyAny>>) -> PyResult<PyTreeModel> {
        let (model, alphabet) = job::run(py, progress, |job| TreeModel::load(&path, job))?;
        Ok(PyTreeModel { alphabet, model: Mutex::new(model) })
    }

    /// The SHA-256 that `save` would end the file with, in hexadecimal: which model this is.
    fn identity(&self, py: Python<'_>) -> PyResult<String> {
        job::run(py, None, |job| self.model().identity(&self.alphabet, job))
    }

    /// A model that has learned the same, and goes its own way from here.
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

    /// `byte`, or `bpe:` and 16 digits of the tokenizer file's SHA-256.
    #[getter]
    fn alphabet(&self) -> String {
        self.alphabet.identity()
    }

    /// How many symbols there are besides EOS, whose id is this number.
    #[getter]
    fn vocabulary(&self) -> u32 {
        self.alphabet.vocabulary()
    }

    /// Bytes that the model's tables may take.
    #[getter]
    fn memory(&self, py: Python<'_>) -> u64 {
        py.detach(|| self.model().memory())
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        format!("TreeModel(depth={}, alphabet={})", self.depth(py), self.alphabet.identity())
    }
}
