//! `compress` and `decompress`: whole files, with a built-in model or one that Python drives.

use std::path::PathBuf;
use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::errors::is_damage;
use super::job;
use super::model::MEMORY;
use super::rows::{PyRowDecoder, PyRowEncoder};
use crate::code::{self, Codec, Coded, Coding, Description};
use crate::{Error, Job, Result};

/// The methods of a language model's blocks: coded by the model, and by zstd where it cannot.
const MODEL: u8 = 1;
const ZSTD: u8 = 2;
/// Bytes of text in a block: enough for many lanes, little enough to be held in Python.
const BLOCK: usize = 1 << 20;
const LEVEL: i32 = 19;

/// A language model that is driven from Python, as `elastic_core.coding.LaneCoder` is.
struct PyCodec {
    coder: Py<PyAny>,
    description: String,
    job: Arc<Job>,
}

/// What the model raised: that the code is damaged, or else what `PyErr::from` takes out again.
fn raised(error: PyErr) -> Error {
    match Python::attach(|py| is_damage(&error, py).then(|| error.value(py).to_string())) {
        Some(reason) => Error::Code(reason),
        None => Error::Model { source: Box::new(error) },
    }
}

impl PyCodec {
    fn encode_text(&self, py: Python<'_>, raw: &[u8]) -> PyResult<Option<Coded>> {
        let encoder = Bound::new(py, PyRowEncoder::counted(raw.len() as u64, &self.job))?;
        let text = PyBytes::new(py, raw);
        let tokens = self.coder.bind(py).call_method1("encode", (text, &encoder))?;
        let Some(tokens) = tokens.extract::<Option<Vec<u64>>>()? else { return Ok(None) };
        let encoder = encoder.get().take();
        let predicted_bits = encoder.bits();
        let bytes = code::join_lanes(&tokens, &encoder.finish());
        Ok(Some(Coded { method: MODEL, bytes, predicted_bits }))
    }

    fn decode_text(
        &self,
        py: Python<'_>,
        tokens: Vec<u64>,
        coded: &[u8],
        raw_len: usize,
    ) -> PyResult<Vec<u8>> {
        let steps = tokens.iter().sum();
        let decoder = PyRowDecoder::counted(coded, raw_len as u64, steps, &self.job);
        let decoder = Bound::new(py, decoder)?;
        self.coder.bind(py).call_method1("decode", (tokens, decoder))?.extract()
    }
}

impl Codec for PyCodec {
    fn description(&self) -> Description {
        Description::LanguageModel(self.description.clone())
    }

    fn block_len(&self) -> usize {
        BLOCK
    }

    fn encode(&mut self, raw: &[u8], _last: bool, job: &Job) -> Result<Coded> {
        if let Some(coded) = Python::attach(|py| self.encode_text(py, raw)).map_err(raised)? {
            return Ok(coded);
        }
        job.add(raw.len() as u64);
        let bytes = zstd::bulk::compress(raw, LEVEL);
        let bytes = bytes.map_err(|error| Error::Code(format!("zstd failed: {error}")))?;
        let predicted_bits = 8.0 * bytes.len() as f64;
        Ok(Coded { method: ZSTD, bytes, predicted_bits })
    }

    fn decode(&mut self, method: u8, coded: &[u8], raw_len: usize, job: &Job) -> Result<Vec<u8>> {
        if method == ZSTD {
            job.add(raw_len as u64);
            return zstd::bulk::decompress(coded, raw_len)
                .map_err(|error| Error::Code(format!("zstd cannot decode it: {error}")));
        }
        let (tokens, coded) = code::part_lanes(coded, raw_len)?;
        Python::attach(|py| self.decode_text(py, tokens, coded, raw_len)).map_err(raised)
    }
}

/// Codes a file.
///
/// Args:
///     source: The file; `-` is standard input.
///     target: The file to write, which appears only when it is complete; `-` is standard output.
///     model: `tree:D`, `static:D` or the file of a saved tree model; where `coder` is given, its
///         description, JSON.
///     coder: A language model's `encode(text, encoder)`, which hands tokens to the encoder and
///         returns how many each lane has, or None if the text is not the model's to code.
///     threads: Blocks that are coded at once with `static:D`; None: one for each core.
///     progress: Called with the phase, the bytes of text done and those in all (0: not known).
///
/// Returns:
///     Bytes of text, bytes of the file, those of them that describe the model, and the code length
///     in bits that the model predicted.
///
/// Raises:
///     InvalidArgumentError: The model is none of these.
///     ModelError: The file is no saved tree model.
///     OSError: A file cannot be read or written.
#[pyfunction]
#[pyo3(signature = (
    source, target, model, *, coder=None, threads=None, progress=None
))]
pub(super) fn compress(
    py: Python<'_>,
    source: PathBuf,
    target: PathBuf,
    model: String,
    coder: Option<Py<PyAny>>,
    threads: Option<usize>,
    progress: Option<Py<PyAny>>,
) -> PyResult<(u64, u64, u64, f64)> {
    let threads = job::threads(threads);
    let coding: Coding = job::run_shared(py, progress, |job| {
        let mut codec: Box<dyn Codec> = match coder {
            Some(coder) => Box::new(PyCodec { coder, description: model, job: Arc::clone(job) }),
            None => code::codec(&model, MEMORY, threads, job)?,
        };
        job::pool(Some(threads))?
            .install(|| code::compress_file(&source, &target, &mut *codec, job))
    })?;
    let Coding { raw_bytes, coded_bytes, description_bytes, predicted_bits } = coding;
    Ok((raw_bytes, coded_bytes, description_bytes, predicted_bits))
}

/// Decodes a file that `compress` wrote.
///
/// Args:
///     source: The file; `-` is standard input.
///     target: The file to write, which appears only when it is complete; `-` is standard output.
///     model: The file of the saved tree model that the text was coded with; None where it was
///         another one.
///     open: Called with a language model's description, JSON; returns what has its
///         `decode(tokens, decoder)`, which reads so many tokens of each lane from the decoder and
///         returns the text.
///     threads: Blocks that are decoded at once with `static:D`; None: one for each core.
///     progress: Called with the phase, the bytes of text done and 0: how many come is not known.
///
/// Raises:
///     CodedFileError: The file is damaged, foreign or was coded with another model.
///     ModelError: `model` is no saved tree model.
///     OSError: A file cannot be read or written.
#[pyfunction]
#[pyo3(signature = (source, target, *, model=None, open, threads=None, progress=None))]
pub(super) fn decompress(
    py: Python<'_>,
    source: PathBuf,
    target: PathBuf,
    model: Option<String>,
    open: Py<PyAny>,
    threads: Option<usize>,
    progress: Option<Py<PyAny>>,
) -> PyResult<()> {
    let threads = job::threads(threads);
    job::run_shared(py, progress, |job| {
        let decoder = |description: &Description| -> Result<Box<dyn Codec>> {
            let Description::LanguageModel(json) = description else {
                return code::decoder(description, model.as_deref(), threads, job);
            };
            let coder = Python::attach(|py| open.call1(py, (json,))).map_err(raised)?;
            Ok(Box::new(PyCodec { coder, description: json.clone(), job: Arc::clone(job) }))
        };
        // The pool is only for the codec that is made of a description.
        job::pool(Some(threads))?.install(|| code::decompress_file(&source, &target, decoder, job))
    })
}
